import io
import json

import numpy as np
import pytest
import streamlit as st

from simviz import ClassMatrix, ClassSet, datasets, matrices
from simviz.matrices import files
from simviz.ui.views import train_settings

OWN = {"data": "own", "names": "rose,tulip,cat,dog"}


def spec(at, index=0):
    return json.loads(at.get("plotly_chart")[index].proto.spec)


def says(at):
    boxes = (at.error, at.warning, at.info, at.caption, at.markdown)
    return "\n".join(e.value for box in boxes for e in box).replace("\\", "")


def drawn(at):
    z = spec(at)["data"][0]["z"]
    if isinstance(z, dict):
        import base64

        shape = [int(n) for n in z["shape"].split(",")]
        return np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"]).reshape(shape)
    return np.asarray(z)


@pytest.mark.parametrize(
    ("link", "part"),
    [
        ({"from": "words", "keep": "0.34"}, "words:keep=0.34"),
        ({"from": "words", "by": "lower_bound", "lower_bound": "0.2"}, "words:lower_bound=0.2"),
        ({"from": "order", "r": "0.5"}, "order:r=0.5"),
    ],
)
def test_a_link_restores_source_and_numbers_and_the_matrix_is_the_librarys(visit, link, part):
    at = visit("similarity", **OWN, **link)
    expected = matrices.build(part, ClassSet(OWN["names"].split(",")))
    assert np.allclose(drawn(at), expected.values)
    assert f"simloss@{part}" in at.code[0].value
    assert "Column sums" in at.subheader[0].value


@pytest.mark.parametrize("data", ["tree-rings", "clock", "counting", "gauge"])
def test_no_order_begins_where_the_page_itself_foresees_a_collapse(visit, data):
    """The matrix is carried to the train page as it is; both begin with the same one."""
    at = visit("similarity", **{"from": "order", "data": data})
    assert not at.error
    assert at.code[0].value.split("\n")[0] in train_settings.defaults(datasets.load(data).classes)


def test_pictograms_are_shown_with_their_pictures_groups_and_split(visit):
    at = visit("similarity", **{"from": "groups", "order": "group"})
    assert "pictograms" in at.selectbox(key="data").value
    classes = spec(at)["data"][0]["y"]
    assert len(classes) >= 50
    assert len(spec(at)["layout"]["shapes"]) == 2 * 7  # eight groups have seven borders, twice
    assert set(np.unique(drawn(at))) == {0.0, 0.5, 1.0}
    assert any("images" in box.label and "test" in box.label for box in at.expander)


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ({"from": "nonsense"}, "asks for the source “nonsense”"),
        ({"data": "imagenet"}, "asks for the data set “imagenet”"),
        ({"from": "order", "r": "7"}, "gives r as “7”; it must be a number from 0 to 0.99"),
        ({"from": "order", "r": "x"}, "gives r as “x”"),
        ({"order": "size"}, "asks for the class order “size”"),
        ({"c": "20200101-gone"}, "asks for the comparison “20200101-gone”"),
    ],
)
def test_what_a_link_asks_for_and_is_not_there_is_named(visit, link, sentence):
    at = visit("similarity", **{**OWN, **link})
    assert sentence in says(at)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("cat", "at least two names"),
        ("", "names is empty"),
        ("cat,dog,cat", "class name 'cat' stands twice"),
        ("cat,qqzzxxw", "No word vector for qqzzxxw"),
    ],
)
def test_names_that_do_not_work_get_a_sentence_and_no_picture(visit, names, sentence):
    at = visit("similarity", **OWN)
    at.text_area(key="names").set_value(names).run()
    assert not at.exception
    assert sentence in says(at)
    assert not at.get("plotly_chart")


