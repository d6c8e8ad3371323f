"""The network of a finished run, asked about pictures that are in no data set.

A checkpoint tells the weights and what was done to the pixels, the run's folder tells the rest, so that
neither the data set nor word vectors are needed. Nothing is unpickled.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simviz import losses, models
from simviz.classes import ClassSet
from simviz.datasets.listing import MAX_PIXELS, decode
from simviz.losses import ClassLoss
from simviz.pixels import standardized
from simviz.runs import checkpoint
from simviz.runs import weights as kept
from simviz.runs.files import StoreError, read_json
from simviz.runs.store import Run
from simviz.training import forward

MAX_BYTES = 20 * 2**20
FORMATS = ("PNG", "JPEG", "WEBP")
_CHANNELS = 3


@dataclass(frozen=True)
class Network:
    """Weights, last layer and pixels as the run's own predictions were made with, on the CPU.

    Attributes
    ----------
    size : int
        Side of the pictures it takes, in pixels.
    """

    size: int
    layers: nn.ModuleDict
    loss: ClassLoss
    mean: Tensor
    scale: Tensor
    precision: torch.dtype

    def log_probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Natural logarithms (N, C) for images uint8 (N, size, size, 3); ValueError for another shape or type."""
        outputs = self._forward(images)[1]
        return self.loss.log_probabilities(outputs).clamp(-6e4, 0).numpy().astype(np.float32)

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What goes into the last layer, (N, F), for such images."""
        return self._forward(images)[0].numpy()

    def _forward(self, images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        if images.dtype != np.uint8 or images.shape[1:] != (self.size, self.size, _CHANNELS):
            raise ValueError(
                f"the pictures have the shape {images.shape} and type {images.dtype}; this network takes uint8 "
                f"(N, {self.size}, {self.size}, {_CHANNELS})"
            )
        with torch.no_grad():
            pixels = standardized(torch.from_numpy(np.array(images)), self.mean, self.scale)
            return forward(self.layers, pixels, self.precision)


def load(run: Run, classes: ClassSet) -> Network:
    """The network behind the run's kept predictions: the best epoch's with patience, else the last one's.

    Parameters
    ----------
    classes : of the run's comparison

    Raises
    ------
    StoreError
        Where there is no checkpoint, it is damaged or does not fit the run, or it was written before
        checkpoints told the size and the standardisation of the pixels.
    """
    path = kept.path(run)
    if not path.is_file():
        raise StoreError(f"{run.id} has no weights; predictions made elsewhere and most archives carry none")
    state = checkpoint.load(path)
    if not state.get("pixels", {}).keys() >= {"height", "width", "mean", "scale"}:
        raise StoreError(
            f"the weights of {run.id} were kept before simviz kept the mean and scale of the pixels with them; train "
            "it again to ask it about new pictures"
        )
    weights = state["best"] or {f"{p}.{k}": v for p in ("network", "loss") for k, v in state[p].items()}
    pixels = state["pixels"]
    try:
        return _assemble(run, classes, weights, int(pixels["height"]), pixels["mean"], pixels["scale"])
    except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(f"the weights of {run.id} do not fit the run: {said}") from None


def _assemble(
    run: Run, classes: ClassSet, weights: dict[str, Tensor], size: int, mean: Tensor, scale: Tensor
) -> Network:
    environment = read_json(run.path / "environment.json")
    setting = run.spec.setting
    given = {} if (weight := weights.get("loss.weight")) is None else {"weight": weight}
    loss = losses.get(setting.loss.name).from_classes(classes, run.matrix(), **setting.loss.options, **given)
    with torch.device("meta"):  # a stranger's archive may name a model of any size: memory is what the file has
        backbone = models.build(str(environment["model"]), (_CHANNELS, size, size))
        layers = nn.ModuleDict({"backbone": backbone, "head": loss.head(backbone.features, len(classes))})
    for prefix, module, assign in (("network.", layers, True), ("loss.", loss, False)):
        state = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        module.load_state_dict(state, assign=assign)
    layers.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    precision = torch.bfloat16 if environment.get("precision") == "bfloat16" else torch.float32
    return Network(size, layers, loss.eval(), mean, scale, precision)


def picture(data: bytes, size: int) -> NDArray[np.uint8]:
    """A PNG, JPEG or WebP file as the data sets read theirs: upright, RGB, squeezed to a square of `size` pixels.

    Returns
    -------
    uint8 (size, size, 3)

    Raises
    ------
    ValueError
        In one sentence, for a file above 20 MB, of another kind, of more than 64 million pixels, or damaged.
    """
    from PIL import Image

    if len(data) > MAX_BYTES:
        raise ValueError(f"the file has {len(data) / 2**20:.0f} MB; at most {MAX_BYTES >> 20} are read")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            width, height = opened.size
    except Image.DecompressionBombError:
        raise ValueError(
            f"the picture has more than the {MAX_PIXELS:,} pixels that are read; make it smaller"
        ) from None
    except Exception:  # a decoder that is fed strange bytes may raise anything
        raise ValueError("this is no PNG, JPEG or WebP picture; save it as one of them") from None
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"the picture has {width:,} x {height:,} pixels; at most {MAX_PIXELS:,} are read, make it smaller"
        )
    found = decode(data, size)
    if found is None:
        raise ValueError("the picture is damaged and cannot be decoded; save it again")
    return found[0]
