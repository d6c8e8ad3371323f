"""The self-guided loss: a squared EMD whose ground distance is learned while training."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from simviz.classes import ClassSet
from simviz.losses.base import ClassLoss, Options
from simviz.losses.closed_form import eager
from simviz.losses.contract import check_range, check_whole, pick, reduced_loss, rows_of
from simviz.losses.cross_entropy import cross_entropy
from simviz.losses.ground_distance import checked_regularizer, normalized_distance, penalized_cross_entropy
from simviz.losses.registry import register
from simviz.matrices.core import ClassMatrix

AUTO_SHARE = 3.5


def learned_distance(centroids: Tensor, known: Tensor | None = None) -> Tensor:
    """The ground distance between class centroids, in [0, 1] and symmetric.

    Euclidean distances, each row ranked 0, 1/(C-1), ..., 1, then (D + D^T) / 2.

    Parameters
    ----------
    centroids : (C, F)
    known : bool (C,), optional
        Classes whose centroid is known; another class is as far from all as the farthest pair.

    Returns
    -------
    (C, C)

    >>> learned_distance(torch.tensor([[0.0], [1.0], [5.0]]))
    tensor([[0.0000, 0.5000, 1.0000],
            [0.5000, 0.0000, 0.7500],
            [1.0000, 0.7500, 0.0000]])
    """
    distance = torch.cdist(centroids, centroids, compute_mode="donot_use_mm_for_euclid_dist")
    if known is not None:
        pairs = known[:, None] & known
        distance = torch.where(pairs, distance, torch.where(pairs, distance, 0).max()).fill_diagonal_(0)
    ranked = normalized_distance(distance)
    return (ranked + ranked.T) / 2


@register
class SelfGuidedEMDLoss(ClassLoss):
    """The self-guided squared EMD of Hou et al.: the distance between classes is learned while training.

    .. math:: L(z, y) = -\\log p_y + \\lambda \\sum_i p_i^2 (D_{yi}^\\omega + \\mu), \\quad p = softmax(z)

    D comes from the network: penultimate features, each divided by its sum (L1), averaged over each
    class in an epoch; `learned_distance` of these means, once an epoch. Call ``observe(features,
    target)`` with each training batch before the loss, and ``end_epoch()`` after each epoch. Until the
    first ``end_epoch`` there is no distance and the loss is plain cross entropy; from then on it is the
    pure function `ground_distance_loss` of the `learned_distance`. A sample whose
    features are all zero (or not finite) is left out; a class absent from an epoch keeps its last mean.

    In simviz's own training the first `warmup_epochs`, min(4, epochs // 3), are plain cross entropy. In a
    loop of your own they are as many as epochs pass before the second ``end_epoch``: begin with
    `CrossEntropyLoss` and call ``observe`` meanwhile if the first features are too poor.

    **When to use it.** When nothing is known about the classes beforehand, or to see what a network
    finds similar. Its agreement with words or groups means something only beside the same distance
    from the untrained network, from class means of the pixels, and from a network trained with cross
    entropy.

    Parameters
    ----------
    num_classes : int
        C.
    lam : float >= 0 or "auto"
        Weight of the regularizer. "auto" measures for one epoch after the first distance (with weight
        0), and then takes (mean cross entropy / mean absolute regularizer) / 3.5 of the epoch before.
    exponent, bias
        omega > 0 and mu <= 0, as in `GroundDistanceLoss`.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target.

    Attributes
    ----------
    distance : (C, C) or None
        The distance in use. All state is in the state_dict.

    Raises
    ------
    ValueError
        A bad option; forward without any ``observe``.

    Source
    ------
    Hou, Yu, Samaras, Squared Earth Mover's Distance-based Loss, arXiv:1611.05916, section 3.3. The
    rule of "auto" is a public re-implementation's.

    Examples
    --------
    >>> loss = SelfGuidedEMDLoss(3)
    >>> loss.observe(torch.tensor([[1.0, 0.0], [0.8, 0.2], [0.0, 1.0]]), torch.tensor([0, 1, 2]))
    >>> round(loss(torch.zeros(1, 3), torch.tensor([0])).exp().item(), 4)  # still plain cross entropy
    3.0
    >>> loss.end_epoch()["ground_distance"][0]
    array([0. , 0.5, 1. ], dtype=float32)
    """

    name = "self_guided"
    title = "Self-guided squared EMD"
    # None until there is something to keep
    _state = ("class_sums", "class_counts", "centroids", "known", "distance", "measured", "measured_lam")
    class_sums: Tensor | None
    class_counts: Tensor | None
    centroids: Tensor | None
    known: Tensor | None
    distance: Tensor | None
    measured: Tensor | None
    measured_lam: Tensor | None

    def __init__(
        self,
        num_classes: int,
        lam: float | str = 1.0,
        exponent: float = 1.0,
        bias: float = -0.5,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        if isinstance(lam, str) and lam != "auto":
            raise ValueError(f"lam is {lam!r}; it is a number or 'auto'")
        self.automatic = lam == "auto"
        self.num_classes = check_whole("num_classes", num_classes, 1)
        self.lam, self.exponent, self.bias = checked_regularizer(0.0 if lam == "auto" else float(lam), exponent, bias)
        for name in self._state:
            self.register_buffer(name, None)
        self._heard: Tensor | None = None  # what a layer that is watched gave last
        self._cost_of: tuple[Tensor | None, Tensor] = None, torch.zeros(0)

    @classmethod
    def arguments(cls, classes: ClassSet, matrix: ClassMatrix | None) -> dict[str, Any]:
        return {"num_classes": len(classes)}

    def warmup_epochs(self, epochs: int) -> int:
        return min(4, epochs // 3)

    @torch.no_grad()
    def observe(self, features: Tensor, target: Tensor) -> None:
        """Add a training batch to the class sums.

        Parameters
        ----------
        features : (N, F)
            Penultimate features; further dimensions are flattened. Where every place of an image has a target of its
            own, (N, F, d1, ...).
        target : integer (N,) or (N, d1, ...), or soft (N, C) or (N, C, d1, ...)
            The targets **of the same samples**.

        Raises
        ------
        ValueError
            Where the two do not fit each other, the classes, or the features observed before.
        """
        features, target = self._paired(features.detach().float(), target.to(features.device))
        if not target.is_floating_point():
            counted = target != self.ignore_index
            index = torch.where(counted, target, 0).long()
            check_range(index, self.num_classes)
            target = F.one_hot(index, self.num_classes) * counted[:, None]
        if self.class_sums is not None and self.class_sums.shape[1] != features.shape[1]:
            raise ValueError(
                f"observe was given {features.shape[1]} features a sample, and {self.class_sums.shape[1]} before; "
                "a distance is learned from one layer"
            )
        if self.class_sums is None or self.class_counts is None:
            self.class_sums = features.new_zeros(self.num_classes, features.shape[1])
            self.class_counts = features.new_zeros(self.num_classes)
        sizes = features.abs().sum(1, keepdim=True)
        alive = (sizes > 0) & sizes.isfinite()
        shares = target.float() * alive
        self.class_sums += shares.T @ torch.where(alive, features / torch.where(alive, sizes, 1), 0)
        self.class_counts += shares.sum(0)

    def _paired(self, features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Features (M, F) and their targets, (M,) or (M, C)."""
        soft = target.is_floating_point()
        given = f"features of shape {tuple(features.shape)} and targets of shape {tuple(target.shape)}"
        if target.ndim > 1 + soft and features.shape[2:] == target.shape[1 + soft :]:  # a target at every place
            features = features.movedim(1, -1).flatten(0, -2)
            target = target.movedim(1, -1).flatten(0, -2) if soft else target.flatten()
        features = features.flatten(1)
        if target.shape != ((len(features), self.num_classes) if soft else (len(features),)):
            raise ValueError(
                f"observe was given {given} for {self.num_classes} classes; they must belong to the same samples"
            )
        return features, target

    def watch(self, network: nn.Module, layer: str) -> RemovableHandle:
        """Take the features from a layer of any network, in place of calls of `observe`.

        What the layer gives in training is observed, with the targets, when the loss of the same batch is asked for.

        Parameters
        ----------
        network : torch.nn.Module
        layer : the layer's name as in `network.named_modules()`, such as "avgpool" of a torchvision ResNet
            Gives (N, F); further dimensions as in `observe`.

        Returns
        -------
        A handle whose `remove()` ends it.

        Raises
        ------
        ValueError
            For a name that is no layer of the network; in training, for a layer that gives no tensor.
        """
        layers = dict(network.named_modules())
        if layer not in layers:
            known = ", ".join(name for name in layers if name)
            raise ValueError(f"the network has no layer {layer!r}; its layers are {known}")
        return layers[layer].register_forward_hook(self._hear)  # a method, so that the network can still be pickled

    def _hear(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise ValueError(
                f"the layer that is watched, {type(module).__name__}, gives a {type(output).__name__}, no tensor; "
                "watch one behind it"
            )
        self._heard = output.detach() if module.training else None

    @torch.no_grad()
    def end_epoch(self) -> dict[str, Any]:
        """Learn the distance of this epoch.

        Returns
        -------
        {"ground_distance": float32 (C, C)}, with "lam" where it is automatic; empty if nothing was observed.
        """
        if self.class_sums is None or self.class_counts is None:
            return {}
        seen = self.class_counts > 0
        if self.centroids is None or self.known is None:
            self.centroids, self.known = torch.zeros_like(self.class_sums), torch.zeros_like(seen)
        means = self.class_sums / self.class_counts.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
        self.centroids = torch.where(seen[:, None], means, self.centroids)
        self.known = self.known | seen
        self.distance = learned_distance(self.centroids, self.known)
        self.class_sums = torch.zeros_like(self.class_sums)
        self.class_counts = torch.zeros_like(self.class_counts)
        kept: dict[str, Any] = {"ground_distance": self.distance.cpu().numpy().copy()}
        if self.automatic:
            if self.measured is not None:
                cross_entropy_sum, regularizer_sum = self.measured
                if regularizer_sum > 0:
                    self.measured_lam = cross_entropy_sum / regularizer_sum / AUTO_SHARE
            self.measured = torch.zeros(2, device=self.distance.device)
            kept["lam"] = np.float32(0 if self.measured_lam is None else self.measured_lam.item())
        return kept

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        if self._heard is not None and self.training:
            features, self._heard = self._heard, None
            self.observe(features, target)
        if self.class_sums is None:
            raise ValueError(
                "the self-guided loss learns its distance from features it was never shown: call "
                "loss.observe(features, target) with each training batch before the loss, or once "
                "loss.watch(network, layer), and loss.end_epoch() after each epoch"
            )
        if self.distance is None:
            return cross_entropy(outputs, target, **self.options)
        cost = self._cost(self.distance)
        seen = torch.compiler.is_compiling() or eager()  # what torch.func looks at may change nothing
        if self.automatic and self.training and seen and not target.is_floating_point():
            self._measure(outputs, target, cost)
        lam = self.lam if not self.automatic else 0.0 if self.measured_lam is None else self.measured_lam
        return penalized_cross_entropy(outputs, target, cost, lam, **self.options)

    def _cost(self, distance: Tensor) -> Tensor:
        """D^omega + mu, made once for a distance: of many classes it has more numbers than a batch."""
        if not eager():
            return distance**self.exponent + self.bias
        if self._cost_of[0] is not distance:
            self._cost_of = distance, distance**self.exponent + self.bias
        return self._cost_of[1]

    @torch.no_grad()
    def _measure(self, outputs: Tensor, target: Tensor, cost: Tensor) -> None:
        """Add the batch's cross entropy and absolute regularizer to this epoch's."""

        def regularizer(z: Tensor, index: Tensor) -> Tensor:
            return (z.softmax(1).square() * rows_of(cost, z, index)).sum(1).abs()

        def nll(z: Tensor, index: Tensor) -> Tensor:
            return -pick(z.log_softmax(1), index)

        kept = {"ignore_index": self.ignore_index, "reduction": "sum"}
        parts = [reduced_loss(outputs.detach(), target, part, **kept) for part in (nll, regularizer)]  # type: ignore[arg-type]
        if self.measured is not None:
            self.measured += torch.stack(parts).to(self.measured)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        # the state has no shape before the first observe: take it from what is loaded
        for name in self._state:
            saved = state_dict.get(prefix + name)
            present = getattr(self, name)
            device = present.device if present is not None else None
            setattr(self, name, None if saved is None else torch.empty_like(saved, device=device))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
