import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simviz import ClassSet

NAMES = st.lists(st.text(min_size=1, max_size=5).filter(str.strip), min_size=1, max_size=6, unique=True)


@st.composite
def class_sets(draw):
    names = draw(NAMES)
    count = len(names)
    per_class = lambda values: st.lists(values, min_size=count, max_size=count)  # noqa: E731
    positions = draw(st.none() | st.lists(st.integers(0, 99), min_size=count, max_size=count, unique=True))
    period = draw(st.none() | st.just(100)) if positions else None
    word = st.text(min_size=1, max_size=5).filter(str.strip)
    depth = draw(st.integers(1, 3))
    groups = draw(st.none() | per_class(st.tuples(*[st.sampled_from("xyz")] * depth)))
    return ClassSet(names, positions, period, groups, draw(st.none() | per_class(word)))


@given(class_sets())
@settings(deadline=None)
def test_json_gives_the_same_classes_back(classes):
    again = ClassSet.from_dict(json.loads(json.dumps(classes.to_dict())))
    assert again == classes
    assert again.fingerprint == classes.fingerprint


@given(class_sets(), st.randoms())
@settings(deadline=None)
def test_a_subset_keeps_what_is_known_of_each_name(classes, random):
    names = random.sample(classes.names, random.randint(1, len(classes)))
    part = classes.subset(names)
    assert part.names == tuple(names)
    for name in names:
        i, j = part.index(name), classes.index(name)
        for field in ("positions", "groups", "words"):
            mine, theirs = getattr(part, field), getattr(classes, field)
            assert (mine is None) == (theirs is None)
            assert mine is None or mine[i] == theirs[j]
    assert part.period == classes.period


@given(class_sets())
@settings(deadline=None)
def test_mappings_by_name_are_the_same_as_lists(classes):
    by_name = lambda values: None if values is None else dict(zip(classes.names, values, strict=True))  # noqa: E731
    mapped = [by_name(v) for v in (classes.positions, classes.groups, classes.words)]
    assert ClassSet(classes.names, mapped[0], classes.period, mapped[1], mapped[2]) == classes


def test_words_are_the_names_until_they_are_edited():
    classes = ClassSet(["rose", "can"])
    assert classes.words == ("rose", "can")
    edited = classes.with_words({"can": "cans"})
    assert edited.words == ("rose", "cans")
    assert edited.fingerprint != classes.fingerprint
    assert (classes.ordered, classes.circular) == (False, False)


def test_lookup_by_name():
    classes = ClassSet(["tulip", "truck"])
    assert (classes.index("truck"), list(classes), len(classes)) == (1, ["tulip", "truck"], 2)
    with pytest.raises(ValueError, match=r"no class 'trukc' among the 2 classes; did you mean truck\?"):
        classes.index("trukc")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"names": []}, "names is empty"),
        ({"names": "ab"}, "single string 'ab'"),
        ({"names": ["a", " "]}, "class 1 has the name ' '"),
        ({"names": ["a", 3]}, "class 1 has the name 3"),
        ({"names": ["a", "b", "a"]}, r"'a' stands twice \(classes 0 and 2\)"),
        ({"names": ["a"] * 50_001}, "at most 50000"),
        ({"names": ["a", "b"], "positions": [1]}, "positions has 1 entries for 2 classes"),
        ({"names": ["a", "b"], "positions": {"a": 1}}, "positions has no entry for class 'b'"),
        ({"names": ["a"], "positions": {"a": 1, "z": 2}}, "positions names 'z', which is not a class"),
        ({"names": ["a", "b"], "positions": [1, "x"]}, "position of class 'b' is 'x', not a number"),
        ({"names": ["a", "b"], "positions": [1, float("nan")]}, "position of class 'b' is nan"),
        ({"names": ["a", "b"], "positions": [1, 1]}, "'a' and 'b' share the position 1"),
        ({"names": ["a", "b"], "positions": [1, 60], "period": 60}, r"'b' is 60, outside \[0, 60\)"),
        ({"names": ["a"], "positions": [1], "period": 0}, "period is 0"),
        ({"names": ["a"], "positions": [1], "period": "60"}, "period is '60'; it must be a positive number"),
        ({"names": ["a"], "period": 60}, "period=60 without positions"),
        ({"names": ["a", "b"], "groups": ["x", ""]}, "group of class 'b' is"),
        ({"names": ["a", "b"], "groups": [1, 2]}, "group of class 'a' is 1; give a name, or names from coarse to fine"),
        ({"names": ["a", "b"], "groups": [("x", "y"), "x"]}, "'b' has 1 group levels and 'a' has 2"),
        ({"names": ["a"], "words": {"z": "y"}}, "words names 'z', which is not a class"),
        ({"names": ["a"], "words": [""]}, "word of class 'a' is ''"),
    ],
)
def test_bad_classes_are_named(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        ClassSet(**arguments)


def test_a_class_set_does_not_change():
    with pytest.raises(AttributeError):
        ClassSet(["a"]).names = ("b",)
