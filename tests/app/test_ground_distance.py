"""The page of ground distances on a comparison that really learned one."""

import shutil

import numpy as np
import pytest

from simviz import ClassMatrix, compare
from simviz import learned as controls
from simviz.evaluation import agreement, ruler, statistics
from simviz.runs import Comparison
from simviz.ui.views import ground_distance as page
from simviz.ui.views import ground_distance_agreement as agreeing
from tests.app.reading import array, figures, heat, says, title


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


def table(at, column):
    """The table that has a column."""
    (found,) = [frame.value for frame in at.dataframe if column in frame.value]
    return found


def drawn(at, wanted):
    (found,) = [f for f in figures(at) if (f["layout"].get("title") or {}).get("text") and title(f) == wanted]
    return found


def course(at):
    """The picture of the agreement over the epochs."""
    (found,) = [f for f in figures(at) if f["layout"]["xaxis"].get("title", {}).get("text") == "epoch"]
    return found


def test_it_opens_on_the_last_epoch_and_shows_the_first_the_last_and_the_change(visit, learned):
    at = visit("ground_distance")
    assert at.select_slider(key="epoch").value == 4
    assert np.allclose(heat(drawn(at, "Epoch 1")), distance(learned, 1), atol=1e-6)
    assert np.allclose(heat(drawn(at, "Epoch 4")), distance(learned, 4), atol=1e-6)
    change = distance(learned, 4) - distance(learned, 1)
    assert np.allclose(heat(drawn(at, "Epoch 4 minus epoch 1")), change, atol=1e-6)
    assert "which no epoch used any more" in says(at)
    assert "no asymmetry to draw" in says(at)
    pairs = table(at, "pair")
    assert np.allclose(pairs["epoch 4"] - pairs["epoch 1"], pairs["change"], atol=1e-6)
    assert pairs["change"].iloc[0] == pytest.approx(change.min())
    assert pairs["change"].iloc[-1] == pytest.approx(change.max())
    i, j = (learned.classes.index(name) for name in pairs["pair"][0].split(", "))
    assert change[i, j] == pytest.approx(change.min())


def test_scrubbing_redraws_distance_tree_and_map_and_the_first_epoch_has_not_moved(visit, learned):
    at = visit("ground_distance")
    at.select_slider(key="epoch").set_value(2).run()
    assert not at.exception
    assert np.allclose(heat(drawn(at, "Epoch 2")), distance(learned, 2), atol=1e-6)
    assert "learned, epoch 2" in str([f["layout"].get("annotations") for f in figures(at)])
    assert "moved farthest between epochs 1 and 2" in says(at)
    at.select_slider(key="epoch").set_value(1).run()
    assert not at.exception
    assert "Choose a later one to see what has moved" in says(at)
    assert not any("minus" in title(f) for f in figures(at) if f["layout"].get("title"))


def test_a_distance_that_differs_by_direction_has_a_map_of_it(visit, learned):
    bent = distance(learned, 4).copy()
    bent[2, 5] += 0.25
    path = learned.run("self-guided-s0").path / "epochs" / "0004.npz"
    np.savez(path, confusion=np.zeros((64, 64), dtype=np.int64), ground_distance=bent)
    at = visit("ground_distance")
    found = heat(drawn(at, "Asymmetry of epoch 4"))
    assert found[2, 5] == pytest.approx(0.25, abs=1e-6)
    assert found[5, 2] == pytest.approx(-0.25, abs=1e-6)
    assert np.count_nonzero(np.abs(found) > 1e-6) == 2


def test_the_link_restores_run_and_epoch_and_the_warm_up_is_named(visit, learned):
    at = visit("ground_distance", learner="self-guided-s1", epoch="1")
    assert np.allclose(heat(figures(at)[1]), distance(learned, 1, "self-guided-s1"), atol=1e-6)
    assert "the end of the warm-up" in says(at)
    assert "warm-up" in str(course(at)["layout"]["annotations"])


def test_agreement_stands_beside_its_controls(visit, learned):
    at = visit("ground_distance", epoch="3")
    beside = table(at, "distance")
    assert beside["distance"][0] == "learned, epoch 3"
    assert sum(name.startswith("control") for name in beside["distance"]) == 4
    known = {name: ruler(learned.classes, name).distance for name in ("words", "groups")}
    for name, reference in known.items():
        expected = agreement.mantel(distance(learned, 3), reference, agreeing.PERMUTATIONS)
        assert beside[name][0] == pytest.approx(expected.rho, abs=0.006)
        assert beside[f"{name} p"][0] == pytest.approx(expected.p)
        curve = next(t for t in course(at)["data"] if t.get("name") == name)
        rhos = [agreement.spearman(distance(learned, e), reference) for e in (1, 2, 3, 4)]
        assert np.allclose(array(curve["y"]), rhos)
    assert "only beside its controls" in says(at)
    between = agreement.spearman(distance(learned, 3), distance(learned, 3, "self-guided-s1"))
    assert f"2 seeds at epoch 3: they agree with one another by rho {between:.2f}" in says(at)


