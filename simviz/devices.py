"""Where a run computes, and in which precision."""

from __future__ import annotations

import torch

from simviz import models


def pick_device(name: str) -> torch.device:
    """`auto` is the first GPU if there is one; ValueError where the device asked for is absent."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {name!r} was asked for, but this machine has {torch.cuda.device_count()} GPUs")
    return device


def pick_precision(name: str, device: torch.device, model: str) -> torch.dtype:
    """`auto` is bfloat16 where the hardware multiplies it fast; on a processor for our own models only.

    The depthwise convolutions of MobileNets take three times as long in it there (`benchmarks/precision.py`); no other
    network of torchvision was measured.
    """
    if name != "auto":
        return getattr(torch, name)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    fast = any(torch.cpu.get_capabilities().get(unit, False) for unit in ("amx_bf16", "avx512_bf16"))
    return torch.bfloat16 if fast and model in models.available() else torch.float32
