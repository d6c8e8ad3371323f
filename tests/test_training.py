from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from simviz import datasets, evaluation, losses
from simviz.hyperparameters import TrainingSpec
from simviz.runs import checkpoint
from simviz.training import RISE, EpochEnd, Step, Trainer, one_cycle

from .tiny import SIZE


@pytest.fixture(scope="module")
def data(tiny_folder):
    return datasets.load(str(tiny_folder), size=SIZE)


def trainer(data, loss="ce", **values):
    defaults = {"model": "lenet", "epochs": 2, "batch_size": 32, "precision": "float32"}
    spec = TrainingSpec(**{**defaults, **values})
    return Trainer(spec, data, losses.build(loss, data.classes), evaluation.ruler(data.classes, "zero_one"))


def epochs(trained):
    return [e for e in trained.events() if isinstance(e, EpochEnd)]


def weights(trained):
    return torch.cat([p.detach().flatten() for p in trained.network.parameters()])


def test_the_same_spec_gives_the_same_network(data):
    first, second = trainer(data), trainer(data)
    epochs(first), epochs(second)
    assert torch.equal(weights(first), weights(second))


def test_another_seed_gives_another_network(data):
    first, second = trainer(data), trainer(data, seed=1)
    epochs(first), epochs(second)
    assert not torch.equal(weights(first), weights(second))


def test_every_loss_of_a_seed_sees_the_same_batches(data):
    seen = {}
    for loss in ("ce", "simloss@words", "expected_cost@words"):
        trained = trainer(data, loss)
        kept = seen.setdefault(loss, [weights(trained)])

        def learn(images, target, kept=kept, own=trained._learn):
            kept.extend([images.clone(), target.clone()])
            return own(images, target)

        trained._learn = learn
        epochs(trained)
    for batches in seen.values():
        assert all(map(torch.equal, batches, seen["ce"]))
        assert len(batches) == 1 + 2 * 2 * trained.steps
    first, again = seen["ce"][1], seen["ce"][1 + 2 * trained.steps]
    assert first.shape == again.shape
    assert not torch.equal(first, again)


SGD = {"optimizer": "sgd", "momentum": 0.9, "lr": 0.01, "schedule": "exponential", "decay": 0.8}
WINDOWS = {"model": "convnet", "crop": 12, "mirror": True}


@pytest.mark.parametrize(("loss", "values"), [("ce", {}), ("self_guided", {}), ("ce", SGD | WINDOWS)])
def test_a_resumed_run_equals_an_uninterrupted_one(data, tmp_path, loss, values):
    whole = trainer(data, loss, epochs=6, patience=5, **values)
    kept = epochs(whole)
    first = trainer(data, loss, epochs=6, patience=5, **values)
    for event in first.events():
        if isinstance(event, EpochEnd) and event.epoch == 3:
            break
    checkpoint.save(first.state_dict(), tmp_path / "checkpoint.safetensors")
    second = trainer(data, loss, epochs=6, patience=5, **values)
    second.load_state_dict(checkpoint.load(tmp_path / "checkpoint.safetensors"))
    rest = epochs(second)
    assert [e.epoch for e in rest] == [4, 5, 6][: len(kept) - 3]
    assert torch.equal(weights(whole), weights(second))
    assert rest[-1].validation == kept[-1].validation
    assert whole.use_best() == second.use_best()


def test_parameters_of_a_loss_are_trained_kept_and_put_back(data, tmp_path):
    class Scaled(losses.ClassLoss):
        """Cross entropy of logits times a learned number."""

        name, title = "scaled", "Scaled"

        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def log_probabilities(self, outputs):
            return (outputs * self.scale).log_softmax(1)

        def sample_loss(self, outputs, index):
            return F.nll_loss(self.log_probabilities(outputs), index, reduction="none")

    spec = TrainingSpec(model="lenet", epochs=3, batch_size=32, precision="float32", patience=3)
    first, second = (Trainer(spec, data, Scaled(), evaluation.ruler(data.classes, "zero_one")) for _ in range(2))
    epochs(first)
    last = first.loss.scale.item()
    assert last != 1
    checkpoint.save(first.state_dict(), tmp_path / "checkpoint.safetensors")
    second.load_state_dict(checkpoint.load(tmp_path / "checkpoint.safetensors"))
    assert second.loss.scale.item() == last
    assert first.use_best() == second.use_best()
    assert first.loss.scale.item() == second.loss.scale.item()


def test_a_warm_up_as_long_as_the_run_is_cross_entropy(data):
    plain, warmed = trainer(data), trainer(data, "simloss@words", warmup=2)
    epochs(plain)
    assert all(e.warmup for e in epochs(warmed))
    torch.testing.assert_close(weights(plain), weights(warmed))


