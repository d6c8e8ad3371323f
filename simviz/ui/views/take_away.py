"""Take it away: what is on the screen as files, as commands, and as a paragraph of a paper."""

from __future__ import annotations

import html
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from simviz import compare
from simviz.evaluation import Ruler
from simviz.report import reading, reproduce, tables
from simviz.report.counts import Counted
from simviz.report.look import PLAIN, Look
from simviz.report.methods import methods
from simviz.runs import Comparison, Run, weights
from simviz.ui import charts, links, rulers, shell, state
from simviz.ui.evidence import Evidence, Panel
from simviz.ui.text import plain

DIFFERENCE = "A - B"
SAID = "The command line writes the report; the Python prints its table and draws its matrices."


@dataclass(frozen=True)
class Asked:
    """How the predictions are read in the report.

    Attributes
    ----------
    choice : what the command line takes for the ruler; None for the comparison's own
    look : how the matrices are drawn
    """

    part: str
    decoder: str
    ruler: Ruler
    choice: str | None = None
    look: Look = PLAIN


def show(
    found: Evidence,
    python: Callable[..., str],
    said: str,
    there: tuple[Evidence, Sequence[Panel]] | None = None,
    look: Look = PLAIN,
) -> None:
    """An expander for a page of results; what is heavy is made on a click.

    Parameters
    ----------
    python : makes the Python that draws the screen: a function of `report.reading`, given what is chosen on the page
    said : what the command line and that Python give, in a sentence
    there : what the matrices are of, and which of them there are: all of `found`, with A and B, if None
    look : how the report draws them and their difference
    """
    with links.expander("Take it away", state.TAKE, ":material/download:") as box:
        if not box.open:
            return
        panels, classes, ruler = found.panels(), found.classes, found.ruler
        counts = {p.label: Counted(found.confusion(p), len(p.runs)) for p in panels}
        name = found.comparison.id
        with st.container(horizontal=True):
            _download("Class by class (CSV)", lambda: tables.by_class(counts, classes, ruler), f"classes-{name}.csv")
            _download("Confused pairs (CSV)", lambda: tables.pairs(counts, classes, ruler), f"pairs-{name}.csv")
            rows = found.table
            _download("Settings (CSV)", lambda: tables.severity(found.part, ruler, rows), f"settings-{name}.csv")
            _tables(name)
        frame = shell.frame()
        _matrices(*(there or (found, (*panels, *found.panels(frame.a, frame.b)))))
        _pictures(name)
        asked = Asked(found.part, found.decoder, ruler, rulers.chosen(found.comparison), look)
        _comparison(found.comparison, asked, rows, python, said)
        if there is not None and there[0] is not found:
            st.caption("The matrices, here and in Python, are of one epoch, on validation; all else reads predictions.")


def whole(comparison: Comparison) -> None:
    """The same for the page of runs: report, commands and methods by the comparison's own ruler."""
    with links.expander("Take it away", state.TAKE, ":material/download:") as box:
        if not box.open:
            return
        try:
            ruler = compare.comparison_ruler(comparison)
            rows = compare.table(comparison, ruler=ruler)
        except (ValueError, OSError) as error:
            st.error(plain(error))
            return
        if not rows:
            st.info("No run has predictions on the test part yet.")
            return
        with st.container(horizontal=True):
            file = f"settings-{comparison.id}.csv"
            _download("Settings (CSV)", lambda: tables.severity("test", ruler, rows), file, "settings")
            _tables(comparison.id)
        asked = Asked("test", "argmax", ruler)
        _comparison(comparison, asked, rows, partial(reading.confusion, sides=_sides(comparison)), SAID)


def of_run(run: Run, comparison: Comparison) -> None:
    """A run's weights, and the Python that loads them; a sentence where it keeps none."""
    file = f"{run.id}.safetensors"
    try:
        text = weights.snippet(run, file)
    except (ValueError, OSError) as error:
        st.caption(f"No weights to take along: {plain(error)}.")
        return
    _download("Weights (safetensors)", lambda: weights.dumps(run, comparison.classes), file, f"weights-{run.id}")
    st.caption("Python that loads them; it gives this run's kept predictions back.")
    st.code(text, language="python")


def alone(run: Run, comparison: Comparison) -> Comparison:
    """The comparison with this one run, for the lines that make it again."""
    found = Comparison(comparison.path)
    found.runs = [run]
    return found


def _download(label: str, make: Callable[[], bytes | str], file: str, key: str | None = None) -> None:
    kinds = {"csv": "text/csv", "html": "text/html", "zip": "application/zip"}
    st.download_button(
        label,
        data=make,
        file_name=file,
        mime=kinds.get(file.rpartition(".")[2], "application/octet-stream"),
        on_click="ignore",
        icon=":material/download:",
        key=f"take-{key or label}",
    )