def test_learned_less_each_control_is_paired_by_seed_with_an_interval(visit, learned):
    at = visit("ground_distance")
    less = table(at, "learned less")
    assert len(less) == 4
    assert set(less["seeds"]) == {2}
    values = []
    for seed in (0, 1):
        kept = learned.run(f"ce-s{seed}").predictions("validation", features=True)
        of_ce = controls.distance_from(kept.features, kept.target, 64)
        known = ruler(learned.classes, "groups").distance
        mine = distance(learned, 4, f"self-guided-s{seed}")
        values.append(agreement.spearman(mine, known) - agreement.spearman(of_ce, known))
    expected = statistics.mean_interval(values)
    row = less["learned less"].tolist().index(controls.CROSS_ENTROPY)
    assert less["groups"][row] == f"{expected.mean:+.2f} ({expected.low:+.2f} to {expected.high:+.2f})"
    assert "paired by seed" in says(at)


def test_one_network_of_cross_entropy_does_not_stand_for_two_seeds(visit, learned):
    shutil.rmtree(learned.path / "ce-s1")
    less = table(visit("ground_distance"), "learned less").set_index("learned less")
    assert less["seeds"][controls.CROSS_ENTROPY] == 1
    assert "(" not in less["groups"][controls.CROSS_ENTROPY]
    assert less["seeds"][controls.UNTRAINED] == 2


def test_the_sentence_on_differences_counts_the_controls_whose_interval_leaves_0_out():
    found = {("pixels", "words"): [0.1, 0.11, 0.12], ("ce", "words"): [-0.2, 0.2, 0.1], ("new", "words"): [-0.1, -0.11]}
    text = agreeing.difference_text(found, 9)
    assert "With words it agrees more than 1 of 3 controls, and less than new." in text
    partly = agreeing.difference_text({("pixels", "words"): [0.1, 0.11], ("ce", "words"): [0.2]}, 9)
    assert "With words it agrees more than 1 of 2 controls; of ce there is one seed, so no interval." in partly
    alone = agreeing.difference_text({("pixels", "words"): [0.1]}, 9)
    assert "one seed: no interval" in alone


def test_controls_that_are_missing_are_named(visit, learned):
    (learned.path / "images.npz").unlink()
    at = visit("ground_distance")
    assert "Without the control “class means of the pixels”" in says(at)
    assert sum(name.startswith("control") for name in table(at, "distance")["distance"]) == 2


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
    assert np.allclose(heat(drawn(at, "Epoch 4")), distance(learned, 4), atol=1e-6)
    assert "Left out of the seeds: self-guided-s1" in says(at)
    assert "One seed alone" in says(at)
    at = visit("ground_distance", c=learned.id, learner="self-guided-s1")
    assert "self-guided-s1" in at.error[0].value.replace("\\", "")


def test_problems_name_a_collapse_and_broken_triangles(monkeypatch):
    said = []
    monkeypatch.setattr(page.st, "warning", lambda text, icon: said.append(text))
    monkeypatch.setattr(page.st, "caption", said.append)
    page._warn(1 - np.eye(4, dtype=np.float32))
    assert "collapsed" in said[-1]
    bent = np.array([[0, 0.1, 1], [0.1, 0, 0.1], [1, 0.1, 0]], dtype=np.float32)
    page._warn(bent)
    assert "2 of 6 triples" in said[-1]
    line = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0))).astype(np.float32)
    page._warn(line)
    assert len(said) == 2


def costs(at):
    return next(f.value for f in at.dataframe if "mean cost" in f.value)["mean cost"].tolist()


def test_mistakes_can_be_measured_by_a_distance_that_a_run_has_learned(visit, learned):
    run = learned.run("self-guided-s0")
    last = distance(learned, max(run.epochs))
    by = ruler(learned.classes, ClassMatrix(learned.classes, last, "distance"))
    at = visit("severity", c=learned.id, ruler="matrix", ruler_of="learned-self-guided-s0")
    assert costs(at) == pytest.approx([row.mean("mean_cost") for row in compare.table(learned, ruler=by)], rel=1e-5)
    assert all("learned by self" in title(f) for f in figures(at)[:2])


def test_mistakes_can_be_measured_by_an_uploaded_matrix(visit, learned, runs):
    kept = ClassMatrix(learned.classes, 3 - 3 * np.eye(len(learned.classes)), "distance")
    (runs / ".matrices").mkdir()
    kept.save(runs / ".matrices" / f"{kept.hash}.npz")
    at = visit("severity", c=learned.id, ruler="matrix", ruler_of=f"matrix-{kept.hash[:12]}")
    rows = compare.table(learned, ruler=ruler(learned.classes, kept))
    assert costs(at) == pytest.approx([3 * (1 - row.mean("accuracy")) for row in rows], rel=1e-5)
    missing = visit("severity", c=learned.id, ruler="matrix", ruler_of="learned-nobody")
    assert "matrix to measure by “learned-nobody”" in says(missing)
