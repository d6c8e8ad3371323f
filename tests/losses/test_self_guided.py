import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata, spearmanr
from torch import nn
from torchvision import models

from simviz import ClassSet, losses

from .helpers import C, batch, make

close = torch.testing.assert_close


def test_by_hand():
    loss = losses.SelfGuidedEMDLoss(3).double()
    # L1-normalized: (1, 0), (0.75, 0.25) and the mean (0, 1) of two samples
    features = torch.tensor([[2.0, 0], [3, 1], [0, 5], [0, 7]])
    loss.observe(features, torch.tensor([0, 1, 2, 2]))
    D = loss.end_epoch()["ground_distance"]
    # ranks: rows (0, 1/2, 1), (1/2, 0, 1), (1, 1/2, 0); symmetrized
    assert D.tolist() == [[0, 0.5, 1], [0.5, 0, 0.75], [1, 0.75, 0]]
    outputs = torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64).log()
    expected = -np.log(0.2) + 0.04 * -0.5 + 0.25 * 0 + 0.09 * 0.5
    assert loss(outputs, torch.tensor([0])).item() == pytest.approx(expected)


def test_the_distance_is_that_of_the_text():
    rng = np.random.default_rng(0)
    features, target = rng.uniform(0, 1, (60, 4)), rng.integers(0, C, 60)
    shares = features / features.sum(1, keepdims=True)
    means = np.stack([shares[target == c].mean(0) for c in range(C)])
    ranks = np.stack([(rankdata(row) - 1) / (C - 1) for row in squareform(pdist(means))])
    loss = losses.SelfGuidedEMDLoss(C)
    for part in np.array_split(np.arange(60), 7):
        loss.observe(torch.tensor(features[part]), torch.tensor(target[part]))
    assert loss.end_epoch()["ground_distance"] == pytest.approx((ranks + ranks.T) / 2)
    outputs, target = batch(loss)
    learned = losses.learned_distance(torch.tensor(means)).to(outputs)
    close(loss(outputs, target), losses.ground_distance_loss(outputs, target, learned))


def test_without_observe_it_says_so_and_before_a_distance_it_is_cross_entropy():
    loss = losses.build("self_guided", ClassSet([*"abcde"]))
    outputs, target = batch(make("ce"))
    with pytest.raises(ValueError, match=r"call loss\.observe\(features, target\)"):
        loss(outputs, target)
    assert loss.end_epoch() == {}
    loss.observe(torch.rand(len(target), 3), target)
    close(loss(outputs, target), F.cross_entropy(outputs, target))
    assert loss.warmup_epochs(30) == 4
    assert [loss.warmup_epochs(n) for n in (1, 2, 3, 6, 12)] == [0, 0, 1, 2, 4]


def test_a_dead_row_or_an_absent_class_keeps_the_last_mean():
    loss = losses.SelfGuidedEMDLoss(3)
    loss.observe(torch.tensor([[1.0, 0], [0.5, 0.5], [0.0, 1]]), torch.tensor([0, 1, 2]))
    loss.end_epoch()
    means = loss.centroids.clone()
    dead = torch.tensor([[0.0, 0.0], [float("inf"), 1.0], [0.3, 0.7], [0.5, 0.1]])
    loss.observe(dead, torch.tensor([0, 0, 2, -100]))
    D = loss.end_epoch()["ground_distance"]
    close(loss.centroids, torch.stack([means[0], means[1], torch.tensor([0.3, 0.7])]))
    assert np.isfinite(D).all()
    assert (loss.end_epoch()["ground_distance"] == D).all()  # an epoch in which nothing was seen


def test_a_class_never_seen_is_as_far_as_the_farthest():
    loss = losses.SelfGuidedEMDLoss(4)
    loss.observe(torch.tensor([[1.0, 0], [0.9, 0.1], [0.0, 1]]), torch.tensor([0, 1, 2]))
    D = loss.end_epoch()["ground_distance"]
    assert D[3, 0] == D[0, 3] > D[0, 1]
    assert np.diag(D).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("lam", [1.0, "auto"])
