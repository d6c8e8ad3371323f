import ast
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz.ui import links, state
from simviz.ui.text import plain

VIEWS = Path(links.__file__).parent / "views"

values = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(st.dictionaries(st.sampled_from(["a", "b", "from", "names"]), values))
def test_a_link_carries_every_value_through(pairs):
    made = links.url("http://localhost:8501/similarity?old=1#part", pairs)
    assert made.startswith("http://localhost:8501/similarity")
    assert made.isascii()
    assert parse_qs(urlsplit(made).query, keep_blank_values=True) == {k: [v] for k, v in pairs.items()}


def test_what_is_not_chosen_is_not_in_the_link():
    assert links.url("http://h/p", {"a": None, "b": "", "r": 0.0}) == "http://h/p?r=0.0"


def test_to_have_chosen_nothing_of_several_is_in_the_link():
    assert links.url("http://h/p", {"heads": [], "open": ["a", "b"]}) == "http://h/p?heads=&open=a&open=b"


def test_markdown_from_a_link_is_shown_and_not_run():
    assert plain("**b** [x](y) :red[z] $1$") == r"\*\*b\*\* \[x\]\(y\) \:red\[z\] \$1\$"


@pytest.mark.parametrize(
    ("page", "opened", "asked"),
    [
        ("confusion", {"picture"}, {"matrix_of": "expected_cost@groups"}),
        ("severity", {"class_table"}, {"detail": "classes", "matrix_of": "expected_cost@groups"}),
        ("severity", {"bins_table"}, {"detail": "calibration"}),
        ("severity", {"layers"}, {"detail": "gain"}),
        ("runs", {"judge", "import", "code", "run_log"}, {"run": "ce-s1"}),
    ],
)
def test_a_copied_link_opens_what_was_open(visit, compared, page, opened, asked):
    opened = opened | {"take"}
    at = visit(page, **asked)
    assert not any(at.session_state[key] for key in opened)
    for key in opened:
        at.session_state[key] = True
    at.run()
    copied = dict(parse_qsl(urlsplit(at.sidebar.code[0].value).query))
    assert copied.items() >= dict.fromkeys(opened, "True").items()
    again = visit(page, **copied)
    assert all(again.session_state[key] for key in opened)
    if "matrix_of" in asked:
        assert again.selectbox(key="matrix_of").value == asked["matrix_of"]


def test_an_expander_asked_for_in_other_words_gets_a_sentence(visit, compared):
    at = visit("severity", take="perhaps")
    assert any("value of “Take it away” “perhaps”" in w.value for w in at.warning)
    at = visit("severity", take="true", matrix_of="gone")
    assert any("setting to take the matrix of “gone”" in w.value for w in at.warning)


CHOICES = {
    *("radio", "selectbox", "multiselect", "slider", "select_slider", "toggle", "checkbox", "segmented_control"),
    *("pills", "number_input", "text_input", "pagination"),
}


def test_every_choice_on_the_pages_of_results_is_in_the_link():
    found = set()
    files = [f for pattern in ("confusion*.py", "severity*.py", "take_away.py") for f in VIEWS.glob(pattern)]
    for file in (*files, *(VIEWS.parent / name for name in ("evidence.py", "pairs.py", "rulers.py"))):
        for call in (n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call)):
            if isinstance(call.func, ast.Attribute) and call.func.attr in CHOICES:
                given = {k.arg: ast.unparse(k.value) for k in call.keywords}
                assert "bind" in given, f"{file.name}:{call.lineno}"
                if given["key"].startswith("state."):
                    found.add(getattr(state, given["key"].removeprefix("state.")))
    assert found <= {*state.FRAME, *state.CONFUSION, *state.SEVERITY}
    assert found >= {state.NORMALIZE, state.CAMERA, state.HEADS, state.BEYOND}


def test_every_expander_of_the_pages_of_results_is_in_the_link():
    found = set()
    for pattern in ("confusion*.py", "severity*.py", "runs*.py", "take_away.py"):
        for file in VIEWS.glob(pattern):
            for call in (n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call)):
                if isinstance(call.func, ast.Attribute) and call.func.attr == "expander":
                    assert ast.unparse(call.func) == "links.expander", f"{file.name}:{call.lineno}"
                    found.add(ast.unparse(call.args[1]).removeprefix("state."))
    keys = {*state.FRAME, *state.CONFUSION, *state.SEVERITY, *state.RUNS}
    assert {getattr(state, name) for name in found} <= keys
    assert len(found) >= 10
