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
from collections.abc import Callable
from typing import Any, ClassVar, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from simviz.classes import ClassSet
from simviz.matrices.core import ClassMatrix

REDUCTIONS = ("none", "mean", "sum")
MatrixLike = ClassMatrix | np.ndarray | Tensor
IndexLoss = Callable[[Tensor, Tensor], Tensor]


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
            The matrix is missing or superfluous, the classes lack the order the loss needs, an option
            is unknown.
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


def reduced_loss(
    outputs: Tensor,
    target: Tensor,
    index_loss: IndexLoss,
    soft_loss: IndexLoss | None = None,
    *,
    num_classes: int | None = None,
    additive: bool = True,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """The contract of every loss: shapes, kinds of target, weights, ignored samples, reduction.

    Parameters
    ----------
    outputs, target
        As in `ClassLoss.forward`.
    index_loss : callable
        (M, K) outputs and (M,) indices in, (M,) losses out; finite also where the target is ignored.
    soft_loss : callable, optional
        (M, K) outputs and (M, C) soft targets in, (M,) losses out. By default sum_y t_y loss(z, y).
    num_classes : int, optional
        C where the outputs have another width K.
    additive : bool
        Whether soft_loss is linear in the target, so that class weights belong inside it; otherwise
        the sample is weighted by sum_y t_y weight_y.
    weight, ignore_index, reduction
        As in `ClassLoss`.
    """
    check_reduction(reduction)
    single = outputs.ndim == 1
    if single:
        outputs, target = outputs[None], target[None]
    width = outputs.shape[1] if outputs.ndim > 1 else 0
    classes = num_classes or width
    soft = target.is_floating_point()
    check_shapes(outputs, target, classes, soft, weight)
    with torch.autocast(outputs.device.type, enabled=False):
        flat = widened(outputs if outputs.ndim == 2 else outputs.movedim(1, -1).reshape(-1, width))
        if weight is not None:
            weight = weight.to(flat)
        if soft:
            if ignore_index >= 0:
                raise ValueError(f"ignore_index is {ignore_index}, but a soft target has no index to ignore")
            rows = target if target.ndim == 2 else target.movedim(1, -1).reshape(-1, classes)
            losses = _soft_losses(flat, rows.to(flat.dtype), index_loss, soft_loss, additive, weight)
            total = None
            shape = target.shape[:1] + target.shape[2:]
        else:
            losses, total = _index_losses(flat, target.reshape(-1).long(), index_loss, classes, weight, ignore_index)
            shape = target.shape
        if reduction == "none":
            return losses.reshape(shape[1:] if single else shape)
        if reduction == "sum":
            return losses.sum()
        return losses.mean() if total is None else losses.sum() / total


def _index_losses(
    outputs: Tensor, index: Tensor, index_loss: IndexLoss, classes: int, weight: Tensor | None, ignore_index: int
) -> tuple[Tensor, Tensor]:
    """Weighted losses (M,), zero where ignored, and what a mean divides by."""
    counted = index != ignore_index
    index = torch.where(counted, index, 0)
    _check_range(index, classes)
    losses = index_loss(outputs, index)
    weights = counted.to(outputs.dtype) if weight is None else torch.where(counted, weight[index], 0)
    # where, not a product alone: an ignored sample costs 0 even if its loss overflowed
    losses = torch.where(counted, losses if weight is None else losses * weights, 0)
    return losses, weights.sum()


def _soft_losses(
    outputs: Tensor,
    target: Tensor,
    index_loss: IndexLoss,
    soft_loss: IndexLoss | None,
    additive: bool,
    weight: Tensor | None,
) -> Tensor:
    """Weighted losses (M,) of soft targets (M, C)."""
    if soft_loss is None:
        each = [index_loss(outputs, torch.full_like(target[:, 0], c, dtype=torch.long)) for c in range(target.shape[1])]
        return (torch.stack(each, 1) * (target if weight is None else target * weight)).sum(1)
    if weight is None:
        return soft_loss(outputs, target)
    return soft_loss(outputs, target * weight) if additive else soft_loss(outputs, target) * (target @ weight)


def widened(outputs: Tensor) -> Tensor:
    """The outputs in float32, or as they are if they are wider."""
    return outputs if outputs.dtype in (torch.float32, torch.float64) else outputs.float()


def pick(values: Tensor, index: Tensor) -> Tensor:
    """values[m, index[m]] for each row m: (M, C) and (M,) in, (M,) out."""
    return values.gather(1, index[:, None]).squeeze(1)


def matrix_tensor(matrix: MatrixLike, kind: str, loss: str) -> Tensor:
    """A validated (C, C) tensor from what a loss was given as its matrix.

    float32, or float64 for a float64 tensor. A similarity is finite, not negative, with a positive
    diagonal; a distance is finite, not negative, with a diagonal of 0.

    Raises
    ------
    ValueError
        Naming the first bad entry; for a ClassMatrix of the other kind, the method to call.
    """
    if isinstance(matrix, ClassMatrix):
        if matrix.kind != kind:
            raise ValueError(f"{loss} needs a {kind}, and this ClassMatrix is a {matrix.kind}; pass matrix.to_{kind}()")
        return torch.tensor(matrix.values)
    values = matrix.detach().clone() if isinstance(matrix, Tensor) else torch.tensor(np.asarray(matrix, np.float32))
    if values.dtype != torch.float64:
        values = values.float()
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not len(values):
        raise ValueError(f"the {kind} for {loss} has shape {tuple(values.shape)}; a square matrix, C x C, is needed")
    diagonal = values.diagonal()
    rules = [
        (~values.isfinite(), "every entry must be finite"),
        (values < 0, "no entry may be negative"),
        (torch.diag(diagonal <= 0 if kind == "similarity" else diagonal != 0), f"a {kind} {_DIAGONAL[kind]}"),
    ]
    for bad, rule in rules:
        if bad.any():
            i, j = bad.nonzero()[0].tolist()
            raise ValueError(f"the {kind} for {loss} is {values[i, j].item():g} at ({i}, {j}); {rule}")
    return values


_DIAGONAL = {"similarity": "needs a positive diagonal", "distance": "needs a diagonal of 0"}


def rows_of(matrix: Tensor, outputs: Tensor, index: Tensor) -> Tensor:
    """Row matrix[y] of each sample in the outputs' dtype; ValueError where the matrix is of another size."""
    check_size(matrix, outputs)
    return matrix.index_select(0, index).to(outputs.dtype)


def mixed_rows(matrix: Tensor, outputs: Tensor, target: Tensor) -> Tensor:
    """Rows of the matrix mixed by soft targets, sum_y t_y matrix[y]: (M, C)."""
    check_size(matrix, outputs)
    return target @ matrix.to(outputs.dtype)


def check_size(matrix: Tensor, outputs: Tensor) -> None:
    """ValueError unless the matrix is for as many classes as there are outputs."""
    if matrix.ndim != 2 or matrix.shape[1] != outputs.shape[1]:
        shape = " x ".join(map(str, matrix.shape))
        raise ValueError(f"the matrix is {shape}, but the outputs have {outputs.shape[1]} classes; they must agree")


def check_number(name: str, value: float, low: float, high: float = float("inf"), *, open_low: bool = False) -> float:
    """The number as a float, if it lies in [low, high] ((low, high] for open_low); ValueError otherwise."""
    number = float(value)
    if not (low < number if open_low else low <= number) or not number <= high or np.isinf(number):
        at_least = f"above {low:g}" if open_low else f"at least {low:g}"
        raise ValueError(
            f"{name} is {value!r}; it must be {at_least}" + (f" and at most {high:g}" if high < 1e300 else "")
        )
    return number


def check_reduction(reduction: str) -> None:
    """ValueError unless it is one of PyTorch's three reductions."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}; it is 'none', 'mean' or 'sum'")


def checked_weight(weight: Tensor | np.ndarray) -> Tensor:
    """Class weights (C,) as a floating tensor; ValueError names the bad one."""
    values = weight.detach().clone() if isinstance(weight, Tensor) else torch.tensor(np.asarray(weight, np.float32))
    values = values if values.dtype == torch.float64 else values.float()
    if values.ndim != 1:
        raise ValueError(f"weight has shape {tuple(values.shape)}; give one number for each class, shape (C,)")
    bad = ~(values.isfinite() & (values >= 0))
    if bad.any():
        at = int(bad.nonzero()[0])
        raise ValueError(f"weight of class {at} is {values[at].item():g}; it must be finite and not negative")
    return values


def check_shapes(outputs: Tensor, target: Tensor, classes: int, soft: bool, weight: Tensor | None) -> None:
    """ValueError where outputs, target and weight do not fit together."""
    if outputs.ndim < 2:
        raise ValueError("outputs is a single number; shape (N, C) is needed")
    if not outputs.is_floating_point():
        raise ValueError(f"outputs is {outputs.dtype}; floating-point numbers are needed")
    place = tuple(outputs.shape[2:])
    wanted = (outputs.shape[0], classes, *place) if soft else (outputs.shape[0], *place)
    if tuple(target.shape) != wanted:
        what = "soft target (floating-point probabilities)" if soft else "index target (integers)"
        raise ValueError(
            f"target has shape {tuple(target.shape)} for outputs of shape {tuple(outputs.shape)}; "
            f"a {what} needs shape {wanted}"
        )
    if weight is not None and weight.shape != (classes,):
        raise ValueError(f"weight has shape {tuple(weight.shape)} for {classes} classes; give one number for each")


def _check_range(index: Tensor, classes: int) -> None:
    """ValueError for an index that is no class. Only eagerly and on the CPU: elsewhere it would cost a
    synchronization or break the graph."""
    if torch.compiler.is_compiling() or index.device.type != "cpu" or not index.numel():
        return
    try:
        low, high = (int(v) for v in index.aminmax())
    except RuntimeError:  # inside vmap a tensor has no single value
        return
    if low < 0 or high >= classes:
        bad = low if low < 0 else high
        raise ValueError(f"target has the index {bad}, but there are {classes} classes: 0 to {classes - 1}")
