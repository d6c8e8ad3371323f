from __future__ import annotations

import pytest

from simviz import compare, datasets
from simviz.compare import plans
from simviz.runs import Store, tuning, worker

TOP = 'dataset = "pictograms"\nloss = ["ce"]\n'


def one(text):
    (found,) = plans.parse(text, "f.toml").plans
    return found


def test_keys_are_the_options_with_either_dash_and_a_comparison_goes_before_the_top():
    text = """
    about = "two nets"
    dataset = "pictograms"
    loss = ["ce", "emd2"]
    batch-size = 32
    epochs = 4
    [[comparison]]
    title = "small"
    [[comparison]]
    batch_size = 64
    loss = "ce"
    augment = false
    lr = 1
    """
    found = plans.parse(text, "f.toml")
    small, other = found.plans
    assert (found.about, small.title, other.title) == ("two nets", "small", None)
    assert [s.batch_size for s in small.specs()] == [32] * 6
    assert {(s.loss, s.batch_size, s.epochs, s.augment, s.lr) for s in other.specs()} == {("ce", 64, 4, False, 1.0)}


def test_options_take_the_place_of_keys_and_comparisons_of_one_data_set_become_one():
    text = TOP + 'epochs = 3\n[[comparison]]\ntitle = "a"\n[[comparison]]\ntitle = "b"\ndataset = "clock"\n'
    assert len(plans.parse(text, "f", {"epochs": 9}).plans) == 2
    (found,) = plans.parse(text, "f", {"dataset": "gauge", "epochs": 9, "loss": ["gce"]}).plans
    assert {(s.dataset, s.epochs, s.loss) for s in found.specs()} == {("gauge", 9, "gce"), ("gauge", 9, "ce")}
    assert found.title is None


def test_losses_from_options_need_no_grid_of_the_file():
    (plan,) = plans.experiment("simloss-ages", {"loss": ["ce", "simloss@order:r=0.3"], "controls": False}).plans
    assert plan.settings == ["ce", "simloss@order:r=0.3"]
    (plan,) = plans.experiment("simloss-ages", {"loss": ["emd2", "simloss@order:r={r}"], "controls": False}).plans
    assert len(plan.settings) == 10


def test_a_grid_fills_the_settings_that_name_it_and_their_controls_come_with_it():
    plan = one('dataset = "x"\nloss = ["ce", "simloss@order:r={r}"]\ngrid = {r = [0.3, 0.8]}\n')
    assert plan.settings[:3] == ["ce", "simloss@order:r=0.3", "simloss@order:r=0.8"]
    assert sum(compare.is_control(s, plan.settings) for s in plan.settings) == 4
    assert plan.model_copy(update={"controls": False}).settings == plan.settings[:3]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("batchsize = 3", "f.toml: batchsize is no key; did you mean batch-size?"),
        ("no-controls = true", "no-controls is no key; write controls = false"),
        ("seed = 3", "did you mean seeds?"),
        ('predictions = "x.csv"', "predictions is no key"),
        ('epochs = "3"', "epochs is '3'"),
        ("epochs = 0", "epochs is 0"),
        ("seeds = true", "seeds is True"),
        (f"seeds = {10**400}", "less than or equal to 2000"),
        ("batch-size = 3\nbatch_size = 3", "stands twice"),
        ("rates = [0.1, 0.2]", "rates are tried where tune is true"),
        ("grid = {r = [0.1]}", "no loss has {r}"),
        ('optimizer = "sgd"', "needs a momentum"),
        ("epochs = 2020-01-01", "a date"),
        ("comparison = 3", "[[comparison]]"),
        ("[[comparison]]\n[[comparison]]\nepoch = 3", "f.toml, comparison 2: epoch is no key"),
        ("x =", "is not TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text, sentence):
    with pytest.raises(ValueError) as caught:
        plans.parse(TOP + text, "f.toml")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('loss = ["ce"]', "names no data"),
        ('dataset = "x"', "has no loss"),
        ('dataset = "x"\nloss = ["s@order:r={q}"]', "grid has no q"),
        ('dataset = "x"\nloss = [1]', "is 1"),
    ],
)
def test_data_and_losses_are_needed(text, sentence):
    with pytest.raises(ValueError) as caught:
        plans.parse(text, "f.toml")
    assert sentence in str(caught.value)


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    for name, text in (("latin.toml", "UTF-8"), ("absent.toml", "cannot be read")):
        with pytest.raises(ValueError, match=text):
            plans.read(tmp_path / name)


@pytest.mark.parametrize(("scale", "epochs", "seeds"), [(1, 40, 10), (0.125, 20, 5), (0.001, 4, 2)])
def test_a_part_is_a_share_of_the_whole_training(tiny_folder, scale, epochs, seeds):
    whole = one(f'dataset = "{tiny_folder}"\nimage-size = 16\nloss = ["ce"]\nepochs = 40\nseeds = 10\n')
    images = len(datasets.load(str(tiny_folder), size=16).indices("train"))
    part, text = whole.scaled(scale)
    size = max(4, round(scale ** (1 / 3) * images))
    assert part.run == {**whole.run, "epochs": epochs, "train_size": size}
    assert part.seeds == seeds
    assert f"epochs 40 -> {epochs}, seeds 10 -> {seeds}, training images {images} -> {size}" in text
    for wrong in (0, 1.5):
        with pytest.raises(ValueError, match="scale is"):
            whole.scaled(wrong)


def test_every_experiment_of_the_papers_is_there_as_the_sources_give_it():
    found = plans.experiments()
    assert list(found) == ["hou-ordered", "hou-self-guided", "simloss-ages", "simloss-images"]
    assert all(e.about and e.needs for e in found.values())
    (ages,), (images,) = found["simloss-ages"].plans, found["simloss-images"].plans
    spec = ages.specs()[0]
    assert (spec.model, spec.lr, spec.batch_size, spec.epochs, spec.patience, spec.monitor, spec.schedule) == (
        *("age", 1e-3, 1024, 200, 10, "mae", "constant"),
    )
    assert (spec.augment, spec.standardize, spec.optimizer, ages.seeds) == (False, False, "adam", 10)
    assert [s for s in ages.settings if not compare.is_control(s, ages.settings)] == [
        *("ce", *(f"simloss@order:r={r / 10:g}" for r in range(1, 10)))
    ]
    spec = images.specs()[0]
    assert (spec.dataset, spec.model, spec.lr, spec.batch_size) == ("cifar100-96", "lenet", 1e-3, 1024)
    assert (spec.epochs, spec.patience, spec.monitor, spec.augment, images.seeds) == (1000, 20, "accuracy", True, 10)
    assert len([s for s in images.settings if not compare.is_control(s, images.settings)]) == 12
    for name in ("hou-ordered", "hou-self-guided"):
        for plan in found[name].plans:
            spec = plan.specs()[0]
            assert (spec.optimizer, spec.momentum, spec.schedule, spec.decay) == ("sgd", 0.98, "exponential", 0.995)
            assert (spec.batch_size, spec.epochs, spec.image_size, spec.crop, spec.mirror) == (32, 160, 256, 227, True)
            assert plan.tune
            assert (max(plan.rates), min(plan.rates)) == pytest.approx((10**-1.5, 10**-4.5), rel=1e-3)
    with pytest.raises(ValueError, match="there are hou-ordered"):
        plans.experiment("hou")


def test_a_part_of_an_experiment_trains_and_its_rates_are_recorded(tmp_path):
    small = {"image_size": 16, "crop": 12, "model": "convnet", "rates": [0.003, 0.03], "ruler": None, "seeds": 1}
    overrides = {"dataset": "gauge", "epochs": 1, "train_size": 64, "loss": ["emd2"], "controls": False, **small}
    (plan,) = plans.experiment("hou-ordered", overrides).plans
    comparison = plan.create(Store(tmp_path))
    worker.work(comparison)
    record = tuning.recorded(comparison)
    (run,) = comparison.runs
    assert (run.spec.optimizer, run.spec.crop, run.spec.lr) == ("sgd", 12, record.chosen["emd2"])
    assert run.status["state"] == "finished"
    assert set(record.rates) == {0.003, 0.03}


def test_classes_are_left_out_by_a_file_by_an_option_and_by_both():
    text = 'dataset = "pictograms"\nloss = "ce"\ndrop = ["cat", "dog"]\n'
    for overrides, dropped in ((None, ("cat", "dog")), ({"drop": ("rose",)}, ("rose",))):
        (plan,) = plans.parse(text, "x.toml", overrides).plans
        assert {spec.drop for spec in plan.specs()} == {dropped}
    assert plans.plan(dataset="pictograms", loss=["ce"], drop=("car",)).specs()[0].drop == ("car",)
    with pytest.raises(ValueError, match=r"drop.0 is 7: Input should be a valid string"):
        plans.parse('dataset = "pictograms"\nloss = "ce"\ndrop = [7]\n', "x.toml")
