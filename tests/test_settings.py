import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simviz.settings import Part, Setting, parse_part, parse_setting

WORDS = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True).filter(
    lambda w: w not in ("true", "false", "none", "nan", "inf", "infinity")
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-999, 999), st.floats(-1e6, 1e6).filter(lambda v: v != int(v)), WORDS
)
PARTS = st.builds(
    Part, WORDS | st.sampled_from(["S.csv", "C:/my files/S.npz"]), st.dictionaries(WORDS, VALUES, max_size=3)
)


@given(st.builds(Setting, st.builds(Part, WORDS, st.dictionaries(WORDS, VALUES, max_size=3)), st.none() | PARTS))
@settings(deadline=None)
def test_text_and_setting_are_the_same(setting):
    assert parse_setting(str(setting)) == setting
    assert parse_setting(setting) is setting


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12))
def test_any_one_line_text_can_be_an_option(value):
    setting = Setting(Part("simloss"), Part("words", {"keep": 0.5, "vectors": value}))
    assert parse_setting(str(setting)) == setting


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("ce", "ce"),
        (" simloss @ order:r=.80 ", "simloss@order:r=0.8"),
        ("simloss:normalize=columns@words:keep=.020", "simloss:normalize=columns@words:keep=0.02"),
        ("ground_distance:exponent=2,bias=-0.25@groups", "ground_distance:bias=-0.25,exponent=2@groups"),
        ("simloss@S.csv", "simloss@S.csv"),
        ("simloss@C:/data/S.csv:shuffle=3", "simloss@C:/data/S.csv:shuffle=3"),
        ("x:a=TRUE,b=None", "x:a=true,b=none"),
        ("simloss:", "simloss"),
        ('simloss@words:vectors="a,b.txt"', 'simloss@words:vectors="a,b.txt"'),
        ('simloss@words:vectors="C:/a@b.txt"', "simloss@words:vectors=C:/a@b.txt"),
        ('x:a="5",b="say ""so"""', 'x:a="5",b="say ""so"""'),
    ],
)
def test_known_settings(text, canonical):
    assert str(parse_setting(text)) == canonical
    assert str(parse_setting(canonical)) == canonical


def test_the_pieces_of_a_setting():
    setting = parse_setting("simloss:normalize=columns@words:keep=0.02,shuffle=1")
    assert setting == Setting(Part("simloss", {"normalize": "columns"}), Part("words", {"keep": 0.02, "shuffle": 1}))
    assert not setting.matrix.is_file
    assert parse_part("a/b.TSV").is_file


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names no loss"),
        ("@words", "names no loss"),
        ("simloss@", "ends with '@'"),
        ("simloss@ ", "ends with '@'"),
        ("x:a=1,b", "'b' in 'x:a=1,b' is not key=value"),
        ("x:a=1,2b=3", r"'2b=3' in .* is not key=value"),
        ("x:a=1,a=2", "'a' stands twice"),
    ],
)
def test_bad_settings_are_named(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse_setting(text)
