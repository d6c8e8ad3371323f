"""Options that several commands share, and what they are read as."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from simviz.classes import ClassSet


def training_options(parser: argparse.ArgumentParser, *, needs_data: bool = True) -> None:
    """The fields of a RunSpec as options; one that is not given is absent, so that a file or the default holds."""
    add = partial(parser.add_argument, default=argparse.SUPPRESS)
    add("--dataset", required=needs_data, metavar="NAME|PATH")
    add("--test", metavar="PATH", help="where the test part lies, if apart")
    add("--drop", metavar="a,b", help="classes to leave out")
    add("--image-size", type=int, metavar="PIXELS")
    add("--model", help="lenet, age, convnet, resnet18, or a torchvision model (default: the data set's)")
    about = "weights of a --model NAME@PIXELS of torchvision, kept as they are: on this machine already, or a file"
    add("--pretrained", metavar="torchvision|FILE", help=about)
    add("--epochs", type=int, help="default 10")
    add("--batch-size", type=int, help="default 64")
    add("--lr", type=float, help="the learning rate at its peak (default 0.004)")
    add("--schedule", choices=("one-cycle", "constant", "exponential"), help="default one-cycle")
    add("--decay", type=float, help="what --schedule exponential multiplies the rate with after each epoch")
    add("--optimizer", choices=("adam", "sgd"), help="default adam; sgd is Nesterov's and needs --momentum")
    add("--momentum", type=float)
    add("--warmup", type=int, metavar="EPOCHS", help="epochs of plain cross entropy first")
    add("--patience", type=int, metavar="EPOCHS", help="stop after so many epochs without a better --monitor")
    add("--monitor", help="accuracy (default), macro_recall, nll, mean_cost, mae or superclass_accuracy")
    add("--train-size", type=int, metavar="N", help="train on so many images only")
    add("--no-augment", dest="augment", action="store_false")
    add("--crop", type=int, metavar="PIXELS", help="a window of each image: random in training, else the middle")
    add("--mirror", action="store_true", help="predict the mean of an image and its mirror image")
    add("--no-standardize", dest="standardize", action="store_false", help="pixels in [0, 1], not shifted and scaled")
    add("--word", action="append", metavar="CLASS=WORD", help="the word looked up for a class")
    add("--class-weights", action="store_true", help="weigh classes by their inverse frequency")
    add("--precision", choices=("auto", "float32", "bfloat16"), help="default auto")
    add("--device", help="auto (default), cpu, cuda or cuda:N")
    add("--ruler", metavar="groups|positions|words|FILE")
    store_options(parser)


def runs_option(parser: argparse.ArgumentParser) -> None:
    about = "where runs are kept (default: $SIMVIZ_RUNS or ./runs)"
    parser.add_argument("--runs", type=Path, metavar="DIR", help=about)


def store_options(parser: argparse.ArgumentParser) -> None:
    runs_option(parser)
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")


def spec_fields(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of a RunSpec that were given as options, besides loss and seed."""
    from simviz.runs import RunSpec

    found = {
        name: getattr(arguments, name)
        for name in RunSpec.model_fields
        if name not in ("loss", "seed") and name in arguments
    }
    if "drop" in found:
        found["drop"] = tuple(filter(None, (d.strip() for d in found["drop"].split(","))))
    if "word" in arguments:
        found["words"] = dict(map(_word, arguments.word))
    return found


def _word(pair: str) -> tuple[str, str]:
    name, equals, word = pair.rpartition("=")
    if not equals:
        raise ValueError(f"--word is {pair!r}; write CLASS=WORD")
    return name, word


def read_table(text: str) -> tuple[ClassSet, dict[str, str]]:
    """The classes of a class table, and what the data call them: label -> name."""
    from simviz.datasets import class_table

    if not Path(text).is_file():
        raise ValueError(f"there is no class table {text!r}")
    return class_table.read(Path(text), text)


def read_classes(text: str) -> ClassSet:
    """Classes from a comma-separated list, a file with one name a line, a class table, or a data set's name."""
    from simviz import datasets

    if text in datasets.available():
        return datasets.load(text).classes
    path = Path(text)
    if path.suffix == ".csv":
        return read_table(text)[0]
    if path.suffix == ".txt" or path.is_file():
        try:
            names = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise ValueError(f"{path.name} is not UTF-8 text; save it as UTF-8, one class name a line") from None
        return ClassSet([n.strip() for n in names if n.strip()])
    return ClassSet([n.strip() for n in text.split(",") if n.strip()])
