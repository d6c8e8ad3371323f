"""Masks of single glyphs, drawn once with Pillow from the icon fonts inside the qtawesome package.

qtawesome itself is never imported: it needs Qt. Only its font files are read.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

FAMILIES: dict[str, tuple[str, ...]] = {
    "fa": (
        "fontawesome6-solid-webfont",
        "fontawesome6-regular-webfont",
        "fontawesome5-solid-webfont",
        "fontawesome5-regular-webfont",
    ),
    "mdi": ("materialdesignicons6-webfont", "materialdesignicons5-webfont"),
    "ph": ("phosphor",),
    "ri": ("remixicon",),
    "ei": ("elusiveicons-webfont",),
    "co": ("codicon",),
}
FAMILY_NAMES = {
    "fa": "Font Awesome",
    "mdi": "Material Design Icons",
    "ph": "Phosphor",
    "ri": "Remix Icon",
    "ei": "Elusive Icons",
    "co": "Codicons",
}
# A weight or fill of the same drawing is the glyph's name with one of these behind it.
_VARIANTS = {
    "fa": ("",),
    "mdi": ("", "-outline"),
    "ph": ("", "-bold", "-fill", "-light", "-thin"),
    "ri": ("", "-fill", "-line"),
    "ei": ("",),
    "co": ("",),
}


@functools.cache
def _font_folder() -> Path:
    spec = importlib.util.find_spec("qtawesome")  # finds the folder without running the package
    places = list(spec.submodule_search_locations or ()) if spec else []
    folder = Path(places[0]) / "fonts" if places else Path()
    if not places or not folder.is_dir():
        raise ValueError("the icon fonts are missing: install the package qtawesome (pip install qtawesome)")
    return folder


@functools.cache
def _charmap(stem: str) -> dict[str, int]:
    path = next(iter(sorted(_font_folder().glob(f"{stem}-charmap-*.json"))), None)
    if path is None:
        raise ValueError(f"the font {stem} is not in this version of qtawesome; install 1.4 or newer")
    return {name: int(code, 16) for name, code in json.loads(path.read_text(encoding="utf-8")).items()}


@functools.cache
def _font(stem: str) -> Any:
    from PIL import ImageFont

    path = next(p for p in sorted(_font_folder().glob(f"{stem}-*.ttf")) if p.stem[len(stem) + 1].isdigit())
    return ImageFont.truetype(path, 160)


def renderings(design: str, size: int) -> np.ndarray:
    """All different weights, fills and versions of one design.

    Parameters
    ----------
    design : ``family:glyph``, or ``family:glyph|other name`` where versions of a font renamed it.
    size : side of the masks in pixels.

    Returns
    -------
    float32 (R, size, size), 1 where the glyph is. The glyph's larger side fills the mask.

    Raises
    ------
    ValueError
        If the family or the glyph does not exist.
    """
    family, _, glyphs = design.partition(":")
    if family not in FAMILIES:
        raise ValueError(f"{design!r}: there is no icon family {family!r}; known are {', '.join(FAMILIES)}")
    masks: list[np.ndarray] = []
    for stem in FAMILIES[family]:
        codes = _charmap(stem)
        for name in (glyph + variant for glyph in glyphs.split("|") for variant in _VARIANTS[family]):
            if name in codes:
                mask = _mask(stem, codes[name], size)
                if all(np.abs(mask - other).mean() > 0.005 for other in masks):
                    masks.append(mask)
    if not masks:
        raise ValueError(f"{design!r}: {FAMILY_NAMES[family]} has no such glyph")
    return np.stack(masks)


def _mask(stem: str, code: int, size: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    font = _font(stem)
    left, top, right, bottom = font.getbbox(chr(code))
    canvas = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(canvas).text((2 - left, 2 - top), chr(code), font=font, fill=255)
    box = canvas.getbbox()
    if box is None:
        raise ValueError(f"glyph {code:#x} of {stem} is empty")
    glyph = canvas.crop(box)
    side = max(glyph.size)
    square = Image.new("L", (side, side))
    square.paste(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
    return np.asarray(square.resize((size, size), Image.Resampling.BOX), dtype=np.float32) / 255