def test_a_missing_word_is_repaired_in_place(visit):
    at = visit("similarity", data="own", names="cat,qqzzxxw,truck", keep="0.34")
    table = at.data_editor[0].value
    assert table["how"].tolist() == ["not found", "as written", "as written"]  # what needs care comes first
    key = f"words-{ClassSet(['cat', 'qqzzxxw', 'truck']).fingerprint}"
    at.session_state[f"{key}/edits"] = {"qqzzxxw": {"word": "dog"}}
    at.run()
    assert not at.exception
    expected = matrices.word_similarity(ClassSet(["cat", "qqzzxxw", "truck"], words={"qqzzxxw": "dog"}), keep=0.34)
    assert np.allclose(drawn(at), expected.values)
    assert "The words you changed are not part" in says(at)
    at.button(key="word-reset").click().run()
    assert "No word vector for qqzzxxw" in says(at)


def test_edits_are_kept_by_name_and_an_emptied_cell_takes_one_back():
    import streamlit as st

    from simviz.ui import editor

    st.session_state["t/0"] = {"edited_rows": {1: {"word": "dog"}, 0: {"word": "cow"}}}
    editor.merge("t", 0, ["a", "b"])
    assert editor.edits("t") == {"b": {"word": "dog"}, "a": {"word": "cow"}}
    assert st.session_state["t/version"] == 1
    st.session_state["t/1"] = {"edited_rows": {0: {"word": " "}}}
    editor.merge("t", 1, ["a", "b"])
    assert editor.edits("t") == {"b": {"word": "dog"}, "a": {}}


@pytest.mark.parametrize("source", ["positions", "groups"])
def test_sources_that_the_classes_do_not_have_say_how_to_give_them(visit, source):
    at = visit("similarity", **OWN, **{"from": source})
    assert f"have no {source}" in says(at)
    at.toggle(key="own-relations").set_value(True).run()
    key = f"own-{ClassSet(OWN['names'].split(',')).fingerprint}"
    given = dict(
        zip(
            OWN["names"].split(","),
            [("plant / flower", 1), ("plant / flower", 2), ("animal / pet", 7), ("animal / pet", 9)],
            strict=True,
        )
    )
    at.session_state[f"{key}/edits"] = {n: {"group": g, "position": p} for n, (g, p) in given.items()}
    at.run()
    assert not at.exception
    classes = ClassSet(list(given), positions=[1, 2, 7, 9], groups=[tuple(g.split(" / ")) for g, _ in given.values()])
    expected = matrices.build(source, classes).to_similarity()
    assert np.allclose(drawn(at), expected.values)


def test_half_filled_relations_are_named_and_left_out(visit):
    at = visit("similarity", **OWN, **{"from": "groups"})
    at.toggle(key="own-relations").set_value(True).run()
    key = f"own-{ClassSet(OWN['names'].split(',')).fingerprint}"
    at.session_state[f"{key}/edits"] = {"rose": {"group": "plant"}}
    at.run()
    assert not at.exception
    assert "3 of 4 classes have no group yet" in says(at)


def upload(at, name, data):
    at.file_uploader(key="matrix-file").upload(name, data).run()
    assert not at.exception
    return at


NAMES = OWN["names"].split(",")
LOPSIDED = np.array([[1, 0.5, 0, 0.1], [0.25, 1, 0, 0], [0, 0.3, 1, 0.9], [0, 0, 0.8, 1]])
GOOD = np.array([[1, 0.5, 0, 0], [0.5, 1, 0, 0], [0, 0, 1, 0.9], [0, 0, 0.9, 1]])


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_an_uploaded_matrix_is_matched_by_name(visit, suffix):
    order = [2, 0, 3, 1]
    mixed = ClassMatrix([NAMES[i] for i in order], GOOD[np.ix_(order, order)])
    at = upload(visit("similarity", **OWN, **{"from": "file"}), f"S{suffix}", files.dumps(mixed, suffix))
    assert np.allclose(drawn(at), GOOD)


def csv(values, names=("a", "b")):
    lines = [",".join(["", *names])] + [",".join([n, *map(str, row)]) for n, row in zip(names, values, strict=False)]
    return "\n".join(lines).encode()


