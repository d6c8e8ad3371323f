"""The command line: ``python -m simviz``, also installed as ``simviz``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simviz import __version__

EXAMPLE = "simloss@words:keep=0.02"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 1 with a sentence on stderr for bad input, 2 for bad usage."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, FileNotFoundError) as error:
        print(f"simviz: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("simviz: stopped; what was reached is kept", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simviz", description="Losses that know how classes relate.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("datasets", help="list the data sets")
    listing.set_defaults(run=_datasets)

    matrix = commands.add_parser("matrix", help="build a matrix between classes")
    matrix.add_argument("matrix", help="order:r=0.8, positions, words:keep=0.02, groups, or a file")
    matrix.add_argument("--classes", required=True, help="comma-separated names, a text file, or a data set")
    matrix.add_argument("--out", type=Path, help="write a .csv, .tsv or .npz here")
    matrix.set_defaults(run=_matrix)

    vectors = commands.add_parser("vectors", help="show word vectors: how classes are found, and what is near them")
    vectors.add_argument("source", metavar="NAME|PATH", help="glove-6b-50d, a file, or a name of gensim's downloader")
    vectors.add_argument("--classes", help="comma-separated names, a text file, or a data set")
    vectors.add_argument("--download", action="store_true", help="fetch a name that is not there; the size is said")
    vectors.set_defaults(run=_vectors)

    train = commands.add_parser("train", help="train one network with one loss")
    train.add_argument("--loss", required=True, metavar="SETTING", help=f"LOSS[:key=value][@MATRIX], e.g. {EXAMPLE}")
    _training_options(train)
    train.add_argument("--seed", type=int, default=0)
    train.set_defaults(run=_train)

    compare = commands.add_parser("compare", help="train several losses on the same data, splits and batches")
    compare.add_argument("--loss", action="append", metavar="SETTING", help="once for every setting")
    _training_options(compare)
    compare.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N-1 (default 3)")
    compare.add_argument("--no-controls", action="store_true", help="leave the control runs of SimLoss out")
    compare.add_argument("--title")
    compare.set_defaults(run=_compare)

    evaluate = commands.add_parser("evaluate", help="judge any model's predictions: a comparison of its own")
    evaluate.add_argument(
        "predictions",
        nargs="+",
        type=Path,
        metavar="PREDICTIONS",
        help=".csv, .tsv, .parquet, .npz or .npy with true classes and decided ones or scores, or a confusion matrix; "
        "several files of the same samples are compared",
    )
    evaluate.add_argument("--ruler", metavar="groups|words|positions|FILE")
    evaluate.add_argument("--classes", metavar="FILE", help="a class table (.csv: name, label, position, group, word)")
    _store_options(evaluate)
    evaluate.set_defaults(run=_evaluate)

    report = commands.add_parser("report", help="write a comparison as one HTML file that opens without internet")
    report.add_argument("comparison", metavar="COMPARISON", help="its id (the name of its folder)")
    report.add_argument("--out", type=Path, required=True, metavar="FILE.html")
    report.add_argument("--part", choices=("test", "validation"), default="test")
    report.add_argument("--decoder", default="argmax", metavar="argmax|min_cost|median|expectation|blurred")
    report.add_argument("--ruler", metavar="groups|words|positions|FILE", help="default: the comparison's own")
    _runs_option(report)
    report.set_defaults(run=_report)

    app = commands.add_parser("app", help="start the app in the browser")
    app.set_defaults(run=_app)
    return parser


def _training_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--dataset", required=True, metavar="NAME|PATH")
    add("--test", metavar="PATH", help="where the test part lies, if apart")
    add("--drop", default="", metavar="a,b", help="classes to leave out")
    add("--image-size", type=int, metavar="PIXELS")
    add("--model", help="lenet, age, convnet, resnet18, or a torchvision model (default: the data set's)")
    add("--epochs", type=int, default=10)
    add("--batch-size", type=int, default=64)
    add("--lr", type=float, default=4e-3, help="Adam's learning rate at its peak (default 0.004)")
    add("--schedule", choices=("one-cycle", "constant"), default="one-cycle")
    add("--warmup", type=int, default=0, metavar="EPOCHS", help="epochs of plain cross entropy first")
    add("--patience", type=int, metavar="EPOCHS", help="stop after so many epochs without a better --monitor")
    add("--monitor", default="accuracy", help="accuracy, macro_recall, nll, mean_cost, mae or superclass_accuracy")
    add("--train-size", type=int, metavar="N", help="train on so many images only")
    add("--no-augment", dest="augment", action="store_false")
    add("--no-standardize", dest="standardize", action="store_false", help="pixels in [0, 1], not shifted and scaled")
    add("--word", action="append", default=[], metavar="CLASS=WORD", help="the word looked up for a class")
    add("--class-weights", action="store_true", help="weigh classes by their inverse frequency")
    add("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    add("--ruler", metavar="groups|positions|words|FILE")
    _store_options(parser)


def _runs_option(parser: argparse.ArgumentParser) -> None:
    about = "where runs are kept (default: $SIMVIZ_RUNS or ./runs)"
    parser.add_argument("--runs", type=Path, metavar="DIR", help=about)


def _store_options(parser: argparse.ArgumentParser) -> None:
    _runs_option(parser)
    parser.add_argument("--json", action="store_true", help="print one flat JSON object as the last line")


def _base(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of a RunSpec that come straight from options."""
    same = "dataset test image_size model epochs batch_size lr schedule warmup patience monitor train_size augment"
    same += " standardize class_weights precision device ruler"
    base = {name: getattr(arguments, name) for name in same.split()}
    words = {}
    for pair in arguments.word:
        name, equals, word = pair.rpartition("=")
        if not equals:
            raise ValueError(f"--word is {pair!r}; write CLASS=WORD")
        words[name] = word
    return {**base, "words": words, "drop": tuple(filter(None, (d.strip() for d in arguments.drop.split(","))))}


