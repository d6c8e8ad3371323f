"""One picture on the confusion page: an image of the comparison, or a picture of the user's own."""

import io
import json
import shutil

import numpy as np
import pytest
import streamlit as st
from PIL import Image

from simviz import ClassSet, compare
from simviz.evaluation import fit_temperature
from simviz.runs import Comparison, Store, weights, worker
from simviz.ui.views import confusion_one
from tests.app.reading import says
from tests.tiny import NAMES, SIZE

AGES = ClassSet(["young", "middle", "old"], positions=[20, 45, 70])


@pytest.fixture(scope="session")
def shapes(tiny_folder, tmp_path_factory):
    """Two settings of the tiny data set, really trained here, so with weights. Copy it, do not change it."""
    base = {"dataset": str(tiny_folder), "image_size": SIZE, "model": "lenet", "epochs": 2, "batch_size": 32}
    specs = compare.specs_for(["ce", "simloss@words"], range(2), **base)
    comparison = compare.create(specs, title="shapes", store=Store(tmp_path_factory.mktemp("shapes")))
    worker.work(comparison)
    return comparison.path


@pytest.fixture
def here(shapes, runs):
    return Comparison(shutil.copytree(shapes, runs / shapes.name))


def decisions(at):
    return next(f.value for f in at.dataframe if "setting" in f.value)


def tops(at):
    return [f.value for f in at.dataframe if list(f.value) == ["class", "probability", "cost"]]


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def own(visit, *file, **asked):
    """The section with a file in its uploader."""
    at = visit("confusion", picture="true", **asked)
    at.segmented_control(key="whose").set_value("your own").run()
    if file:
        at.file_uploader(key="one-file").upload(*file).run()
    assert not at.exception, at.exception
    return at


def test_a_closed_section_reads_and_shows_nothing(visit, here):
    at = visit("confusion")
    assert not any(b.label == "Image" for b in at.selectbox)
    assert not tops(at)


@pytest.mark.parametrize("seed", ["0", "1"])
def test_a_link_to_an_image_shows_what_was_kept_of_it(visit, here, seed):
    names, run = here.classes.names, {r.setting: r for r in here.runs if r.spec.seed == int(seed)}
    found = run["ce"].predictions("test")
    row = 3
    at = visit("confusion", picture="true", img=str(found.ids[row]), seed=seed, ruler="words")
    assert at.selectbox(key="img").value == found.ids[row]
    text = says(at)
    assert f"Image of the test part of {here.info['dataset']['name']}" in text.replace("*", "")
    assert f"true class {names[found.target[row]]}" in text.replace("*", "")
    assert len(at.get("image")) == 1
    best = tops(at)
    assert len(best) == 2
    for setting, table in zip(("ce", "simloss@words"), best, strict=True):
        p = np.exp(run[setting].predictions("test").log_probabilities[row].astype(float))
        p /= p.sum()
        assert table["probability"].to_numpy() == pytest.approx(np.sort(p)[::-1], abs=1e-6)
        assert [c.removeprefix("✓ ") for c in table["class"]] == [names[i] for i in np.argsort(-p)]
        assert [c.startswith("✓") for c in table["class"]] == [names[found.target[row]] in c for c in table["class"]]


def test_of_many_classes_the_five_most_probable_are_shown(visit, shipped, runs):
    many = next(c for c in Store(runs) if len(c.classes) == 64)
    found = next(r for r in many.groups["ce"] if r.spec.seed == 0).predictions("test")
    at = visit("confusion", c=many.id, picture="true", img=str(found.ids[5]), seed="0")
    assert [len(table) for table in tops(at)] == [5] * len(many.groups)
    best = np.argsort(-found.log_probabilities[5], kind="stable")[:5]
    table = tops(at)[list(many.groups).index("ce")]
    assert [c.removeprefix("✓ ") for c in table["class"]] == [many.classes.names[i] for i in best]


def test_the_costs_are_those_of_min_cost_under_the_ruler_in_view(visit, here):
    from simviz import evaluation

    run = here.groups["ce"][0]
    found, fitted = run.predictions("test"), run.predictions("validation")
    ruler = evaluation.ruler(here.classes, "words")
    q = found.log_probabilities[0].astype(float) / fit_temperature(fitted.log_probabilities, fitted.target)
    q = np.exp(q - q.max())
    q /= q.sum()
    at = visit("confusion", picture="true", img=str(found.ids[0]), ruler="words")
    table = tops(at)[0]
    where = [here.classes.index(c.removeprefix("✓ ")) for c in table["class"]]
    assert table["cost"].to_numpy() == pytest.approx((q @ ruler.distance)[where], abs=1e-4)
    said = decisions(at).set_index("setting").loc["ce", "min_cost"]
    least = int((q @ ruler.distance).argmin())
    assert said.removeprefix("✓ ") == f"{here.classes.names[least]} ({(q @ ruler.distance)[least]:.2f})"


def test_every_decoder_that_applies_decides_and_blurred_only_for_simloss(visit, here):
    table = decisions(visit("confusion", picture="true", img=str(here.runs[0].predictions("test").ids[0])))
    assert list(table) == ["setting", "argmax", "min_cost", "blurred", "temperature"]
    assert (table["blurred"] != "").tolist() == [False, True]


