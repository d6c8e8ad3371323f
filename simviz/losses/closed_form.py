"""Gradients in closed form, where plain torch is more than twice as slow as cross entropy.

A loss of one sample is a function of its row of outputs, so its gradient can be computed together with
its value, in place, and kept: one matrix of the size of the outputs instead of one for every step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def closed_form(
    plain: Callable[..., Tensor], fast: Callable[..., tuple[Tensor, Tensor] | None], outputs: Tensor, *constants: Tensor
) -> Tensor:
    """plain(outputs, *constants), with its gradient by the outputs computed by `fast`.

    Parameters
    ----------
    plain : callable
        outputs (M, C) and constants in, losses (M,) out; each loss depends on its own row only. It is
        what a compiler sees, and what vmap and second derivatives use.
    fast : callable
        The same in, losses and the gradient (M, C) of their sum out; None where it would lose digits,
        and `plain` is needed after all. It may work in place on what it made itself.
    outputs : (M, C)
    *constants : tensors
        They get no gradient.
    """
    # a compiler fuses the plain formula itself
    if torch.compiler.is_compiling() or not (outputs.requires_grad and torch.is_grad_enabled()):
        return plain(outputs, *constants)
    return _ClosedForm.apply(plain, fast, outputs, *constants)[0]


def safe(masses: Tensor) -> bool:
    """Whether sums of probabilities are so large that nothing was lost to underflow.

    Never on a GPU, where looking at a value would make it wait.
    """
    return masses.device.type == "cpu" and bool((masses > 1e-25).all())


def _row_gradient(plain: Callable[..., Tensor], outputs: Tensor, *constants: Tensor) -> Tensor:
    return torch.func.grad(lambda z: plain(z, *constants).sum())(outputs)


class _ClosedForm(torch.autograd.Function):
    @staticmethod
    def forward(plain: Any, fast: Any, outputs: Tensor, *constants: Tensor) -> tuple[Tensor, Tensor]:
        result = fast(outputs, *constants)
        return (plain(outputs, *constants), _row_gradient(plain, outputs, *constants)) if result is None else result

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.plain = inputs[0]
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1], *inputs[2:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Tensor | None, ...]:
        gradient, outputs, *constants = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative may be asked for, and `gradient` is a constant
            gradient = _row_gradient(ctx.plain, outputs, *constants)
        return (None, None, gradient * grad[:, None], *(None for _ in constants))

    @staticmethod
    def vmap(info: Any, in_dims: Any, plain: Any, fast: Any, *tensors: Tensor) -> tuple[Any, Any]:
        def both(*args: Tensor) -> tuple[Tensor, Tensor]:
            return plain(*args), _row_gradient(plain, *args)

        return torch.vmap(both, in_dims=in_dims[2:])(*tensors), (0, 0)
