"""A comparison as one HTML file that opens without internet: plotly.js is inside, once."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterable, Sequence

from simviz import __version__, compare
from simviz.evaluation import Ruler
from simviz.report import pictures, reproduce
from simviz.report.counts import counted, of_runs
from simviz.report.look import PLAIN, Look
from simviz.report.methods import Methods, methods
from simviz.report.pictures import Picture
from simviz.runs import Comparison, StoreError

CONFIG = {"displaylogo": False, "toImageButtonOptions": {"format": "svg", "filename": "simviz"}}
SHOWN = {
    "accuracy": "accuracy",
    "mean_cost": "mean cost",
    "mistake_severity": "severity",
    "failed_superclass_accuracy": "FSA",
    "mae": "MAE",
    "qwk": "QWK",
    "nll": "NLL",
    "ece": "ECE",
    "distinct_classes": "classes",
}
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1B2430; background: #fff; max-width: 1060px; margin: 0 auto;
  padding: 24px 16px 64px; overflow-wrap: anywhere; }
h1 { font-size: 1.8rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid #D8DEE6; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: normal; }
table { font-size: .88rem; } .plot { min-width: 640px; }
.note { color: #4A5565; font-size: .9rem; } pre { background: #F3F5F8; padding: 12px; overflow-x: auto;
  font-size: .85rem; }
"""


def report(
    comparison: Comparison,
    *,
    part: str = "test",
    decoder: str = "argmax",
    ruler: Ruler | None = None,
    choice: str | None = None,
    sides: tuple[str, str] | None = None,
    look: Look = PLAIN,
) -> str:
    """The report of a comparison, about 5 MB of HTML, almost all of it plotly.js.

    Table, accuracy against mean cost, severity by class, confusion of each setting, differences, methods with
    BibTeX, the commands that make it again. Everything from outside is escaped.

    Parameters
    ----------
    part, decoder : as in `compare.table`
    ruler : the comparison's own if None
    choice : how that ruler is asked for in a command; None for the comparison's own
    sides : two settings or runs to take the difference of; the first setting and each other if None
    look : how confusion and differences are drawn

    Raises
    ------
    StoreError
        If no run has predictions on the part; ValueError as in `compare.table`, for a side that there is not, or for
        an order or a level that the look cannot have.
    """
    ruler = ruler or compare.comparison_ruler(comparison)
    rows = compare.table(comparison, part=part, decoder=decoder, ruler=ruler)
    if not rows:
        raise StoreError(f"no run of {comparison.id} has predictions on the {part} part; there is nothing to report")
    counts = counted(comparison, part=part, decoder=decoder, ruler=ruler)
    classes = comparison.classes
    alone = {
        run.id: of_runs([run], comparison, part=part, decoder=decoder, ruler=ruler)
        for run in comparison.runs
        if run.id in (sides or ()) and run.has_predictions(part)
    }
    _check_sides(sides, [*counts, *alone])
    drawn = [
        pictures.accuracy_cost(rows, ruler),
        pictures.per_class(counts, classes, ruler),
        *pictures.matrices(counts, alone, classes, sides=sides, ruler=ruler, look=look),
    ]
    said = methods(comparison, part=part, decoder=decoder, ruler=ruler, rows=rows)
    body = [
        _head(comparison, part, decoder, ruler, rows),
        _table(rows, ruler),
        *map(_picture, drawn),
        _methods(said),
        _again(comparison, reproduce.report(comparison, part, decoder, ruler=choice, sides=sides, look=look)),
    ]
    return _page(comparison.title, body)


def _check_sides(sides: tuple[str, str] | None, known: Sequence[str]) -> None:
    for side in sides or ():
        if side not in known:
            listed = ", ".join(known)
            raise ValueError(f"there is no setting or run {side[:80]!r} with predictions; there are {listed}")
    if sides and sides[0] == sides[1]:
        raise ValueError(f"A and B are both {sides[0]!r}; a difference needs two")