def test_ordered_classes_have_median_and_expectation(visit, predicted):
    predicted(AGES, {"ce": [[0, 1, 2]]}, [0, 2, 2])
    table = decisions(visit("confusion", picture="true", img="image-1"))
    assert list(table)[1:5] == ["argmax", "min_cost", "median", "expectation"]
    # Two of three are right on validation, so p is softened to 2/3: a third of the time it is 25 years off.
    assert table.iloc[0].tolist()[1:5] == ["middle (8.33)"] * 4


def test_a_row_of_images_opens_the_section_with_it():
    st.session_state["rows"] = {"selection": {"rows": [1]}}
    confusion_one.clicked("rows", ["a", "b"])
    assert (st.session_state["img"], st.session_state["picture"]) == ("b", True)
    st.session_state["rows"] = {"selection": {"rows": []}}
    confusion_one.clicked("rows", ["c"])
    assert st.session_state["img"] == "b"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"img": "<b>none</b>"}, "image of the test part “<b>none</b>”"),
        ({"seed": "9"}, "seed “9”"),
        ({"picture": "perhaps"}, "“perhaps”"),
    ],
)
def test_what_a_link_asks_for_and_is_not_there_is_named(visit, here, asked, sentence):
    assert sentence in says(visit("confusion", **{"picture": "true", **asked}))


def test_decisions_without_probabilities_are_shown_as_they_are(visit, runs):
    from simviz.evaluation import foreign
    from simviz.runs.foreign import keep

    data = b"y_true,y_pred\ncat,dog\ndog,dog\n"
    found = foreign.read(foreign.source(data, "mine.csv"))
    comparison = keep([found], store=Store(runs))
    name = str(comparison.runs[0].predictions("test").ids[0])
    at = visit("confusion", picture="true", img=name)
    assert decisions(at).iloc[0].tolist() == ["mine", "dog"]
    assert not tops(at)
    assert "keeps no picture of it" in says(at)


def test_an_uploaded_copy_of_a_test_image_gets_the_stored_answer(visit, here):
    names = here.classes.names
    stored = here.groups["ce"][1].predictions("test")
    pixels = here.images()[here.image_rows()[str(stored.ids[5])]]
    at = own(visit, "mine.png", png(pixels), seed="1")
    text = says(at).replace("*", "")
    assert "Your own picture: mine.png, from no part of" in text
    assert "16 x 16 pixels as the networks see it" in text
    assert "✓" not in decisions(at).to_string()
    p = np.exp(stored.log_probabilities[5].astype(float))
    near = 0.03  # bfloat16 on machines that have it, in another batch than when it was kept
    table = tops(at)[0].set_index("class")["probability"]
    assert [table[n] for n in names] == pytest.approx(p / p.sum(), abs=near)
    assert set(NAMES) == set(table.index)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("mine.png", b"<script>alert(1)</script>", "this is no PNG, JPEG or WebP picture"),
        ("mine.png", png(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8))[:2000], "is damaged"),
        ("mine.jpg", b"", "this is no PNG, JPEG or WebP picture"),
    ],
)
def test_what_is_no_picture_gets_one_sentence(visit, here, name, data, sentence):
    at = own(visit, name, data)
    assert [sentence in e.value.replace("\\", "") for e in at.error] == [True]
    assert not tops(at)


def test_without_weights_it_names_the_way_out(visit, here):
    for run in here.runs:
        (run.path / "checkpoint.safetensors").unlink()
    at = own(visit)
    assert "Train the settings on this machine" in says(at)
    assert not at.get("file_uploader")
    assert "train" in [link.proto.page for link in at.main.get("page_link")]


def test_an_archive_with_the_weights_of_one_seed_answers_for_that_seed(visit, here):
    for run in here.runs:
        if run.spec.seed == 0:
            weights.keep(run)
        (run.path / "checkpoint.safetensors").unlink()
    mine = ("mine.png", png(np.zeros((30, 50, 3), np.uint8)))
    assert len(tops(own(visit, *mine))) == 2
    at = own(visit, seed="1")
    assert "No run of this seed has weights here" in says(at)
    assert "seed 0 can" in says(at)
    assert not at.get("file_uploader")


def test_a_run_whose_weights_do_not_serve_is_named_and_the_others_answer(visit, here):
    ce, simloss = (here.groups[s][0] for s in ("ce", "simloss@words"))
    (ce.path / "checkpoint.safetensors").unlink()
    at = own(visit, "mine.png", png(np.zeros((30, 50, 3), np.uint8)))
    assert f"{ce.id} has no weights here" in says(at)
    assert decisions(at)["setting"].tolist() == [simloss.setting]
    about = json.loads((simloss.path / "environment.json").read_text())
    (simloss.path / "environment.json").write_text(json.dumps({**about, "model": "convnet"}))
    (simloss.path / "checkpoint.safetensors").touch()
    at = own(visit, "mine.png", png(np.zeros((30, 50, 3), np.uint8)))
    assert f"the weights of {simloss.id} do not fit the run" in says(at)
    assert not tops(at)