def test_early_stopping_returns_to_the_best_epoch(data):
    trained = trainer(data, epochs=40, patience=3, lr=0.02, schedule="constant")
    done = epochs(trained)
    values = [e.validation["accuracy"] for e in done]
    best = int(np.argmax(values)) + 1
    assert len(done) == min(40, best + 3)
    assert trained.use_best() == best
    found = trained.predict("validation")
    assert np.mean(found.log_probabilities.argmax(1) == found.target) == values[best - 1]


def test_without_patience_the_last_epoch_is_used(data):
    trained = trainer(data, epochs=3)
    epochs(trained)
    assert trained.use_best() == 3


def test_a_monitor_the_classes_do_not_have_is_named(data):
    with pytest.raises(ValueError, match="mae"):
        epochs(trainer(data, patience=1, monitor="mae"))


def test_a_loss_that_is_no_number_ends_the_run_with_the_way_out(data):
    trained = trainer(data)
    trained.loss.forward = lambda outputs, target: outputs.sum() * float("nan")
    with pytest.raises(ValueError, match=r"became nan in epoch 1; lower the learning rate"):
        epochs(trained)


def test_predictions_are_distributions_in_the_order_of_the_data(data):
    trained = trainer(data)
    found = trained.predict("test")
    rows = data.indices("test")
    assert list(found.ids) == list(data.ids[rows])
    assert np.array_equal(found.target, data.labels[rows])
    assert found.features is not None
    assert found.features.shape == (len(rows), 84)
    np.testing.assert_allclose(np.exp(found.log_probabilities.astype(float)).sum(1), 1, atol=5e-3)


def test_pixels_are_standardized_by_the_training_part(data):
    trained = trainer(data, standardize=True)
    pixels = trained._pixels(trained.images)
    np.testing.assert_allclose(pixels.mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(pixels.std((0, 2, 3)), 1, atol=1e-3)
    unit = trainer(data, standardize=False)
    torch.testing.assert_close(unit._pixels(unit.images), unit.images.permute(0, 3, 1, 2) / 255)


def test_train_size_leaves_validation_and_test_alone(data):
    trained = trainer(data, train_size=40)
    assert len(trained.train_rows) == 40
    assert len(trained.predict("test")) == len(data.indices("test"))


def test_a_network_of_windows_sees_the_middle_of_what_it_predicts(data):
    trained = trainer(data, **WINDOWS)
    assert trained.state_dict()["pixels"]["height"] == 12
    middle = replace(data, images=np.pad(data.images[:, 2:14, 2:14], ((0, 0), (2, 2), (2, 2), (0, 0))))
    same = trainer(middle, **WINDOWS)
    same.mean, same.scale = trained.mean, trained.scale
    assert np.array_equal(same.predict("test").log_probabilities, trained.predict("test").log_probabilities)


def test_mirrored_predictions_are_the_mean_probability_of_an_image_and_its_mirror_image(data):
    plain, mirrored = trainer(data), trainer(data, mirror=True)
    turned = trainer(replace(data, images=np.ascontiguousarray(data.images[:, :, ::-1])))
    turned.mean, turned.scale = plain.mean, plain.scale
    found = [np.exp(t.predict("test").log_probabilities.astype(float)) for t in (plain, turned, mirrored)]
    np.testing.assert_allclose(found[2], (found[0] + found[1]) / 2, atol=3e-4)
    assert np.abs(found[0] - found[1]).max() > 0.005


def test_an_exponential_rate_falls_by_its_factor_an_epoch(data):
    trained = trainer(data, epochs=3, **SGD)
    seen = [(s.epoch, trained.optimizer.param_groups[0]["lr"]) for s in trained.events() if isinstance(s, Step)]
    assert seen == [(e, pytest.approx(0.01 * 0.8 ** (e - 1))) for e in (1, 2, 3) for _ in range(trained.steps)]
    assert isinstance(trained.optimizer, torch.optim.SGD)
    assert trained.optimizer.defaults["nesterov"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"optimizer": "sgd"}, "needs a momentum"),
        ({"momentum": 0.9}, "adam takes no momentum"),
        ({"schedule": "exponential"}, "needs a decay"),
        ({"decay": 0.9}, "one-cycle takes no decay"),
        ({"crop": 20}, "crop is 20, but the images of .* are 16 x 16"),
    ],
)
def test_options_that_do_not_belong_together_are_refused(data, values, text):
    with pytest.raises(ValueError, match=text):
        trainer(data, **values)


@given(st.floats(0, 1))
def test_the_rate_rises_to_its_peak_and_falls_to_nothing(share):
    assert 0 <= one_cycle(share) <= 1
    assert one_cycle(RISE) == 1
    assert one_cycle(1) == pytest.approx(0)
    step = 1e-3
    rising = share + step < RISE
    falling = share > RISE and share + step <= 1
    if rising or falling:
        assert (one_cycle(share + step) > one_cycle(share)) == rising
