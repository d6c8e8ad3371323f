"""The network of a finished run as one safetensors file, and the Python that loads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simviz.classes import ClassSet
from simviz.runs.files import StoreError, read_json
from simviz.runs.store import Run

KEPT = "weights.safetensors"
MAX_SIDE = 1024


def path(run: Run) -> Path:
    """The file that holds the run's network: its checkpoint, or what was kept of one; there may be neither."""
    checkpoint = run.path / "checkpoint.safetensors"
    return checkpoint if checkpoint.is_file() else run.path / KEPT


def keep(run: Run) -> None:
    """Leave in the run's folder what archives take along: the checkpoint as at its best epoch, without optimizer.

    Of a run in bfloat16 the backbone's matrices are rounded to it, which autocast does before every use: the network
    answers as before, and a zip file halves them.
    """
    import torch

    from simviz.runs import checkpoint

    state = checkpoint.load(run.path / "checkpoint.safetensors")
    best = state["best"] or {f"{part}.{k}": v for part in ("network", "loss") for k, v in state[part].items()}
    if read_json(run.path / "environment.json").get("precision") == "bfloat16":
        for name, value in best.items():
            if name.startswith("network.backbone.") and value.dim() > 1:
                best[name] = value.to(torch.bfloat16).to(value.dtype)
    checkpoint.save({"best": best, "pixels": state["pixels"]}, run.path / KEPT)


def check(run: Run) -> None:
    """StoreError, in one sentence, where a stranger's weights are no finite numbers, or want too large a picture."""
    import numpy as np

    arrays, numbers = _checkpoint(run)
    for name, values in arrays.items():
        if values.dtype.kind not in "bfiu" or not np.isfinite(values).all():
            raise StoreError(f"{name[:60]!r} holds values that are no finite numbers")
    pixels = [arrays.get(f"pixels/{name}", np.empty(0)).shape for name in ("mean", "scale")]
    try:
        channels, height, width = _shape(numbers)
    except (KeyError, TypeError, ValueError, OverflowError):
        channels, height, width = 0, 0, 0
    if pixels != [(3,), (3,)] or channels != 3 or not 0 < height == width <= MAX_SIDE:
        raise StoreError(f"its pictures are no coloured squares of at most {MAX_SIDE} pixels")


def dumps(run: Run, classes: ClassSet) -> bytes:
    """The weights that the run's predictions were made with, without the state of its optimizer.

    Tensors: ``network.*`` (backbone and head), ``loss.*`` (what the loss keeps, if anything), ``pixels.mean`` and
    ``pixels.scale`` (channels,), float32: the network takes (pixel - mean) x scale. In the header: classes (JSON of
    `ClassSet.to_dict`), setting, seed, model, image_shape.

    Raises
    ------
    StoreError
        Where the run keeps no checkpoint, as an imported one, or one that cannot be read.
    """
    import numpy as np
    from safetensors.numpy import save

    arrays, numbers = _checkpoint(run)
    best = {k.removeprefix("best/"): v for k, v in arrays.items() if k.startswith("best/")}
    last = {k.replace("/", ".", 1): v for k, v in arrays.items() if k.startswith(("network/", "loss/"))}
    pixels = {k.replace("/", ".", 1): v for k, v in arrays.items() if k.startswith("pixels/")}
    header = {
        "classes": json.dumps(classes.to_dict()),
        "setting": run.setting,
        "seed": str(run.spec.seed),
        "model": _model(run),
        "image_shape": json.dumps(_shape(numbers)),
    }
    kept = {k: np.ascontiguousarray(v) for k, v in {**(best or last), **pixels}.items()}
    return bytes(save(kept, metadata=header))


def snippet(run: Run, file: str) -> str:
    """Python that loads `file`, written from `dumps`, and has a function from images to log-probabilities.

    StoreError as in `dumps`.
    """
    _, numbers = _checkpoint(run)
    channels, height, width = _shape(numbers)
    plain = _is_plain(run)
    lower = read_json(run.path / "environment.json").get("precision") == "bfloat16"
    cast = ', torch.autocast("cpu", torch.bfloat16)' if lower else ""
    imports, loss = "from simviz import models", ""
    head, outputs = "torch.nn.Linear(backbone.features, len(names))", "outputs.log_softmax(1)"
    if not plain:
        imports = "from simviz import ClassSet, losses, models"
        loss = f"loss = losses.build({run.setting!r}, ClassSet.from_dict(classes))\n"
        head, outputs = "loss.head(backbone.features, len(names))", "loss.log_probabilities(outputs)"
    return f'''import json

import torch
from safetensors import safe_open
{imports}

with safe_open({file!r}, framework="pt") as opened:
    tensors = {{key: opened.get_tensor(key) for key in opened.keys()}}
    classes = json.loads(opened.metadata()["classes"])
names = classes["names"]
{loss}backbone = models.build({_model(run)!r}, ({channels}, {height}, {width}))
head = {head}
network = torch.nn.ModuleDict({{"backbone": backbone, "head": head}})
weights = {{k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}}
network.load_state_dict(weights)
network.eval()


def log_probabilities(images):
    """Of uint8 images (N, {height}, {width}, {channels}) as the data set gives them; (N, C), row = image."""
    pixels = (torch.as_tensor(images).float() - tensors["pixels.mean"]) * tensors["pixels.scale"]
    with torch.inference_mode(){cast}:
        features = network["backbone"](pixels.permute(0, 3, 1, 2))
    with torch.inference_mode():
        outputs = network["head"](features.float())
        return {outputs}
'''


def _checkpoint(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays and plain numbers of the run's checkpoint, by path."""
    from safetensors import SafetensorError, safe_open

    found = path(run)
    if not found.is_file():
        raise StoreError(f"{run.id} keeps no weights here: predictions made elsewhere and most archives have none")
    try:
        with safe_open(found, framework="np") as file:
            numbers = json.loads(file.metadata()["numbers"])
            wanted = [k for k in file.keys() if not k.startswith("optimizer/")]  # noqa: SIM118
            arrays = {key: file.get_tensor(key) for key in wanted}
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise StoreError(f"the weights of {run.id} cannot be read: {error}") from None
    if not isinstance(numbers, dict) or not {"pixels/mean", "pixels/height"} <= {*arrays, *numbers}:
        raise StoreError(f"{run.id} was trained by an older simviz, which kept no scale of its pixels; train it again")
    return arrays, numbers | {"pixels/channels": len(arrays["pixels/mean"])}


def _shape(numbers: dict[str, Any]) -> tuple[int, int, int]:
    channels, height, width = (int(numbers[f"pixels/{name}"]) for name in ("channels", "height", "width"))
    return channels, height, width


def _model(run: Run) -> str:
    return run.spec.model or str(read_json(run.path / "environment.json")["model"])


def _is_plain(run: Run) -> bool:
    """Whether head and probabilities are those of cross entropy, so that no loss is needed to predict."""
    from simviz import losses

    cls = losses.get(run.spec.setting.loss.name)
    own = losses.ClassLoss
    return cls.head is own.head and cls.log_probabilities is own.log_probabilities
