"""A tiny real data set on disk: pictures of four shapes, read back through `datasets.load`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("cat", "dog", "car", "truck")
SIZE = 16


def write_folder(folder: Path, per_class: int = 40) -> Path:
    """folder/CLASS/NUMBER.png: bars and squares of random colour on a noisy ground."""
    random = np.random.default_rng(0)
    for label, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            picture = random.integers(0, 60, (SIZE, SIZE, 3))
            place = slice(*sorted(random.choice(SIZE, 2, replace=False) + np.array([0, 3])))
            colour = random.integers(150, 255, 3)
            whole = slice(None)
            box = [(place, whole), (whole, place), (place, place), (slice(0, 4), slice(0, 4))][label]
            picture[box] = colour
            Image.fromarray(picture.astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder
