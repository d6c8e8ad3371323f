"""The Python that reads a kept comparison as a page does: its table, and the pictures of the screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simviz.evaluation.collapse import Path
from simviz.figures import panels
from simviz.report import counts
from simviz.runs import Comparison

_DECIDED = "part=part, decoder=decoder, ruler=ruler"
_CELLS = {"normalize": "true", "hide_diagonal": False, "log": False}
_PLAIN = {**_CELLS, "order": None, "groups": None, "chosen": None, "numbers": True}
_FROM = {
    "simviz.evaluation.collapse": ("collapse",),
    "simviz.report.closer": ("curves", "last_layers", "reliabilities", "with_probabilities"),
    "simviz.report.counts": ("cell_tests", "counted", "of_epoch"),
}


def confusion(
    comparison: Comparison,
    *,
    part: str,
    decoder: str,
    ruler: str | None,
    sides: tuple[str, str] | None = None,
    look: Mapping[str, Any] | None = None,
    rows: tuple[int, Sequence[Path]] = (0, ()),
    alone: Sequence[str] = (),
    epoch: int | None = None,
    window: tuple[int, int] | None = None,
    harm: bool = False,
    grey: bool = False,
) -> str:
    """Python that prints the table and draws the matrices, and A - B of the sides, as the confusion page does.

    Parameters
    ----------
    ruler : as in `evaluation.ruler`; None for the comparison's own
    sides : as in `report.html.report`
    look : how the matrices are drawn, arguments of `figures.confusion.confusion`; those at their default are left out.
        A difference of the sides is drawn with what it takes of them.
    rows : level and opened groups, as `evaluation.collapse.collapse` takes them
    alone : runs that are drawn for themselves, as in `report.counts.shown`; those among the sides always are
    epoch : the matrices are those of validation after this epoch
    window : the cell around which a part is drawn once more, as `figures.heatmap.window` cuts it
    harm, grey : the difference is coloured by harm; cells that may have changed by chance are grey
    """
    alone = list(dict.fromkeys([*alone, *(sides or ())]))
    only = f", alone={alone!r}" if any(one not in comparison.groups for one in alone) else ""
    drawn = counts.shown(comparison, part, alone, epoch)
    counted = f"counted(comparison, {_DECIDED}" if epoch is None else f"of_epoch(comparison, {epoch}"
    known = {k: v for k, v in (look or {}).items() if k in _PLAIN and v != _PLAIN[k]}
    cells = "".join(f", {k}={v!r}" for k, v in known.items() if k in _CELLS)
    body = (
        f"counts = {counted}{only})\n"
        f"nodes = collapse(classes, {rows[0]}, {list(rows[1])!r})\n"
        "tables = {s: nodes.sum(one.mean) for s, one in counts.items()}\n"
        f"look = dict({', '.join(f'{k}={v!r}' for k, v in known.items())})\n"
        "draw = figures.confusion.confusion\n"
        f"limits = figures.confusion.shared_limits(tables.values(){cells})\n"
        "pictures = {s: draw(table, nodes.names, title=s, limits=limits, **look) for s, table in tables.items()}\n"
    )
    if window is not None:
        body += (
            "places = look.get('order') or range(len(nodes))\n"
            f"down, across = (figures.heatmap.window(places, at) for at in {window!r})\n"
            f"near = {{**look, 'order': down, 'columns': across, 'chosen': {window!r}}}\n"
            "windows = {s: draw(table, nodes.names, title=s, limits=limits, **near) for s, table in tables.items()}\n"
        )
    if sides is not None and all(side in drawn for side in sides):
        body += _difference(sides, harm=harm, grey=grey, window=window is not None)
    return _whole(comparison, part, decoder, ruler, body)


def _difference(sides: tuple[str, str], *, harm: bool, grey: bool, window: bool) -> str:
    """Python that draws A - B, with the colours and the grey of the screen."""
    text = (
        f"sides = {sides!r}\n"
        "a, b = (tables[side] for side in sides)\n"
        "look = {'hide_diagonal': False, **look}\n"
        "look.pop('log', None)\n"
    )
    more = ""
    if harm:
        text += (
            "distance = ruler.distance_for(classes)\n"
            "harm = tuple(nodes.sum(counts[side].mean * distance) for side in sides)\n"
        )
        more += ", harm=harm, unit=ruler.unit"
    if grey or window:
        text += f"moved = figures.confusion.change(a, b, look.get('normalize', 'true'){', harm' if harm else ''})\n"
    if grey:
        text += f"tests = cell_tests(comparison, sides, {_DECIDED}, nodes=nodes, weighted={harm})\n"
        more += ", quiet=(moved != 0) & ~tests.significant"
    called = f"figures.confusion.difference(a, b, nodes.names, labels=sides{more}"
    text += f"change = {called}, **look)\n"
    if window:
        text += (
            "shown = moved * (1 - np.eye(len(nodes))) if look['hide_diagonal'] else moved\n"
            "near = {**look, 'order': down, 'columns': across, 'chosen': near['chosen']}\n"
            f"window = {called}, limit=abs(shown).max() or 1.0, **near)\n"
        )
    return text


def severity(comparison: Comparison, *, part: str, decoder: str, ruler: str | None, room: str, **chosen: Any) -> str:
    """Python that prints the table and draws accuracy against cost, then what the open room of the severity page shows.

    Parameters
    ----------
    ruler : as in `evaluation.ruler`; None for the comparison's own
    room : a key of `ROOMS`
    chosen : what is chosen there, arguments of the room's function
    """
    body = _SCATTER
    if panels.sweeps(list(comparison.groups)):
        body += _SWEEPS
    return _whole(comparison, part, decoder, ruler, body + ROOMS[room](**chosen))


_COUNTS = f"counts = counted(comparison, {_DECIDED})\n"
_SCATTER = """\
accuracy, cost = ({row.label: row.values[of] for row in rows} for of in ("accuracy", "mean_cost"))
both = {row.label: (row.interval("accuracy"), row.interval("mean_cost")) for row in rows}
known = {label: pair for label, pair in both.items() if None not in pair}
scatter = figures.severity.accuracy_cost(accuracy, cost, unit=ruler.unit, intervals=known)
"""
_SWEEPS = """\
named = {}
for row in rows:  # a setting is its first row; further rows of it are control decoders
    named[row.label if row.setting in named else row.setting] = row
