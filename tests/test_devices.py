"""The device and the precision of a run."""

from __future__ import annotations

import pytest
import torch

from simviz import models
from simviz.devices import pick_device, pick_precision


def test_a_device_this_machine_lacks_is_refused():
    with pytest.raises(ValueError, match="cuda:63"):
        pick_device("cuda:63")


@pytest.mark.parametrize("unit", ["amx_bf16", "avx512_bf16", None])
def test_half_precision_is_chosen_where_the_processor_multiplies_it_and_for_our_models_only(unit, monkeypatch):
    units = dict.fromkeys(torch.cpu.get_capabilities(), False) | {"avx512_bf16": False, unit: True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units)
    cpu, low = torch.device("cpu"), torch.bfloat16 if unit else torch.float32
    assert {pick_precision("auto", cpu, model) for model in models.available()} == {low}
    assert pick_precision("auto", cpu, "mobilenet_v3_small") == torch.float32
    assert pick_precision("bfloat16", cpu, "mobilenet_v3_small") == torch.bfloat16
    assert pick_precision("float32", cpu, "convnet") == torch.float32
