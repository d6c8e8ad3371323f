import importlib
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from simviz import losses, matrices

from .helpers import C, batch, gradient, logits, make, random_distance, soft_targets

close = torch.testing.assert_close
simloss = importlib.import_module("simviz.losses.simloss")  # the package has a function of that name
SEEDS = st.integers(0, 10**6)


def similarity(seed: int, count: int = C) -> torch.Tensor:
    return 1 - torch.tensor(random_distance(seed, count).values, dtype=torch.float64)


def test_by_hand():
    S = torch.tensor([[1, 0.5, 0], [0.5, 1, 0.25], [0, 0.25, 1]])
    loss = losses.SimLoss(S).double()
    # 0.5 * 0.2 + 1 * 0.5 + 0.25 * 0.3 = 0.675
    assert loss(logits(0.2, 0.5, 0.3), torch.tensor([1])).neg().exp().item() == pytest.approx(0.675)
    # columns sum to 1.5, 1.75, 1.25: (0.1 / 1.5 + 0.5 / 1.75 + 0.075 / 1.25)
    unit = losses.SimLoss(S, normalize="columns").double()
    assert unit(logits(0.2, 0.5, 0.3), torch.tensor([1])).neg().exp().item() == pytest.approx(
        0.1 / 1.5 + 0.5 / 1.75 + 0.06
    )


@given(seed=SEEDS, unit=st.booleans())
def test_it_is_the_formula_written_out(seed, unit):
    S, random = similarity(seed).numpy(), np.random.default_rng(seed)
    values, target = 4 * random.normal(size=(3, C)), random.integers(0, C, 3)
    expected = []
    for z, y in zip(values, target, strict=True):
        p = [np.exp(one) / sum(np.exp(other) for other in z) for one in z]
        column = [sum(S[i, c] for i in range(C)) if unit else 1.0 for c in range(C)]
        expected.append(-np.log(sum(S[y, c] / column[c] * p[c] for c in range(C))))
    loss = losses.SimLoss(torch.tensor(S), normalize="columns" if unit else "none", reduction="none").double()
    close(loss(torch.tensor(values), torch.tensor(target)), torch.tensor(expected), rtol=1e-6, atol=1e-8)


@given(seed=SEEDS, scale=st.floats(0.1, 300))
def test_with_the_identity_it_is_cross_entropy(seed, scale):
    outputs, target = batch(make("ce"), seed=seed, scale=scale)
    for S in (torch.eye(C), matrices.class_order(C, r=0.0)):
        loss = losses.SimLoss(S)
        close(loss(outputs, target), F.cross_entropy(outputs, target))
        close(gradient(loss, outputs, target), gradient(F.cross_entropy, outputs, target))


@given(seed=SEEDS)
def test_with_unit_columns_it_is_forward_correction(seed):
    outputs, target = batch(make("ce"), seed=seed)
    S = similarity(seed)
    symmetric = (S + S.T) / 2
    close(
        losses.SimLoss(symmetric, normalize="columns")(outputs, target),
        losses.ForwardCorrectionLoss(symmetric)(outputs, target),
    )
    transition = S / S.sum(1, keepdim=True)
    close(losses.SimLoss(transition.T)(outputs, target), losses.ForwardCorrectionLoss(transition)(outputs, target))


@given(seed=SEEDS)
def test_it_is_a_blurred_cross_entropy_minus_a_bonus_for_hubs(seed):
    outputs, target = batch(make("ce"), seed=seed)
    S = similarity(seed)
    p = outputs.softmax(1)
    blurred = p @ S.T / (p @ S.T).sum(1, keepdim=True)
    bonus = (p @ S.sum(0)).log()
    close(
        losses.SimLoss(S, reduction="none")(outputs, target),
        F.nll_loss(blurred.log(), target, reduction="none") - bonus,
    )


@pytest.mark.parametrize("gap", [20, 200, 1e4])
def test_a_confident_mistake_keeps_its_gradient(gap):
    """The authors' 1e-8 inside the logarithm leaves 0.17 of it at a gap of 20, and nothing beyond."""
    outputs = torch.tensor([[gap, 0.0, 0.0]])
    loss = losses.SimLoss(torch.eye(3))
    assert loss(outputs, torch.tensor([1])).item() == pytest.approx(gap)
    close(gradient(loss, outputs, torch.tensor([1])), torch.tensor([[1.0, -1.0, 0.0]]))


