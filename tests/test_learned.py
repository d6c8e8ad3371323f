"""The controls of a learned distance are learned by the code that learns it."""

import numpy as np

from simviz import learned, models
from simviz.evaluation import agreement
from simviz.runs import Comparison


def planted(seed=0, count=6, features=12):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(1, 2, (count, features))
    centres[1::2] = centres[::2] + 0.05  # pairs of near classes
    target = np.repeat(np.arange(count), 40)
    return centres[target] + rng.normal(0, 0.02, (len(target), features)), target, centres


def test_planted_pairs_are_nearest_and_the_distance_follows_the_planted_centres():
    features, target, centres = planted()
    found = learned.distance_from(features, target, 6).copy()
    np.fill_diagonal(found, 2)
    assert found.argmin(1).tolist() == [1, 0, 3, 2, 5, 4]
    np.fill_diagonal(found, 0)
    shares = centres / centres.sum(1, keepdims=True)
    truth = np.linalg.norm(shares[:, None] - shares[None], axis=-1)
    assert agreement.spearman(found, truth) > 0.9


def test_controls_of_a_real_comparison(trained_distance):
    comparison = Comparison(trained_distance)
    run = comparison.run("self-guided-s0")
    found, missing = learned.controls(comparison, run)
    assert set(found) == {learned.PIXELS, learned.UNTRAINED, learned.CROSS_ENTROPY}
    assert not missing
    count = len(comparison.classes)
    for distance in found.values():
        assert distance.shape == (count, count)
        assert np.allclose(distance, distance.T)
        assert not agreement.collapsed(distance)
    again, _ = learned.controls(comparison, run)
    assert np.array_equal(found[learned.UNTRAINED], again[learned.UNTRAINED])  # the seed fixes it
    other, _ = learned.controls(comparison, comparison.run("self-guided-s1"))
    assert not np.array_equal(found[learned.UNTRAINED], other[learned.UNTRAINED])


def test_the_untrained_network_sees_the_crop_that_the_trained_one_saw(trained_distance, monkeypatch):
    comparison = Comparison(trained_distance)
    run = comparison.run("self-guided-s0")
    cropped = run.spec.model_copy(update={"crop": 24})
    built, build = [], models.build
    monkeypatch.setattr(type(run), "spec", property(lambda self: cropped))
    monkeypatch.setattr(models, "build", lambda name, shape: built.append(shape) or build(name, shape))
    assert learned.UNTRAINED in learned.controls(comparison, run)[0]
    assert built == [(3, 24, 24)]


def test_what_is_missing_is_said(tmp_path, trained_distance):
    import shutil

    shutil.copytree(trained_distance, tmp_path / "c")
    (tmp_path / "c" / "images.npz").unlink()
    comparison = Comparison(tmp_path / "c")
    comparison.runs = [r for r in comparison.runs if r.setting != "ce"]
    found, missing = learned.controls(comparison, comparison.runs[0])
    assert found == {}
    assert "pictures" in missing[learned.PIXELS]
    assert "pictures" in missing[learned.UNTRAINED]
    assert "train one beside" in missing[learned.CROSS_ENTROPY]
