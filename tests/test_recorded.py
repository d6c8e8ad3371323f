"""A recording does what the function does, and goes on doing it to what lies where the function left it."""

from __future__ import annotations

import pytest
import torch

from simviz.recorded import WARM_UP, Recorded

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(
            not torch.cuda.is_available(), reason="no CUDA GPU: run the tests on a machine that has one"
        ),
    ),
]


@pytest.mark.parametrize("device", DEVICES)
def test_every_call_reads_its_arguments_and_changes_what_is_held(device):
    held = torch.zeros(3, device=device, dtype=torch.double).requires_grad_()

    def step(batch: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
        value = (batch - held).square().sum()
        (gradient,) = torch.autograd.grad(value, held)
        with torch.no_grad():
            held.sub_(rate * gradient)
        return value.detach()

    recorded, expected = Recorded(step), torch.zeros(3, dtype=torch.double)
    found, wanted = [], []
    for number in range(2 * WARM_UP + 4):
        count = 2 if number % 3 == 2 else 5  # a last batch that is smaller is recorded apart
        batch = torch.full((count, 3), 1.0 + number, dtype=torch.double)
        rate = torch.tensor(0.1 / (1 + number), dtype=torch.double)
        found.append(recorded(batch.to(device), rate.to(device)))
        wanted.append((batch - expected).square().sum())
        expected -= rate * -2 * (batch - expected).sum(0)
        torch.testing.assert_close(held.detach().cpu(), expected)
    torch.testing.assert_close([value.cpu() for value in found], wanted)  # now: no later call has overwritten one
