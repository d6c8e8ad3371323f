"""What each loss costs, forward and backward: beside cross entropy, beside its peers' own code, and in memory.

Goals: SimLoss at most 1.6 times F.cross_entropy, losses with a distance matrix at most 2, none slower than
its peer; on a GPU at most 1.3 times cross entropy. One thread; in each round cross entropy, ours and the peer take
turns, and the table shows medians over the rounds of the ratios of CPU times, on a GPU of times by the clock. "held" is
what is kept for the backward pass, "matrix" what the loss itself keeps, in MB.

Run: python benchmarks/losses.py [--rounds 40] [--resnet] [--device cuda]     (needs the extra "test" for the peers)
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import coral_pytorch.losses as coral_pytorch
import dlordinal.losses as dlordinal
import geomloss.ot
import ot
import torch
import torch.nn.functional as F
from coral_pytorch.dataset import levels_from_labelbatch
from torch import Tensor

from simviz import losses

Loss = Callable[[Tensor, Tensor], Tensor]
SHAPES = [(1024, 100), (256, 1000), (128, 21841)]


class Case(NamedTuple):
    name: str
    ours: Loss
    peer_name: str = ""
    peer: Loss | None = None
    thresholds: bool = False


def authors_simloss(similarity: Tensor) -> Loss:
    """The formula of the SimLoss authors' code."""
    return lambda z, y: -torch.log((z.softmax(1) * similarity[y]).sum(1) + 1e-8).mean()


def plain_xemd(distance: Tensor) -> Loss:
    """The formula of the squared EMD's public re-implementations, with the negative bias."""
    return lambda z, y: F.cross_entropy(z, y) + (z.softmax(1).square() * (distance[y] - 0.5)).sum(1).mean()


