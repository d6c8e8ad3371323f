"""The page of ground distances on a comparison that really learned one."""

import shutil

import numpy as np
import pytest

from simviz.evaluation import agreement, ruler
from simviz.runs import Comparison
from simviz.ui.views import ground_distance as page
from tests.app.reading import array, figures, heat, says


@pytest.fixture
def learned(trained_distance, runs):
    shutil.copytree(trained_distance, runs / trained_distance.name)
    return Comparison(runs / trained_distance.name)


def distance(comparison, epoch, run="self-guided-s0"):
    return comparison.run(run).epoch_arrays(epoch)["ground_distance"]


def test_without_a_learned_distance_it_says_what_makes_one(visit, compared):
    at = visit("ground_distance")
    assert "No run here has learned a distance yet" in says(at)
    assert at.code[0].value == page.COMMAND
    assert not figures(at)


def test_it_opens_on_the_last_epoch_and_shows_distance_and_change(visit, learned):
    at = visit("ground_distance")
    assert at.select_slider(key="epoch").value == 4
    now, change = (heat(f) for f in figures(at)[:2])
    assert np.allclose(now, distance(learned, 4), atol=1e-6)
    assert np.allclose(change, distance(learned, 4) - distance(learned, 1), atol=1e-6)
    assert "which no epoch used any more" in says(at)


def test_the_link_restores_run_and_epoch_and_the_warm_up_is_named(visit, learned):
    at = visit("ground_distance", learner="self-guided-s1", epoch="1")
    assert np.allclose(heat(figures(at)[0]), distance(learned, 1, "self-guided-s1"), atol=1e-6)
    assert "the end of the warm-up" in says(at)
    assert "warm-up" in str(figures(at)[2]["layout"]["annotations"])


def test_agreement_stands_beside_its_controls(visit, learned):
    at = visit("ground_distance", epoch="3")
    table = at.dataframe[0].value
    assert table["distance"][0] == "learned, epoch 3"
    assert sum(name.startswith("control") for name in table["distance"]) == 4
    known = {name: ruler(learned.classes, name).distance for name in ("words", "groups")}
    for name, reference in known.items():
        expected = agreement.mantel(distance(learned, 3), reference, page.PERMUTATIONS)
        assert table[name][0] == pytest.approx(expected.rho, abs=0.006)
        assert table[f"{name} p"][0] == pytest.approx(expected.p)
        curve = next(t for t in figures(at)[2]["data"] if t.get("name") == name)
        rhos = [agreement.spearman(distance(learned, e), reference) for e in (1, 2, 3, 4)]
        assert np.allclose(array(curve["y"]), rhos)
    assert "only beside its controls" in says(at)
    between = agreement.spearman(distance(learned, 3), distance(learned, 3, "self-guided-s1"))
    assert f"2 seeds at epoch 3: they agree with one another by rho {between:.2f}" in says(at)


def test_controls_that_are_missing_are_named(visit, learned):
    (learned.path / "images.npz").unlink()
    at = visit("ground_distance")
    assert "Without the control “class means of the pixels”" in says(at)
    assert sum(name.startswith("control") for name in at.dataframe[0].value["distance"]) == 2


def test_a_newer_comparison_without_a_distance_does_not_hide_the_one_that_has_it(visit, learned, trained, runs):
    shutil.copytree(trained, runs / "99991231-235959-newer")
    path = runs / "99991231-235959-newer" / "comparison.json"
    path.write_text(path.read_text().replace('"created": 1', '"created": 9'))
    at = visit("ground_distance")
    assert "The newest comparison learned no distance" in says(at)
    assert figures(at)
    at = visit("ground_distance", c="99991231-235959-newer")
    assert learned.id in says(at)
    assert not figures(at)


def test_a_strange_epoch_or_run_in_a_link_gets_a_sentence(visit, learned):
    at = visit("ground_distance", epoch="99", learner="nobody")
    assert "epoch “99”" in says(at)
    assert "run “nobody”" in says(at)


def test_a_damaged_epoch_is_said_and_not_drawn(visit, learned):
    bad = distance(learned, 4).copy()
    bad[0, 1] = np.nan
    path = learned.run("self-guided-s0").path / "epochs" / "0004.npz"
    np.savez(path, confusion=np.zeros((64, 64), dtype=np.int64), ground_distance=bad)
    at = visit("ground_distance")
    assert "0004.npz: the distance has entries that are negative or not finite" in says(at)
    assert not figures(at)


def test_a_damaged_run_or_comparison_beside_it_is_said_and_does_no_harm(visit, learned, runs):
    (runs / "broken").mkdir()
    (runs / "broken" / "comparison.json").write_text("{")
    (learned.path / "self-guided-s1" / "spec.json").write_text("{}")
    at = visit("ground_distance", c=learned.id)
    assert np.allclose(heat(figures(at)[0]), distance(learned, 4), atol=1e-6)
    assert "Left out of the seeds: self-guided-s1" in says(at)
    assert "One seed alone" in says(at)
    at = visit("ground_distance", c=learned.id, learner="self-guided-s1")
    assert "self-guided-s1" in at.error[0].value.replace("\\", "")


def test_problems_name_a_collapse_and_broken_triangles():
    assert "collapsed" in page.problems(1 - np.eye(4, dtype=np.float32))[0]
    bent = np.array([[0, 0.1, 1], [0.1, 0, 0.1], [1, 0.1, 0]], dtype=np.float32)
    assert "2 of 6 triples" in page.problems(bent)[0]
    line = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0))).astype(np.float32)
    assert page.problems(line) == []