def pickled():
    buffer = io.BytesIO()
    np.savez(buffer, names=np.array([{"a": 1}], dtype=object), values=np.eye(1))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("S.csv", csv([[1, "nan"], [0.1, 1]])),
        ("S.csv", csv([[1, 2], [0.1, 1]])),
        ("S.csv", csv([[1, 0.2]])),
        ("S.csv", csv([[1, 0.2], [0.2, 1]], ("a", "a"))),
        ("S.csv", b"\xff\xfe\x00nonsense"),
        ("S.csv", b""),
        ("S.npz", b"no archive"),
        ("S.npz", pickled()),
    ],
)
def test_a_bad_file_gets_a_sentence_with_its_name(visit, name, data):
    at = upload(visit("similarity", **OWN, **{"from": "file"}), name, data)
    assert len(at.error) == 1
    assert at.error[0].value.replace("\\", "").startswith(f"{name}: ")
    assert not at.get("plotly_chart")


def test_a_matrix_of_other_classes_is_shown_and_the_mismatch_named(visit):
    at = upload(visit("similarity", **OWN, **{"from": "file"}), "S.csv", csv([[1, 0.2], [0.2, 1]]))
    assert "It does not fit the classes of own" in says(at)
    assert drawn(at).shape == (2, 2)


def test_hubs_are_announced_before_training_and_only_where_there_are_some(visit):
    wide = visit("similarity", **{"from": "words", "keep": "0.3"})
    assert any("pays a bonus" in e.value and "less than half" in e.value for e in wide.error)
    columns = spec(wide, 2)["data"]
    assert [t["name"] for t in columns][:1] == ["hub"]
    narrow = visit("similarity", **{"from": "order", "r": "0.1"})
    assert not narrow.warning
    assert not narrow.error
    assert "SimLoss pays for telling about 53 apart" in says(narrow)


@pytest.mark.parametrize("kind", ["distance", "similarity"])
def test_the_exports_are_the_matrix_on_the_screen(visit, monkeypatch, kind):
    saved, shown = {}, st.download_button

    def keep(label, *, data, file_name, **how):
        saved[file_name] = data
        return shown(label, data=data, file_name=file_name, **how)

    monkeypatch.setattr(st, "download_button", keep)
    at = upload(visit("similarity", **OWN, **{"from": "file", "as": kind}), "S.csv", csv(LOPSIDED, NAMES))
    expected = LOPSIDED if kind == "similarity" else 1 - LOPSIDED
    assert np.allclose(drawn(at), expected)
    assert [b.label for b in at.get("download_button")] == ["CSV", "npz", "JSON with recipe"]
    for suffix in (".csv", ".npz"):
        found = files.loads(as_bytes(saved[f"{kind}{suffix}"]()), suffix)
        assert found.kind == kind
        assert np.allclose(found.values, expected)
    whole = json.loads(saved[f"{kind}.json"]())
    assert np.allclose(whole["values"], expected)
    assert (whole["kind"], whole["names"]) == (kind, NAMES)
    assert whole["recipe"]


def as_bytes(made):
    return made.encode() if isinstance(made, str) else made


def test_of_many_classes_a_part_is_drawn_closer_around_a_class(visit):
    names = ",".join(f"class{i}" for i in range(300))
    at = visit("similarity", data="own", names=names, **{"from": "order", "r": "0.9"}, around="class120")
    closer = spec(at, 1)["data"][0]
    assert closer["type"] == "heatmap"
    assert len(closer["x"]) == 50
    assert "class120" in closer["x"]
    at.selectbox(key="around").set_value("class299").run()
    assert spec(at, 1)["data"][0]["y"][-1] == "class299"


def test_a_typed_name_that_no_file_could_hold_is_refused_at_once(visit):
    at = visit("similarity", data="own", names="<b>cat</b>,dog,truck")
    assert not at.exception
    assert "has markup in it" in at.error[0].value
