"""Gradients in closed form, where plain torch is more than twice as slow as cross entropy.

A loss of one sample is a function of its row of outputs, so its gradient can be computed together with
its value, in place, and kept: one matrix of the size of the outputs instead of one for every step.

On a processor only: here one looks at values to see whether digits are lost, for which a GPU would have to wait, and
there a compiler makes few kernels of the plain formula.
"""

from __future__ import annotations

from collections.abc import Callable
from math import e, log2
from typing import Any

import torch
from torch import Tensor

LOG2_E = log2(e)
Plain = Callable[..., Tensor]
Values = tuple[Tensor, Tensor]
Fast = Callable[..., Values | None]


class ClosedForm:
    """plain(outputs, *constants), with its gradient by the outputs computed by `fast`.

    Parameters
    ----------
    plain : callable
        outputs (M, C) and constants in, losses (M,) out; each loss depends on its own row only. It is
        what a compiler sees, and what vmap and second derivatives use.
    fast : callable
        The same in, after a number; out come the losses (M,), or their sum where the number is not 1, and their
        gradient (M, C) times that number. None where it would lose digits, and `plain` is needed after all. It may
        work in place on what it made itself.
    *constants : tensors
        What follows outputs and index; no constant gets a gradient.
    """

    def __init__(self, plain: Plain, fast: Fast, *constants: Tensor) -> None:
        self.plain, self.fast, self.constants = plain, fast, constants

    def __call__(self, outputs: Tensor, index: Tensor) -> Tensor:
        """The losses (M,)."""
        if _is_fast(outputs):
            return _ClosedForm.apply(self.plain, self.fast, None, outputs, index, *self.constants)
        return self.plain(outputs, index, *self.constants)

    def total(self, outputs: Tensor, index: Tensor, factor: float) -> Tensor:
        """The sum of the losses times a factor, at less expense than from the losses."""
        if _is_fast(outputs):
            return _ClosedForm.apply(self.plain, self.fast, factor, outputs, index, *self.constants)
        return self.plain(outputs, index, *self.constants).sum() * factor


def _is_fast(outputs: Tensor) -> bool:
    """Whether a gradient will be asked for, and nobody wants the formula.

    A Function that torch.func can look through costs a small loss a third of its time more at every call.
    """
    return outputs.device.type == "cpu" and outputs.requires_grad and torch.is_grad_enabled() and eager()


def eager() -> bool:
    """Whether operations are simply carried out: no compiler and no transform of torch.func looks on."""
    return not torch.compiler.is_compiling() and not torch._C._are_functorch_transforms_active()


def safe(masses: Tensor) -> bool:
    """Whether sums of probabilities are so large that nothing was lost to underflow."""
    return not masses.numel() or float(masses.min()) > 1e-25


def exponentials(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """e_c = exp(z_c - m) of every row, (M, C), and their sums, (M, 1): the softmax is their quotient.

    m is 0 where that is safe for every row, which spares two passes over the outputs, and else the row's maximum.
    A power of 2, because torch's exp takes up to three times as long as its exp2 on a processor that is not Intel's.
    """
    if outputs.numel():
        powers = (outputs * LOG2_E).exp2_()
        sums = powers.sum(1, keepdim=True)
        low, high = sums.aminmax()
        if float(low) > 1e-10 and float(high) < 1e10:
            return powers, sums
    powers = (outputs - outputs.amax(1, keepdim=True)).mul_(LOG2_E).exp2_()
    return powers, powers.sum(1, keepdim=True)


def _row_gradient(plain: Plain, outputs: Tensor, *constants: Tensor) -> Tensor:
    return torch.func.grad(lambda z: plain(z, *constants).sum())(outputs)


def _from_plain(plain: Plain, factor: float | None, *tensors: Tensor) -> tuple[Tensor, Tensor]:
    losses, gradient = plain(*tensors), _row_gradient(plain, *tensors)
    return (losses, gradient) if factor is None else (losses.sum() * factor, gradient * factor)


def _is_one(grad: Tensor) -> bool:
    """Whether the loss itself is differentiated."""
    try:
        return float(grad) == 1
    except RuntimeError:  # of several backward passes at once there is no single value
        return False


class _ClosedForm(torch.autograd.Function):
    """The losses, or their sum times a factor."""

    @staticmethod
    def forward(ctx: Any, plain: Plain, fast: Fast, factor: float | None, *tensors: Tensor) -> Tensor:
        ctx.plain, ctx.factor = plain, factor
        values = fast(1.0 if factor is None else factor, *tensors)
        if values is None:
            result, gradient = _from_plain(plain, factor, *tensors)
        else:
            losses, gradient = values
            result = losses if factor is None else (losses.sum() if losses.ndim else losses).mul_(factor)
        ctx.save_for_backward(gradient, *tensors)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        gradient, *tensors = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative may be asked for, and `gradient` is a constant
            gradient = _row_gradient(ctx.plain, *tensors)
            gradient = gradient * (grad[:, None] if ctx.factor is None else grad * ctx.factor)
        elif ctx.factor is None:
            gradient = gradient * grad[:, None]
        elif not _is_one(grad):
            gradient = gradient * grad
        return (None, None, None, gradient, *(None for _ in tensors[1:]))
