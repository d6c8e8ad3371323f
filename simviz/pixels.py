"""Images as tensors of bytes: augmented a whole batch at once, and turned into what a network takes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

PADDING = 4


def statistics(images: Tensor, standardize: bool) -> tuple[Tensor, Tensor]:
    """What to subtract from and multiply uint8 pixels with, per channel."""
    channels = images.shape[3]
    if not standardize:
        return torch.zeros(channels, device=images.device), torch.full((channels,), 1 / 255, device=images.device)
    some = images[:: max(1, len(images) // 5000)]
    # Counted, not summed: arithmetic over a last axis of three channels is several times slower.
    counts = torch.stack([torch.bincount(some[..., c].flatten(), minlength=256) for c in range(channels)]).double()
    shares, values = counts / counts.sum(1, keepdim=True), torch.arange(256, device=images.device).double()
    mean = shares @ values
    deviation = (shares @ values.square() - mean.square()).clamp_min(1.0).sqrt()
    return mean.float(), (1 / deviation).float()


def standardized(images: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """(N, H, W, channels) uint8 -> (N, channels, H, W) float32, stored channels last."""
    count, height, width, _ = images.shape
    # Whole images as rows: arithmetic over a last axis of three channels is several times slower.
    rows = images.reshape(count, -1).to(torch.float32, copy=True)
    rows.sub_(mean.repeat(height * width)).mul_(scale.repeat(height * width))
    return rows.view(images.shape).permute(0, 3, 1, 2)


def augmented(images: Tensor, random: np.random.Generator, *, crop: bool, flip: bool) -> Tensor:
    """Random crop after padding by 4, and mirror, of a whole batch at once.

    images : uint8 (N, H, W, channels); the same shape comes back.
    """
    count, height, width, _ = images.shape
    shift = random.integers(0, 2 * PADDING + 1, (2, count)) if crop else None
    mirror = random.random(count) < 0.5 if flip else None
    if shift is not None:
        images = _cut(F.pad(images, (0, 0, *4 * (PADDING,))), shift[0], shift[1], height, width)
    return images if mirror is None else _mirrored(images, mirror)


def window(images: Tensor, side: int, random: np.random.Generator | None = None, *, flip: bool = False) -> Tensor:
    """A square of each image of a batch, (N, side, side, channels): the middle, or a random one, then mirrored or not.

    images : uint8 (N, H, W, channels)
    """
    count, height, width, _ = images.shape
    top, left = np.full(count, (height - side) // 2), np.full(count, (width - side) // 2)
    if random is not None:
        top, left = (random.integers(0, size - side + 1, count) for size in (height, width))
    images = _cut(images, top, left, side, side)
    return images if random is None or not flip else _mirrored(images, random.random(count) < 0.5)


def _cut(images: Tensor, top: NDArray[np.int64], left: NDArray[np.int64], height: int, width: int) -> Tensor:
    """The window of each image whose upper left corner is given."""
    count, whole_height, whole_width, channels = images.shape
    places = (count, whole_height - height + 1, whole_width - width + 1, height, width, channels)
    each, row, column, channel = images.stride()
    views = images.as_strided(places, (each, row, column, row, column, channel))  # every window of every image
    at = (np.arange(count), top, left)
    if images.device.type == "cpu":  # NumPy copies rows where torch copies pixels
        return torch.from_numpy(views.numpy()[at])
    return views[tuple(_sent(i, images.device) for i in at)]


def _mirrored(images: Tensor, which: NDArray[np.bool_]) -> Tensor:
    at = _sent(np.flatnonzero(which), images.device)
    return images.index_copy(0, at, images.index_select(0, at).flip(2))


def _sent(index: NDArray[np.int64], device: torch.device) -> Tensor:
    """An index on the device; a GPU is not waited for."""
    here = torch.from_numpy(index)
    return here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here
