"""A lesson, one question at a time: everybody commits to an answer, then it is computed and shown."""

from __future__ import annotations

import streamlit as st

from simviz.runs import Store
from simviz.ui import links, shell, state
from simviz.ui.lessons import Answer, Lesson, Material, Step, learned, mistakes, ordered
from simviz.ui.lessons.steps import LETTERS
from simviz.ui.text import plain

LESSONS = {one.name: one for one in (mistakes.LESSON, ordered.LESSON, learned.LESSON)}
SHORT = 26  # characters of options that stand side by side
# Of this session: the steps whose answer stands, the vote at each, whether a button has just led to another one, and
# which one is in view, or shall be.
REVEALED, KEPT, MOVED, PLACE, RETURN = "revealed", "votes", "moved", "lesson-place", "lesson-return"


def show() -> None:
    head = st.container()
    if (place := st.session_state.pop(RETURN, None)) is not None:
        _to(*place)
    moved = st.session_state.pop(MOVED, False)
    lesson = _lesson(moved)
    head.title(plain(lesson.title))
    number = _number(lesson, moved)
    _come_back(lesson, number)
    st.session_state[PLACE] = (lesson.name, number)
    if number == 1:
        st.caption(plain(lesson.about))
    step = lesson.steps[number - 1]
    st.header(f"{number}. {step.title}", anchor=False)
    st.subheader(step.question, anchor=False)
    material = _material()
    if step.shown is not None:
        st.caption(plain(step.shown(material)))
    place = (lesson.name, number)
    revealed = place in st.session_state.get(REVEALED, ())
    vote = _vote(step, place, revealed)
    hands = _hands(step, place)
    if revealed:
        _answer(step, material, vote, hands)
    else:
        st.button(
            "Reveal the answer",
            type="primary",
            icon=":material/visibility:",
            disabled=vote is None and not any(hands),
            help="Commit first: choose an answer, or count hands.",
            on_click=_reveal,
            args=(place,),
            key="reveal",
        )
    _way(lesson, number)


def _come_back(lesson: Lesson, number: int) -> None:
    """To the step this session was at, for whom the browser's way back from another page brought to the first one."""
    before, place = st.session_state.get(shell.PAGE), st.session_state.get(PLACE)
    told = {state.SLIDE, state.LESSON} & set(st.query_params)
    if before not in (None, "lesson") and not told and place not in (None, (lesson.name, number)):
        st.session_state[RETURN] = place
        st.rerun()


def _lesson(moved: bool) -> Lesson:
    _check(state.LESSON, tuple(LESSONS), "lesson", moved)
    name = st.segmented_control(
        "Lesson",
        list(LESSONS),
        default=next(iter(LESSONS)),
        required=True,
        key=state.LESSON,
        bind="query-params",
        on_change=_to,
        args=(None, 1),
    )
    return LESSONS[name]


def _number(lesson: Lesson, moved: bool) -> int:
    """Which step, 1 and on."""
    options = tuple(str(k + 1) for k in range(len(lesson.steps)))
    _check(state.SLIDE, options, "step of the lesson", moved)
    picked = st.segmented_control(
        "Step",
        options,
        default=options[0],
        required=True,
        key=state.SLIDE,
        bind="query-params",
        label_visibility="collapsed",
        on_change=_restore,
        wrap=True,
    )
    return int(picked)


def _vote(step: Step, place: tuple[str, int], revealed: bool) -> int | None:
    """A button for each answer; a choice cannot be changed once the right one stands.

    The buttons cannot be bound to the link: it would say their texts, and a link says ids.
    """
    letters = LETTERS[: len(step.options)]
    kept = st.session_state.setdefault(KEPT, {})
    links.unknown(state.VOTE, letters, "vote")
    asked = st.query_params.get(state.VOTE)
    if place not in kept and asked in tuple(letters):
        kept[place] = asked
    chosen = st.session_state[state.VOTE] = kept.get(place)
    short = max(map(len, step.options)) <= SHORT  # a button cuts off what does not fit into it
    columns = st.columns(len(step.options)) if short else [st.container() for _ in step.options]
    for letter, column, option in zip(letters, columns, step.options, strict=True):
        column.button(
            f"**{letter.upper()}** {plain(option)}",
            key=f"vote-{letter}",
            type="primary" if letter == chosen else "secondary",
            icon=":material/how_to_vote:" if letter == chosen else None,
            disabled=revealed,
            width="stretch",
            on_click=_commit,
            args=(place, letter),
        )
    return None if chosen is None else letters.index(chosen)