points = [{name: row.values[of] for name, row in named.items()} for of in ("accuracy", "mean_cost")]
swept = figures.panels.sweeps(list(named))
sweeps = {name: figures.panels.accuracy_cost(one, *points, unit=ruler.unit) for name, one in swept.items()}
"""


def _distances(*, view: str, beyond: float) -> str:
    return _COUNTS + (
        "spread = {s: evaluation.error_distances(one.total, ruler) for s, one in counts.items()}\n"
        f"distances = figures.severity.error_distances(spread, unit=ruler.unit, view={view!r})\n"
        "for s, (distance, count) in spread.items():\n"
        f'    print(s, count[distance > {beyond!r}].sum() / count.sum() if len(count) else "no mistakes")\n'
    )


def _classes(*, settings: Sequence[str], quantity: str, said: str, shown: Sequence[int]) -> str:
    """`settings` from the left, `said` what the quantity is called, `shown` the classes from the top."""
    behind, counted = ("errors", "mistakes") if quantity == "severity" else ("count", "images")
    unit = "ruler.unit" if quantity != "error_rate" else repr("share of the class's images")
    return _COUNTS + (
        f"found = {{s: evaluation.class_severity(counts[s].total, ruler) for s in {list(settings)!r}}}\n"
        f"shown = {list(shown)!r}\n"
        "by_class = figures.severity.per_class(\n"
        f"    {{s: one[{quantity!r}][shown] for s, one in found.items()}},\n"
        "    [classes.names[i] for i in shown],\n"
        f"    behind={{s: one[{behind!r}][shown] / counts[s].runs for s, one in found.items()}},\n"
        f"    counted={counted!r},\n"
        f"    unit={unit},\n"
        f"    quantity={said!r},\n"
        ")\n"
    )


def _pairs(*, setting: str, most: int) -> str:
    return _COUNTS + (
        f"one = counts[{setting!r}]\n"
        "pairs = evaluation.top_pairs(one.total, ruler, classes, one.total.size)\n"
        f'pairs = sorted(pairs, key=lambda pair: -pair["cost"])[:{most}]\n'
        "for pair in pairs:\n"
        '    print(pair["true"], pair["predicted"], pair["count"] / one.runs, pair["cost"] / one.runs)\n'
    )


def _ranked(*, k: int) -> str:
    return (
        "means = {\n"
        "    row.label: curves(comparison, row, part=part, ruler=ruler).mean(axis=0)\n"
        "    for row in rows\n"
        "    if row.decoder != compare.OWN\n"
        "}\n"
        f"ranked = figures.ranking.top_distances(means, unit=ruler.unit, k={k})\n"
        "for label, curve in means.items():\n"
        f"    print(label, curve[{k - 1}])\n"
    )


def _calibration(*, binning: str) -> str:
    return (
        "diagrams = {}\n"
        "for row in with_probabilities(rows):\n"
        f"    pooled, each = reliabilities(comparison, row, part=part, binning={binning!r})\n"
        "    diagrams[row.label] = figures.calibration.reliability(pooled, row.setting)\n"
        "    ece, lean = (np.mean([getattr(one, of) for one in each]) for of in ('ece', 'lean'))\n"
        '    print(row.label, row.mean("nll"), ece, lean)\n'
    )


def _order(*, metrics: Sequence[str]) -> str:
    return f"for row in rows:\n    print(row.label, *map(row.mean, {list(metrics)!r}))\n"


def _gain(*, model: str, by_cost: bool, layers: Sequence[str]) -> str:
    """`by_cost`: whether a decision by cost can be estimated; `layers`: the losses asked about, if any."""
    text = (
        f"(run,) = (run for run in comparison.runs if run.id == {model!r})\n"
        f"known = run.predictions(part{', features=True' if layers else ''})\n"
    )
    if by_cost:
        text += (
            "samples = known.log_probabilities, known.target, known.units\n"
            "gain = evaluation.gain_by_cost(*samples, classes=classes, ruler=ruler)\n"
            "print(gain.sentence(ruler.unit))\n"
        )
    if layers:
        text += (
            f"names = {list(layers)!r}\n"
            "layers = dict(zip(names, last_layers(known, names, classes=classes, ruler=ruler), strict=True))\n"
            "for name, outcome in layers.items():\n"
            '    print(outcome.sentence(f"A last layer of {name} in place of ce", ruler.unit))\n'
        )
    return text


ROOMS: dict[str, Callable[..., str]] = {
    "distances": _distances,
    "classes": _classes,
    "pairs": _pairs,
    "top-k": _ranked,
    "calibration": _calibration,
    "order": _order,
    "gain": _gain,
}


def _whole(comparison: Comparison, part: str, decoder: str, ruler: str | None, body: str) -> str:
    """The imports that are used, the comparison, its printed table, and what is made of them."""
    measure = "compare.comparison_ruler(comparison)" if ruler is None else f"evaluation.ruler(classes, {ruler!r})"
    text = (
        f"comparison = Store().comparison({comparison.id!r})\n"
        "classes = comparison.classes\n"
        f"part, decoder, ruler = {part!r}, {decoder!r}, {measure}\n"
        f"rows = compare.table(comparison, {_DECIDED})\n"
        "for row in rows:\n"
        '    print(row.label, row.mean("accuracy"), row.mean("mean_cost"), row.interval("mean_cost"))\n'
        f"{body}"
    )
    head = "import numpy as np\n\n" if "np." in text else ""
    head += f"from simviz import {', '.join(n for n in ('compare', 'evaluation', 'figures') if f'{n}.' in text)}\n"
    for module, names in _FROM.items():
        used = [name for name in names if re.search(rf"\b{name}\(", text)]
        head += f"from {module} import {', '.join(used)}\n" if used else ""
    return f"{head}from simviz.runs import Store\n\n{text}"
