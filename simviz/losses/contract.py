"""The contract every loss keeps: shapes, kinds of target, weights, ignored samples, reductions, matrices."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor

from simviz.losses.closed_form import ClosedForm
from simviz.matrices.core import ClassMatrix

REDUCTIONS = ("none", "mean", "sum")
MatrixLike = ClassMatrix | np.ndarray | Tensor
IndexLoss = Callable[[Tensor, Tensor], Tensor]


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
    with full_precision(outputs):
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
            index = (target if target.ndim == 1 else target.reshape(-1)).long()
            simple = weight is None and not 0 <= ignore_index < classes and _all_are_classes(index, classes)
            if simple and reduction != "none" and isinstance(index_loss, ClosedForm):
                return index_loss.total(flat, index, 1 / len(index) if reduction == "mean" else 1.0)
            if simple:
                losses, total = index_loss(flat, index), None
            else:
                losses, total = _index_losses(flat, index, index_loss, classes, weight, ignore_index)
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
    check_range(index, classes)
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


def full_precision(outputs: Tensor) -> AbstractContextManager[None]:
    """Outside of autocast; it is not entered for nothing, which would cost a tenth of a small loss."""
    device = outputs.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


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


def as_number(value: object) -> float:
    """The value as a float; nan where it is none, since options come from text and anything can stand there."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def check_number(name: str, value: float, low: float, high: float = float("inf"), *, open_low: bool = False) -> float:
    """The number as a float, if it lies in [low, high] ((low, high] for open_low); ValueError otherwise."""
    number = as_number(value)
    if not (low < number if open_low else low <= number) or not number <= high or np.isinf(number):
        at_least = f"above {low:g}" if open_low else f"at least {low:g}"
        raise ValueError(
            f"{name} is {value!r}; it must be {at_least}" + (f" and at most {high:g}" if high < 1e300 else "")
        )
    return number


def check_whole(name: str, value: float, low: int) -> int:
    """The number as an int, if it is a whole one from `low` on; ValueError otherwise."""
    number = check_number(name, value, low)
    if number != int(number):
        raise ValueError(f"{name} is {value!r}; it must be a whole number")
    return int(number)


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


def check_range(index: Tensor, classes: int) -> None:
    """ValueError for an index that is no class, where it can be seen; see `_extent`."""
    low, high = _extent(index) or (0, 0)
    if low < 0 or high >= classes:
        bad = low if low < 0 else high
        raise ValueError(f"target has the index {bad}, but there are {classes} classes: 0 to {classes - 1}")


def _all_are_classes(index: Tensor, classes: int) -> bool:
    """Whether it can be seen that no index is ignored or wrong."""
    extent = _extent(index)
    return extent is not None and extent[0] >= 0 and extent[1] < classes


def _extent(index: Tensor) -> tuple[int, int] | None:
    """The smallest and largest index, eagerly and on the CPU: elsewhere it would make a GPU wait or break a graph."""
    if torch.compiler.is_compiling() or index.device.type != "cpu" or not index.numel():
        return None
    try:
        low, high = index.aminmax()
        return int(low), int(high)
    except RuntimeError:  # inside vmap a tensor has no single value
        return None
