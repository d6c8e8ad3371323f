"""A network's last layer, fitted anew for any loss on frozen features.

The features are those of the fitting samples, standardised; what is minimised is

    mean loss + penalty / 2 ||W||^2

over the weights W (on standardised features) and the biases, which are not penalised. For cross entropy that is
multinomial logistic regression. It is minimised over all samples at once by L-BFGS, in the coordinates in which the
features are uncorrelated and each direction is stretched by the root of the curvature that cross entropy roughly has
along it: a rotation, which the penalty does not notice, and a stretch, which is undone.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simviz.heads.features import Features
from simviz.hyperparameters import PENALTY
from simviz.losses import ClassLoss, CrossEntropyLoss

CONVEX_TOLERANCE = 5e-6
TOLERANCE = 3e-5  # a third of it costs a fifth more steps and moves one decision of a thousand
STEPS, LAST_STEPS = 200, 100  # in float32, and in float64
CURVATURE = 0.01  # of cross entropy by a logit, p (1 - p), where most samples are known well
HISTORY = 100  # of 20 the fits take a fifth more steps
CHUNK = 8192


@dataclass(frozen=True, eq=False)
class Head:
    """A last layer fitted to frozen features, and how the fit ended.

    Attributes
    ----------
    loss : ClassLoss
    layer : nn.Module
        Takes features minus `mean`, (N, F), to what the loss takes.
    mean : float32 (F,)
    converged : bool
        Whether `gradient` fell to the tolerance: 5e-6 for a convex loss, whose minimum is the only one, 3e-5 for
        another, which ends in the minimum that it reaches from cross entropy's. At the default penalty probabilities
        are then within about 2e-4 of the optimum's, or 3e-3 of that minimum's (measured with 64 classes and 384
        features).
    gradient : float
        The largest entry of the gradient in the coordinates of the search, where it ended.
    objective : float
        Mean loss plus penalty, where the search ended.
    evaluations : int
        How often the objective was computed.
    """

    loss: ClassLoss
    layer: nn.Module
    mean: Tensor
    converged: bool
    gradient: float
    objective: float
    evaluations: int

    def outputs(self, values: NDArray[np.floating]) -> Tensor:
        """What the loss takes, for features (N, F)."""
        return self.layer(torch.as_tensor(np.asarray(values, dtype=np.float32)) - self.mean)

    def log_probabilities(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Of the classes, natural logarithm, (N, C), for features (N, F)."""
        with torch.inference_mode():
            pieces = [values[i : i + CHUNK] for i in range(0, len(values), CHUNK)]
            found = [self.loss.log_probabilities(self.outputs(piece)) for piece in pieces]
            return torch.cat(found).numpy().astype(np.float32)


