"""Commands that train: train, compare."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from simviz.cli.options import spec_fields, training_options
from simviz.cli.telling import tell, tell_all

EXAMPLE = "simloss@words:keep=0.02"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = commands.add_parser("train", help="train one network with one loss")
    train.add_argument("--loss", required=True, metavar="SETTING", help=f"LOSS[:key=value][@MATRIX], e.g. {EXAMPLE}")
    training_options(train)
    train.add_argument("--seed", type=int, default=0)
    train.set_defaults(run=_train)

    compare = commands.add_parser("compare", help="train several losses on the same data, splits and batches")
    compare.add_argument("--loss", action="append", metavar="SETTING", help="once for every setting")
    training_options(compare)
    compare.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N-1 (default 3)")
    compare.add_argument("--no-controls", action="store_true", help="leave the control runs of SimLoss out")
    compare.add_argument("--title")
    compare.set_defaults(run=_compare)


def _train(arguments: argparse.Namespace) -> None:
    from simviz import compare
    from simviz.runs import Store, checked

    spec = checked(loss=arguments.loss, seed=arguments.seed, **spec_fields(arguments))
    comparison = compare.create([spec], title=f"{spec.loss} on {spec.dataset}", store=Store(arguments.runs))
    _work(comparison)
    tell(comparison, arguments.json)


def _compare(arguments: argparse.Namespace) -> None:
    from simviz import compare
    from simviz.runs import Store

    settings = arguments.loss or []
    settings = settings if arguments.no_controls else compare.with_controls(settings)
    specs = compare.specs_for(settings, range(arguments.seeds), **spec_fields(arguments))
    comparison = compare.create(specs, title=arguments.title, store=Store(arguments.runs))
    _work(comparison)
    tell_all(comparison, arguments.json)


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
