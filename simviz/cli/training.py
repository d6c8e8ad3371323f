"""Commands that train: train, compare, and experiments, which lists what compare knows by name."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simviz.cli.options import spec_fields, training_options
from simviz.cli.telling import tell, tell_all

if TYPE_CHECKING:
    from simviz.compare.plans import Plan

BAR_SECONDS = 1.0
EXAMPLE = "simloss@words:keep=0.02"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = commands.add_parser("train", help="train one network with one loss")
    train.add_argument("--loss", required=True, metavar="SETTING", help=f"LOSS[:key=value][@MATRIX], e.g. {EXAMPLE}")
    training_options(train)
    train.add_argument("--seed", type=int, default=0)
    train.set_defaults(run=_train)

    compare = commands.add_parser(
        "compare",
        help="train several losses on the same data, splits and batches",
        description="Options that are given take the place of what --file or --experiment says.",
    )
    written = compare.add_mutually_exclusive_group()
    written.add_argument("--file", type=Path, metavar="X.toml", help="comparisons written down; keys are these options")
    written.add_argument("--experiment", metavar="NAME", help="one of `simviz experiments`")
    add = partial(compare.add_argument, default=argparse.SUPPRESS)
    add("--loss", action="append", metavar="SETTING", help="once for every setting")
    training_options(compare, needs_data=False)
    add("--seeds", type=int, metavar="N", help="seeds 0 to N-1 (default 3)")
    add("--tune", action="store_true", help="choose each setting's learning rate on validation, by --monitor")
    add("--rates", type=_rates, metavar="a,b,...", help="rates that --tune tries (default: five around --lr)")
    add("--no-controls", dest="controls", action="store_false", help="leave the control runs of SimLoss out")
    add("--budget", type=float, metavar="MINUTES", help="end the run under way and begin no other after that")
    add("--title")
    compare.add_argument("--scale", type=float, metavar="SHARE", help="about so much of the whole training, as 0.05")
    about = "train on a Ray cluster: HOST:PORT of its head, or auto for this machine's"
    compare.add_argument("--cluster", metavar="ADDRESS", help=about)
    compare.set_defaults(run=_compare)

    listed = commands.add_parser("experiments", help="list the experiments of the papers, and the data they need")
    listed.set_defaults(run=_experiments)


def _rates(text: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are no rates; write rates as 0.001,0.003") from None


def _train(arguments: argparse.Namespace) -> None:
    from simviz import compare
    from simviz.runs import Store, checked

    spec = checked(loss=arguments.loss, seed=arguments.seed, **spec_fields(arguments))
    comparison = compare.create([spec], title=f"{spec.loss} on {spec.dataset}", store=Store(arguments.runs))
    _work(comparison)
    tell(comparison, arguments.json)


def _compare(arguments: argparse.Namespace) -> None:
    """Lay every comparison out before the first is trained: what is wrong is said at once."""
    from simviz.runs import Store

    if arguments.cluster is not None:
        from simviz.runs import cluster

        cluster.check(arguments.cluster)
    store, laid_out, left_out = Store(arguments.runs), [], []
    for plan in _plans(arguments):
        try:
            if arguments.scale is not None:
                plan, text = plan.scaled(arguments.scale)
                print(f"note: {text}", file=sys.stderr)
            laid_out.append(plan.create(store))
        except ValueError as error:
            if arguments.experiment is None:
                for comparison in laid_out:
                    store.delete(comparison.id)
                raise
            left_out.append(f"{plan.title or arguments.experiment}: {error}")
    if not laid_out:
        raise ValueError("; ".join(left_out))
    for text in left_out:
        print(f"note: left out, {text}", file=sys.stderr)
    failed = []
    for comparison in laid_out:
        try:
            _work(comparison, arguments.cluster)
            tell_all(comparison, arguments.json)
        except ValueError as error:  # the next comparison is not to blame
            failed.append(str(error))
    if failed:
        raise ValueError("; ".join(failed))


def _plans(arguments: argparse.Namespace) -> Sequence[Plan]:
    """What is written in a file or the options, the options first."""
    from simviz.compare import plans

    own = {name: getattr(arguments, name) for name in plans.Plan.model_fields if name in arguments and name != "run"}
    given = spec_fields(arguments) | own
    if arguments.file is not None:
        return plans.read(arguments.file, given).plans
    if arguments.experiment is not None:
        return plans.experiment(arguments.experiment, given).plans
    return [plans.plan(**given)]


def _experiments(arguments: argparse.Namespace) -> None:
    from simviz.compare import plans

    for name, found in plans.experiments().items():
        print(f"{name}\n  {found.about}\n  data: {found.needs}")
        for plan in found.plans:
            first = plan.specs()[0]
            tuned = ", learning rates tuned" if plan.tune else ""
            runs = f"{len(plan.settings)} settings x {plan.seeds} seeds, up to {first.epochs} epochs{tuned}"
            print(f"  {plan.title or first.dataset}: {runs}")


def _work(comparison: Any, address: str | None = None) -> None:
    """Train in this process, or on a cluster, with a progress bar; the first failed run is the command's error."""
    from tqdm import tqdm

    from simviz.runs import cluster, worker

    for note in comparison.info["notes"]:  # a class that is missing in a part is known before anything is trained
        print(f"warning: {note}", file=sys.stderr)
    over = threading.Event()
    with tqdm(unit="epoch", file=sys.stderr, dynamic_ncols=True) as bar:

        def show(run: Any, event: Any) -> None:
            bar.set_description(f"{run.id} lr {run.spec.lr:g}", refresh=False)
            if not hasattr(event, "step"):
                bar.set_postfix(accuracy=f"{event.validation['accuracy']:.3f}", refresh=False)

        def watch() -> None:
            """Other processes train too, so the folders tell how far everything is."""
            while not over.wait(BAR_SECONDS):
                bar.n, bar.total = _epochs(comparison)
                bar.refresh()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            if address is None:
                worker.work(comparison, show)
            else:
                cluster.work(comparison, address, show)
        finally:
            over.set()
            watcher.join()
            bar.n, bar.total = _epochs(comparison)
    ends = [run.status for run in comparison.runs]
    for text in dict.fromkeys(e["error"] for e in ends if e["state"] != "failed" and e.get("error")):
        print(f"note: {text}", file=sys.stderr)
    failed = [r for r in comparison.runs if r.status["state"] == "failed"]
    if failed:
        raise ValueError(f"{failed[0].id} failed: {failed[0].status['error']} (log: {failed[0].path / 'log.txt'})")
    if not any(run.has_predictions() for run in comparison.runs):
        raise ValueError(f"{comparison.title}: no run reached the end of an epoch; give it more time")


def _epochs(comparison: Any) -> tuple[int, int]:
    """Epochs trained and asked for, those of a search for learning rates among them."""
    from simviz.runs import status, tuning

    runs = [*comparison.runs, *tuning.trials(comparison)]
    known = [status.last(run) for run in runs]
    return sum(int(k.get("reached", k.get("epoch", 0))) for k in known), sum(run.spec.epochs for run in runs)
