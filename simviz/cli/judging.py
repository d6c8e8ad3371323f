"""Commands about what is known already: evaluate, report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from simviz.cli.options import read_classes, read_table, runs_option, store_options
from simviz.cli.telling import tell, tell_all

if TYPE_CHECKING:
    from simviz.evaluation.foreign import Source
    from simviz.runs import Comparison


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = commands.add_parser("evaluate", help="judge any model's predictions: a comparison of its own")
    evaluate.add_argument(
        "predictions",
        nargs="+",
        type=Path,
        metavar="PREDICTIONS",
        help=".csv, .tsv (or these as .gz), .parquet, .npz or .npy with true classes and decided ones or scores, or a "
        "confusion matrix; "
        "several files of the same samples are compared",
    )
    evaluate.add_argument("--ruler", metavar="groups|words|positions|FILE")
    evaluate.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="MEANING=COLUMN",
        help="corrects what was guessed: true, predicted, scores (p_* or a,b), scale, ids, units, images, names, "
        "matrix, rows, layout; ids= says that there is none. Of several files it goes to those that have the column",
    )
    evaluate.add_argument("--classes", metavar="FILE", help="a class table (.csv: name, label, position, group, word)")
    store_options(evaluate)
    evaluate.set_defaults(run=_evaluate)

    report = commands.add_parser("report", help="write a comparison as one HTML file that opens without internet")
    report.add_argument("comparison", metavar="COMPARISON", help="its id (the name of its folder)")
    report.add_argument("--out", type=Path, required=True, metavar="FILE.html")
    report.add_argument("--part", choices=("test", "validation"), default="test")
    report.add_argument("--decoder", default="argmax", metavar="argmax|min_cost|median|expectation|blurred")
    report.add_argument("--ruler", metavar="groups|words|positions|FILE", help="default: the comparison's own")
    report.add_argument("--a", metavar="SETTING|RUN", help="with --b: the one difference that is drawn, A minus B")
    report.add_argument("--b", metavar="SETTING|RUN")
    _look_options(report)
    runs_option(report)
    report.set_defaults(run=_report)


def _look_options(report: argparse.ArgumentParser) -> None:
    """How the report's matrices are drawn: the fields of `report.look.Look`."""
    report.add_argument("--normalize", choices=("true", "counts", "predicted", "all"), default="true")
    report.add_argument("--order", default="index", metavar="index|name|group|similarity|confusion")
    report.add_argument("--level", type=int, default=0, metavar="N", help="rows of groups, 1 the coarsest; 0: classes")
    report.add_argument(
        "--hide-diagonal", action="store_true", help="leave correct predictions out, of the colours too"
    )
    report.add_argument("--log", action="store_true", help="logarithmic colours; differences keep their linear scale")


def _evaluate(arguments: argparse.Namespace) -> None:
    from simviz.evaluation import foreign
    from simviz.runs import Store
    from simviz.runs.foreign import keep
    from simviz.settings import MATRIX_FILES

    classes, aliases = None, None
    if arguments.classes and Path(arguments.classes).suffix == ".csv":
        classes, aliases = read_table(arguments.classes)
    elif arguments.classes:
        classes = read_classes(arguments.classes)
    ruler = arguments.ruler
    if ruler and Path(ruler).suffix.lower() in MATRIX_FILES:
        ruler = str(Path(ruler).resolve())  # the app may run in another folder
    sources = [foreign.source(path) for path in arguments.predictions]
    said = _of_each(sources, _corrections(arguments.column))
    found = []
    for source, one in zip(sources, said, strict=True):
        meaning = foreign.corrected(source, foreign.guess(source), one)
        found.append(foreign.read(source, meaning, classes=classes, aliases=aliases))
    comparison = keep(
        found,
        store=Store(arguments.runs),
        ruler=ruler,
        files=[str(p) for p in arguments.predictions],
        columns=said,
        class_table=arguments.classes,
        picture_roots=list(dict.fromkeys(p.parent for p in arguments.predictions)),
    )
    for note in comparison.info["notes"]:
        print(f"note: {note}", file=sys.stderr)
    (tell if len(found) == 1 else tell_all)(comparison, arguments.json)
    if not arguments.json:  # whose last line is the object
        _tell_gains(comparison)


def _tell_gains(comparison: Comparison) -> None:
    """What deciding by cost would bring each model, in a sentence."""
    from simviz import compare, evaluation

    classes, ruler = comparison.classes, compare.comparison_ruler(comparison)
    for run in comparison.runs:
        known = run.predictions("test")
        try:
            found = evaluation.gain_by_cost(
                known.log_probabilities, known.target, known.units, classes=classes, ruler=ruler
            )
            said = found.sentence(ruler.unit)
        except ValueError as error:  # says why there is nothing to estimate
            said = str(error)
        print(f"\nwhat would it bring {run.setting}? {said}")


def _corrections(given: Sequence[str]) -> list[tuple[str, str]]:
    said = []
    for text in given:
        name, equals, column = text.partition("=")
        if not equals:
            raise ValueError(f"--column is {text!r}; write MEANING=COLUMN, as in true=label")
        said.append((name, column))
    return said


def _of_each(sources: Sequence[Source], said: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """The corrections that fit each file, with a note on those left out; ValueError for one that fits none."""
    from simviz.evaluation import foreign

    found: list[dict[str, str]] = [{} for _ in sources]
    for name, column in said:
        troubles = {}
        for source, corrections in zip(sources, found, strict=True):
            try:
                foreign.corrected(source, foreign.Guess(), {name: column})
                corrections[name] = column
            except ValueError as error:
                troubles[source.name] = str(error)
        if len(troubles) == len(sources):
            raise ValueError("; ".join(dict.fromkeys(troubles.values())))
        for file in troubles:
            print(f"note: {file} is read without {name}={column}, which does not fit it", file=sys.stderr)
    return found


def _report(arguments: argparse.Namespace) -> None:
    from simviz import evaluation
    from simviz.atomic import replacing
    from simviz.report.html import report
    from simviz.report.look import Look
    from simviz.runs import Store

    if not arguments.out.parent.is_dir():
        raise ValueError(f"there is no folder {str(arguments.out.parent)!r} to write {arguments.out.name} into")
    comparison = Store(arguments.runs).comparison(arguments.comparison)
    choice = arguments.ruler
    ruler = None if choice is None else evaluation.ruler(comparison.classes, choice)
    if (arguments.a is None) != (arguments.b is None):
        raise ValueError("--a and --b name the two sides of one difference; give both or neither")
    sides = None if arguments.a is None else (arguments.a, arguments.b)
    look = Look(**{field.name: getattr(arguments, field.name) for field in fields(Look)})
    text = report(
        comparison,
        part=arguments.part,
        decoder=arguments.decoder,
        ruler=ruler,
        choice=choice,
        sides=sides,
        look=look,
    )
    with replacing(arguments.out) as partial:
        partial.write_text(text, encoding="utf-8")
    print(f"{arguments.out}: {len(text.encode()) / 1e6:.1f} MB")