def risk_minimizer(S: np.ndarray, posterior: np.ndarray) -> np.ndarray:
    """The p that minimizes sum_y posterior_y * -log (S p)_y, by expectation maximization."""
    p = np.full(len(S), 1 / len(S))
    for _ in range(4000):
        p = p * ((posterior / (S @ p)) @ S)
    return p


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, r=st.sampled_from([0.3, 0.5, 0.7, 0.9]))
def test_a_point_mass_is_optimal_iff_no_other_class_is_more_similar_on_average(seed, r):
    posterior = np.random.default_rng(seed).dirichlet(np.full(C, 0.6))
    S = matrices.class_order(C, r=r).values.astype(float)
    # of a point mass at each m: 1 - E[S_yj / S_ym] for its worst j
    slack = 1 - np.tensordot(posterior, S[:, None, :] / S[:, :, None], 1).max(1)
    loss = losses.SimLoss(torch.tensor(S))
    target = torch.tensor(posterior)[None]
    best = loss(torch.tensor(risk_minimizer(S, posterior)).clamp(min=1e-300).log()[None], target)
    for m in range(C):
        at_m = loss(torch.where(torch.arange(C) == m, 0.0, -200.0).double()[None], target)
        if slack[m] >= 0:
            assert at_m <= best + 1e-9
        elif slack[m] < -0.05:
            assert at_m > best + 1e-9


@given(seed=SEEDS, lower_bound=st.floats(0, 0.9), few=st.booleans())
def test_from_an_embedding_it_is_the_same(seed, lower_bound, few):
    vectors = torch.randn(C, 3, generator=torch.Generator().manual_seed(seed))
    cosine = np.corrcoef(np.hstack([vectors, -vectors]))  # mean 0 by construction: correlation is the cosine
    S = np.maximum(0, (cosine - lower_bound) / (1 - lower_bound))
    np.fill_diagonal(S, 1)
    outputs, target = batch(make("ce"), seed=seed)
    for normalize in ("none", "columns"):
        full = losses.SimLoss(torch.tensor(S), normalize)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(simloss, "FEW_CLASSES", C if few else 0)
            rows = losses.SimLoss.from_embedding(vectors, lower_bound, normalize)
        assert (rows.similarity is not None) == few
        if normalize == "none":
            by_function = losses.embedding_sim_loss(outputs, target, vectors, lower_bound)
            close(by_function, full(outputs, target), rtol=1e-4, atol=1e-5)
        close(rows(outputs, target), full(outputs, target), rtol=1e-4, atol=1e-5)
        close(gradient(rows, outputs, target), gradient(full, outputs, target), rtol=1e-4, atol=1e-5)
        soft = soft_targets(len(outputs))
        close(rows(outputs, soft), full(outputs, soft), rtol=1e-4, atol=1e-5)


def test_an_embedding_of_21841_classes_takes_megabytes():
    loss = losses.SimLoss.from_embedding(torch.randn(21841, 50))
    assert sum(b.nbytes for b in loss.buffers()) < 5e6
    outputs, target = torch.randn(2, 21841), torch.tensor([3, 21840])
    assert loss(outputs, target) < F.cross_entropy(outputs, target)


def test_bad_options_are_named():
    with pytest.raises(ValueError, match="'rows'"):
        losses.SimLoss(torch.eye(3), normalize="rows")
    with pytest.raises(ValueError, match="lower_bound is 1"):
        losses.SimLoss.from_embedding(torch.eye(3), lower_bound=1)
    with pytest.raises(ValueError, match="none zero"):
        losses.SimLoss.from_embedding(torch.zeros(3, 2))


def test_rows_of_an_embedding_are_batched_by_vmap_without_falling_back(monkeypatch):
    monkeypatch.setattr(simloss, "FEW_CLASSES", 0)
    loss = losses.SimLoss.from_embedding(torch.eye(5) + 0.1, 0.05)
    outputs, target = torch.randn(4, 5), torch.arange(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of an operation that vmap must carry out one by one
        each = torch.func.vmap(torch.func.grad(lambda z, y: loss(z[None], y[None])))(outputs, target)
    whole = torch.func.grad(lambda z: loss(z, target))(outputs)
    torch.testing.assert_close(each / 4, whole)


def test_an_embedding_that_is_loaded_brings_its_matrix():
    generator = torch.Generator().manual_seed(0)
    one, other = (losses.SimLoss.from_embedding(torch.randn(C, 3, generator=generator)) for _ in range(2))
    outputs, target = batch(make("ce"))
    assert one(outputs, target) != other(outputs, target)
    other.load_state_dict(one.state_dict())
    close(other(outputs, target), one(outputs, target))