def _datasets(arguments: argparse.Namespace) -> None:
    from simviz import datasets

    for name, text in datasets.available().items():
        print(f"{name:14} {text}")


def _matrix(arguments: argparse.Namespace) -> None:
    from simviz import matrices

    matrix = matrices.build(arguments.matrix, _classes(arguments.classes))
    if arguments.out:
        matrix.save(arguments.out)
        print(f"{matrix.kind} of {len(matrix)} classes written to {arguments.out}")
        return
    width = max(8, *(len(n) for n in matrix.names)) + 1
    print(f"{matrix.kind:{width}}" + "".join(f"{n:>{width}}" for n in matrix.names))
    for name, row in zip(matrix.names, matrix.values, strict=True):
        print(f"{name:{width}}" + "".join(f"{v:{width}.3f}" for v in row))


def _vectors(arguments: argparse.Namespace) -> None:
    from simviz import words

    source = arguments.source
    if arguments.download and source != words.BUNDLED and not words.is_path(source) and not words.local(source):
        from tqdm import tqdm

        offer = words.offer(source)
        print(f"fetching {offer}", file=sys.stderr)
        with tqdm(total=offer.size, unit="B", unit_scale=True, file=sys.stderr, dynamic_ncols=True) as bar:
            words.load(source, allow_download=True, progress=lambda done, _total: bar.update(done - bar.n))
    vectors = words.load(source)
    if not arguments.classes:
        print(f"{vectors.name}: {len(vectors)} tokens")
        return
    classes = _classes(arguments.classes)
    resolutions = words.resolve(classes, vectors)
    near = vectors.neighbours_of((r.word for r in resolutions if r.how != "missing"), 5)
    width = max(len(n) for n in classes) + 2
    print(vectors.name)
    for r in resolutions:
        cells = [f"{token} {cosine:.2f}" for token, cosine in near.get(r.word, [])]
        hint = f"try {', '.join(r.suggestions)}" if r.suggestions else ""
        line = f"{r.name:{width}}{r.how:8}{' + '.join(r.tokens):24}{', '.join(cells) if r.tokens else hint}"
        print("".join(c if c.isprintable() else "?" for c in line))  # tokens of a file may hold control characters


def _classes(text: str) -> Any:
    """Classes from a comma-separated list, a file with one name a line, or a data set's name."""
    from simviz import datasets
    from simviz.classes import ClassSet

    if text in datasets.available():
        return datasets.load(text).classes
    path = Path(text)
    if path.suffix == ".txt" or (path.is_file() and path.suffix != ".csv"):
        try:
            names = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise ValueError(f"{path.name} is not UTF-8 text; save it as UTF-8, one class name a line") from None
        return ClassSet([n.strip() for n in names if n.strip()])
    return ClassSet([n.strip() for n in text.split(",") if n.strip()])


def _train(arguments: argparse.Namespace) -> None:
    from simviz import compare
    from simviz.runs import Store, checked

    spec = checked(loss=arguments.loss, seed=arguments.seed, **_base(arguments))
    comparison = compare.create([spec], title=f"{spec.loss} on {spec.dataset}", store=Store(arguments.runs))
    _work(comparison)
    _tell(comparison, arguments.json)


def _evaluate(arguments: argparse.Namespace) -> None:
    from simviz.evaluation import foreign
    from simviz.runs import Store
    from simviz.runs.foreign import keep
    from simviz.settings import MATRIX_FILES

    classes, aliases = None, None
    if arguments.classes and Path(arguments.classes).suffix == ".csv":
        from simviz.datasets import class_table

        if not Path(arguments.classes).is_file():
            raise ValueError(f"there is no class table {arguments.classes!r}")
        classes, aliases = class_table.read(Path(arguments.classes), arguments.classes)
    elif arguments.classes:
        classes = _classes(arguments.classes)
    ruler = arguments.ruler
    if ruler and Path(ruler).suffix.lower() in MATRIX_FILES:
        ruler = str(Path(ruler).resolve())  # the app may run in another folder
    found = [foreign.read(foreign.source(p), classes=classes, aliases=aliases) for p in arguments.predictions]
    comparison = keep(
        found,
        store=Store(arguments.runs),
        ruler=ruler,
        files=[str(p) for p in arguments.predictions],
        class_table=arguments.classes,
        picture_roots=list(dict.fromkeys(p.parent for p in arguments.predictions)),
    )
    if len(found) == 1:
        _tell(comparison, arguments.json)
        return
    for note in comparison.info["notes"]:
        print(f"note: {note}", file=sys.stderr)
    _tell_all(comparison, arguments.json)