def test_resuming_in_the_middle_of_an_epoch_is_exact(lam):
    def steps(loss, first, last):
        kept = []
        for step in range(first, last):
            generator = torch.Generator().manual_seed(step)
            features, outputs = torch.rand(8, 3, generator=generator), torch.randn(8, C, generator=generator)
            target = torch.randint(C, (8,), generator=generator)
            loss.observe(features, target)
            kept.append(loss(outputs, target))
            if step % 3 == 2:
                kept += [torch.as_tensor(v) for v in loss.end_epoch().values()]
        return kept

    whole, half, rest = (losses.SelfGuidedEMDLoss(C, lam=lam) for _ in range(3))
    expected = steps(whole, 0, 14)
    before = steps(half, 0, 7)
    rest.load_state_dict(copy.deepcopy(half.state_dict()))
    assert all(torch.equal(a, b) for a, b in zip(expected, before + steps(rest, 7, 14), strict=True))


def test_the_automatic_weight_follows_the_rule():
    loss = losses.SelfGuidedEMDLoss(3, lam="auto")
    outputs, target = torch.randn(6, 3), torch.arange(6) % 3
    lams = []
    for _ in range(3):
        loss.observe(torch.tensor([[1.0, 0], [0.9, 0.1], [0.0, 1]] * 2), target)
        value = loss(outputs, target)
        lams.append(float(loss.end_epoch()["lam"]))
    p = outputs.softmax(1)
    regularizer = (p.square() * (loss.distance[target] - 0.5)).sum(1)
    expected = F.cross_entropy(outputs, target) / regularizer.abs().mean() / 3.5
    assert lams == pytest.approx([0, expected.item(), expected.item()], rel=1e-5)
    close(value, F.cross_entropy(outputs, target) + expected * regularizer.mean())


def test_features_of_other_samples_are_refused():
    loss = losses.SelfGuidedEMDLoss(3)
    with pytest.raises(ValueError, match="same samples"):
        loss.observe(torch.rand(4, 2), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="'most'"):
        losses.SelfGuidedEMDLoss(3, lam="most")


def test_a_planted_distance_is_found():
    """Groups of classes around planted centers: a small network learns them from single samples."""
    torch.manual_seed(0)
    groups, per_group, dim = 4, 4, 12
    group_centers = torch.rand(groups, dim) * 6
    centers = group_centers.repeat_interleave(per_group, 0) + torch.randn(groups * per_group, dim) * 0.9
    count = len(centers)
    backbone = nn.Sequential(nn.Linear(dim, 32), nn.ReLU())
    loss = losses.SelfGuidedEMDLoss(count)
    head = loss.head(32, count)
    optimizer = torch.optim.Adam([*backbone.parameters(), *head.parameters()], 3e-3)
    for _epoch in range(6):
        for _step in range(15):
            target = torch.randint(count, (128,))
            features = backbone(centers[target] + torch.randn(128, dim) * 0.5)
            loss.observe(features.detach(), target)
            optimizer.zero_grad()
            loss(head(features), target).backward()
            optimizer.step()
        D = loss.end_epoch()["ground_distance"]
    group = np.repeat(np.arange(groups), per_group)
    same, other = group[:, None] == group, group[:, None] != group
    np.fill_diagonal(same, False)
    triplets = [
        (D[c, s], D[c, o]) for c in range(count) for s in np.flatnonzero(same[c]) for o in np.flatnonzero(other[c])
    ]
    assert np.mean([near < far for near, far in triplets]) >= 0.99
    found = fcluster(linkage(squareform(D, checks=False), "average"), groups, "maxclust")
    assert len(set(zip(found, group, strict=True))) == groups
    assert spearmanr(squareform(D, checks=False), pdist(centers.numpy())).statistic > 0.9


def test_an_automatic_weight_is_not_measured_by_vmap():
    loss = losses.SelfGuidedEMDLoss(3, lam="auto")
    for _ in range(2):
        loss.observe(torch.tensor([[1.0, 0.0], [0.8, 0.2], [0.0, 1.0]]), torch.tensor([0, 1, 2]))
        loss.end_epoch()
    before = loss.measured.clone()
    outputs, target = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    got = torch.func.vmap(torch.func.grad(lambda z, y: loss(z, y)))(outputs, target)
    assert got.isfinite().all()
    assert torch.equal(loss.measured, before)
    loss(outputs, target)
    assert not torch.equal(loss.measured, before)


