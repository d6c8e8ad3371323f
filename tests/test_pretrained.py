"""A last layer on somebody else's network: torchvision's own code is the reference, small and with random weights."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models as theirs
from torchvision.transforms import v2

from simviz import datasets, evaluation, heads, losses, pretrained
from simviz.hyperparameters import TORCHVISION, TrainingSpec
from simviz.runs import Store, checked, frozen, network, worker
from simviz.training import EpochEnd, Step

from .tiny import SIZE

MODEL = "mobilenet_v3_small"


@pytest.fixture(scope="module")
def data(tiny_folder):
    return datasets.load(str(tiny_folder), size=SIZE)


@pytest.fixture(scope="module")
def known():
    """Their network with random weights, for seven classes; its running statistics are not 0 and 1."""
    torch.manual_seed(0)
    made = theirs.get_model(MODEL, weights=None, num_classes=7)
    made.train()
    with torch.no_grad():
        made(torch.randn(16, 3, 64, 64))
    return made.eval()


@pytest.fixture
def kept(known, tmp_path, monkeypatch):
    monkeypatch.setenv("SIMVIZ_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "mine.pt"
    torch.save(known.state_dict(), path)
    return path


def trainer(data, source, loss="ce", **values):
    given = {"model": f"{MODEL}@64", "precision": "float32", "pretrained": str(source), "batch_size": 50}
    spec = TrainingSpec(**{**given, **values})
    ruler = evaluation.ruler(data.classes, "zero_one")
    return pretrained.FrozenTrainer(spec, data, losses.build(loss, data.classes), ruler)


def done(trained):
    *steps, end = trained.events()
    assert [s.step for s in steps] == list(range(1, trained.steps + 1))
    assert all(isinstance(s, Step) for s in steps)
    assert isinstance(end, EpochEnd)
    return end


def of_their_own(known, data, part):
    """Features as torchvision's transforms and network give them, (N, F) float32."""
    images = torch.from_numpy(data.images[data.indices(part)].copy()).permute(0, 3, 1, 2)
    prepared = v2.Compose(
        [
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            v2.Resize((64, 64), antialias=True),
        ]
    )(images)
    layers = known.classifier
    known.classifier = nn.Sequential(*layers[:-1], nn.Identity())
    try:
        with torch.no_grad():
            return known(prepared).numpy()
    finally:
        known.classifier = layers


@pytest.mark.parametrize("part", ["validation", "test"])
def test_features_are_those_of_torchvisions_own_network_and_transforms(data, known, kept, part):
    trained = trainer(data, kept)
    done(trained)
    expected = of_their_own(known, data, part)
    assert np.abs(trained._found[part] - expected).max() < 2e-3 * np.abs(expected).max()


@pytest.mark.parametrize("loss", ["ce", "simloss@words:keep=0.5", "gce", "expected_cost@words"])
def test_the_last_layer_is_the_one_that_the_refitter_finds(data, known, kept, loss):
    trained = trainer(data, kept, loss)
    done(trained)
    fit = heads.features(of_their_own(known, data, "train"), data.labels[data.indices("train")], 4)
    expected = (
        heads.Refitter(fit).head(losses.build(loss, data.classes)).log_probabilities(of_their_own(known, data, "test"))
    )
    found = trained.predict("test").log_probabilities.astype(np.float32)
    assert np.abs(np.exp(found) - np.exp(expected)).max() < 0.03


def test_features_are_read_once_and_kept_for_every_loss(data, kept, monkeypatch):
    first = trainer(data, kept)
    done(first)
    monkeypatch.setattr(pretrained.FrozenTrainer, "_look", lambda *_: pytest.fail("read again"))
    second = trainer(data, kept, "simloss@words:keep=0.5", seed=3)
    done(second)
    assert np.array_equal(first._found["test"], second._found["test"])


def test_other_weights_are_other_features(data, known, kept, tmp_path):
    first = trainer(data, kept)
    done(first)
    state = known.state_dict()
    state["features.0.0.weight"] = -state["features.0.0.weight"]
    other = tmp_path / "other.safetensors"
    save_file(state, other)
    second = trainer(data, other)
    done(second)
    assert not np.array_equal(first._found["test"], second._found["test"])


@pytest.mark.parametrize("wrapped", ["state_dict", "model", "module."])
def test_checkpoints_of_the_common_kinds_are_read(data, known, kept, tmp_path, wrapped):
    state = known.state_dict()
    path = tmp_path / "wrapped.pth"
    torch.save(
        {f"module.{k}": v for k, v in state.items()} if wrapped == "module." else {wrapped: state, "epoch": 3}, path
    )
    one, other = (trainer(data, source).network["backbone"].state_dict() for source in (kept, path))
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_torchvisions_own_weights_are_found_where_torch_keeps_them(data, known, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=rf"not on this machine; save https://.*{MODEL}.* as .*checkpoints"):
        trainer(data, TORCHVISION)
    url = theirs.get_model_weights(MODEL).DEFAULT.url
    place = tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]
    place.parent.mkdir(parents=True)
    torch.save(known.state_dict(), place)
    assert trainer(data, TORCHVISION).source == place


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda p, s: None, "there are no weights at"),
        (lambda p, s: p.write_bytes(pickle.dumps(Evil())), "cannot be read"),
        (lambda p, s: torch.save(Evil(), p), "cannot be read"),
        (lambda p, s: p.write_text("no weights"), "cannot be read"),
        (lambda p, s: p.write_bytes(b""), "cannot be read"),
        (lambda p, s: torch.save([1, 2], p), "holds no state_dict"),
        (lambda p, s: torch.save({}, p), "holds no state_dict"),
        (lambda p, s: torch.save({"features": 3}, p), "holds no state_dict"),
        (lambda p, s: torch.save({k: v for k, v in s.items() if "0.0" not in k}, p), "its weights lack 'features.0.0"),
        (lambda p, s: torch.save({**s, "more": torch.ones(1)}, p), "its weights have 'more'"),
        (lambda p, s: torch.save({**s, "features.0.0.weight": torch.ones(2, 2)}, p), "is 2 x 2, not 16 x 3 x 3 x 3"),
    ],
)
def test_a_file_that_is_none_or_does_not_fit_is_refused_in_a_sentence(data, known, tmp_path, write, said):
    path = tmp_path / "weights.pt"
    write(path, known.state_dict())
    with pytest.raises(ValueError, match=said) as refused:
        trainer(data, path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("lenet", "belong to a torchvision model and a size, as resnet18@224, not to 'lenet'"),
        ("nothing@64", "there is no model 'nothing'"),
        (f"{MODEL}@7", "write 8 to 512"),
        (f"{MODEL}@x", "write 8 to 512"),
    ],
)
def test_a_model_that_has_no_such_weights_is_named(data, kept, model, said):
    with pytest.raises(ValueError, match=said):
        trainer(data, kept, model=model)


