"""ClassLoss: what every loss here shares, so that a new one is a class in one file.

The smallest loss of your own (the Brier score) is its formula for one sample and one class index:

>>> import torch
>>> from simviz import losses
>>> @losses.register
... class Brier(losses.ClassLoss):
...     name, title = "brier", "Brier score"
...
...     def sample_loss(self, outputs, index):
...         p = outputs.softmax(1)
...         return p.square().sum(1) + 1 - 2 * p.gather(1, index[:, None]).squeeze(1)
>>> loss = losses.get("brier")()
>>> loss(torch.zeros(2, 4), torch.tensor([0, -100])).item()  # the second sample is ignored
0.75
>>> loss(torch.zeros(1, 4), torch.full((1, 4), 0.25)).item()  # a soft target
0.75
>>> losses.unregister("brier")
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, TypedDict

import numpy as np
from torch import Tensor, nn

from simviz.classes import ClassSet
from simviz.losses.contract import check_reduction, checked_weight, reduced_loss, widened
from simviz.matrices.core import ClassMatrix


class Options(TypedDict, total=False):
    """The keyword options of every constructor; see `ClassLoss`."""

    weight: Tensor | np.ndarray | None
    ignore_index: int
    reduction: str


class ClassLoss(nn.Module):
    """A loss between the outputs of a classifier and the true classes.

    Subclass it, give `name` and `title`, and write `sample_loss`; everything else has a default.

    Class attributes
    ----------------
    name : str
        The name in a setting (``simloss@words``) and in `losses.get`.
    title : str
        The name people read.
    matrix : {None, "similarity", "distance"}
        The kind of `ClassMatrix` the constructor takes as its first argument; None if it takes none.
    ordered : bool
        Whether the loss makes sense only for classes that lie on a scale.
    grouped : bool
        Whether the loss reads the groups of the classes.
    convex : bool
        Whether it is convex in the outputs, for every target, so that a linear last layer has one optimum.

    Parameters
    ----------
    weight : tensor or array, shape (C,), optional
        A weight for each class, as in `torch.nn.CrossEntropyLoss`.
    ignore_index : int
        Samples with this index as target cost nothing and get no gradient.
    reduction : {"mean", "sum", "none"}
        PyTorch's meanings: with index targets the mean divides by the summed weights of the samples'
        classes, with soft targets by the number of samples; an empty or all-ignored batch has mean nan.

    Raises
    ------
    ValueError
        Naming the option and its value.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    matrix: ClassVar[str | None] = None
    ordered: ClassVar[bool] = False
    grouped: ClassVar[bool] = False
    convex: ClassVar[bool] = False
    weight: Tensor | None

    def __init__(
        self,
        *,
        weight: Tensor | np.ndarray | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        self.register_buffer("weight", None if weight is None else checked_weight(weight))
        self.ignore_index = int(ignore_index)
        self.reduction = reduction

    @property
    def options(self) -> dict[str, Any]:
        """`weight`, `ignore_index` and `reduction`, to hand to the pure function."""
        return {"weight": self.weight, "ignore_index": self.ignore_index, "reduction": self.reduction}

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch.

        Parameters
        ----------
        outputs : (N, C), (N, C, d1, ...) or (C,)
            What `head` gives; logits unless the loss says otherwise.
        target : integer (N,), (N, d1, ...) or (); or floating, C in the place of the classes
            Class indices, or probabilities of the classes.

        Returns
        -------
        A scalar, or the shape of the index target where reduction is "none"; float32 (float64 for
        float64 outputs), also inside autocast.
        """
        return reduced_loss(outputs, target, self.sample_loss, **self.options)

    def sample_loss(self, outputs: Tensor, index: Tensor) -> Tensor:
        """The loss of each sample: outputs (M, C) and class indices (M,) in, (M,) out."""
        raise NotImplementedError(f"{type(self).__name__} has neither sample_loss nor forward; write one of them")

    def head(self, features: int, num_classes: int) -> nn.Module:
        """The last layer, from (N, features) to the outputs this loss takes."""
        return nn.Linear(features, num_classes)

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        """Log-probabilities of the classes, (N, C), in float32 or wider, from the outputs."""
        return widened(outputs).log_softmax(1)

    def observe(self, features: Tensor, target: Tensor) -> None:
        """Told of the penultimate features (N, F) and index targets (N,) of each training batch."""

    def end_epoch(self) -> dict[str, Any]:
        """Called after each training epoch; arrays worth keeping, by name."""
        return {}

    def warmup_epochs(self, epochs: int) -> int:
        """How many of the first `epochs` epochs this loss wants to be plain cross entropy."""
        return 0

    @classmethod
    def arguments(cls, classes: ClassSet, matrix: ClassMatrix | None) -> dict[str, Any]:
        """The constructor's arguments that follow from the classes; `from_classes` has checked both."""
        return {} if matrix is None else {next(iter(inspect.signature(cls).parameters)): matrix}

    @classmethod
    def from_classes(cls, classes: ClassSet, matrix: ClassMatrix | None = None, **options: Any) -> ClassLoss:
        """The loss for a task: how a setting becomes a loss.

        Parameters
        ----------
        classes : ClassSet
        matrix : ClassMatrix, optional
            Rearranged by class name, and converted to the kind the loss needs.
        **options
            The constructor's options.

        Raises
        ------
        ValueError
            The matrix is missing or superfluous, the classes lack the order or the groups the loss needs,
            an option is unknown.
        """
        if cls.matrix is None and matrix is not None:
            raise ValueError(f"{cls.name} takes no matrix; leave out what follows '@'")
        if cls.matrix is not None and matrix is None:
            raise ValueError(f"{cls.name} needs a {cls.matrix} between the classes; write for example {cls.name}@words")
        if cls.ordered and not classes.ordered:
            raise ValueError(
                f"{cls.name} needs classes in an order, and these have no positions; give ClassSet(positions=...), "
                "or choose a loss that takes any distance, such as expected_cost@words"
            )
        if cls.grouped and classes.groups is None:
            raise ValueError(
                f"{cls.name} needs classes in groups, and these have none; give ClassSet(groups=...), "
                "or choose a loss that takes any distance, such as soft_labels@words"
            )
        if matrix is not None:
            matrix = matrix.aligned(classes)
            matrix = matrix.to_distance() if cls.matrix == "distance" else matrix.to_similarity()
        given = cls.arguments(classes, matrix)
        own = [k for k, p in inspect.signature(cls).parameters.items() if p.kind is not p.VAR_KEYWORD]
        known = list(dict.fromkeys(k for k in [*own, *Options.__annotations__] if k not in given))
        for key in options:
            if key not in known:
                raise ValueError(f"{cls.name} has no option {key!r}; it knows {', '.join(known)}")
        return cls(**given, **options)