def test_a_named_layer_of_any_network_is_watched():
    network = models.resnet18(num_classes=3)
    watching, told = losses.SelfGuidedEMDLoss(3), losses.SelfGuidedEMDLoss(3)
    handle = watching.watch(network, "avgpool")
    images, target = torch.randn(6, 3, 32, 32), torch.tensor([0, 1, 2, 0, 1, 2])
    features = []
    network.avgpool.register_forward_hook(lambda module, inputs, output: features.append(output.detach()))
    watching(network(images), target).backward()
    told.observe(features[0], target)
    network.eval()
    watching(network(images), target)  # what is only evaluated teaches nothing
    assert np.array_equal(watching.end_epoch()["ground_distance"], told.end_epoch()["ground_distance"])
    handle.remove()
    network.train()(images)
    watching(torch.zeros(6, 3), target)
    assert watching.class_counts.sum() == 0
    with pytest.raises(ValueError, match=r"no layer 'pool'; its layers are conv1, .*avgpool"):
        watching.watch(network, "pool")


def test_features_of_every_place_are_those_of_as_many_samples():
    flat, dense, soft = (losses.SelfGuidedEMDLoss(3) for _ in range(3))
    features, target = torch.rand(2, 5, 3, 4), torch.randint(-1, 3, (2, 3, 4))
    target = torch.where(target < 0, -100, target)
    flat.observe(features.movedim(1, -1).reshape(-1, 5), target.reshape(-1))
    dense.observe(features, target)
    shares = F.one_hot(target.clamp(min=0), 3) * (target >= 0)[..., None]
    soft.observe(features, shares.movedim(-1, 1).float())
    found = [loss.end_epoch()["ground_distance"] for loss in (flat, dense, soft)]
    assert np.array_equal(found[0], found[1])
    assert np.allclose(found[0], found[2])


@pytest.mark.parametrize(
    ("features", "target", "why"),
    [
        (torch.rand(4, 5), torch.tensor([0, 1, 7, 2]), "target has the index 7, but there are 3 classes"),
        (torch.rand(4, 6), torch.tensor([0, 1, 1, 2]), "6 features a sample, and 5 before"),
        (torch.rand(3, 5), torch.tensor([0, 1, 1, 2]), r"features of shape \(3, 5\) and targets of shape \(4,\)"),
        (torch.rand(2, 5, 4), torch.zeros(2, 3).long(), "they must belong to the same samples"),
        (torch.rand(4, 5), torch.rand(4, 2), "for 3 classes"),
    ],
)
def test_features_that_do_not_fit_are_refused(features, target, why):
    loss = losses.SelfGuidedEMDLoss(3)
    loss.observe(torch.rand(2, 5), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=why):
        loss.observe(features, target)


def test_a_watched_network_can_be_pickled_and_its_copy_teaches_the_copy_of_the_loss():
    network, loss = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), losses.SelfGuidedEMDLoss(3)
    loss.watch(network, "1")
    network, loss = pickle.loads(pickle.dumps((network, loss)))
    loss(network(torch.rand(6, 4)), torch.arange(6) % 3)
    assert loss.class_counts.sum() > 0


def test_a_watched_layer_that_gives_no_tensor_says_so():
    network, loss = nn.Sequential(nn.LSTM(4, 5)), losses.SelfGuidedEMDLoss(3)
    loss.watch(network, "0")
    with pytest.raises(ValueError, match="LSTM, gives a tuple, no tensor"):
        network(torch.rand(6, 4))


def test_a_new_distance_is_a_new_cost():
    loss = losses.SelfGuidedEMDLoss(3, exponent=2.0)
    outputs, target = torch.randn(6, 3), torch.arange(6) % 3
    for _ in range(2):
        loss.observe(torch.rand(6, 4), target)
        distance = torch.tensor(loss.end_epoch()["ground_distance"])
        for _ in range(2):
            close(loss(outputs, target), losses.ground_distance_loss(outputs, target, distance, exponent=2.0))
    other = losses.SelfGuidedEMDLoss(3, exponent=2.0)
    other.load_state_dict(loss.state_dict())
    close(other(outputs, target), loss(outputs, target))
    close(loss.double()(outputs.double(), target).float(), other(outputs, target))
