from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from simviz.pixels import augmented, window


@given(st.integers(0, 2**31), st.booleans(), st.booleans(), st.integers(5, 12), st.integers(5, 12))
def test_augmentation_is_pad_crop_and_mirror(seed, crop, flip, height, width):
    images = torch.randint(0, 256, (3, height, width, 3), dtype=torch.uint8)
    found = augmented(images, np.random.default_rng(seed), crop=crop, flip=flip)
    assert found.shape == images.shape
    padded = F.pad(images.permute(0, 3, 1, 2), (4, 4, 4, 4))
    shifts = range(9) if crop else [4]
    for i in range(3):
        views = [padded[i, :, y : y + height, x : x + width] for y in shifts for x in shifts]
        views += [v.flip(2) for v in views] if flip else []
        assert any(torch.equal(found[i].permute(2, 0, 1), v) for v in views)


@given(st.integers(0, 2**31), st.integers(2, 6), st.booleans(), st.integers(6, 12), st.integers(6, 12))
def test_a_random_window_is_a_square_of_the_image_and_the_middle_one_its_centre(seed, side, flip, height, width):
    images = torch.randint(0, 256, (3, height, width, 3), dtype=torch.uint8)
    found = window(images, side, np.random.default_rng(seed), flip=flip)
    top, left = (height - side) // 2, (width - side) // 2
    assert torch.equal(window(images, side), images[:, top : top + side, left : left + side])
    for image, one in zip(images, found, strict=True):
        corners = [(y, x) for y in range(height - side + 1) for x in range(width - side + 1)]
        views = [image[y : y + side, x : x + side] for y, x in corners]
        views += [v.flip(1) for v in views] if flip else []
        assert any(torch.equal(one, v) for v in views)


def test_windows_reach_every_corner_of_an_image():
    images = torch.arange(16, dtype=torch.uint8).reshape(1, 4, 4, 1).expand(200, 4, 4, 1)
    found = window(images, 2, np.random.default_rng(0))
    assert set(found[:, 0, 0, 0].tolist()) == {y * 4 + x for y in range(3) for x in range(3)}
