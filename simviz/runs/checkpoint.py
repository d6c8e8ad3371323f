"""A trainer's state as one safetensors file: tensors by path, plain numbers in the header. Nothing is pickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from simviz.atomic import replacing
from simviz.runs.files import StoreError


def save(state: dict[str, Any], path: Path) -> None:
    """Write the nested dict of `Trainer.state_dict`."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    _flatten(state, "", tensors, numbers)
    with replacing(path) as partial:
        save_file(tensors, partial, metadata={"numbers": json.dumps(numbers), "schema_version": "1"})


def load(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Read it back; StoreError if the file is damaged."""
    state: dict[str, Any] = {"network": {}, "loss": {}, "optimizer": {}, "best": {}}
    try:
        with safe_open(path, framework="pt", device=device) as file:
            values: dict[str, Any] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            values |= json.loads(file.metadata()["numbers"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise StoreError(f"the checkpoint {path.parent.name}/{path.name} cannot be read: {error}") from None
    for key, value in values.items():
        part, _, rest = key.partition("/")
        if part == "optimizer":
            index, _, name = rest.partition("/")
            state[part].setdefault(int(index), {})[name] = value
        else:
            state.setdefault(part, {})[rest] = value
    return state


def _flatten(value: Any, prefix: str, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, f"{prefix}/{key}" if prefix else str(key), tensors, numbers)
    elif isinstance(value, Tensor):
        tensors[prefix] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    else:
        numbers[prefix] = value if value == value and abs(value) != float("inf") else repr(value)