def _page(title: str, body: Iterable[str]) -> str:
    from plotly.offline import get_plotlyjs

    script = f"<script>{get_plotlyjs()}</script>"
    inside = "\n".join(body)
    size = len(inside.encode()) + len(script.encode()) + len(_STYLE)
    foot = (
        f'<p class="note">Made with simviz {__version__} on {time.strftime("%Y-%m-%d")}. This file has '
        f"{size / 1e6:.1f} MB, {len(script.encode()) / 1e6:.1f} MB of it plotly.js, and loads nothing from elsewhere."
        "</p>"
    )
    policy = "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; img-src data: blob:"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n{script}\n</head>\n<body>\n{inside}\n{foot}\n"
        "</body>\n</html>\n"
    )


def _head(comparison: Comparison, part: str, decoder: str, ruler: Ruler, rows: Sequence[compare.Row]) -> str:
    own = list(dict.fromkeys(r.setting for r in rows if r.decoder == compare.OWN))
    if len(own) == len(rows):
        decoder = compare.OWN
    elif own:
        decoder += f" ({compare.OWN} for {', '.join(own)})"
    data = (comparison.info.get("dataset") or {}).get("name", "predictions")
    text = f"{part.capitalize()} part of {data}. Ruler: {ruler.describe()}. Decided by {decoder}."
    notes = "".join(f"<li>{html.escape(str(note))}</li>" for note in comparison.info.get("notes", []))
    return f"<h1>{html.escape(comparison.title)}</h1>\n<p>{html.escape(text)}</p>" + (
        f'<ul class="note">{notes}</ul>' if notes else ""
    )


def _table(rows: Sequence[compare.Row], ruler: Ruler) -> str:
    """The table of settings with its intervals, what it says, and what the runs say of themselves."""
    known = {m: name for m, name in SHOWN.items() if any(r.mean(m) is not None for r in rows)}
    head = "".join(f"<th>{name}</th>" for name in ("setting", *known.values(), "seeds"))
    lines = []
    for row in rows:
        mark = " (control)" if row.control else ""
        mark += " (trained on the ruler)" if row.same_ruler else ""
        cells = [_breakable(row.label) + mark, *(_cell(row, m) for m in known), str(len(row.seeds))]
        lines.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    said = [*compare.findings(rows), *(f"{r.label}: {w}" for r in rows for w in r.warnings)]
    listed = "".join(f"<li>{html.escape(text)}</li>" for text in said)
    return (
        f"<h2>Severity of the mistakes, ruler {html.escape(ruler.describe())}</h2>\n"
        f'<div class="wide"><table>\n<tr>{head}</tr>\n' + "\n".join(lines) + "\n"
        '</table></div>\n<p class="note">Mean over seeds ± half of its 95 % t interval. mean cost = error rate x '
        "severity. Control rows were not asked for; they show what a setting must be seen beside.</p>\n"
        f"<ul>{listed}</ul>"
    )


def _breakable(label: str) -> str:
    """A setting that may be broken into lines at its parts only."""
    return re.sub("([@:,])", r"<wbr>\1", html.escape(label))


def _cell(row: compare.Row, metric: str) -> str:
    mean, interval = row.mean(metric), row.interval(metric)
    if mean is None:
        return ""
    if metric == "distinct_classes":
        return f"{mean:.1f}"
    return f"{mean:.3f}" + ("" if interval is None else f" ± {(interval[1] - interval[0]) / 2:.3f}")


def _picture(picture: Picture) -> str:
    figure = picture.figure.update_layout(template="plotly_white", title=None)
    drawn = figure.to_html(full_html=False, include_plotlyjs=False, config=CONFIG, default_height=460)
    said = html.escape(picture.caption)
    return (
        f'<h2>{html.escape(picture.heading)}</h2>\n<div class="wide"><div class="plot" role="img" aria-label="{said}">'
        f"{drawn}</div></div>\n"
        f'<p class="note">{said}</p>'
    )


def _methods(said: Methods) -> str:
    return (
        f"<h2>Methods</h2>\n<p>{html.escape(said.text)}</p>\n<h2>References (BibTeX)</h2>\n"
        f"<pre>{html.escape(said.bibtex)}</pre>"
    )


def _again(comparison: Comparison, line: str) -> str:
    return (
        f"<h2>The same again</h2>\n<p>From the kept runs, this report:</p>\n<pre>{html.escape(line)}</pre>\n"
        f"<p>The runs, from the command line:</p>\n<pre>{html.escape(reproduce.commands(comparison))}</pre>\n"
        f"<p>And from Python:</p>\n<pre>{html.escape(reproduce.python(comparison))}</pre>"
    )
