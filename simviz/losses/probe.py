"""What a loss pays for: its value, its gradient and its course for a prediction that one writes down.

NumPy in, NumPy out; between them the very losses that train, in float64, through autograd.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from simviz.classes import ClassSet
from simviz.losses.base import ClassLoss
from simviz.losses.coral import ThresholdLoss
from simviz.losses.corn import CORNLoss
from simviz.losses.registry import get
from simviz.matrices.core import ClassMatrix

Floats = NDArray[np.float64]

FLOOR = 0.01
STEPS = 41


@dataclass(frozen=True)
class Reading:
    """What one loss says about one prediction.

    Attributes
    ----------
    value, at_uniform : float
        The loss of the prediction, and of the uniform one.
    outputs : tuple of str
        What each output stands for: a class, or "above X" where the outputs are thresholds.
    gradient : float64 (K,)
        The derivative by each output. A step of training goes against it.
    paths : name -> float64 (STEPS,)
        The loss while the mass moves from the true class to another one.
    """

    value: float
    at_uniform: float
    outputs: tuple[str, ...]
    gradient: Floats
    paths: Mapping[str, Floats]

    def scaled(self) -> Reading:
        """The same loss times a factor that makes it 1 at uniform; ValueError where it is not positive there."""
        if not self.at_uniform > 1e-9:
            raise ValueError(f"the loss is {self.at_uniform:.3g} at the uniform prediction and cannot be made 1 there")
        factor = 1 / self.at_uniform
        paths = {name: values * factor for name, values in self.paths.items()}
        return Reading(self.value * factor, 1.0, self.outputs, self.gradient * factor, paths)


def mixed(weights: ArrayLike) -> Floats:
    """Weights as probabilities, `FLOOR` of the mass spread evenly so that no logarithm is infinite.

    Parameters
    ----------
    weights : (..., C), not negative; all 0 means uniform

    >>> mixed([1, 0]).round(3).tolist()
    [0.995, 0.005]
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim == 0 or not np.isfinite(w).all() or (w < 0).any():
        raise ValueError("weights must be finite and not negative, one for each class")
    total = w.sum(-1, keepdims=True)
    shares = np.where(total > 0, w / np.where(total > 0, total, 1), 1 / w.shape[-1])
    return (1 - FLOOR) * shares + FLOOR / w.shape[-1]


def moved(count: int, start: int, end: int, steps: int = STEPS) -> Floats:
    """`mixed` predictions of `count` classes whose mass moves from class `start` to class `end`, (steps, count)."""
    weights = np.zeros((steps, count))
    share = np.linspace(0, 1, steps)
    weights[:, start] = 1 - share
    weights[:, end] += share
    return mixed(weights)


def build(name: str, classes: ClassSet, matrix: ClassMatrix | None = None) -> ClassLoss:
    """A loss with its default options, in float64, a value a sample; ValueError where it does not fit the classes.

    `matrix` is used only by losses that take one.
    """
    cls = get(name)
    if name == "self_guided":
        raise ValueError("self_guided learns its distance while training; ground_distance shows the same for a given D")
    given = None if cls.matrix is None else matrix
    return cls.from_classes(classes, given, reduction="none").double()


def outputs_for(loss: ClassLoss, probabilities: Floats) -> Tensor:
    """Outputs for which a loss reads these probabilities of the classes.

    Logits log p; of the threshold losses the logits of P(y > k), CORN's of P(y > k | y > k - 1).

    Parameters
    ----------
    probabilities : float64 (N, C), positive

    Returns
    -------
    float64 (N, K)

    Raises
    ------
    ValueError
        The loss reads its outputs in a way of its own.
    """
    p = torch.as_tensor(probabilities, dtype=torch.float64)
    if isinstance(loss, ThresholdLoss):
        ascending = p if loss.rank is None else p[:, loss.rank.argsort()]
        above = ascending.flip(1).cumsum(1).flip(1)[:, 1:]
        below = ascending[:, :-1] if isinstance(loss, CORNLoss) else ascending.cumsum(1)[:, :-1]
        outputs = above.log() - below.log()
    else:
        outputs = p.log()
    if not torch.allclose(loss.log_probabilities(outputs).exp(), p, atol=1e-6):
        raise ValueError(
            f"{loss.name} reads class probabilities from its outputs in a way that this page does not know"
        )
    return outputs


def output_names(loss: ClassLoss, classes: ClassSet) -> tuple[str, ...]:
    """What each output of a loss stands for."""
    if not isinstance(loss, ThresholdLoss):
        return classes.names
    places = range(len(classes)) if loss.rank is None else loss.rank.argsort().tolist()
    return tuple(f"above {classes.names[i]}" for i in list(places)[:-1])


def values(loss: ClassLoss, probabilities: Floats, true: int) -> Floats:
    """The loss of each of N predictions (N, C) for one true class, (N,)."""
    target = torch.full((len(probabilities),), true)
    with torch.no_grad():
        return loss(outputs_for(loss, probabilities), target).numpy().astype(np.float64)


def gradient(loss: ClassLoss, probabilities: Floats, true: int) -> Floats:
    """The derivative of the loss of one prediction (C,) by each output, (K,), through autograd."""
    outputs = outputs_for(loss, probabilities[None]).requires_grad_()
    (found,) = torch.autograd.grad(loss(outputs, torch.tensor([true])).sum(), outputs)
    return found[0].numpy().astype(np.float64)


def read(loss: ClassLoss, classes: ClassSet, probabilities: Floats, true: int, ends: Mapping[str, int]) -> Reading:
    """Everything the page shows of a loss.

    Parameters
    ----------
    loss : from `build`
    probabilities : float64 (C,), positive, sum 1
    true : index of the true class
    ends : name -> class index, where the mass of the true class moves to

    Raises
    ------
    ValueError
        A wrong shape, or a loss that reads its outputs in a way of its own.
    """
    count = len(classes)
    if np.shape(probabilities) != (count,):
        raise ValueError(f"there are {np.shape(probabilities)} probabilities for {count} classes")
    moves = {name: moved(count, true, end) for name, end in ends.items()}
    rows = np.concatenate([probabilities[None], np.full((1, count), 1 / count), *moves.values()])
    found = values(loss, rows, true)
    paths = dict(zip(moves, found[2:].reshape(len(moves), -1), strict=True))
    slope = gradient(loss, probabilities, true)
    return Reading(float(found[0]), float(found[1]), output_names(loss, classes), slope, paths)


def formula(cls: type[ClassLoss]) -> tuple[str, str]:
    """The LaTeX formula and the source from a loss's docstring; "" for what it does not say."""
    text = inspect.cleandoc(cls.__doc__ or "")
    math = re.search(r"\.\. math:: ?(.*?)(?:\n\s*\n|\Z)", text, re.DOTALL)
    source = re.search(r"^Source\n-+\n(.*?)(?:\n\s*\n\w[^\n]*\n-+\n|\Z)", text, re.DOTALL | re.MULTILINE)
    return tuple(" ".join(m[1].split()) if m else "" for m in (math, source))  # type: ignore[return-value]


def applicable(
    classes: ClassSet, names: tuple[str, ...], matrix: ClassMatrix | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The losses of `names` that fit the classes, built, and for every other the sentence that says why not."""
    built, refused = {}, {}
    for name in names:
        try:
            built[name] = build(name, classes, matrix)
        except ValueError as error:
            refused[name] = str(error)
    return built, refused
