"""A run as the command that makes it again."""

from __future__ import annotations

import shlex

from simviz.runs.spec import RunSpec

_ALWAYS = ("dataset", "loss", "seed")
_SWITCHES = {
    "augment": "--no-augment",
    "standardize": "--no-standardize",
    "class_weights": "--class-weights",
    "mirror": "--mirror",
}


def command(spec: RunSpec) -> str:
    """The line for a shell: ``python -m simviz train ...``; what has its default value is left out.

    For predictions that were made elsewhere it is ``python -m simviz evaluate FILE ...``.

    >>> from simviz.runs import checked
    >>> command(checked(dataset="pictograms", loss="ce", epochs=5))
    'python -m simviz train --dataset pictograms --loss ce --seed 0 --epochs 5'
    """
    if spec.predictions is not None:
        read = ["python", "-m", "simviz", "evaluate", *_positional(spec.predictions)]
        for flag, value in (("ruler", spec.ruler), ("classes", spec.class_table)):
            read += [] if value is None else _option(flag, value)
        for name, column in spec.columns.items():
            read += _option("column", f"{name}={column}")
        return shlex.join(read)
    words = ["python", "-m", "simviz", "train"]
    values = {name: getattr(spec, name) for name in type(spec).model_fields}
    for name in (*_ALWAYS, *(n for n in values if n not in _ALWAYS)):
        value = values[name]
        if name not in _ALWAYS and value == type(spec).model_fields[name].get_default(call_default_factory=True):
            continue
        if name in _SWITCHES:
            words.append(_SWITCHES[name])
        elif name == "words":
            for class_name, word in value.items():
                words += _option("word", f"{class_name}={word}")
        else:
            words += _option(name, ",".join(value) if name == "drop" else str(value))
    return shlex.join(words)


def _positional(value: str) -> list[str]:
    return [f"./{value}"] if value.startswith("-") else [value]


def _option(name: str, value: str) -> list[str]:
    flag = f"--{name.replace('_', '-')}"
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]  # else it would be read as another option