def _matrices(found: Evidence, shown: Sequence[Panel]) -> None:
    """One matrix of counts at a time, or the difference of A and B, as CSV and npz."""
    frame = shell.frame()
    panels = {p.label: p for p in shown}
    both = [panels[side] for side in (frame.a, frame.b) if side in panels]
    options = [*panels, *([DIFFERENCE] if len(both) == 2 and both[0] is not both[1] else [])]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        links.unknown(state.MATRIX_OF, options, "setting to take the matrix of")
        if st.session_state.get(state.MATRIX_OF) not in (None, *options):
            del st.session_state[state.MATRIX_OF]  # kept from another comparison
        label = st.selectbox("Matrix of", options, key=state.MATRIX_OF, bind="query-params", width=360)
        classes = found.classes
        if label == DIFFERENCE:
            what, of = "difference", " - ".join(panel.label for panel in both)
            matrix = np.subtract(*(found.confusion(panel) / len(panel.runs) for panel in both))
            said = f"Counts a run of {plain(of)}, row: true class."
        else:
            what, of, matrix = "confusion", label, found.confusion(panels[label])
            over = f", {len(panels[label].runs)} runs summed" if len(panels[label].runs) > 1 else ""
            said = f"Counts, row: true class{over}. `python -m simviz evaluate` and this app read both files back."
        file = f"{what}-{charts.slug(of)}"
        _download("Matrix (CSV)", lambda: tables.matrix_csv(matrix, classes), f"{file}.csv")
        _download("Matrix (npz)", lambda: tables.matrix_npz(matrix, classes, what), f"{file}.npz")
    st.caption(said)


def _tables(name: str) -> None:
    """Every table of the page at once; each has a button of its own below it as well."""
    drawn = dict(shell.tables.get())
    files = lambda: {file: make() for file, make in drawn.items()}  # noqa: E731
    _download(f"All {len(drawn)} tables of this page (CSV)", lambda: _zipped(files()), f"tables-{name}.zip", "tables")


def _pictures(name: str) -> None:
    """What the camera of a picture saves, and all pictures of the page as JSON."""
    drawn = dict(shell.drawn.get())
    links.unknown(state.CAMERA, charts.FORMATS, "format of the camera")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "The camera of a picture saves",
            charts.FORMATS,
            default=charts.FORMATS[0],
            required=True,
            key=state.CAMERA,
            bind="query-params",
            persist_state="session",
        )
        files = lambda: {f"{key}.json": str(fig.to_json()) for key, fig in drawn.items()}  # noqa: E731
        _download("Pictures (JSON)", lambda: _zipped(files()), f"pictures-{name}.zip")
    st.caption(f"{len(drawn)} pictures of this page as plotly JSON; `plotly.io.from_json` reads them.")


def _zipped(files: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _comparison(
    comparison: Comparison, asked: Asked, rows: list[compare.Row], python: Callable[..., str], said: str
) -> None:
    """The report, how to make all this again, and the methods."""
    sides = _sides(comparison)
    _download("Report (HTML)", lambda: _report(comparison, asked, sides), f"report-{comparison.id}.html")
    st.caption(
        "One file with everything in it, 5 MB of that plotly.js; it opens without internet. Made when you click."
    )
    part, decoder, choice = asked.part, asked.decoder, asked.choice
    line = reproduce.report(comparison, part, decoder, ruler=choice, sides=sides, look=asked.look)
    st.caption(said)
    st.code(line, language="bash", wrap_lines=True)
    st.code(python(comparison, part=part, decoder=decoder, ruler=choice), language="python", wrap_lines=True)
    st.caption("The runs themselves")
    st.code(reproduce.commands(comparison), language="bash", wrap_lines=True)
    st.code(reproduce.python(comparison), language="python", wrap_lines=True)
    used = methods(comparison, part=part, decoder=decoder, ruler=asked.ruler, rows=rows)
    st.caption("Methods, as the runs record them")
    st.code(used.text, language=None, wrap_lines=True)
    st.code(used.bibtex, language="bibtex", wrap_lines=True)


def _sides(comparison: Comparison) -> tuple[str, str] | None:
    """A and B, where they are two of this comparison."""
    frame = shell.frame()
    known = {*comparison.groups, *(run.id for run in comparison.runs)}
    if frame.a is None or frame.b is None or frame.a == frame.b or not {frame.a, frame.b} <= known:
        return None
    return frame.a, frame.b


def _report(comparison: Comparison, asked: Asked, sides: tuple[str, str] | None) -> str:
    """The report, or a page of one sentence: nothing else can be said from inside a download."""
    from simviz.report.html import report

    try:
        return report(comparison, **vars(asked), sides=sides)
    except (ValueError, OSError) as error:
        return f"<!doctype html><meta charset='utf-8'><p>No report could be made: {html.escape(str(error))}</p>"
