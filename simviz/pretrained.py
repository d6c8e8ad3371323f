"""A last layer on a network that somebody else has trained: its features are read once, and kept in the cache.

The backbone stays as it is. So nothing is learned by gradient steps: the last layer is the one that `heads.Refitter`
finds for the loss. Seed, rate, schedule, optimiser and augmentation play no part.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simviz import heads, models
from simviz.datasets import ImageDataset
from simviz.datasets.cache import cache_folder
from simviz.evaluation import Ruler
from simviz.evaluation.predictions import Predictions
from simviz.heads import Features
from simviz.hyperparameters import MOST_FITTED, TORCHVISION, TrainingSpec
from simviz.losses.base import ClassLoss
from simviz.training import SMALL_FEATURES, EpochEnd, Step, Trainer, forward

MAX_BYTES = 4 * 2**30
TRANSFORMING = ("inception_v3", "googlenet")
# Of pixels in [0, 1], per channel: what the weights of torchvision, and most others, were trained with.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FrozenTrainer(Trainer):
    """A `Trainer` whose backbone has the weights of `spec.pretrained` and keeps them; one epoch, in which it looks.

    Raises
    ------
    ValueError
        As `Trainer`; where the weights are not there, cannot be read, or do not fit the model.
    """

    def __init__(self, spec: TrainingSpec, data: ImageDataset, loss: ClassLoss, ruler: Ruler) -> None:
        super().__init__(spec, data, loss, ruler)
        assert spec.pretrained is not None
        backbone = self.network["backbone"]
        assert isinstance(backbone, models.Backbone)
        self.model = backbone.name
        self.source = weights_file(self.model, spec.pretrained)
        self.centre = load(backbone, self.source)
        backbone.requires_grad_(False)
        channels = self.images.shape[3]
        if spec.standardize and channels == len(MEAN):
            self.mean = torch.tensor(MEAN, device=self.device) * 255
            self.scale = 1 / (torch.tensor(DEVIATION, device=self.device) * 255)
        self.train_rows = heads.drawn(self.data.labels, self.train_rows, MOST_FITTED)
        self.rows = {"train": self.train_rows}
        self.rows |= {part: self.data.indices(part) for part in ("validation", "test")}
        self.steps = sum(math.ceil(len(rows) / spec.batch_size) for rows in self.rows.values())
        self._found: dict[str, NDArray[np.float32]] = {}

    def events(self) -> Iterator[Step | EpochEnd]:
        """Read the features of every part, then fit the last layer; may be abandoned at any event."""
        if self.epoch:
            return
        started = time.perf_counter()
        yield from self._read()
        fit = self._features("train")
        head = heads.Refitter(fit).head(self.loss.cpu())
        self.centre.mean.copy_(head.mean)
        self.network["head"], self.loss = head.layer.to(self.device), head.loss.to(self.device)
        if (measured := getattr(self.loss, "measured", None)) is not None:
            measured.zero_()  # summed while the layer was searched for; the weight it was fitted with stays
        yield self.end_epoch(head.objective, time.perf_counter() - started)

    def predict(self, part: str) -> Predictions:
        """Log-probabilities and features of one part, from the features that were read."""
        self._ensure()
        rows = self.rows[part]
        with torch.inference_mode():
            hidden = torch.from_numpy(self._found[part]).to(self.device)
            outputs = self.network["head"](self.centre(hidden))
            logs = self.loss.log_probabilities(outputs).clamp(-6e4, 0).cpu().numpy()
        return Predictions(
            self.data.ids[rows],
            np.asarray(self.data.units[rows]),
            np.asarray(self.data.labels[rows]),
            logs.astype(np.float16),
            self._found[part].astype(np.float16) if hidden.shape[1] <= SMALL_FEATURES else None,
        )

    def kept(self) -> dict[str, NDArray[Any]]:
        """Features, classes and units of every part, as `runs.frozen` keeps them for the page of last layers."""
        self._ensure()
        found: dict[str, NDArray[Any]] = {}
        for part, rows in self.rows.items():
            found[f"{part}_features"] = self._found[part].astype(np.float16)
            found[f"{part}_target"] = np.asarray(self.data.labels[rows], dtype=np.int64)
            found[f"{part}_units"] = np.asarray(self.data.units[rows], dtype=np.int64)
        return found

    def _ensure(self) -> None:
        """Have the features, which a checkpoint does not hold."""
        if not self._found:
            for _ in self._read():
                pass

    def _features(self, part: str) -> Features:
        rows = self.rows[part]
        units = np.asarray(self.data.units[rows])
        return heads.features(self._found[part], self.data.labels[rows], len(self.data.classes), units)

    def _read(self) -> Iterator[Step]:
        """The features of every part, from the cache where they are; a `Step` a batch either way."""
        kept = self._place()
        try:
            with np.load(kept, allow_pickle=False) as found:
                self._found = {part: found[part] for part in self.rows}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            self._found = {}
        known, step = bool(self._found), 0
        read: dict[str, NDArray[np.float32]] = {}
        for part, rows in self.rows.items():
            pieces = []
            for start in range(0, len(rows), self.spec.batch_size):
                if not known:
                    pieces.append(self._look(rows[start : start + self.spec.batch_size]))
                step += 1
                yield Step(1, step, self.steps)
            if not known:
                read[part] = np.concatenate(pieces)
        if not known:
            self._found = read
            self._keep(kept)

    def _keep(self, place: Path) -> None:
        """For the next run; where there is no room, it reads them again."""
        partial = place.with_suffix(f".{os.getpid()}.partial")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                np.savez(file, **self._found)  # type: ignore[arg-type]
            os.replace(partial, place)
        except OSError:
            partial.unlink(missing_ok=True)

    def _look(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        self.network.eval()
        images = torch.from_numpy(np.ascontiguousarray(self.data.images[rows])).to(self.device)
        with torch.inference_mode():
            centred = forward(self.network, self._pixels(images), self.precision)[0]
            return (centred + self.centre.mean).cpu().numpy()

    def _place(self) -> Path:
        """Where features of these images, by these weights, are kept."""
        about = self.source.stat()
        key = {
            "data": self.data.fingerprint,
            "model": self.model,
            "weights": [str(self.source.resolve()), about.st_size, about.st_mtime_ns],
            "pixels": [self.mean.tolist(), self.scale.tolist()],
            "precision": str(self.precision),
            "rows": {part: hashlib.sha256(rows.tobytes()).hexdigest() for part, rows in self.rows.items()},
        }
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return cache_folder(None) / "features" / f"{digest[:24]}.npz"


def weights_file(model: str, source: str) -> Path:
    """Where the pretrained weights of a model lie on this machine; nothing is downloaded.

    Parameters
    ----------
    model : a torchvision model with the size it is fed, as ``resnet18@224``
    source : ``torchvision``, for the weights that torchvision offers, or a file of yours

    Raises
    ------
    ValueError
        For a model of ours, one without such weights, or a file that is not there; the way out is named.
    """
    name, at, _ = model.partition("@")
    if not at:
        raise ValueError(
            f"pretrained weights belong to a torchvision model and a size, as resnet18@224, not to {model!r}"
        )
    if name in TRANSFORMING:
        raise ValueError(f"{name} changes its input by itself when it has torchvision's weights; choose another model")
    if source != TORCHVISION:
        path = Path(source).expanduser()
        if not path.is_file():
            raise ValueError(f"there are no weights at {source!r}; give the file of a state_dict, or {TORCHVISION!r}")
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"the weights at {source!r} have more than {MAX_BYTES >> 30} GiB, the most that is read")
        return path
    from torchvision.models import get_model_weights

    try:
        url = get_model_weights(name).DEFAULT.url  # type: ignore[attr-defined]
    except (ValueError, KeyError, AttributeError):
        raise ValueError(f"torchvision has no pretrained weights of {name!r}; give a file of yours") from None
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name
    if not path.is_file():
        raise ValueError(f"the weights of {name} are not on this machine; save {url} as {path}")
    return path


def load(backbone: models.Backbone, path: Path) -> models.Centred:
    """Put the weights of a file into a backbone of `models.build`, as ``resnet18@224``; nothing is unpickled.

    Returns the module behind it, which takes the mean off its features.

    A state_dict, alone or under ``state_dict`` or ``model``, of the whole network; its last layer, for whatever
    classes, is left out. Safetensors, or what `torch.save` wrote.

    Raises
    ------
    ValueError
        Where the file holds anything else, or does not fit the model; the first name that does not is told.
    """
    name = backbone.name.partition("@")[0]
    last = models.headless(name)[1]
    state = {k: v for k, v in _state(path).items() if not k.startswith(f"{last}.")}
    assert isinstance(backbone.layers, nn.Sequential)
    _, network, centre = backbone.layers
    wanted = network.state_dict()
    for key in wanted:  # older files lack this count, which plays no part in what a network says
        if key.endswith(".num_batches_tracked"):
            state.setdefault(key, wanted[key])
    for key in sorted({*wanted} ^ {*state}):
        which = "lack" if key in wanted else "have"
        raise ValueError(f"{path.name} does not fit {name}: its weights {which} {key[:80]!r}")
    for key, value in wanted.items():
        if state[key].shape != value.shape:
            shapes = [" x ".join(map(str, tensor.shape)) or "a number" for tensor in (state[key], value)]
            raise ValueError(f"{path.name} does not fit {name}: {key} is {shapes[0]}, not {shapes[1]}")
    network.load_state_dict(state)
    assert isinstance(centre, models.Centred)
    return centre


def _state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a reader that is fed strange bytes may raise anything
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"the weights in {path.name} cannot be read: {said[:200]}; save a state_dict") from None
    for key in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found or not all(isinstance(v, Tensor) for v in found.values()):
        raise ValueError(f"{path.name} holds no state_dict, names with their tensors; save one with torch.save")
    return {str(k).removeprefix("module."): v for k, v in found.items()}
