"""The pictures that a prediction file names, made small enough to be kept beside the predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simviz.datasets.listing import decode
from simviz.evaluation.foreign import Foreign

SIDE = 64
MAX_PICTURES = 3_000  # 37 MB of pixels
MAX_FILE_BYTES = 50_000_000


def collect(found: Sequence[Foreign], roots: Sequence[Path]) -> tuple[dict[str, Any] | None, list[str]]:
    """`ids` (M,) and `images` uint8 (M, 64, 64, 3) of at most 3,000 samples, and sentences on those without.

    Samples that most files get wrong come first. A path is taken below the roots, or whole where it lies inside
    one of them (links followed); no other file is opened. None where no file names pictures or none is there.
    """
    found = [f for f in found if not f.counted]  # the samples of counts have no order and no names
    first = next((f for f in found if f.images is not None), None)
    if first is None or first.images is None:
        return None, []
    paths = dict(zip(first.predictions.ids.tolist(), first.images, strict=True))
    target = found[0].predictions.target
    wrong = np.zeros(len(target), dtype=np.int64)
    for one in found:
        decided = one.predictions.predicted
        wrong += (one.predictions.log_probabilities.argmax(axis=1) if decided is None else decided) != target
    ids: list[str] = []
    images, outside = [], 0
    for row in np.argsort(-wrong, kind="stable"):
        if len(ids) == MAX_PICTURES:
            break
        name = str(found[0].predictions.ids[row])
        data = _read(paths[name], roots)
        pixels = None if data is None else decode(data, SIDE)
        if pixels is None:
            outside += 1
            continue
        ids.append(name)
        images.append(pixels[0])
    said = []
    if outside:
        said.append(f"{outside:,} pictures are not inside the folders that may be read, or cannot be read as pictures.")
    if len(ids) == MAX_PICTURES < len(target):
        said.append(f"Pictures are kept for {MAX_PICTURES:,} samples, those first that most files get wrong.")
    if not ids:
        return None, said
    return {"ids": np.array(ids), "images": np.stack(images)}, said


def _read(path: str, roots: Sequence[Path]) -> bytes | None:
    """The file that a path means, if it lies below a root, is of a bearable size and may be read."""
    for root in roots:
        try:
            real = (root / path).resolve()
            if real.is_relative_to(root.resolve()) and real.is_file() and real.stat().st_size <= MAX_FILE_BYTES:
                return real.read_bytes()
        except (OSError, ValueError, RuntimeError):  # a name with a null in it, a loop of links, no permission
            continue
    return None
