"""The job board: one card a comparison; those that train are refreshed every few seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from simviz.runs import Comparison, Store, StoreError, budget, progress, queue, slots, tuning
from simviz.runs.progress import Line
from simviz.ui import cache
from simviz.ui.text import code, duration, plain
from simviz.ui.views import train_actions, train_curves

LATEST = 3
TICK = 3.0  # seconds; each tick takes server and browser a third of a second from the training on a small machine
LOOK = 1.0  # seconds between two looks for an end, which draw nothing and cost next to nothing
LOOKED_AT = 30
TROUBLES = 3
COLORS = {
    "running": "blue",
    "queued": "gray",
    "paused": "violet",
    "not started": "gray",
    "finished": "green",
    "cancelled": "orange",
    "failed": "red",
    "lost": "red",
    "broken": "red",
}
WATCHED = "board-watched"  # comparisons this session saw running: their end is announced


def show() -> bool:
    """The board, and whether anything trains. That ticks by itself; what is over stands still and costs no tick."""
    st.header("Job board")
    cards = _shown()
    if not cards:
        st.caption("Nothing was trained yet. Start a comparison above; it appears here.")
    for comparison, found in cards:
        _announce(comparison, found)
    live = [comparison for comparison, found in cards if not progress.over(found)]
    if live:
        st.fragment(_live, run_every=TICK, key="board")(live)
    st.fragment(_look, run_every=LOOK, key="board-look")(live, _marks())
    over = [(c, found) for c, found in cards if progress.over(found)]
    st.fragment(_over, key="board-over")(over, not live)
    return bool(live)


def watch(comparison: Comparison) -> None:
    """Announce the end of this comparison when it comes."""
    st.session_state.setdefault(WATCHED, set()).add(comparison.id)


def _shown() -> list[tuple[Comparison, list[Line]]]:
    """The comparisons that are not over or could go on, and the latest few; newest first."""
    cards = []
    for place, comparison in enumerate(filter(_trained, Store().comparisons()[:LOOKED_AT])):
        found = _lines(comparison)
        if place < LATEST or not progress.over(found) or any(one.state in queue.INTERRUPTED for one in found):
            cards.append((comparison, found))
    return cards


def _trained(comparison: Comparison) -> bool:
    """Whether it is a job; predictions of a model made elsewhere are none."""
    try:
        return not any(run.spec.predictions for run in comparison.runs[:1])
    except (StoreError, OSError):
        return True


def _lines(comparison: Comparison) -> list[Line]:
    try:
        return progress.lines(comparison)
    except (StoreError, OSError) as error:
        return [Line(comparison.id, said=str(error))]


def _marks() -> dict[str, int]:
    """The comparisons, and when the processes of each changed last: another browser, or a command, may do that."""
    found = {}
    for path in Store().root.glob("[!.]*/comparison.json"):
        served = path.with_name("worker.json")
        try:
            found[path.parent.name] = served.stat().st_mtime_ns if served.exists() else 0
        except OSError:  # deleted just now
            continue
    return found


def _look(comparisons: Sequence[Comparison], known: dict[str, int]) -> None:
    """Draw the page anew when one of these has ended: its card stands still then. Or someone else changed the board."""
    if any(progress.over(_lines(c)) for c in comparisons) or _marks() != known:
        st.rerun()


def _live(comparisons: Sequence[Comparison]) -> None:
    """What trains, drawn anew at each tick."""
    for comparison in comparisons:
        found = _lines(comparison)
        if progress.over(found):
            st.rerun()  # not drawn here: its links would be gone before a click arrives
        queue.enforce(comparison)
        with st.container(border=True, key=f"card-{comparison.id}"):
            _card(comparison, found, opened=True)


def _over(cards: Sequence[tuple[Comparison, list[Line]]], first_opened: bool) -> None:
    for place, (comparison, found) in enumerate(cards):
        with st.container(border=True, key=f"card-{comparison.id}"):
            _card(comparison, found, opened=first_opened and place == 0)


def _announce(comparison: Comparison, found: Sequence[Line]) -> None:
    """A toast when a comparison that was seen running has ended."""
    seen: set[str] = st.session_state.setdefault(WATCHED, set())
    if not progress.over(found):
        seen.add(comparison.id)
    elif comparison.id in seen:
        seen.discard(comparison.id)
        done = all(one.state == "finished" for one in found)
        how = "is finished" if done else "has ended"
        st.toast(
            f"{plain(_title(comparison))} {how}. Its results are linked on its card.",
            icon=":material/check_circle:" if done else ":material/info:",
            duration="long",
        )


def _title(comparison: Comparison) -> str:
    try:
        return comparison.title
    except StoreError:
        return comparison.id


def _card(comparison: Comparison, found: list[Line], opened: bool) -> None:
    """Title and pills, what to do, the run that trains, the runs, their curves, and what went wrong."""
    left, right = st.columns([2, 3], vertical_alignment="center")
    left.markdown(f"**{plain(_title(comparison))}** &nbsp; {_pills(found)}")
    with right.container(horizontal=True, horizontal_alignment="right"):
        train_actions.show(comparison, found)
    if not progress.over(found):
        _running(comparison, found)
    elif any(one.state in queue.INTERRUPTED for one in found):
        _held(found)
    if opened:
        _details(comparison, found)
    else:
        with st.expander("Runs and curves", key=f"more-{comparison.id}", on_change="rerun") as box:
            if box.open:
                _details(comparison, found)
    _said(comparison, found)


def _details(comparison: Comparison, found: list[Line]) -> None:
    """The table, the curves, and what the run that trains confuses."""
    _table(comparison, found)
    now = next((one for one in found if one.state == "running"), None)
    picture = None if now is None else _thumbnail(comparison, now)
    if now is None or picture is None:
        train_curves.show(found, _ruler_text(comparison), comparison.id)
        return
    left, right = st.columns([5, 1])
    with left:
        train_curves.show(found, _ruler_text(comparison), comparison.id)
    with right:
        st.caption("its confusions")
        alt = f"Confusion matrix of {now.setting} on the validation part after epoch {now.epoch}"
        with st.container(width=180):  # never wider than its column, nor blown up on a narrow screen
            st.image(picture, width="stretch", caption=f"validation, epoch {now.epoch}", alt=alt)


def _pills(found: Sequence[Line]) -> str:
    states = [one.state for one in found]
    return " ".join(f":{color}-badge[{states.count(s)} {s}]" for s, color in COLORS.items() if s in states)


def _running(comparison: Comparison, found: Sequence[Line]) -> None:
    """How far the whole is, which run trains, and how long the rest takes."""
    now = [one for one in found if one.state == "running"]
    text = tuning.under_way(comparison) or (
        _waiting(comparison) if not now else f"{len(now)} runs at once" if len(now) > 1 else _epoch(now[0])
    )
    left = progress.seconds_left(comparison, found)
    text += "" if left is None else f", {_span(*left)} left"
    granted = budget.read(comparison)
    if granted is not None:
        text += f"; {duration(granted.spent)} of its budget of {duration(60 * granted.minutes)} spent"
    st.progress(_share(found), text=text)


def _held(found: Sequence[Line]) -> None:
    """How far a comparison is that waits for someone to resume it."""
    done = sum(one.over for one in found)
    left = [one for one in found if one.state in queue.INTERRUPTED]
    begun = any(one.epoch for one in left)
    how = "goes on from its last finished epoch" if begun else "begins"
    st.progress(_share(found), text=f"{done} of {len(found)} runs done; the rest {how} once resumed")


def _share(found: Sequence[Line]) -> float:
    return sum(1.0 if one.over else one.share for one in found) / len(found)


def _waiting(comparison: Comparison) -> str:
    others = slots.ahead(str(comparison.path.resolve()))
    if not others:
        return "starting"
    return f"waits for its turn behind {others} other comparison{'' if others == 1 else 's'}"


def _epoch(now: Line) -> str:
    where = f"epoch {min(now.epoch + 1, now.epochs)} of {now.epochs}" if now.share else "starting"
    return f"{_named(now)}: {where}"


def _named(one: Line) -> str:
    return f"{code(one.setting)}, seed {one.seed}" if one.setting else code(one.run)


def _span(low: float, high: float) -> str:
    """A range of time as one would say it: 3 to 5 min."""
    low_text, high_text = duration(low), duration(high)
    if low_text == high_text:
        return f"about {high_text}"
    (number, unit), (most, same) = low_text.split(), high_text.split()
    return f"about {number} to {most} {unit}" if unit == same else f"about {low_text} to {high_text}"


def _thumbnail(comparison: Comparison, one: Line) -> bytes | None:
    path = comparison.path / one.run / "epochs" / f"{one.epoch:04d}.npz"
    return cache.last_confusion(str(path), path.stat().st_mtime_ns) if path.exists() else None


def _table(comparison: Comparison, found: Sequence[Line]) -> None:
    """A row a run; the first column shows its line in the curves."""
    lines = train_curves.swatches([one.setting for one in found if one.setting])
    rows = [
        {
            "line": lines.get(one.setting),
            "state": [one.state],
            "setting": one.setting or one.run,
            "seed": one.seed,
            "progress": one.share,
            "epoch": f"{one.epoch} / {one.epochs}" if one.epochs else "",
            "left": "" if one.eta is None else duration(one.eta),
            "accuracy": one.last("accuracy"),
            "mean cost": one.last("mean_cost"),
        }
        for one in found
    ]
    pills: dict[str, Any] = {"options": list(COLORS), "color": list(COLORS.values())}
    st.dataframe(
        pd.DataFrame(rows),
        key=f"runs-{comparison.id}",
        hide_index=True,
        height=min(35 * (len(rows) + 1) + 3, 360),
        placeholder="",
        column_config={
            "line": st.column_config.ImageColumn("", width=56, help="Its line in the curves below"),
            "state": st.column_config.MultiselectColumn("state", **pills),
            "progress": st.column_config.ProgressColumn("progress", format="percent", min_value=0, max_value=1),
            "accuracy": st.column_config.NumberColumn("accuracy", format="%.3f", help="Validation part, last epoch"),
            "mean cost": st.column_config.NumberColumn("mean cost", format="%.3f", help="Validation part, last epoch"),
        },
        alt=f"The runs of {_title(comparison)}: state, progress, accuracy and mean cost on the validation part",
    )


def _ruler_text(comparison: Comparison) -> str:
    """The ruler's name, unit, range and hash, as the comparison says them."""
    try:
        return str((comparison.info.get("ruler") or {}).get("text") or "")
    except StoreError:
        return ""


def _said(comparison: Comparison, found: Sequence[Line]) -> None:
    """Failures with their log, and what the runs warn of."""
    troubled = [one for one in found if one.state in ("failed", "broken")]
    for one in troubled[:TROUBLES]:
        st.error(f"{_named(one)}: {plain(one.said)}", icon=":material/error:")
        log = comparison.run(one.run).log() if one.state == "failed" else ""
        if log:
            with st.expander("Last 30 lines of its log"):
                st.code(log, language=None)
    if len(troubled) > TROUBLES:
        st.caption(f"{len(troubled) - TROUBLES} more runs failed or cannot be read; the runs page shows each.")
    warned: dict[str, list[str]] = {}
    for one in found:
        if one.said and one.state in ("finished", "cancelled", "queued", *queue.INTERRUPTED):
            warned.setdefault(one.said, []).append(_named(one))
    for text, names in warned.items():
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        st.warning(f"{'; '.join(names[:4])}{more}: {plain(text)}", icon=":material/warning:")
