"""Several networks of one shape trained as one program: one launch on the device for all of them.

A small network leaves a GPU idle: starting its kernels takes longer than running them. Here the weights of several lie
in one tensor, a row each, and `torch.func.vmap` runs them all; a convolution of each becomes a group of one
convolution. What every trainer holds are views of its row, so that it validates, saves and resumes as if it trained
alone. Each step is one recording (`simviz.recorded`). On a processor, which has no idle units, this is slower
(`benchmarks/stack.py`), see `worthwhile`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from simviz import models
from simviz.losses.base import ClassLoss
from simviz.recorded import Recorded
from simviz.training import Step, Trainer


def worthwhile(device: torch.device) -> bool:
    """Whether a small network is quicker in a stack, and several quicker together than one after another."""
    return device.type == "cuda"


class Stack:
    """Trainers that take their steps together.

    Each keeps its own seed, batches, loss, matrix and learning rate; trainers of one seed share their batches.

    Parameters
    ----------
    trainers
        At the same epoch, each made `beside` the first; their specs differ in seed and learning rate alone, their
        losses in matrix, weights and positions alone. The backbone is one of ours, which drop nothing at random, and
        the loss one that hears no features (`ClassLoss.observe`).

    Raises
    ------
    ValueError
        Where they differ in more, or one cannot be stacked.
    """

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        self.trainers = list(trainers)
        first = self._first = self.trainers[0]
        for trainer in self.trainers:
            if why := _apart(first, trainer):
                raise ValueError(f"these runs cannot be trained as one: {why}")
        named = [dict(t.objective.named_parameters()) for t in self.trainers]
        every = [dict(t.objective.named_buffers()) for t in self.trainers]
        self._rows = rows = _Rows(self.trainers, named, every)
        _hand_out(rows, self.trainers, named, every)
        self._learn = {warm: Recorded(partial(rows.take, warm)) for warm in (False, True)}

    def steps(self) -> Iterator[Step]:
        """Take the steps of one epoch; call `ends` after the last."""
        self._began = time.perf_counter()
        self._total = self._rows.weights.new_zeros(len(self.trainers))
        for trainer in self.trainers:
            trainer.network.train()
        of_seed = {t.spec.seed: t for t in self.trainers}
        places = list(of_seed)
        rows = torch.tensor([places.index(t.spec.seed) for t in self.trainers], device=self._rows.weights.device)
        learn, (rates, corrections) = self._learn[self._first.warm], self._schedule()
        for step, found in enumerate(zip(*(t.batches() for t in of_seed.values()), strict=True)):
            images, target = (torch.stack(parts).index_select(0, rows) for parts in zip(*found, strict=True))
            self._total += learn(images, target, rates[step], corrections[step])
            yield Step(self._first.epoch + 1, step + 1, self._first.steps)

    def ends(self) -> list[tuple[float, float]]:
        """What `Trainer.end_epoch` of each is to be given: its mean loss, and its share of the seconds."""
        seconds = (time.perf_counter() - self._began) / len(self.trainers)
        for trainer in self.trainers:
            for state in trainer.optimizer.state.values():
                if "step" in state:
                    state["step"].fill_((trainer.epoch + 1) * trainer.steps)
        return [(total / self._first.steps, seconds) for total in self._total.tolist()]

    def _schedule(self) -> tuple[Tensor, Tensor]:
        """Of each step of the epoch: every row's learning rate, (steps, M, 1); by what Adam's means fall short."""
        first, device = self._first, self._rows.weights.device
        rates = [[[t.rate(step)] for t in self.trainers] for step in range(first.steps)]
        before, betas = first.epoch * first.steps, first.optimizer.defaults.get("betas", ())
        short = [[1 - beta ** (before + step + 1) for beta in betas] for step in range(first.steps)]
        return torch.tensor(rates, device=device), torch.tensor(short, device=device)


class _Rows:
    """Weights, moments and buffers of every network, one in a row, and the step that all of them take.

    Apart from the stack, so that a recording of the step holds no stack, and both are gone once nobody needs them.
    """

    def __init__(
        self, trainers: Sequence[Trainer], named: Sequence[dict[str, nn.Parameter]], every: Sequence[dict[str, Tensor]]
    ) -> None:
        self._objective, optimizer = trainers[0].objective, trainers[0].optimizer
        self._defaults = optimizer.defaults
        self._shapes = {name: parameter.shape for name, parameter in named[0].items()}
        self.weights = _flat(own.values() for own in named).requires_grad_()
        kinds = ("exp_avg", "exp_avg_sq") if "betas" in self._defaults else ("momentum_buffer",)
        self.moments = {kind: _flat(_moments(t, kind) for t in trainers) for kind in kinds}
        self.buffers = {name: torch.stack([own[name] for own in every]) for name in every[0]}

    def take(self, warm: bool, images: Tensor, target: Tensor, rates: Tensor, corrections: Tensor) -> Tensor:
        """One step of each, on images (M, N, channels, H, W); their losses, (M,)."""

        def objective(weights: dict[str, Tensor], buffers: dict[str, Tensor], batch: Tensor, truth: Tensor) -> Tensor:
            return functional_call(self._objective, {**weights, **buffers}, (batch, truth, warm))

        losses = vmap(objective)(self.parts(self.weights), self.buffers, images, target)
        (gradient,) = torch.autograd.grad(losses.sum(), self.weights)
        with torch.no_grad():
            self.weights -= rates * self._direction(gradient, corrections)
        return losses.detach()

    def parts(self, flat: Tensor) -> dict[str, Tensor]:
        """A row's numbers as the parameters of a network, each (M, ...)."""
        pieces = flat.split([shape.numel() for shape in self._shapes.values()], 1)
        return {n: piece.view(-1, *shape) for piece, (n, shape) in zip(pieces, self._shapes.items(), strict=True)}

    def _direction(self, gradient: Tensor, corrections: Tensor) -> Tensor:
        """Where one step at learning rate 1 goes, (M, weights): Adam (Kingma and Ba 2015), or Nesterov's momentum.

        torch.optim has one learning rate for a tensor; here every row has its own.
        """
        if "exp_avg" not in self.moments:
            momentum = self._defaults["momentum"]
            return gradient + momentum * self.moments["momentum_buffer"].mul_(momentum).add_(gradient)
        beta1, beta2 = self._defaults["betas"]
        mean = self.moments["exp_avg"].lerp_(gradient, 1 - beta1)
        square = self.moments["exp_avg_sq"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        of_mean, of_square = corrections
        spread = (square / of_square).sqrt_().add_(self._defaults["eps"])
        return mean / of_mean / spread


def _hand_out(
    rows: _Rows,
    trainers: Sequence[Trainer],
    named: Sequence[dict[str, nn.Parameter]],
    every: Sequence[dict[str, Tensor]],
) -> None:
    """Let what each trainer holds be views of its row."""
    weights = rows.parts(rows.weights.detach())
    moments = {kind: rows.parts(flat) for kind, flat in rows.moments.items()}
    for i, (trainer, own) in enumerate(zip(trainers, named, strict=True)):
        for name, parameter in own.items():
            parameter.data = weights[name][i]
            state = trainer.optimizer.state[parameter]
            state.update({kind: parts[name][i] for kind, parts in moments.items()})
            if "exp_avg" in state:
                state.setdefault("step", torch.tensor(0.0, device=parameter.device))
        for name, buffer in every[i].items():
            buffer.data = rows.buffers[name][i]


def _apart(first: Trainer, other: Trainer) -> str:
    """Why two trainers cannot take their steps together; "" where they can."""
    if other.objective.network["backbone"].name not in models.available():
        return f"{other.objective.network['backbone'].name} is none of our own networks"
    if type(other.loss).observe is not ClassLoss.observe:
        return f"{other.loss.name} hears features"
    ours, theirs = (t.spec.model_dump(exclude={"seed", "lr", "loss"}) for t in (first, other))
    if differing := [key for key in ours if ours[key] != theirs.get(key)]:
        return f"they differ in {', '.join(differing)}"
    if (type(first.loss), _plain(first.loss)) != (type(other.loss), _plain(other.loss)):
        return "they differ in the loss"
    if first.epoch != other.epoch:
        return f"they are at the epochs {first.epoch} and {other.epoch}"
    return "" if first.images is other.images else "their images lie apart"


def _plain(loss: ClassLoss) -> dict[str, str]:
    """What a loss holds beside its tensors."""
    return {k: repr(v) for k, v in vars(loss).items() if not k.startswith("_")}


def _moments(trainer: Trainer, kind: str) -> list[Tensor]:
    parameters = trainer.objective.parameters()
    return [trainer.optimizer.state.get(p, {}).get(kind, torch.zeros_like(p)) for p in parameters]


def _flat(rows: Iterable[Iterable[Tensor]]) -> Tensor:
    """Every tensor of a row, one behind the other."""
    return torch.stack([torch.cat([t.detach().flatten() for t in row]) for row in rows])
