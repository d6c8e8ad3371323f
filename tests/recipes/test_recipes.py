"""Every recipe runs as it stands, with the framework it is written for."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from simviz import losses, words

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
CHANCE = 1 / 8


@pytest.fixture
def recipe(monkeypatch):
    """A recipe as a module, found as Python finds it when the file is run: beside `pictures.py`."""
    monkeypatch.syspath_prepend(RECIPES)
    return importlib.import_module


def finds_the_groups(loss: losses.SelfGuidedEMDLoss) -> bool:
    """Whether animals (the first four classes) and vehicles lie farther from each other than among themselves."""
    assert loss.distance is not None
    distance = loss.distance.numpy()
    assert distance.shape == (8, 8)
    np.testing.assert_array_equal(distance, distance.T)
    group = np.arange(8) < 4
    same = group[:, None] == group
    return bool(distance[same & ~np.eye(8, dtype=bool)].mean() < distance[~same].mean())


def test_the_pictures_are_few_and_every_class_has_as_many(recipe):
    data = recipe("pictures").load()
    assert set(data.classes.names) == set(recipe("pictures").KEPT)
    images, labels = recipe("pictures").tensors(data, "train")
    assert images.shape == (1120, 3, 32, 32)
    assert -1 <= images.min() < images.max() <= 1
    assert labels.bincount().tolist() == [140] * 8


def test_plain_pytorch(recipe):
    accuracy, learned = recipe("plain_pytorch").main(epochs=5)
    assert all(value > 1.5 * CHANCE for value in accuracy.values()), accuracy
    assert finds_the_groups(learned)


def test_lightning(recipe, tmp_path):
    pytest.importorskip("lightning", reason="lightning is not installed: pip install -e '.[test]'")
    module, trainer = recipe("lightning_module").main(epochs=3, folder=str(tmp_path))
    assert trainer.callback_metrics["accuracy"] > 2 * CHANCE
    assert finds_the_groups(module.loss)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    saved = torch.load(tmp_path / "last.ckpt", weights_only=False)["state_dict"]
    again = losses.SelfGuidedEMDLoss(8)
    again.load_state_dict({k.removeprefix("loss."): v for k, v in saved.items() if k.startswith("loss.")})
    torch.testing.assert_close(again.distance, module.loss.distance)


def test_skorch(recipe):
    pytest.importorskip("skorch", reason="skorch is not installed: pip install -e '.[test]'")
    search = recipe("skorch_search").main(epochs=3)
    criterion = search.best_estimator_.criterion_
    assert isinstance(criterion, losses.SimLoss)
    chosen = search.best_params_["criterion__similarity"]
    np.testing.assert_array_equal(criterion.similarity.numpy(), chosen.values)
    data = recipe("pictures").load()
    images, labels = recipe("pictures").tensors(data, "validation")
    p = search.predict_proba(images.numpy())
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert np.mean(search.predict(images.numpy()) == labels.numpy()) > 1.5 * CHANCE


def test_hugging_face_trainer(recipe):
    for name in ("transformers", "accelerate"):
        pytest.importorskip(name, reason="transformers is not installed: pip install transformers accelerate")
    measured = recipe("huggingface_trainer").main(epochs=3)
    assert measured["eval_accuracy"] > 2 * CHANCE
    errors = 1 - measured["eval_accuracy"]
    assert measured["eval_mean_cost"] == pytest.approx(errors * measured["eval_mistake_severity"])


def test_imagenet_names(recipe):
    module = recipe("imagenet_names")
    classes, from_matrix, from_vectors = module.main()
    assert len(classes) == 1000
    assert from_vectors == pytest.approx(from_matrix, rel=1e-5)
    assert {found.name for found in words.resolve(classes.names) if found.how == "missing"} == set(module.REPAIRED)
    assert all(found.how != "missing" for found in words.resolve(classes))


def test_the_readme_of_the_recipes_names_each():
    text = (RECIPES / "README.md").read_text()
    assert all(f"`{path.name}`" in text for path in RECIPES.glob("*.py"))
