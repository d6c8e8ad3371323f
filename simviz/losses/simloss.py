"""SimLoss: cross entropy that also counts probability on similar classes as right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from simviz.losses.base import ClassLoss, Options
from simviz.losses.closed_form import ClosedForm, Values, exponentials, safe
from simviz.losses.contract import MatrixLike, check_number, check_size, matrix_tensor, reduced_loss, rows_of
from simviz.losses.registry import register

NORMALIZATIONS = ("none", "columns")
FEW_CLASSES = 2048  # whose S is 16 MB: it is worked out once, not row by row for every batch


def sim_loss(
    outputs: Tensor,
    target: Tensor,
    similarity: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-log sum_c S_yc p_c, p = softmax(outputs).

    Shapes and options as in `SimLoss`; `similarity` (C, C) is taken as it is.

    >>> S = torch.tensor([[1.0, 0.5], [0.5, 1.0]])
    >>> round(sim_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]), S).neg().exp().item(), 4)
    0.75
    """

    def soft_loss(z: Tensor, weights: Tensor) -> Tensor:
        check_size(similarity, z)
        # (M, C, C): the logarithm of a matrix product would underflow where S has zeros
        return (weights * blurred_nll(z[:, None, :], similarity.to(z.dtype))).sum(1)

    return reduced_loss(
        outputs,
        target,
        ClosedForm(_index_nll, _index_nll_and_gradient, similarity),
        soft_loss,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def embedding_sim_loss(
    outputs: Tensor,
    target: Tensor,
    vectors: Tensor,
    lower_bound: float = 0.0,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-log sum_c S_yc p_c, S = max(0, (cos(v_i, v_j) - l) / (1 - l)), whose rows are computed for the batch.

    Shapes and options as in `SimLoss.from_embedding`; `vectors` (C, dim) are taken as they are.

    >>> round(embedding_sim_loss(torch.zeros(1, 3), torch.tensor([1]), torch.eye(3)).exp().item(), 4)
    3.0
    """
    directions = _directions(vectors)
    return _loss_by_rows(
        outputs,
        target,
        lambda z, y: _similarity_rows(directions, lower_bound, z, y),
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def _directions(vectors: Tensor) -> Tensor:
    """Unit vectors, with a column of ones: what the lower bound is multiplied with, so that a product subtracts it."""
    return torch.cat([F.normalize(vectors), vectors.new_ones(len(vectors), 1)], 1)


def _similarity_rows(directions: Tensor, lower_bound: float, outputs: Tensor, index: Tensor) -> Tensor:
    """Rows of S for class indices (M,): (M, C), in the outputs' dtype. Its own class counts 1 exactly."""
    check_size(directions.T, outputs)
    share = 1 / (1 - lower_bound)
    chosen = directions.index_select(0, index) * share
    chosen[:, -1] = -lower_bound * share
    # In place, by operations that vmap knows: with very many classes each new matrix of rows is dear. Rows of a
    # multiple of 16 numbers: a product into rows of another length takes up to three times as long.
    classes = len(directions)
    values = torch.mm(chosen, F.pad(directions, (0, 0, 0, -classes % 16)).T)[:, :classes].clamp_min_(0)
    values[torch.arange(len(index), device=index.device), index] = 1
    return values.to(outputs.dtype)


def _loss_by_rows(outputs: Tensor, target: Tensor, rows: Callable[[Tensor, Tensor], Tensor], **options: Any) -> Tensor:
    """SimLoss where rows(outputs (M, C), index (M,)) gives the rows of S."""

    def plain(z: Tensor, y: Tensor) -> Tensor:
        return blurred_nll(z, rows(z, y))

    def fast(factor: float, z: Tensor, y: Tensor) -> Values | None:
        return blurred_nll_and_gradient(factor, z, rows(z, y))

    return reduced_loss(outputs, target, ClosedForm(plain, fast), **options)


def blurred_nll(outputs: Tensor, rows: Tensor) -> Tensor:
    """-log sum_c S_yc p_c over the last dimension. log_softmax first, so that logits of 1e4 keep their digits."""
    return -(outputs.log_softmax(-1) + rows.log()).logsumexp(-1)


def blurred_nll_and_gradient(factor: float, outputs: Tensor, rows: Tensor) -> Values | None:
    """The loss and its gradient p - q, q_c = S_yc p_c / sum_k S_yk p_k. It overwrites `rows`."""
    powers, sums = exponentials(outputs)
    shares = rows.mul_(powers)
    masses = shares.sum(1, keepdim=True)
    mass = masses / sums
    if not safe(mass):
        return None
    scale = sums.reciprocal_().mul_(factor)
    gradient = powers.mul_(scale).addcmul_(shares, scale.div_(mass), value=-1)
    return mass.log_().neg_().squeeze(1), gradient


def _index_nll(z: Tensor, index: Tensor, similarity: Tensor) -> Tensor:
    return blurred_nll(z, rows_of(similarity, z, index))


def _index_nll_and_gradient(factor: float, z: Tensor, index: Tensor, similarity: Tensor) -> Values | None:
    return blurred_nll_and_gradient(factor, z, rows_of(similarity, z, index))


@register
class SimLoss(ClassLoss):
    """SimLoss: the cross entropy of the probabilities blurred by a similarity.

    .. math:: L(z, y) = -\\log \\sum_c S_{yc} p_c, \\quad p = softmax(z)

    Its gradient by z is p - q with q_c = S_yc p_c / sum_k S_yk p_k. With S the identity it is cross
    entropy; with columns that sum to one it is forward correction (`ForwardCorrectionLoss`).

    **When to use it.** When some mistakes are hardly mistakes, and you know which: ages, synonyms,
    breeds. A wide S trades accuracy for nearness, and S with unequal column sums pays a bonus for
    mass on hubs; try ``normalize="columns"`` beside it. It is not a proper scoring rule: a point mass
    at m is optimal iff E[S_yj / S_ym] <= 1 for every class j.

    Parameters
    ----------
    similarity : ClassMatrix, array or tensor (C, C)
        Finite, not negative, with a positive diagonal. Row = true class.
    normalize : {"none", "columns"}
        "columns" divides every column by its sum.
    weight, ignore_index, reduction
        As in `ClassLoss`; so are the shapes of outputs and target. A soft target needs memory for
        N C C numbers.

    Raises
    ------
    ValueError
        A distance in place of a similarity; a bad entry; an unknown normalization.

    Source
    ------
    Kobs et al., SimLoss: Class Similarities in Cross Entropy, ISMIS 2020, arXiv:2003.03182, equation 2.
    Their 1e-8 inside the logarithm, which caps the loss at 18.4 and kills its gradient, is not kept.

    Examples
    --------
    >>> loss = SimLoss(torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    >>> round(loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1])).neg().exp().item(), 4)
    0.75
    """

    name = "simloss"
    title = "SimLoss"
    matrix = "similarity"
    similarity: Tensor

    def __init__(self, similarity: MatrixLike, normalize: str = "none", **options: Unpack[Options]) -> None:
        super().__init__(**options)
        if normalize not in NORMALIZATIONS:
            raise ValueError(f"normalize is {normalize!r}; it is 'none' or 'columns'")
        values = matrix_tensor(similarity, "similarity", "SimLoss")
        if normalize == "columns":
            values = values / values.sum(0)
        self.normalize = normalize
        self.register_buffer("similarity", values)

    @classmethod
    def from_embedding(
        cls, vectors: Tensor, lower_bound: float = 0.0, normalize: str = "none", **options: Unpack[Options]
    ) -> EmbeddingSimLoss:
        """SimLoss with S = max(0, (cos(v_i, v_j) - l) / (1 - l)), whose rows are computed for each batch.

        For very many classes: 21,841 classes of 50 numbers are 4 MB, their S is 1.9 GB.

        Parameters
        ----------
        vectors : tensor or array (C, dim)
            One vector, not zero, for each class.
        lower_bound : float in [0, 1)
            l.
        normalize, **options
            As in `SimLoss`.

        >>> loss = SimLoss.from_embedding(torch.eye(3))
        >>> round(loss(torch.zeros(1, 3), torch.tensor([1])).exp().item(), 4)
        3.0
        """
        return EmbeddingSimLoss(vectors, lower_bound, normalize, **options)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return sim_loss(outputs, target, self.similarity, **self.options)


class EmbeddingSimLoss(ClassLoss):
    """SimLoss from class vectors; see `SimLoss.from_embedding`. A soft target takes one pass a class."""

    name = "simloss"
    title = "SimLoss"
    directions: Tensor
    column_sums: Tensor | None
    similarity: Tensor | None

    def __init__(
        self, vectors: Tensor, lower_bound: float = 0.0, normalize: str = "none", **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        if normalize not in NORMALIZATIONS:
            raise ValueError(f"normalize is {normalize!r}; it is 'none' or 'columns'")
        self.lower_bound = check_number("lower_bound", lower_bound, 0, 1)
        if self.lower_bound == 1:
            raise ValueError("lower_bound is 1; it must be below 1, or no class is similar to itself")
        values = torch.as_tensor(vectors).detach().float()
        if values.ndim != 2 or not values.isfinite().all() or not values.any(1).all():
            raise ValueError(f"vectors of shape {tuple(values.shape)}: finite vectors (C, dim), none zero, are needed")
        self.register_buffer("directions", _directions(values))
        self.register_buffer("column_sums", None)
        self.register_buffer("similarity", None, persistent=False)
        if normalize == "columns":  # S is symmetric: its columns sum like its rows
            self.column_sums = torch.cat([part.sum(1) for part in self._similarity()])
        self._keep_few()

    def _similarity(self) -> Iterator[Tensor]:
        """All rows, a few at a time."""
        classes = len(self.directions)
        for part in torch.arange(classes, device=self.directions.device).split(256):
            yield self._rows(self.directions.new_empty(0, classes), part)

    def _keep_few(self) -> None:
        if len(self.directions) <= FEW_CLASSES:
            self.similarity = torch.cat(list(self._similarity()))

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._keep_few()

    def _rows(self, outputs: Tensor, index: Tensor) -> Tensor:
        rows = _similarity_rows(self.directions, self.lower_bound, outputs, index)
        return rows if self.column_sums is None else rows / self.column_sums.to(rows.dtype)

    def _rows_for(self, outputs: Tensor, index: Tensor) -> Tensor:
        return self._rows(outputs, index) if self.similarity is None else rows_of(self.similarity, outputs, index)

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return _loss_by_rows(outputs, target, self._rows_for, **self.options)