def _tell(comparison: Any, as_json: bool) -> None:
    """The result of a comparison's one run."""
    run = comparison.runs[0]
    result = run.result() | {"run": str(run.path)}
    for note in filter(None, [*comparison.info["notes"], result["warning"]]):
        print(f"note: {note}", file=sys.stderr)
    if as_json:
        print(json.dumps(result))
        return
    for key, value in result.items():
        print(f"{key:28} {value:.4f}" if isinstance(value, float) else f"{key:28} {value}")


def _compare(arguments: argparse.Namespace) -> None:
    from simviz import compare
    from simviz.runs import Store

    settings = arguments.loss or []
    settings = settings if arguments.no_controls else compare.with_controls(settings)
    specs = compare.specs_for(settings, range(arguments.seeds), **_base(arguments))
    comparison = compare.create(specs, title=arguments.title, store=Store(arguments.runs))
    _work(comparison)
    _tell_all(comparison, arguments.json)


def _tell_all(comparison: Any, as_json: bool) -> None:
    """The table of a comparison and what it says."""
    from simviz import compare

    rows = compare.table(comparison)
    ruler = compare.comparison_ruler(comparison)
    shown = [k for k in ("accuracy", "mean_cost", "mistake_severity", "failed_superclass_accuracy", "mae") if rows]
    shown = [k for k in shown if rows[0].mean(k) is not None]
    print(f"\ntest part, {max(len(r.seeds) for r in rows)} seeds, mean and 95 % interval; ruler: {ruler.describe()}")
    width = max(len(r.label) for r in rows) + 2
    print(" " * width + "".join(f"{k.replace('_', ' '):>28}" for k in shown) + "   classes predicted")
    for row in rows:
        cells = "".join(f"{_cell(row, k):>28}" for k in shown)
        print(f"{row.label:{width}}{cells}   {row.mean('distinct_classes'):.0f}{'  (control)' if row.control else ''}")
    if findings := compare.findings(rows):
        print("\n" + "\n".join(findings))
    if as_json:
        flat = {f"{r.label} {k}": r.mean(k) for r in rows for k in r.values}
        print(json.dumps({"comparison": str(comparison.path), "ruler": ruler.describe(), "split": "test", **flat}))


def _cell(row: Any, metric: str) -> str:
    mean, interval = row.mean(metric), row.interval(metric)
    if mean is None:
        return "-"
    return f"{mean:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def _report(arguments: argparse.Namespace) -> None:
    from simviz import evaluation
    from simviz.report.html import report
    from simviz.runs import Store
    from simviz.runs.store import replacing

    if not arguments.out.parent.is_dir():
        raise ValueError(f"there is no folder {str(arguments.out.parent)!r} to write {arguments.out.name} into")
    comparison = Store(arguments.runs).comparison(arguments.comparison)
    choice = arguments.ruler
    ruler = None if choice is None else evaluation.ruler(comparison.classes, choice)
    text = report(comparison, part=arguments.part, decoder=arguments.decoder, ruler=ruler, choice=choice)
    with replacing(arguments.out) as partial:
        partial.write_text(text, encoding="utf-8")
    print(f"{arguments.out}: {len(text.encode()) / 1e6:.1f} MB")


def _work(comparison: Any) -> None:
    """Train in this process with a progress bar; the first failed run is the command's error."""
    from tqdm import tqdm

    from simviz.runs import worker

    runs = comparison.runs
    total = sum(r.spec.epochs for r in runs)
    with tqdm(total=total, unit="epoch", file=sys.stderr, dynamic_ncols=True) as bar:

        def show(run: Any, event: Any) -> None:
            bar.set_description(run.id, refresh=False)
            if not hasattr(event, "step"):
                bar.set_postfix(accuracy=f"{event.validation['accuracy']:.3f}", refresh=False)
                bar.update(1)

        worker.work(comparison, show)
    failed = [r for r in runs if r.status["state"] == "failed"]
    if failed:
        raise ValueError(f"{failed[0].id} failed: {failed[0].status['error']} (log: {failed[0].path / 'log.txt'})")


def _app(arguments: argparse.Namespace) -> None:
    import subprocess

    app = Path(__file__).resolve().parent.parent / "app.py"
    sys.exit(subprocess.call([sys.executable, "-m", "streamlit", "run", str(app)]))
