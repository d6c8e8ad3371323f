from urllib.parse import parse_qs, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from simviz.ui import links
from simviz.ui.text import plain

values = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(st.dictionaries(st.sampled_from(["a", "b", "from", "names"]), values))
def test_a_link_carries_every_value_through(pairs):
    made = links.url("http://localhost:8501/similarity?old=1#part", pairs)
    assert made.startswith("http://localhost:8501/similarity")
    assert made.isascii()
    assert parse_qs(urlsplit(made).query, keep_blank_values=True) == {k: [v] for k, v in pairs.items()}


def test_what_is_not_chosen_is_not_in_the_link():
    assert links.url("http://h/p", {"a": None, "b": "", "r": 0.0}) == "http://h/p?r=0.0"


def test_markdown_from_a_link_is_shown_and_not_run():
    assert plain("**b** [x](y) :red[z] $1$") == r"\*\*b\*\* \[x\]\(y\) \:red\[z\] \$1\$"
