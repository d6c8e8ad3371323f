"""The words of the classes: how each was understood, repaired in place."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from simviz.classes import ClassSet
from simviz.ui import cache, editor
from simviz.ui.text import plain
from simviz.words import Resolution

HOW = {
    "exact": "as written",
    "case": "other spelling of capitals",
    "plural": "plural or singular",
    "mean": "mean of its parts",
    "missing": "not found",
}


def show(classes: ClassSet, vectors: str) -> ClassSet | None:
    """The editor, for a source that `words.load` takes.

    Returns the classes with the words in force; None where one cannot be looked up.
    """
    key, typed = _key(classes), edited(classes)
    classes = classes.with_words(typed)
    try:
        found = cache.resolved(classes, vectors)
    except (ValueError, OSError) as error:  # what is wrong beyond a file's first lines
        st.error(plain(error))
        return None
    missing = [r for r in found if r.how == "missing"]
    title = f"Words looked up: {_summary([r.how for r in found])}"
    with st.expander(title, icon=":material/spellcheck:", expanded=bool(missing), key="word-box"):
        st.caption(
            "Words are ambiguous (prices “rose”): change the word of a class where its neighbours look wrong. "
            "An emptied cell takes its first word again."
        )
        table = pd.DataFrame(
            {
                "class": [r.name for r in found],
                "word": [r.word for r in found],
                "understood as": [" + ".join(r.tokens) or "–" for r in found],
                "how": [HOW[r.how] for r in found],
                "try": [", ".join(r.suggestions) for r in found],
            }
        )
        table = table.sort_values("how", key=lambda c: c != HOW["missing"], kind="stable", ignore_index=True)
        columns = {"word": st.column_config.TextColumn("word (editable)", max_chars=100)}
        editor.show(key, table, editable=["word"], columns=columns, alt="The word looked up for each class")
        if typed:
            st.button("Forget my changes", on_click=editor.reset, args=(key,), icon=":material/undo:", key="word-reset")
        _neighbours(classes, [r.name for r in found if r.how != "missing"], vectors)
    if missing:
        st.error(_plea([r.name for r in missing], next((r for r in missing if r.suggestions), None)))
        return None
    return classes


def edited(classes: ClassSet) -> dict[str, str]:
    """Class -> word, as changed here by the visitor."""
    return {name: str(row["word"]) for name, row in editor.edits(_key(classes)).items() if row.get("word")}


def _key(classes: ClassSet) -> str:
    return f"words-{classes.fingerprint}"


def _summary(hows: list[str]) -> str:
    """All outcomes with their number, most telling first: 2 not found, 3 mean of its parts, 59 as written."""
    return ", ".join(f"{hows.count(h)} {HOW[h]}" for h in reversed(HOW) if h in hows)


def _plea(names: list[str], hint: Resolution | None) -> str:
    listed = ", ".join(plain(n) for n in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    example = f", for example {plain(hint.name)} to {plain(hint.suggestions[0])}" if hint is not None else ""
    return f"No word vector for {listed}. Change the word in the table above{example}."


def _neighbours(classes: ClassSet, names: list[str], vectors: str) -> None:
    """The ten nearest tokens of one class's word: does the vector mean what the class means?"""
    name = st.selectbox("Nearest words in the vocabulary to", names, index=None, key="word-of", placeholder="a class")
    if name is None:
        return
    word = classes.words[classes.index(name)]
    try:
        near = cache.neighbours(word, vectors)
    except (ValueError, OSError) as error:
        st.error(plain(error))
        return
    st.markdown(f"**{plain(word)}**: " + ", ".join(f"{plain(token)} {cosine:.2f}" for token, cosine in near))
