from __future__ import annotations

import pytest

from simviz import compare
from simviz.runs import Store


def test_controls_are_always_there():
    found = compare.with_controls(["simloss@words:keep=0.02"])
    assert found == [
        "simloss@words:keep=0.02",
        "ce",
        "simloss@words:keep=0.02,shuffle=1",
        "simloss:normalize=columns@words:keep=0.02",
    ]
    assert compare.with_controls(found) == [*found, "simloss:normalize=columns@words:keep=0.02,shuffle=1"]
    assert [compare.is_control(s, found) for s in found] == [False, False, True, True]


def test_what_was_asked_for_itself_is_no_control():
    columns, shuffled = "simloss:normalize=columns@words", "simloss@words:shuffle=1"
    for alone in (columns, shuffled):
        assert not compare.is_control(alone, ["ce", alone])
        assert compare.is_control(alone, ["ce", alone, "simloss@words"])
    specs = compare.specs_for(compare.with_controls([columns]), [0], dataset="x")
    assert [s.loss for s in specs] == [columns, "ce", "simloss:normalize=columns@words:shuffle=1"]


def test_settings_asked_for_come_before_controls_and_seeds_stay_together():
    specs = compare.specs_for(compare.with_controls(["simloss@words"]), range(2), dataset="x")
    assert [(s.loss, s.seed) for s in specs[:4]] == [("simloss@words", 0), ("ce", 0), ("simloss@words", 1), ("ce", 1)]
    assert all(compare.is_control(s.loss, {other.loss for other in specs}) for s in specs[4:])
    assert len(specs) == 8


@pytest.mark.parametrize(
    ("settings", "seeds", "text"), [([], 1, "no setting"), (["ce"], 0, "0 seeds"), (["@x"], 1, "no loss")]
)
def test_an_impossible_comparison_is_refused(settings, seeds, text):
    with pytest.raises(ValueError, match=text):
        compare.specs_for(settings, range(seeds), dataset="pictograms")


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        ("emd2", "order"),
        ("simloss", "needs a similarity"),
        ("simlos@words", "simlos"),
        ("simloss@words:kep=0.1", "kep"),
        ("simloss@groups", "groups"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused_before_anything_is_laid_out(tiny_folder, tmp_path, loss, text):
    store = Store(tmp_path / "runs")
    with pytest.raises(ValueError, match=text):
        compare.create(compare.specs_for([loss], [0], dataset=str(tiny_folder)), store=store)
    assert store.comparisons() == []


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"model": "resnet99"}, "there is no model 'resnet99'"),
        ({"model": "age"}, "at least 54 pixels"),
        ({"patience": 2, "monitor": "mae"}, "'mae', which these classes do not have"),
        ({"patience": 2, "monitor": "superclass_accuracy"}, "'superclass_accuracy', which these"),
        ({"train_size": 2}, "the 4 classes need at least one image each"),
        ({"crop": 64}, "crop is 64"),
    ],
)
def test_what_would_fail_every_run_is_refused_before_anything_is_laid_out(tiny_folder, tmp_path, values, text):
    store, base = Store(tmp_path / "runs"), {"dataset": str(tiny_folder), "image_size": 16}
    with pytest.raises(ValueError, match=text):
        compare.create(compare.specs_for(["ce"], [0], **base, **values), store=store)
    assert store.comparisons() == []
    if "monitor" in values:  # without early stopping nothing is watched
        compare.create(compare.specs_for(["ce"], [0], **base, monitor=values["monitor"]), store=store)
