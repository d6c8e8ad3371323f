"""Gradients in closed form, where plain torch is more than twice as slow as cross entropy.

A loss of one sample is a function of its row of outputs, so its gradient can be computed together with
its value, in place, and kept: one matrix of the size of the outputs instead of one for every step.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Plain = Callable[..., Tensor]
Values = tuple[Tensor, Tensor, Tensor]
Fast = Callable[..., Values | None]


class ClosedForm:
    """plain(outputs, *constants), with its gradient by the outputs computed by `fast`.

    Parameters
    ----------
    plain : callable
        outputs (M, C) and constants in, losses (M,) out; each loss depends on its own row only. It is
        what a compiler sees, and what vmap and second derivatives use.
    fast : callable
        The same in; out come the losses (M,), and a matrix (M, C) and a scale (M,) whose product is the
        gradient. None where it would lose digits, and `plain` is needed after all. It may work in
        place on what it made itself.
    *constants : tensors
        What follows outputs and index; no constant gets a gradient.
    """

    def __init__(self, plain: Plain, fast: Fast, *constants: Tensor) -> None:
        self.plain, self.fast, self.constants = plain, fast, constants

    def __call__(self, outputs: Tensor, index: Tensor) -> Tensor:
        """The losses (M,)."""
        if _is_fast(outputs):
            return _ClosedForm.apply(self.plain, self.fast, None, outputs, index, *self.constants)[0]
        return self.plain(outputs, index, *self.constants)

    def total(self, outputs: Tensor, index: Tensor, factor: float) -> Tensor:
        """The sum of the losses times a factor, at less expense than from the losses."""
        if _is_fast(outputs):
            return _ClosedForm.apply(self.plain, self.fast, factor, outputs, index, *self.constants)[0]
        return self.plain(outputs, index, *self.constants).sum() * factor


def _is_fast(outputs: Tensor) -> bool:
    # a compiler fuses the plain formula itself
    return outputs.requires_grad and torch.is_grad_enabled() and not torch.compiler.is_compiling()


def exponentials(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """exp(z - max z) and its row sums: softmax before its division, in half of its time."""
    e = (outputs - outputs.amax(1, keepdim=True)).exp_()
    return e, e.sum(1)


def safe(masses: Tensor) -> bool:
    """Whether sums of exponentials are so large that nothing was lost to underflow.

    Never on a GPU, where looking at a value would make it wait.
    """
    return masses.device.type == "cpu" and (not masses.numel() or float(masses.min()) > 1e-25)


def _row_gradient(plain: Plain, outputs: Tensor, *constants: Tensor) -> Tensor:
    return torch.func.grad(lambda z: plain(z, *constants).sum())(outputs)


def _from_plain(plain: Plain, factor: float | None, *tensors: Tensor) -> tuple[Tensor, Tensor]:
    losses, gradient = plain(*tensors), _row_gradient(plain, *tensors)
    return (losses, gradient) if factor is None else (losses.sum() * factor, gradient * factor)


class _ClosedForm(torch.autograd.Function):
    """The losses, or their sum times a factor; and what their gradient is made of."""

    @staticmethod
    def forward(plain: Plain, fast: Fast, factor: float | None, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        values = fast(*tensors)
        if values is None:
            return _from_plain(plain, factor, *tensors)
        losses, gradient, scale = values
        if factor is None:
            return losses, gradient.mul_(scale[:, None])
        return losses.sum().mul_(factor), gradient.mul_((scale * factor)[:, None])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.plain, ctx.factor = inputs[0], inputs[2]
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1], *inputs[3:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, ...]:
        gradient, *tensors = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative may be asked for, and `gradient` is a constant
            gradient = _row_gradient(ctx.plain, *tensors)
            gradient = gradient * (grad[:, None] if ctx.factor is None else grad * ctx.factor)
        elif ctx.factor is None:
            gradient = gradient * grad[:, None]
        elif grad.device.type != "cpu" or float(grad) != 1:  # 1 where the loss itself is differentiated
            gradient = gradient * grad
        return (None, None, None, gradient, *(None for _ in tensors[1:]))

    @staticmethod
    def vmap(
        info: Any, in_dims: Any, plain: Plain, fast: Fast, factor: float | None, *tensors: Tensor
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        return torch.vmap(lambda *rows: _from_plain(plain, factor, *rows), in_dims=in_dims[3:])(*tensors), (0, 0)


# torch asks for it at every call; looked up once, it costs a tenth of the loss less
_ClosedForm.forward.__signature__ = inspect.signature(_ClosedForm.forward)  # type: ignore[attr-defined]
