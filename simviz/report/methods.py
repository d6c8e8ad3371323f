"""The methods paragraph of a comparison, computed from what its runs record; what was not done is not claimed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simviz import __version__, compare
from simviz.evaluation import Ruler
from simviz.hyperparameters import MOST_FITTED, PENALTY
from simviz.report.citations import WORKS, Work, of_setting, uses_bundled_words
from simviz.runs import Comparison, Run, StoreError, tuning
from simviz.runs.files import read_json
from simviz.settings import parse_setting


@dataclass
class Methods:
    """Sentences, and the works they cite.

    Attributes
    ----------
    text : the paragraph
    works : in the order they are cited
    """

    sentences: list[str] = field(default_factory=list)
    works: dict[str, Work] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return " ".join(self.sentences)

    @property
    def bibtex(self) -> str:
        return "\n\n".join(work.bibtex for work in self.works.values())

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def cite(self, work: Work) -> str:
        """The work as it stands in a sentence, kept for the list."""
        self.works[work.key] = work
        return f"({work.short})"


def methods(comparison: Comparison, *, part: str, decoder: str, ruler: Ruler, rows: Sequence[compare.Row]) -> Methods:
    """What was done to get the rows of `compare.table`, for the paragraph of a paper.

    Parameters
    ----------
    comparison : with the runs that are shown
    rows : its table by this part, decoder and ruler
    """
    said, runs = Methods(), [r for r in comparison.runs if r.has_predictions(part)]
    if not runs:
        said.say(f"No run of this comparison has predictions on the {part} part.")
        return said
    foreign = runs[0].spec.predictions is not None
    _data(said, comparison, runs, part, foreign=foreign)
    if not foreign:
        _training(said, comparison, runs, part)
        _settings(said, comparison)
        _seeds(said, runs)
        _tuning(said, comparison, runs)
    _measures(said, ruler, rows)
    _decoding(said, part, decoder, rows)
    _intervals(said, rows)
    _software(said, runs)
    return said


def _data(said: Methods, comparison: Comparison, runs: Sequence[Run], part: str, *, foreign: bool) -> None:
    origins = [_kept(run, "data") for run in runs]
    name = str((comparison.info.get("dataset") or {}).get("name") or "the data set")
    classes, first = comparison.classes, runs[0].predictions(part)
    about = [f"{len(classes)} classes"]
    about += ["ordered"] if classes.ordered else []
    about += [f"in {len({g[0] for g in classes.groups})} groups"] if classes.groups is not None else []
    if foreign:
        said.say(
            f"The predictions of {_number(len(runs), 'model')} made elsewhere were read from files; nothing is known "
            f"here of how the models were trained, or of the split."
        )
    else:
        settings = len(comparison.groups)
        said.say(
            f"{_number(settings, 'setting')} {'were compared' if settings > 1 else 'was measured'} on {name} "
            f"({', '.join(about)})."
        )
        same = len({(o.get("fingerprint"), str(o.get("split"))) for o in origins}) == 1 and origins[0].get("split")
        if same:
            split = origins[0]["split"]
            counts = (
                f"{split['train']:,} training, {split['validation']:,} validation and {split['test']:,} test images"
            )
            said.say(
                f"All runs saw the same data and the same split of {counts} (fingerprint {origins[0]['fingerprint']})."
            )
        else:
            said.say("The runs do not record the same data and split, so their numbers are not of one experiment.")
    unit = str(comparison.info.get("unit_name", "image"))
    units = len(np.unique(first.units))
    of = "" if unit == "image" else f" of {units:,} {unit}s"
    said.say(f"Numbers are on the {part} part: {len(first):,} images{of}.")


def _training(said: Methods, comparison: Comparison, runs: Sequence[Run], part: str) -> None:
    specs = [run.spec for run in runs]
    made = [_kept(run, "environment") for run in runs]
    models = _all(f"{e.get('model')}, {e['parameters']:,} parameters" if "parameters" in e else None for e in made)
    if weights := {Path(s.pretrained).name for s in specs if s.pretrained}:
        said.say(
            f"Networks ({models or 'which ones is not recorded'}) had pretrained weights ({_all(sorted(weights))}) and "
            "kept them. A last layer alone was fitted for each loss, on standardised features of at most "
            f"{MOST_FITTED:,} training images, with a penalty of {PENALTY:g} / 2 times its squared weights."
        )
        return
    said.say(
        f"Networks ({models or 'which ones is not recorded'}) were trained with {_optimizer(said, runs)}, batches of "
        f"{_each(runs, 'batch_size')}, {_each(runs, 'epochs')} epochs"
        f"{' at most' if any(s.patience for s in specs) else ''}, {_augmented(specs)}."
    )
    if crops := {s.crop for s in specs} - {None}:
        said.say(
            f"Networks saw windows of {_all(f'{n} x {n}' for n in crops)} pixels: random ones, then the middle one."
        )
    if all(s.mirror for s in specs):
        said.say("Probabilities were averaged over each image and its mirror image.")
    _stopping(said, runs)
    warm = {r.setting: sum(bool(line.get("warmup")) for line in r.metrics()) for r in runs}
    if any(warm.values()):
        epochs = ", ".join(f"{s} {n}" for s, n in warm.items() if n)
        said.say(f"Epochs of plain cross entropy came first, as warm-up ({epochs}).")
    if sizes := {s.train_size for s in specs} - {None}:
        said.say(f"Training used a random subset of {_all(f'{n:,}' for n in sizes)} training images.")
    if any(s.class_weights for s in specs):
        some = "" if all(s.class_weights for s in specs) else " in some runs"
        said.say(f"Classes were weighed by their inverse frequency{some}.")
    if part == "test":
        said.say("Each run read the test part once, with the network it kept.")
    if cut := sum(_kept(run, "status").get("state") == "cancelled" for run in runs):
        said.say(f"{cut} of {len(runs)} runs were cancelled before their last epoch.")
    if (absent := len(comparison.info.get("runs", runs)) - len(runs)) > 0:
        verb = "is" if absent == 1 else "are"
        said.say(f"{_number(absent, 'further run')} without usable predictions {verb} part of no number.")


def _optimizer(said: Methods, runs: Sequence[Run]) -> str:
    """The optimiser, its rate and how that changes."""
    specs = [run.spec for run in runs]
    kinds = {
        f"stochastic gradient descent with Nesterov momentum {s.momentum:g}"
        if s.momentum is not None
        else f"Adam {said.cite(WORKS['kingma2015adam'])}"
        for s in specs
    }
    cycled = {s.schedule for s in specs} == {"one-cycle"}
    change = f" in one cycle {said.cite(WORKS['smith2018super'])}" if cycled else ""
    if decays := {s.decay for s in specs} - {None}:
        change = f" times {_all(f'{d:g}' for d in decays)} after each epoch"
    return f"{' or '.join(sorted(kinds))}, {'peak ' if cycled else ''}learning rate {_each(runs, 'lr')}{change}"


def _stopping(said: Methods, runs: Sequence[Run]) -> None:
    """When training ended, and which network was kept."""
    rules = {(r.spec.patience, r.spec.monitor) for r in runs if r.spec.patience}
    if not rules:
        said.say("The network of the last epoch was kept; nothing stopped training early.")
    elif len(rules) == 1 and all(r.spec.patience for r in runs):
        patience, monitor = next(iter(rules))
        said.say(
            f"Training stopped after {_number(int(patience or 0), 'epoch')} without a better validation "
            f"{monitor.replace('_', ' ')}; the network of the best epoch was kept."
        )
    else:
        said.say("Early stopping differed between runs.")


def _augmented(specs: Sequence[Any]) -> str:
    if all(s.augment for s in specs):
        return "with the augmentation of the data set"
    return "without augmentation" if not any(s.augment for s in specs) else "augmented in some runs"


def _settings(said: Methods, comparison: Comparison) -> None:
    parsed = {text: parse_setting(text) for text in comparison.groups}
    parts = [f"{text} {said.cite(work)}" if (work := of_setting(s)) else text for text, s in parsed.items()]
    said.say(f"The losses: {'; '.join(parts)}.")
    if worded := [text for text, s in parsed.items() if uses_bundled_words(s)]:
        glove = said.cite(WORKS["pennington2014glove"])
        said.say(f"Similarities of names are cosines of GloVe 6B 50d vectors {glove} in {', '.join(worded)}.")
    if shuffled := [s for s in comparison.groups if "shuffle=" in s]:
        said.say(f"As a control, the class names of the matrix were shuffled in {', '.join(shuffled)}.")
    if unit := [s for s in comparison.groups if "normalize=columns" in s]:
        said.say(
            f"The columns of S were divided by their sums in {', '.join(unit)}, which is forward correction "
            f"{said.cite(WORKS['patrini2017making'])}."
        )


def _seeds(said: Methods, runs: Sequence[Run]) -> None:
    by_setting: dict[str, list[int]] = {}
    for run in runs:
        by_setting.setdefault(run.setting, []).append(run.spec.seed)
    seeds = {tuple(sorted(s)) for s in by_setting.values()}
    if len(seeds) > 1:
        texts = (f"{s}: {', '.join(map(str, sorted(v)))}" for s, v in by_setting.items())
        said.say(f"Seeds differ between settings ({'; '.join(texts)}).")
        return
    found = next(iter(seeds))
    alike = len({(r.spec.batch_size, r.spec.train_size, r.spec.augment) for r in runs}) == 1
    batches = "; within a seed all settings saw the same batches" if alike and len(by_setting) > 1 else ""
    said.say(f"Every setting was trained with {_number(len(found), 'seed')} ({', '.join(map(str, found))}){batches}.")


def _tuning(said: Methods, comparison: Comparison, runs: Sequence[Run]) -> None:
    if any(run.spec.pretrained for run in runs):  # a last layer that is fitted has no learning rate
        return
    record = tuning.recorded(comparison)
    if record is not None and record.done:
        _tuned(said, comparison, record)
        return
    rates = {run.spec.lr for run in runs}
    several = len({run.setting for run in runs}) > 1
    if several and len(rates) > 1:
        said.say("Learning rates differ between settings; this comparison does not record how they were chosen.")
    elif several:
        said.say(
            "All settings share one learning rate; this comparison records no search over learning rates or "
            "parameters of matrices, which may favour some losses."
        )


def _tuned(said: Methods, comparison: Comparison, record: tuning.Tuning) -> None:
    """How the learning rates were chosen, from what the comparison records."""
    rates = _all(f"{r:g}" for r in record.rates)
    said.say(
        f"The learning rate of each setting was chosen by validation {record.metric.replace('_', ' ')}, the same for "
        f"all settings, in one run a rate with a seed of its own ({record.seed}): {rates}, and further rates while the "
        "best lay at an edge of those tried."
    )
    shown = [s for s in comparison.groups if s in record.tried]
    if more := {s: len(record.tried[s]) for s in shown if len(record.tried[s]) > len(record.rates)}:
        said.say(f"More than {len(record.rates)} were tried for {', '.join(f'{s} ({n})' for s, n in more.items())}.")
    if edges := [s for s in shown if record.at_edge(s)]:
        said.say(f"The best rate of {', '.join(edges)} still lies at the edge of those tried.")
    if failed := sum(t.value is None for s in shown for t in record.tried[s]):
        said.say(f"{_number(failed, 'such run')} did not train to the end and could not be chosen.")
    said.say("Parameters of the matrices were not searched.")


def _measures(said: Methods, ruler: Ruler, rows: Sequence[compare.Row]) -> None:
    glove = f", from GloVe {said.cite(WORKS['pennington2014glove'])}" if ruler.name == "words" else ""
    said.say(
        f"Mistakes were measured by the ruler {ruler.describe()}{glove}: mean cost is the mean distance from true to "
        "predicted class over all images, severity the same over mistakes alone."
    )
    trained = list(dict.fromkeys(r.setting for r in rows if r.same_ruler))
    if trained:
        said.say(f"This is the very matrix that {', '.join(trained)} was trained with, which favours it.")


def _decoding(said: Methods, part: str, decoder: str, rows: Sequence[compare.Row]) -> None:
    used = {r.decoder for r in rows}
    own = {r.setting for r in rows if r.decoder == compare.OWN}
    if own:
        said.say(f"Only the decided class is known of {', '.join(sorted(own))}.")
    if used == {compare.OWN}:
        return
    said.say(
        f"Classes were decided by {decoder}"
        + (", argmax for settings trained without S." if decoder == "blurred" else ".")
    )
    if "min_cost" in used:
        which = ", ".join(dict.fromkeys(r.setting for r in rows if r.decoder == "min_cost"))
        said.say(
            f"Minimum expected cost {said.cite(WORKS['karthik2021no'])} decides the rows marked min_cost ({which}), "
            f"after temperature scaling {said.cite(WORKS['guo2017calibration'])} where there is a validation part to "
            "fit it on" + (", which here is the part that is measured." if part == "validation" else ".")
        )
    if part == "validation":
        said.say("These are validation numbers; early stopping, where it was used, saw the same images.")


def _intervals(said: Methods, rows: Sequence[compare.Row]) -> None:
    counts = sorted({len(r.seeds) for r in rows})
    if not counts or counts[-1] < 2:
        said.say("With one run a setting there are no intervals, and differences decide nothing.")
        return
    of = str(counts[-1]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    paired = "; differences from ce are paired by seed" if compare.findings(rows) else ""
    said.say(
        f"Numbers are means over seeds with 95 % Student t intervals (n = {of}){paired}. The intervals are of the "
        "seeds alone: they do not cover the choice of images, and are not corrected for the number of settings."
    )


def _software(said: Methods, runs: Sequence[Run]) -> None:
    made = [_kept(run, "environment") for run in runs]
    torch = _all(f"PyTorch {e['torch']}" if "torch" in e else None for e in made)
    kinds = _all(f"{e['device']}, {e['precision']}" if {"device", "precision"} <= e.keys() else None for e in made)
    said.say(f"Computed with simviz {__version__}" + (f"; trained with {torch} ({kinds})." if torch else "."))


def _each(runs: Sequence[Run], name: str) -> str:
    """A number of the specs: one for all runs, or one a setting where they differ."""
    found: dict[str, set[str]] = {}
    for run in runs:
        found.setdefault(run.setting, set()).add(f"{getattr(run.spec, name):g}")
    if len(set().union(*found.values())) == 1:
        return next(iter(found[runs[0].setting]))
    return ", ".join(f"{' or '.join(sorted(values))} ({setting})" for setting, values in found.items())


def _all(texts: Iterable[str | None]) -> str:
    return ", ".join(dict.fromkeys(t for t in texts if t))


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _kept(run: Run, name: str) -> dict[str, Any]:
    """What a record of the run says; nothing where there is none."""
    try:
        return read_json(run.path / f"{name}.json")
    except StoreError:
        return {}