@pytest.mark.parametrize("given", [{"epochs": 3}, {"warmup": 1}, {"patience": 2}, {"crop": 12}, {"mirror": True}])
def test_options_that_mean_nothing_there_are_refused(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))} has no meaning there"):
        TrainingSpec(pretrained="x.pt", **given)
    assert TrainingSpec(pretrained="x.pt").epochs == 1
    assert TrainingSpec().epochs == 10


def test_a_run_in_the_queue_has_predictions_features_and_a_network(tiny_folder, kept, tmp_path):
    from simviz import compare

    common = {"dataset": str(tiny_folder), "image_size": SIZE, "model": f"{MODEL}@64", "pretrained": str(kept)}
    specs = compare.specs_for(["ce", "simloss@words:keep=0.5"], [0], **common, precision="float32")
    store = Store(tmp_path / "runs")
    comparison = compare.create(specs, title="looked at", store=store)
    seen = []
    worker.work(comparison, lambda run, event: seen.append(run.id))
    for run in comparison.runs:
        assert run.status["state"] == "finished", run.status
        assert run.status["epochs"] == 1
        found = run.predictions("test")
        asked = network.load(run, comparison.classes)
        data = datasets.load(str(tiny_folder), size=SIZE)
        again = asked.log_probabilities(data.images[data.indices("test")])
        assert np.abs(np.exp(again) - np.exp(found.log_probabilities.astype(np.float32))).max() < 5e-3
        assert frozen.load(run, comparison.classes).part == "train"  # at once, without reading a picture
    assert set(seen) <= {run.id for run in comparison.runs}


def test_a_self_guided_loss_keeps_the_weight_it_was_fitted_with(data, kept):
    trained = trainer(data, kept, "self_guided:lam=auto")
    end = done(trained)
    expected = heads.Refitter(trained._features("train")).head(losses.build("self_guided:lam=auto", data.classes)).loss
    assert end.arrays["lam"] == pytest.approx(expected.measured_lam.item(), rel=1e-4)


def test_a_part_of_the_training_images_is_enough(data, kept):
    trained = trainer(data, kept, train_size=60)
    done(trained)
    assert len(trained._found["train"]) == 60
    assert len(trained.predict("test").target) == len(data.indices("test"))


@pytest.mark.parametrize("cache", ["there", "gone", "damaged"])
def test_a_run_that_goes_on_from_its_checkpoint_says_what_it_said(data, kept, cache):
    first = trainer(data, kept)
    done(first)
    said = first.predict("test").log_probabilities
    second = trainer(data, kept)
    if cache == "gone":
        second._place().unlink()
    if cache == "damaged":
        second._place().write_bytes(second._place().read_bytes()[:1000])
    second.load_state_dict(first.state_dict())
    assert np.abs(np.exp(second.predict("test").log_probabilities) - np.exp(said)).max() < 2e-2
    third = trainer(data, kept)  # what was kept then is what anyone would have read
    done(third)
    assert np.allclose(third._found["test"], first._found["test"], atol=1e-4)


def test_weights_of_older_files_lack_counts_that_nobody_needs(data, known, tmp_path, monkeypatch):
    monkeypatch.setenv("SIMVIZ_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "older.pt"
    torch.save({k: v for k, v in known.state_dict().items() if not k.endswith("num_batches_tracked")}, path)
    done(trainer(data, path))


def test_models_that_change_their_input_are_refused():
    with pytest.raises(ValueError, match="inception_v3 changes its input by itself"):
        pretrained.weights_file("inception_v3@299", TORCHVISION)


def test_a_file_that_is_not_there_is_said_before_anything_starts(tiny_folder, tmp_path):
    from simviz import compare

    specs = compare.specs_for(["ce"], [0], dataset=str(tiny_folder), model="resnet18@224", pretrained="nothing.pt")
    with pytest.raises(ValueError, match=r"there are no weights at 'nothing.pt'"):
        compare.create(specs, store=Store(tmp_path))


def test_nothing_is_tuned_there(tmp_path):
    from simviz.runs import tuning

    spec = checked(dataset="pictograms", loss="ce", pretrained=str(tmp_path / "x.pt"))
    with pytest.raises(ValueError, match="takes no learning rate"):
        tuning.plan([spec])