def cases(count: int, target: Tensor) -> Iterator[Case]:
    """The losses for `count` classes; those with a matrix only where it fits."""
    yield Case("ce", losses.CrossEntropyLoss())
    yield Case("emd2", losses.SquaredEMDLoss(), "dlordinal", dlordinal.EMDLoss(count))
    yield Case("gce", losses.GCELoss())
    levels = levels_from_labelbatch(target, count)
    yield Case("coral", losses.CORALLoss(), "coral-pytorch", lambda z, y: coral_pytorch.coral_loss(z, levels), True)
    yield Case("or_cnn", losses.ORCNNLoss(), "coral-pytorch", lambda z, y: coral_pytorch.coral_loss(z, levels), True)
    slow = count > 5000  # its loop over thresholds takes minutes there
    corn = None if slow else lambda z, y: coral_pytorch.corn_loss(z, y, count)
    yield Case("corn", losses.CORNLoss(), "" if slow else "coral-pytorch", corn, True)
    yield Case("simloss, embedding", losses.SimLoss.from_embedding(torch.randn(count, 50), 0.3))
    if slow:
        return
    order = (torch.arange(count)[:, None] - torch.arange(count)).abs().float()
    distance = torch.rand(count, count).fill_diagonal_(0)
    ground = losses.GroundDistanceLoss(distance)
    guided = losses.SelfGuidedEMDLoss(count)
    guided.observe(torch.rand(2 * count, 64), torch.arange(2 * count) % count)
    guided.end_epoch()
    yield Case("simloss", losses.SimLoss(1 - distance), "authors' formula", authors_simloss(1 - distance))
    yield Case("forward", losses.ForwardCorrectionLoss(1 - distance))
    yield Case("expected_cost", losses.ExpectedCostLoss(distance))
    yield Case("ground_distance", ground, "plain formula", plain_xemd(ground.cost + 0.5))
    yield Case("self_guided", guided, "plain formula", plain_xemd(guided.distance))
    yield Case("sinkhorn", losses.SinkhornLoss(distance))
    yield Case("soft_labels", losses.SoftLabelsLoss(order), "dlordinal", dlordinal.SORDLoss(5.0, count, target))
    yield Case("dldl", losses.DLDLLoss(torch.arange(count)))
    yield Case("cdw_ce", losses.CDWCELoss(order), "dlordinal", dlordinal.CDWCELoss(count, alpha=1))
    groups = [str(c // 5) for c in range(count)]
    yield Case("group_ce", losses.GroupCELoss(groups))
    yield Case("hxe", losses.HXELoss(groups))


def step(loss: Loss, outputs: Tensor, target: Tensor) -> None:
    outputs.grad = None
    loss(outputs, target).backward()


def seconds(loss: Loss, outputs: Tensor, target: Tensor, repeats: int) -> float:
    start = now(outputs.device)
    for _ in range(repeats):
        step(loss, outputs, target)
    return (now(outputs.device) - start) / repeats


def now(device: torch.device) -> float:
    """Seconds of this process, for other programs may be running; of a GPU those of the clock, once it is done."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def held(loss: Loss, outputs: Tensor, target: Tensor) -> float:
    """MB kept from the forward to the backward pass, the outputs, targets and the loss's own buffers left out."""
    own = [outputs, target, *(loss.buffers() if isinstance(loss, torch.nn.Module) else ())]
    known = {t.untyped_storage().data_ptr() for t in own}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        value = loss(outputs, target)
    value.backward()
    return sum(kept.values()) / 1e6


def measure(case: Case, outputs: Tensor, target: Tensor, rounds: int) -> str:
    """One line of the table."""
    base = outputs[:, :].detach().clone().requires_grad_()
    taken = outputs.detach()[:, : outputs.shape[1] - case.thresholds].clone().requires_grad_()
    turns = [(F.cross_entropy, base), (case.ours, taken)] + ([(case.peer, taken)] if case.peer else [])
    once = max(max(seconds(loss, z, target, 1) for loss, z in turns) for _ in range(2))
    repeats = max(1, int(0.01 / once))
    times = [[seconds(loss, z, target, repeats) for loss, z in turns] for _ in range(rounds if once < 0.1 else 5)]

    def ratio(above: int, below: int) -> float:
        return statistics.median(row[above] / row[below] for row in times)

    peer = f"{case.peer_name:>17} {ratio(1, 2):>7.2f} {held(case.peer, taken, target):>8.1f}" if case.peer else ""
    buffers = sum(b.nbytes for b in case.ours.buffers()) / 1e6 if isinstance(case.ours, torch.nn.Module) else 0
    ms = statistics.median(row[1] for row in times) * 1e3
    return (
        f"{case.name:<19} {ms:>8.2f} {ratio(1, 0):>6.2f} {held(case.ours, taken, target):>8.1f} {buffers:>7.1f} {peer}"
    )


def sinkhorn(rounds: int, size: int = 64, count: int = 20, iterations: int = 50) -> None:
    """Soft targets, the same number of iterations for all."""
    distance = torch.rand(count, count)
    distance = (distance + distance.T).fill_diagonal_(0)
    outputs, target = torch.randn(size, count, requires_grad=True), torch.rand(size, count).softmax(1)
    cost = distance.expand(size, -1, -1).contiguous()

    def pot(z: Tensor, t: Tensor) -> Tensor:
        options = {"max_iter": iterations, "tol": 0.0, "method": "log_sinkhorn", "grad": "autodiff"}
        return ot.batch.solve_batch(cost, 0.1, z.softmax(1), t, **options).value_linear.mean()

    def pot_one_by_one(z: Tensor, t: Tensor) -> Tensor:
        options = {"method": "sinkhorn_log", "numItermax": iterations, "stopThr": 0.0, "warn": False}
        plans = [ot.sinkhorn(p, q, distance, 0.1, **options) for p, q in zip(z.softmax(1), t, strict=True)]
        return sum((plan * distance).sum() for plan in plans) / len(plans)

    def geom(z: Tensor, t: Tensor) -> Tensor:
        plan = geomloss.ot.solve_batch(cost, reg=0.1, a=z.softmax(1), b=t, max_iter=iterations).plan
        return (plan * cost).sum((1, 2)).mean()

    ours = losses.SinkhornLoss(distance, sharpness=10, iterations=iterations)
    print(f"\nsinkhorn, soft targets {size} x {count}, {iterations} iterations: ours in units of the peer")
    for name, peer in {"POT, batched": pot, "POT, one by one": pot_one_by_one, "geomloss": geom}.items():
        try:
            times = [[seconds(f, outputs, target, 1) for f in (ours, peer)] for _ in range(min(rounds, 5))]
        except Exception as error:  # a peer without a gradient is a finding, not a failure of ours
            print(f"{name:<19} no gradient: {str(error).splitlines()[0][:80]}")
            continue
        print(f"{name:<19} {statistics.median(a / b for a, b in times):>8.3f}")


def resnet(rounds: int) -> None:
    """A ResNet-18 step on 128 images of 32 x 32 with each loss of 100 classes, beside the same step with CE."""
    from simviz import models

    backbone = models.build("resnet18", (3, 32, 32))
    images, target = torch.rand(128, 3, 32, 32), torch.randint(100, (128,))
    head = torch.nn.Linear(backbone.features, 100)
    start = time.process_time()
    F.cross_entropy(head(backbone(images)), target).backward()
    whole = time.process_time() - start
    outputs = torch.randn(128, 100, requires_grad=True)
    print(f"\nResNet-18 step, batch 128: {whole:.2f} s with CE; what a loss adds to it, in per cent of the step")
    for case in cases(100, target):
        if not case.thresholds:
            pairs = [[seconds(f, outputs, target, 20) for f in (case.ours, F.cross_entropy)] for _ in range(rounds)]
            print(f"{case.name:<19} {100 * statistics.median(a - b for a, b in pairs) / whole:>8.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--resnet", action="store_true", help="a training step of ResNet-18 too (some seconds)")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.device != "cpu":  # a default costs every small operation time
        torch.set_default_device(options.device)
    torch.manual_seed(0)
    torch.empty(7_500_000).fill_(0)  # as in training, the allocator keeps large blocks from now on
    print(f"{'shape, loss':<19} {'ms':>8} {'x CE':>6} {'held':>8} {'matrix':>7} {'peer':>17} {'x peer':>7} {'held':>8}")
    for size, count in SHAPES:
        print(f"-- {size} x {count}")
        target = torch.randint(count, (size,))
        outputs = torch.randn(size, count)
        for case in cases(count, target):
            print(measure(case, outputs, target, options.rounds), flush=True)
    sinkhorn(options.rounds)
    if options.resnet:
        resnet(options.rounds)


if __name__ == "__main__":
    main()
