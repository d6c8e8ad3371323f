"""What every loss must do, whatever it computes. A new loss is covered by being registered."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simviz import ClassMatrix, losses

from .helpers import BUILT_IN, CLASSES, THRESHOLDS, C, batch, gradient, make, random_distance, soft_targets

every = pytest.mark.parametrize("name", BUILT_IN)
SOFT = [n for n in BUILT_IN if n != "corn"]
SEEDS = st.integers(0, 10**6)
close = torch.testing.assert_close


def test_all_losses_of_the_table_are_there():
    wanted = "ce simloss emd2 expected_cost ground_distance self_guided sinkhorn soft_labels cdw_ce group_ce hxe dldl"
    assert (*wanted.split(), *["forward", "gce", "coral", "corn", "or_cnn"]) == BUILT_IN


@every
def test_gradient_is_the_derivative(name):
    loss = make(name)
    outputs, target = batch(loss)
    assert torch.autograd.gradcheck(lambda z: loss(z, target), outputs.requires_grad_())


@pytest.mark.parametrize("name", SOFT)
def test_gradient_of_a_soft_target_is_the_derivative(name):
    options = {"iterations": 5} if name == "sinkhorn" else {}
    loss = make(name, **options)
    outputs, _ = batch(loss, 3)
    target = soft_targets(3)
    assert torch.autograd.gradcheck(lambda z: loss(z, target), outputs.requires_grad_())


# thresholds are logits of their own, not of one softmax
@pytest.mark.parametrize("name", [n for n in BUILT_IN if n not in THRESHOLDS])
@settings(max_examples=5, deadline=None)
@given(seed=SEEDS, shift=st.floats(-100, 100))
def test_only_differences_of_logits_count(name, seed, shift):
    loss = make(name)
    outputs, target = batch(loss, seed=seed)
    close(loss(outputs + shift, target), loss(outputs, target), rtol=1e-9, atol=1e-9)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_of_ten_thousand_stay_finite(name, dtype):
    loss = make(name, reduction="none").to(dtype)
    signs = torch.cartesian_prod(*[torch.tensor([-1e4, 0, 1e4])] * batch(loss)[0].shape[1]).to(dtype)
    for label in range(C):
        target = torch.full((len(signs),), label)
        assert loss(signs, target).isfinite().all()
        assert gradient(loss, signs, target).isfinite().all()
    assert loss.log_probabilities(signs).exp().sum(1).sub(1).abs().max() < 1e-5
    if name in SOFT and name != "sinkhorn":  # its 50 iterations on 243 rows are for its own file
        soft = soft_targets(len(signs)).to(dtype)
        assert gradient(loss, signs, soft).isfinite().all()


@every
def test_renaming_the_order_of_the_classes_changes_nothing(name):
    loss = make(name, reduction="none")
    outputs, target = batch(loss)
    order = [3, 0, 4, 1, 2]
    renamed = make(name, CLASSES.subset([CLASSES.names[i] for i in order]), reduction="none")
    moved = outputs if name in THRESHOLDS else outputs[:, order]  # thresholds lie in the order of the positions
    place = torch.tensor(order).argsort()
    close(renamed(moved, place[target]), loss(outputs, target))
    close(renamed.log_probabilities(moved), loss.log_probabilities(outputs)[:, order])


@every
@settings(max_examples=5, deadline=None)
@given(seed=SEEDS)
def test_ignored_samples_cost_nothing_and_get_no_gradient(name, seed):
    loss = make(name, ignore_index=2, reduction="mean")
    outputs, target = batch(loss, 8, seed)
    counted = target != 2
    close(loss(outputs, target), make(name)(outputs[counted], target[counted]))
    got = gradient(loss, outputs, target)
    assert (got[~counted] == 0).all()
    assert (got[counted].abs().sum(1) > 0).all()


@every
def test_reductions_are_those_of_torch(name):
    weight = torch.tensor([0.5, 2.0, 0.0, 1.0, 3.0], dtype=torch.float64)
    outputs, target = batch(make(name), 10)
    target[3] = -100
    one_by_one = make(name, reduction="none")(outputs, target)
    factors = torch.where(target == -100, 0, weight[target.clamp(min=0)])
    close(make(name, weight=weight, reduction="none")(outputs, target), one_by_one * factors)
    close(make(name, weight=weight, reduction="sum")(outputs, target), (one_by_one * factors).sum())
    close(make(name, weight=weight)(outputs, target), (one_by_one * factors).sum() / factors.sum())
    close(make(name)(outputs, target), one_by_one.sum() / 9)


@pytest.mark.parametrize("name", SOFT)
def test_a_one_hot_soft_target_is_the_index_target(name):
    loss = make(name, reduction="none")
    outputs, target = batch(loss)
    hot = torch.nn.functional.one_hot(target, C).double()
    close(loss(outputs, hot), loss(outputs, target), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", [n for n in SOFT if n not in ("emd2", "sinkhorn")])
@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 2.0, 0.0, 1.0, 3.0])])
def test_a_soft_target_is_the_mean_of_its_classes_losses(name, weight):
    loss = make(name, reduction="none", weight=weight)
    outputs, _ = batch(loss)
    soft = soft_targets(len(outputs))
    each = torch.stack([loss(outputs, torch.full((len(outputs),), c)) for c in range(C)], 1)
    close(loss(outputs, soft), (soft * each).sum(1))
    mean = make(name, weight=weight)(outputs, soft)
    close(mean, (soft * each).sum(1).mean())


@every
def test_further_dimensions_are_samples(name):
    loss = make(name, reduction="none")
    outputs, target = batch(loss, 12)
    grid = outputs.reshape(2, 3, 2, -1).movedim(-1, 1)
    close(loss(grid, target.reshape(2, 3, 2)), loss(outputs, target).reshape(2, 3, 2))
    close(loss(outputs[0], target[0]), loss(outputs, target)[0])
    if name in SOFT:
        soft = soft_targets(12)
        close(loss(grid, soft.reshape(2, 3, 2, C).movedim(-1, 1)), loss(outputs, soft).reshape(2, 3, 2))


@every
def test_a_batch_of_none_or_all_ignored_is_as_in_torch(name):
    for outputs, target in [batch(make(name), 0), (batch(make(name), 2)[0], torch.tensor([-100, -100]))]:
        assert make(name)(outputs, target).isnan()
        assert make(name, reduction="sum")(outputs, target) == 0
        assert make(name, reduction="none")(outputs, target).tolist() == [0.0] * len(target)
    outputs, target = batch(make(name), 1)
    close(make(name)(outputs, target), make(name, reduction="sum")(outputs, target))


@every
def test_autocast_computes_in_float32(name):
    loss = make(name).float()
    outputs, target = batch(loss)
    low = outputs.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        got = loss(low, target)
    assert got.dtype == torch.float32
    close(got, loss(low.float(), target))
    assert make(name)(outputs, target).dtype == torch.float64


@every
def test_per_sample_gradients_by_vmap(name):
    loss = make(name, reduction="sum")
    outputs, target = batch(loss)
    got = torch.func.vmap(torch.func.grad(lambda z, y: loss(z, y)))(outputs, target)
    close(got, gradient(loss, outputs, target))


@every
def test_a_batch_of_backward_passes_is_one_after_the_other(name):
    loss = make(name)
    outputs, target = batch(loss)
    value = loss(outputs.requires_grad_(), target)
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    (got,) = torch.autograd.grad(value, outputs, weights, is_grads_batched=True)
    close(got, weights[:, None, None] * gradient(loss, outputs, target))


@every
def test_compiles_into_one_graph(name):
    loss = make(name)
    outputs, target = batch(loss)
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="eager", dynamic=False)
    close(compiled(outputs, target), loss(outputs, target))
    close(gradient(compiled, outputs, target), gradient(loss, outputs, target))


@every
def test_state_survives_a_checkpoint(name):
    loss = make(name, weight=torch.rand(C, dtype=torch.float64))
    fresh = losses.get(name).from_classes(
        CLASSES, None if loss.matrix is None else random_distance(7), weight=torch.ones(C, dtype=torch.float64)
    )
    fresh.double().load_state_dict(copy.deepcopy(loss.state_dict()))
    outputs, target = batch(loss)
    assert torch.equal(fresh(outputs, target), loss(outputs, target))


@every
def test_the_right_answer_costs_least(name):
    loss = make(name, reduction="none")
    if name in THRESHOLDS:
        rank = torch.tensor(CLASSES.positions).argsort().argsort()
        certain = 50.0 * (2 * (rank[:, None] > torch.arange(C - 1)).double() - 1)
    else:
        certain = 50 * torch.eye(C, dtype=torch.float64)
    assert loss.log_probabilities(certain).argmax(1).tolist() == list(range(C))
    for label in range(C):
        cost = loss(certain, torch.full((C,), label))
        assert cost.argmin() == label


@every
def test_bad_input_is_named(name):
    loss = make(name)
    outputs, target = batch(loss)
    for bad, words in [
        ((outputs, torch.full_like(target, 5)), "index 5, but there are 5 classes"),
        ((outputs, torch.full_like(target, -1)), "index -1"),
        ((outputs, target[:-1]), r"target has shape \(5,\)"),
        ((outputs, outputs.new_zeros(6)), "soft target"),
        ((outputs.long(), target), "floating-point"),
    ]:
        if name == "corn" and bad[1].is_floating_point():
            words = "not soft targets"
        with pytest.raises(ValueError, match=words):
            loss(*bad)
    with pytest.raises(ValueError, match="weight has shape"):
        make(name, weight=torch.ones(C + 2))(outputs, target)
    with pytest.raises(ValueError, match="weight of class 1 is -1"):
        make(name, weight=np.array([1, -1, 1, 1, 1]))
    with pytest.raises(ValueError, match="'average'"):
        make(name, reduction="average")
    with pytest.raises(ValueError, match="no option 'nonsense'"):
        make(name, nonsense=1)
    if name not in ("ce", "gce"):
        with pytest.raises(ValueError, match=r"must agree|have 7|there are 5|for 8 classes"):
            loss(torch.zeros(2, 7), torch.tensor([0, 6]))


@pytest.mark.parametrize("name", [n for n in BUILT_IN if losses.get(n).matrix])
def test_a_matrix_is_checked(name):
    cls = losses.get(name)
    other = random_distance() if cls.matrix == "similarity" else random_distance().to_similarity(2)
    with pytest.raises(ValueError, match=rf"matrix\.to_{cls.matrix}\(\)"):
        cls(other)
    good = random_distance().values if cls.matrix == "distance" else 1 - random_distance().values
    for change, words in [((0, 1, np.nan), "finite"), ((1, 2, -0.1), r"-0.1 at \(1, 2\)"), ((3, 3, None), "diagonal")]:
        bad = good.copy()
        bad[change[0], change[1]] = change[2] if change[2] is not None else {"distance": 1, "similarity": 0}[cls.matrix]
        with pytest.raises(ValueError, match=words):
            cls(bad)
    with pytest.raises(ValueError, match="square"):
        cls(good[:3])
    with pytest.raises(ValueError, match=f"needs a {cls.matrix}"):
        cls.from_classes(CLASSES)
    swapped = ClassMatrix(
        CLASSES.names[::-1], good[::-1, ::-1], cls.matrix
    )  # by name, not by position: the same matrix
    outputs, target = batch(cls(good))
    close(cls.from_classes(CLASSES, swapped)(outputs, target), cls(good)(outputs, target))


@pytest.mark.parametrize("name", [n for n in BUILT_IN if not losses.get(n).matrix])
def test_a_superfluous_matrix_is_refused(name):
    with pytest.raises(ValueError, match="takes no matrix"):
        losses.get(name).from_classes(CLASSES, random_distance())