class Refitter:
    """Fits last layers to one set of features; what all of them share is computed once.

    Every fit begins at the optimum of cross entropy where the loss takes as many outputs as there are classes, and at
    weights of 0 otherwise: the same setting gives the same head to the last bit, whatever was fitted before.

    Parameters
    ----------
    fit : Features
        Of the samples to fit on. A feature that never changes is left out.
    penalty : float > 0
        Of the squared weights; see the module.

    Raises
    ------
    ValueError
        A penalty that is not positive.
    """

    def __init__(self, fit: Features, penalty: float = PENALTY) -> None:
        if not penalty > 0:
            raise ValueError(f"the penalty is {penalty}; it must be above 0, or weights may grow without end")
        self.fit, self.penalty = fit, float(penalty)
        values = torch.tensor(fit.values)
        self.target = torch.tensor(fit.target)
        self.mean = values.mean(0)
        scale = values.std(0, correction=0)
        inverse = torch.where(scale > 1e-6 * scale.max().clamp_min(1e-30), 1 / scale, 0)
        standard = (values - self.mean) * inverse
        curved, rotation = torch.linalg.eigh((standard.T @ standard / len(values)).double())
        stretch = (curved.clamp_min(0) + self.penalty / CURVATURE).sqrt()
        self.to_search = inverse.double()[:, None] * rotation / stretch  # from features to the search, (F, F)
        self.stretch = stretch.float()
        self.inputs = (values - self.mean) @ self.to_search.float()

    @cached_property
    def cross_entropy(self) -> Head:
        """The head of plain cross entropy, near which the others begin."""
        return self._head(CrossEntropyLoss(), *self._start)

    @cached_property
    def _start(self) -> tuple[nn.Module, int]:
        loss = CrossEntropyLoss()
        return self._minimise(loss, self._layer(loss, None))

    def head(self, loss: ClassLoss) -> Head:
        """The last layer that `loss` asks for, fitted.

        Parameters
        ----------
        loss : ClassLoss
            A self-guided loss learns its distance from these features first, and keeps it.

        Raises
        ------
        ValueError
            Where the loss does not fit the classes, or is not finite on these features.
        """
        loss = self._taught(copy.deepcopy(loss))
        if type(loss) is CrossEntropyLoss and loss.weight is None and not loss.label_smoothing:
            return self.cross_entropy
        return self._head(loss, *self._minimise(loss, self._layer(loss, self._start[0])))

    def _taught(self, loss: ClassLoss) -> ClassLoss:
        """The loss after it has seen these features: twice, since an automatic weight is measured after the first."""
        observes = type(loss).observe is not ClassLoss.observe
        for _ in range(2 if observes else 0):
            loss.observe(torch.tensor(self.fit.values), self.target)
            loss(self.cross_entropy.outputs(self.fit.values), self.target)
            loss.end_epoch()
        return loss

    @cached_property
    def _wide_inputs(self) -> Tensor:
        return self.inputs.double()

    def _objective(self, loss: ClassLoss, layer: nn.Module) -> Tensor:
        weights = [p for p in layer.parameters() if self._is_weight(p)]
        inputs = self.inputs if weights[0].dtype == torch.float32 else self._wide_inputs
        size = torch.stack([(weight / self.stretch).square().sum() for weight in weights]).sum()
        return loss(layer(inputs), self.target) + self.penalty / 2 * size

    def _minimise(self, loss: ClassLoss, layer: nn.Module) -> tuple[nn.Module, int]:
        """The layer, in the coordinates of the search, at a minimum; and how often the objective was computed.

        In float32, at half the price, for as long as its digits tell up from down; the rest in float64.
        """
        evaluations = self._search(loss, layer, STEPS)
        if self._gradient(loss, layer) > _tolerance(loss):
            evaluations += self._search(loss.double(), layer.double(), LAST_STEPS)
        return layer, evaluations

    def _search(self, loss: ClassLoss, layer: nn.Module, steps: int) -> int:
        coarse = next(layer.parameters()).dtype == torch.float32
        search = torch.optim.LBFGS(
            [*layer.parameters(), *loss.parameters()],
            max_iter=steps,
            max_eval=2 * steps,
            history_size=HISTORY,
            tolerance_grad=_tolerance(loss),
            tolerance_change=1e-9 if coarse else 0,  # float32 tells such values no longer apart
            line_search_fn="strong_wolfe",
        )
        evaluations = 0

        def objective() -> Tensor:
            nonlocal evaluations
            evaluations += 1
            search.zero_grad()
            value = self._objective(loss, layer)
            value.backward()
            return value

        search.step(objective)
        return evaluations

    def _gradient(self, loss: ClassLoss, layer: nn.Module) -> float:
        """The largest entry of the gradient."""
        value = self._objective(loss, layer)
        if not value.isfinite():
            raise ValueError(f"{loss.title} became {value:g} on these features; raise the penalty or check the matrix")
        slopes = torch.autograd.grad(value, [*layer.parameters(), *loss.parameters()], allow_unused=True)
        return max(float(slope.abs().max()) for slope in slopes if slope is not None)

    def _head(self, loss: ClassLoss, layer: nn.Module, evaluations: int) -> Head:
        """The layer on features in place of the coordinates of the search, with how the fit ended."""
        gradient, value = self._gradient(loss, layer), self._objective(loss, layer).item()
        layer = copy.deepcopy(layer).requires_grad_(False).double().eval()
        for parameter in filter(self._is_weight, layer.parameters()):
            parameter.copy_(parameter @ self.to_search.T)
        return Head(
            loss=loss.float().requires_grad_(False).eval(),
            layer=layer.float(),
            mean=self.mean,
            converged=gradient <= _tolerance(loss),
            gradient=gradient,
            objective=value,
            evaluations=evaluations,
        )

    def _layer(self, loss: ClassLoss, start: nn.Module | None) -> nn.Module:
        """A layer for the loss: a copy of `start` where that is of its shape, else one with weights of 0."""
        with torch.random.fork_rng():
            layer = loss.head(len(self.stretch), self.fit.num_classes)
        shapes = [[p.shape for p in module.parameters()] for module in (layer, start or layer)]
        if start is not None and type(start) is type(layer) and shapes[0] == shapes[1]:
            return copy.deepcopy(start).float()
        with torch.no_grad():
            for name, parameter in layer.named_parameters():
                if self._is_weight(parameter) or (name == "bias" and isinstance(layer, nn.Linear)):
                    parameter.zero_()
        return layer

    def _is_weight(self, parameter: Tensor) -> bool:
        return parameter.ndim == 2 and parameter.shape[1] == len(self.stretch)


def _tolerance(loss: ClassLoss) -> float:
    return CONVEX_TOLERANCE if loss.convex else TOLERANCE
