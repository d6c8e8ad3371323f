"""Predictions made elsewhere as a comparison of the store: whole, aligned, or not at all."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix

from simviz import ClassSet, compare, evaluation
from simviz.evaluation import foreign
from simviz.runs import Store, StoreError, archive, progress
from simviz.runs.command import command
from simviz.runs.foreign import keep, settings

NAMES = np.array(["cat", "dog", "truck"])
COUNT = 30
RANDOM = np.random.default_rng(5)
TARGET = RANDOM.integers(0, 3, COUNT)
P = {name: RANDOM.dirichlet(np.ones(3) + k, COUNT) for k, name in enumerate(("one", "two"))}


def table(name="one", ids=False, scores=True, **more):
    made = pd.DataFrame({"y_true": NAMES[TARGET]})
    if scores:
        made[[f"p_{n}" for n in NAMES]] = P[name]
    else:
        made["y_pred"] = NAMES[P[name].argmax(axis=1)]
    if ids:
        made["id"] = [f"s{i}" for i in range(COUNT)]
    return made.assign(**more)


def read(made, name="one.csv", **known):
    return foreign.read(foreign.source(made.to_csv(index=False).encode(), name), **known)


def counts(name):
    made = pd.DataFrame(confusion_matrix(TARGET, P[name].argmax(axis=1)), NAMES, NAMES)
    return foreign.read(foreign.source(made.to_csv().encode(), f"{name}.csv"))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def test_it_is_a_finished_comparison_of_one_run(store):
    made = keep([read(table())], store=store, ruler="zero_one", title="Mine")
    (run,) = made.runs
    assert [c.id for c in store.comparisons()] == [made.id]
    assert (made.title, run.id, run.setting) == ("Mine", "one-s0", "one")
    assert progress.line(run).state == "finished"
    assert run.settled
    result = run.result()
    assert result["accuracy"] == accuracy_score(TARGET, P["one"].argmax(axis=1))
    assert (result["split"], result["decoder"], result["run"]) == ("test", "argmax", "one-s0")
    assert result["ruler"].startswith("zero_one")
    (row,) = compare.table(made)
    assert row.mean("accuracy") == result["accuracy"]
    assert row.mean("nll") == pytest.approx(result["nll"])
    np.testing.assert_array_equal(run.predictions().log_probabilities, np.log(P["one"]))
    assert command(run.spec) == "python -m simviz evaluate one.csv --ruler zero_one"


def test_an_exported_one_can_be_imported(store, tmp_path):
    made = keep([read(table()), read(table("two", scores=False), "two.csv")], store=store)
    packed = io.BytesIO()
    archive.pack(made, packed)
    packed.seek(0)
    theirs = archive.unpack(packed, Store(tmp_path / "theirs"))
    assert [r.setting for r in theirs.runs] == ["one", "two"]
    for mine, other in zip(compare.table(made), compare.table(theirs), strict=True):
        assert mine.values == other.values
    np.testing.assert_array_equal(theirs.runs[1].predictions().predicted, P["two"].argmax(axis=1))


def test_decisions_have_no_metrics_of_probabilities(store):
    made = keep([read(table(scores=False))], store=store)
    result = made.runs[0].result()
    assert result["decoder"] == "the file's own"
    assert not {"nll", "ece", "top5"} & result.keys()
    for decoder in ("argmax", "min_cost"):
        (row,) = compare.table(made, decoder=decoder)
        assert row.mean("accuracy") == result["accuracy"]


def test_samples_are_matched_by_their_ids(store):
    shuffled = table("two", ids=True, image=[f"{i}.png" for i in range(COUNT)]).sample(frac=1, random_state=0)
    made = keep([read(table("one", ids=True)), read(shuffled, "two.csv")], store=store)
    a, b = (run.predictions() for run in made.runs)
    np.testing.assert_array_equal(a.ids, b.ids)
    np.testing.assert_array_equal(a.target, b.target)
    np.testing.assert_array_equal(b.log_probabilities, np.log(P["two"]))


def test_classes_in_another_order_are_put_into_the_first_files(store):
    turned = table("two")[["y_true", "p_truck", "p_dog", "p_cat"]]
    made = keep([read(table()), read(turned, "two.csv")], store=store)
    assert made.classes.names == tuple(NAMES)
    np.testing.assert_array_equal(made.runs[1].predictions().log_probabilities, np.log(P["two"]))


def test_decisions_may_lack_a_class_that_scores_may_not(store):
    never = table(scores=False)
    never["y_true"] = never["y_pred"] = "cat"
    more = never.assign(y_pred=["dog"] + ["cat"] * (COUNT - 1))
    made = keep([read(never, "a.csv"), read(more, "b.csv")], store=store)
    assert made.classes.names == ("cat", "dog")
    assert made.runs[1].result()["accuracy"] == pytest.approx(1 - 1 / COUNT)
    scored = table()[["y_true", "p_cat", "p_dog"]].assign(y_true="cat", p_cat=0.5, p_dog=0.5)
    lonely = never.assign(y_pred="truck")
    with pytest.raises(ValueError, match=r"a.csv has no score for the class 'truck', which another file has"):
        keep([read(scored, "a.csv"), read(lonely, "b.csv")], store=store)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (table("two").iloc[:-1], "two.csv has 29 samples and one.csv has 30; .* need the same samples"),
        (table("two", ids=True, id=[f"t{i}" for i in range(COUNT)]), "has the sample 't0', which one.csv has not"),
        (table("two", ids=True, id=["t", *(f"s{i}" for i in range(1, COUNT))]), "has the sample 't', which one.csv"),
        (
            table("two", ids=True, y_true=NAMES[(TARGET + 1) % 3]),
            r"the sample 's0' is '\w+' in one.csv and '\w+' in two.csv; .* need the same true classes$",
        ),
        (table("two", y_true=NAMES[TARGET[::-1]]), "need the same true classes, row by row, or a column of ids"),
    ],
)
def test_files_about_other_samples_are_refused_and_nothing_is_kept(store, other, message):
    with pytest.raises(ValueError, match=message):
        keep([read(table("one", ids=True)), read(other, "two.csv")], store=store)
    assert store.comparisons() == []


def test_a_ruler_that_does_not_fit_leaves_nothing_behind(store):
    with pytest.raises(ValueError, match="the ruler 'groups' needs classes with groups"):
        keep([read(table())], store=store, ruler="groups")
    assert not store.root.exists() or list(store.root.iterdir()) == []


def test_counts_are_kept_beside_each_other_but_no_sample_is_another_files(store):
    made = keep([counts("one"), counts("two")], store=store)
    a, b = (run.predictions() for run in made.runs)
    assert not set(a.ids.tolist()) & set(b.ids.tolist())
    assert not set(a.units.tolist()) & set(b.units.tolist())
    for name, run in zip(("one", "two"), made.runs, strict=True):
        expected = confusion_matrix(TARGET, P[name].argmax(axis=1))
        found = run.predictions()
        np.testing.assert_array_equal(evaluation.confusion_matrix(found.target, found.predicted, 3), expected)
    assert made.info["counted"] == ["one", "two"]
    assert keep([read(table(), "one.csv"), counts("two")], store=store).info["counted"] == ["two"]
    assert any("counts alone cannot tell them apart" in note for note in made.info["notes"])
    fewer = foreign.read(foreign.source(b",cat,dog,truck\ncat,1,0,0\ndog,0,1,0\ntruck,0,0,1\n", "few.csv"))
    with pytest.raises(ValueError, match=r"samples of 'cat' and few.csv has 1; .* need the same samples"):
        keep([counts("one"), fewer], store=store)


def test_a_probability_of_zero_for_the_truth_is_no_number_in_the_result(store):
    sure = table().assign(p_cat=[1.0] * COUNT, p_dog=0.0, p_truck=0.0)
    result = keep([read(sure)], store=store).runs[0].result()
    assert result["nll"] is None
    assert result["accuracy"] == (TARGET == 0).mean()


def test_classes_with_groups_are_measured_by_them(store):
    classes = ClassSet(NAMES.tolist(), groups=["animal", "animal", "vehicle"])
    made = keep([read(table(), classes=classes)], store=store)
    assert made.info["ruler"]["text"].startswith("groups")
    assert made.classes == classes
    result = made.runs[0].result()
    wrong = 1 - result["accuracy"]
    assert result["mean_cost"] == pytest.approx(wrong * (2 - result["failed_superclass_accuracy"]))


def test_names_of_files_become_settings():
    files = ["resnet 50 (v2).csv", "ce.npz", "ce.csv", "äöü.csv", "@.csv", "a:b=c.csv"]
    assert settings(files) == ["resnet-50-v2", "ce", "ce-2", "model", "model-2", "a-b-c"]


def test_pictures_are_taken_from_inside_the_folder_alone(store, tmp_path):
    folder = tmp_path / "data"
    (folder / "in").mkdir(parents=True)
    colors = {}
    for i in range(3):
        colors[i] = (40 * i, 10, 200)
        Image.new("RGB", (30, 20), colors[i]).save(folder / "in" / f"{i}.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "text.png").write_text("no picture")
    paths = ["in/0.png", "in/1.png", str(folder / "in" / "2.png"), "../secret.png", str(tmp_path / "secret.png")]
    paths += ["link.png", "text.png", "gone.png", "\x00", "in"]
    paths += [f"none/{i}.png" for i in range(COUNT - len(paths))]
    found = read(table(ids=True), "one.csv")
    found = foreign.Foreign(**{**vars(found), "images": tuple(paths)})
    made = keep([found], store=store, picture_roots=[folder])
    assert sorted(made.image_rows()) == ["s0", "s1", "s2"]
    images = made.images()
    assert images is not None
    assert images.shape == (3, 64, 64, 3)
    for i in range(3):
        np.testing.assert_array_equal(images[made.image_rows()[f"s{i}"]], np.full((64, 64, 3), colors[i], np.uint8))
    assert any(note.startswith("27 pictures are not inside") for note in made.info["notes"])
    assert keep([found], store=store).images() is None


@pytest.fixture
def pictured(tmp_path):
    """Predictions whose every sample names a picture of its own, below `tmp_path`."""
    found = read(table(ids=True))
    for i in range(COUNT):
        Image.new("RGB", (8, 8), (8 * i, 0, 0)).save(tmp_path / f"{i}.png")
    return foreign.Foreign(**{**vars(found), "images": tuple(f"{i}.png" for i in range(COUNT))})


@pytest.mark.parametrize("place", [0, 1])
def test_counts_beside_a_file_that_names_pictures_change_nothing_of_them(store, tmp_path, pictured, place):
    both = [pictured]
    both.insert(place, counts("two"))
    alone, made = (keep(found, store=store, picture_roots=[tmp_path]) for found in ([pictured], both))
    assert list(made.image_rows()) == list(alone.image_rows())
    np.testing.assert_array_equal(made.images(), alone.images())


def test_samples_are_matched_behind_a_file_of_counts_too(store):
    turned = table("two", ids=True).iloc[::-1]
    made = keep([counts("one"), read(table(ids=True)), read(turned, "two.csv")], store=store)
    _, a, b = (run.predictions() for run in made.runs)
    np.testing.assert_array_equal(a.ids, b.ids)
    np.testing.assert_array_equal(a.target, b.target)


def test_a_picture_that_cannot_be_read_is_only_left_out(store, tmp_path, pictured, monkeypatch):
    read_bytes = Path.read_bytes

    def torn(path):
        if path.name == "3.png":
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", torn)
    made = keep([pictured], store=store, picture_roots=[tmp_path])
    assert set(made.image_rows()) == {f"s{i}" for i in range(COUNT) if i != 3}
    assert any(note.startswith("1 pictures are not inside") for note in made.info["notes"])


def test_a_damaged_one_is_told_like_any_other(store):
    made = keep([read(table(scores=False))], store=store)
    (made.runs[0].path / "test.npz").write_bytes(b"PK torn")
    with pytest.raises(StoreError, match=r"one-s0: test.npz is not a readable predictions file"):
        made.runs[0].predictions()


def with_features(answers=True, **more):
    """A file in which the features of a sample tell its class."""
    values = RANDOM.normal(size=(COUNT, 4)) + 6 * np.eye(4)[TARGET]
    arrays = {"y_true": NAMES[TARGET], "features": values, **({"probabilities": P["one"]} if answers else {}), **more}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return foreign.read(foreign.source(buffer.getvalue(), "deep.npz"))


def test_features_stay_with_their_samples(store):
    order = np.random.default_rng(0).permutation(COUNT)
    ids = np.array([f"s{i}" for i in range(COUNT)])
    first = with_features(ids=ids)
    truth = NAMES[TARGET][order]
    decided = pd.DataFrame({"y_true": truth, "y_pred": truth, "id": ids[order], "feature_0": order, "feature_1": 1})
    other = read(decided, "other.csv", classes=ClassSet(list(NAMES[::-1])))
    made = keep([first, other], store=store)
    assert np.array_equal(made.runs[0].predictions(features=True).features, first.predictions.features)
    assert made.runs[1].predictions(features=True).features[:, 0].tolist() == list(range(COUNT))


def test_where_there_are_features_alone_the_answers_are_a_last_layers(store):
    made = keep([with_features(answers=False)], store=store)
    (run,) = made.runs
    assert run.result()["accuracy"] > 0.85
    assert any("those of a last layer of cross entropy, fitted to the other half" in n for n in made.info["notes"])
    uninformed = with_features(answers=False, features=RANDOM.normal(size=(COUNT, 4)))
    assert keep([uninformed], store=store).runs[0].result()["accuracy"] < 0.7  # no sample was fitted to


def test_a_last_layer_that_cannot_be_fitted_is_a_sentence_and_keeps_nothing(store):
    one = with_features(answers=False, units=np.zeros(COUNT, dtype=int))
    with pytest.raises(ValueError, match=r"deep.npz has features and no predictions, and the features are of one unit"):
        keep([one], store=store)
    assert not store.comparisons()