def _hands(step: Step, place: tuple[str, int]) -> list[int]:
    """How many of a class hold each answer, counted by plus and minus."""
    name, number = place
    with st.expander("Count the hands of a class", icon=":material/front_hand:", key=f"class-{name}-{number}"):
        columns = st.columns(len(step.options))
        return [
            column.number_input(
                f"{LETTERS[k].upper()} {plain(option)}",
                0,
                10_000,
                0,
                key=f"hands-{name}-{number}-{k}",
                persist_state="session",
            )
            for k, (column, option) in enumerate(zip(columns, step.options, strict=True))
        ]


def _answer(step: Step, material: Material, vote: int | None, hands: list[int]) -> None:
    """What came out, beside what was voted; the sentence that says why not, where nothing can."""
    try:
        with st.spinner("Computing the answer"):
            answer = step.answer(material)
    except (ValueError, OSError, ImportError) as error:
        st.info(plain(error), icon=":material/help:")
        st.page_link(f"pages/{step.page}.py", label=step.link, icon=":material/arrow_forward:")
        return
    right = f"{LETTERS[answer.choice].upper()}: {step.options[answer.choice]}"
    with st.container(border=True):
        st.subheader(f":material/check_circle: {plain(right)}", anchor=False)
        st.markdown(plain(answer.text))
        _bars(answer)
        if said := voted(answer.choice, vote, hands):
            st.caption(plain(said))
        st.page_link(
            f"pages/{step.page}.py",
            label=f"**{step.link}**",
            icon=":material/arrow_forward:",
            query_params=dict(answer.view),
        )


def _bars(answer: Answer) -> None:
    for bar in answer.bars:
        share = round(min(max(bar.share, 0.0), 1.0), 2)  # Streamlit cuts hundredths off: 0.9999 would be 0.99
        st.progress(share, text=f"{plain(bar.label)}: **{plain(bar.text)}**")


def voted(choice: int, vote: int | None, hands: list[int]) -> str:
    """What the class and the reader had said, as a sentence; "" where nobody voted."""
    said = ""
    if vote is not None:
        said = "Your answer was right. " if vote == choice else f"Your answer was {LETTERS[vote].upper()}. "
    if total := sum(hands):
        counts = ", ".join(f"{LETTERS[k].upper()} {n}" for k, n in enumerate(hands))
        said += f"Of {total} hands {hands[choice]} were right ({counts})."
    return said.strip()


def _way(lesson: Lesson, number: int) -> None:
    """Back and next; at the end, to the other lessons and to one's own networks."""
    with st.container(horizontal=True):
        st.button(
            "Back",
            icon=":material/arrow_back:",
            disabled=number == 1,
            on_click=_to,
            args=(lesson.name, number - 1),
            key="back",
        )
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            disabled=number == len(lesson.steps),
            on_click=_to,
            args=(lesson.name, number + 1),
            key="next",
        )
    if number < len(lesson.steps):
        return
    st.caption("That was the last question of this lesson. Go on with:")
    with st.container(horizontal=True):
        for other in LESSONS.values():
            if other is not lesson:
                st.button(other.title, on_click=_to, args=(other.name, 1), key=f"to-{other.name}")
        st.page_link("pages/train.py", label="Train networks of your own", icon=":material/arrow_forward:")


def _material() -> Material:
    """The comparison that was chosen; without a choice every comparison, newest first."""
    frame = shell.frame()
    if frame.comparison is None:
        return Material()
    chosen = st.session_state.get(state.COMPARISON) is not None
    every = (frame.comparison,) if chosen else tuple(Store().comparisons())
    return Material(every, frame.a, frame.b)


def _check(key: str, options: tuple[str, ...], what: str, moved: bool) -> None:
    """Name what a link asks for and is not there. Just after a button the link still says what was there before it."""
    if not moved:
        links.unknown(key, options, what)
    if st.session_state.get(key) not in (None, *options):
        del st.session_state[key]  # kept from another step


def _to(name: str | None, number: int) -> None:
    """Callback: to a step; None stays in the lesson that is chosen."""
    if name is not None:
        st.session_state[state.LESSON] = name
    st.session_state[state.SLIDE] = str(number)
    _restore()


def _restore() -> None:
    """Callback: the vote of the step that is now in view."""
    st.session_state[MOVED] = True
    place = (st.session_state[state.LESSON], int(st.session_state[state.SLIDE]))
    _write(st.session_state.get(KEPT, {}).get(place))


def _commit(place: tuple[str, int], letter: str) -> None:
    """Callback: a vote, for the session and for the link."""
    st.session_state[KEPT][place] = letter
    _write(letter)


def _write(letter: str | None) -> None:
    if letter is not None:
        st.query_params[state.VOTE] = letter
    elif state.VOTE in st.query_params:
        del st.query_params[state.VOTE]


def _reveal(place: tuple[str, int]) -> None:
    st.session_state[REVEALED] = {*st.session_state.get(REVEALED, ()), place}
