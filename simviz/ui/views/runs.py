"""Runs: every comparison that is kept, its runs; taking them along, taking others' in, deleting."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from simviz.report import reproduce
from simviz.runs import Comparison, Run, Store, StoreError, archive, progress, queue, read_only
from simviz.runs.files import read_json
from simviz.runs.progress import Line
from simviz.ui import charts, given, links, shell, state
from simviz.ui.text import plain
from simviz.ui.views import runs_judge, take_away, train_actions

DELETING, OUTCOME = "delete-asked", "runs-outcome"  # of a click, for the run of the page that follows it
DONE, REFUSED = ":material/check_circle:", ":material/block:"
ROW, HEAD = 35, 38


def show() -> None:
    st.title("Runs")
    store = Store()
    st.caption(f"Kept in `{store.root}`, one folder a comparison. Nothing here is lost when the app stops.")
    if outcome := st.session_state.pop(OUTCOME, None):
        icon, text = outcome
        st.toast(text, icon=icon) if icon == DONE else st.error(text, icon=icon)
    chosen = shell.frame().comparison  # unpacks the examples, on a first start, before they are listed
    every = store.comparisons()
    if every:
        _list(every)
        if chosen is not None and chosen.id in {c.id for c in every}:
            _one(chosen)
    else:
        st.info(
            "Nothing is kept here yet: train a comparison, judge the predictions of your own model, or import a "
            "comparison that was exported."
        )
        st.page_link("pages/train.py", label="Train", icon=":material/arrow_forward:")
    runs_judge.show()
    _import()


def _list(every: Sequence[Comparison]) -> None:
    """A row a comparison, newest first. A chosen row becomes the comparison in view, on every page."""
    rows: list[dict[str, Any]] = []
    troubles: dict[str, str] = {}
    for comparison in every:
        try:
            rows.append(_summary(comparison))
        except (StoreError, KeyError, TypeError) as error:
            rows.append({"comparison": comparison.id, "state": ["broken"]})
            troubles[comparison.id] = str(error)
    charts.table(
        pd.DataFrame(rows),
        "Comparisons",
        key="comparisons",
        placeholder="",
        height=min(ROW * len(rows) + HEAD, 300),
        selection_mode="single-row",
        on_select=_picker("comparisons", [c.id for c in every], state.COMPARISON),
        column_config={"state": st.column_config.ListColumn()},
        alt="The comparisons that are kept; choose a row to see its runs below",
    )
    st.caption(
        f"Choose a row ({charts.KEYBOARD}), or the comparison in the sidebar; it is the one that every page shows."
    )
    for name, trouble in troubles.items():
        st.warning(f"{plain(name)} cannot be read: {plain(trouble)}", icon=":material/warning:")


def _summary(comparison: Comparison) -> dict[str, Any]:
    found = progress.lines(comparison)
    states = [one.state for one in found]
    return {
        "comparison": comparison.title,
        "started": time.strftime("%Y-%m-%d %H:%M", time.localtime(comparison.created)),
        "data": str(comparison.info["dataset"]["name"]),
        "settings": len({one.setting for one in found if one.setting}),
        "runs": len(found),
        "state": [f"{states.count(s)} {s}" for s in dict.fromkeys(states)],
        "id": comparison.id,
    }


def _picker(key: str, ids: Sequence[str], target: str) -> Callable[[], None]:
    """A callback: the row chosen in the table `key` is written into the selectbox `target`."""
    return partial(pick, key, tuple(ids), target)


def pick(key: str, ids: Sequence[str], target: str) -> None:
    """Take over a chosen row; that no row is chosen changes nothing."""
    rows = st.session_state[key]["selection"]["rows"]
    if rows and rows[0] < len(ids):
        st.session_state[target] = ids[rows[0]]


def _one(comparison: Comparison) -> None:
    """The comparison in view: its runs, what can be done with it, one run in full."""
    try:
        title, runs, found = comparison.title, comparison.runs, progress.lines(comparison)
    except (StoreError, OSError):
        title, runs, found = comparison.id, [], []
    st.header(plain(title))
    with st.container(horizontal=True):
        _export(comparison)
        clicked = {DELETING: comparison.id}
        if not read_only():
            train_actions.go_on(comparison.id, found)
            kept = st.session_state.update
            st.button("Delete", icon=":material/delete:", key="delete", on_click=kept, args=(clicked,))
    if st.session_state.pop(DELETING, None) == comparison.id:
        _confirm(comparison)
    if not runs:
        return
    rows = [_run_row(run, one) for run, one in zip(runs, found, strict=True)]
    ids = [run.id for run in runs]
    charts.table(
        pd.DataFrame(rows),
        "Runs",
        key=f"table-{comparison.id}",
        placeholder="",
        height=min(ROW * len(rows) + HEAD, 420),
        selection_mode="single-row",
        on_select=_picker(f"table-{comparison.id}", ids, state.RUN),
        column_config={
            "accuracy": st.column_config.NumberColumn(format="%.3f", help="Test part"),
            "mean cost": st.column_config.NumberColumn(format="%.3f", help="Test part, by the comparison's ruler"),
            "seconds": st.column_config.NumberColumn(format="%.1f"),
        },
        alt=f"The runs of {title}: setting, seed, accuracy, mean cost, epoch, seconds, state, device, data",
    )
    st.caption(f"Choose a row ({charts.KEYBOARD}), or a run below, to see it in full.")
    links.unknown(state.RUN, ids, "run")
    picked = st.selectbox(
        "One run in full", ids, index=None, key=state.RUN, bind="query-params", placeholder="choose a run"
    )
    if picked is not None:
        _full(comparison.run(picked), found[ids.index(picked)], comparison)
    take_away.whole(comparison)


def _run_row(run: Run, one: Line) -> dict[str, Any]:
    """What the list says of a run; what it does not have stays empty."""
    result, made, data = (_maybe(run, name) for name in ("result", "environment", "data"))
    return {
        "setting": one.setting or one.run,
        "seed": one.seed,
        "accuracy": result.get("accuracy"),
        "mean cost": result.get("mean_cost"),
        "epoch": result.get("epoch") or one.epoch or None,
        "seconds": result.get("seconds"),
        "state": one.state,
        "device": made.get("device"),
        "data fingerprint": data.get("fingerprint"),
    }


def _maybe(run: Run, name: str) -> dict[str, Any]:
    try:
        return read_json(run.path / f"{name}.json")
    except StoreError:
        return {}


def _full(run: Run, one: Line, comparison: Comparison) -> None:
    """One run: how to make it again, where it ran, what it said."""
    if one.state == "broken":
        st.error(plain(one.said), icon=":material/error:")
        return
    if one.said:
        st.warning(plain(one.said), icon=":material/warning:")
    if run.spec.predictions is not None:
        st.caption("Predictions of a model made elsewhere. The command that reads them again:")
    else:
        st.caption("The command that makes this run again:")
    alone = take_away.alone(run, comparison)
    st.code(reproduce.commands(alone), language="bash", wrap_lines=True)
    with links.expander("From Python, and its weights", state.CODE, ":material/code:") as box:
        if box.open:
            st.code(reproduce.python(alone), language="python", wrap_lines=True)
            take_away.of_run(run, comparison)
    where, measured = st.columns(2)
    with where:
        st.caption("Where it ran, and on what")
        data = _maybe(run, "data")
        facts = {**_maybe(run, "environment"), "data": data.get("name"), "data fingerprint": data.get("fingerprint")}
        facts |= {f"{part} images": count for part, count in (data.get("split") or {}).items()}
        _facts(facts, f"Environment and data of {run.id}")
    with measured:
        st.caption("What came out, test part")
        _facts(_maybe(run, "result"), f"Results of {run.id} on the test part")
    with links.expander("Last 30 lines of its log", state.RUN_LOG) as box:
        if box.open:
            st.code(run.log() or "The log is empty.", language=None)


def _facts(facts: dict[str, Any], name: str) -> None:
    shown = {k.replace("_", " "): _text(v) for k, v in facts.items() if v is not None and k != "schema_version"}
    charts.table(pd.DataFrame(shown.items(), columns=["what", "value"]), name, name, height=320)


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _export(comparison: Comparison) -> None:
    st.download_button(
        "Export as zip",
        data=partial(_zipped, comparison),
        file_name=f"{comparison.id}.zip",
        mime="application/zip",
        on_click="ignore",
        icon=":material/download:",
        key="export",
        help="Predictions, metrics, records and pictures; no checkpoints. Made when you click.",
    )


def _zipped(comparison: Comparison) -> bytes:
    buffer = io.BytesIO()
    archive.pack(comparison, buffer)
    return buffer.getvalue()


@st.dialog("Delete this comparison?")
def _confirm(comparison: Comparison) -> None:
    try:
        title, count = comparison.title, len(comparison.runs)
    except (StoreError, OSError):
        title, count = comparison.id, 0
    if queue.served(comparison):
        st.error("It is being trained. Cancel it on the train page first.")
        return
    st.markdown(f"**{plain(title)}** with {count} runs is removed from the disk. This cannot be undone.")
    if st.button(
        "Delete for good",
        type="primary",
        icon=":material/delete_forever:",
        key="delete-really",
        on_click=delete,
        args=(comparison.id, title),
    ):
        st.rerun()  # the whole page, which closes the question


def delete(comparison_id: str, title: str) -> None:
    """Callback: remove a comparison, unless it is being trained by now."""
    store = Store()
    try:
        if queue.served(store.comparison(comparison_id)):
            raise StoreError(f"{title} is being trained by now; nothing was deleted")
        store.delete(comparison_id)
    except (StoreError, OSError) as error:
        st.session_state[OUTCOME] = REFUSED, plain(error)
    else:
        st.session_state[OUTCOME] = DONE, f"Deleted {plain(title)}"


def _import() -> None:
    """Take in what was exported here or elsewhere."""
    with links.expander("Import a comparison", state.IMPORT, ":material/upload:"):
        if given.closed("nothing can be imported here"):
            return
        upload_key = f"zip-{st.session_state.get('imported', 0)}"
        label = f"A zip file exported by this page, at most {given.UPLOAD_MB} MB"
        upload, path = given.upload(label, ["zip"], upload_key), given.path_instead("zip-path")
        nothing = upload is None and path is None
        st.button("Import", key="import-it", disabled=nothing, on_click=take_in, args=(upload_key, path))


def take_in(upload_key: str, path: str | None) -> None:
    """Callback: unpack the uploaded file, or else the one at a path that the page has looked at."""
    upload = st.session_state.get(upload_key)
    try:
        with io.BytesIO(upload.getvalue()) if upload is not None else open(str(path), "rb") as file:
            taken = archive.unpack(file, Store())
    except (ValueError, OSError) as error:
        st.session_state[OUTCOME] = REFUSED, f"Nothing was imported. {plain(error)}"
        return
    st.session_state["imported"] = st.session_state.get("imported", 0) + 1  # an empty uploader
    st.session_state["zip-path"] = ""
    st.session_state[OUTCOME] = DONE, f"Imported {plain(taken.title)}"
