"""The train page: what it offers, what it refuses, and the job board in every state. Nothing is trained here."""

import json
import os
import re
import shutil
import time

import psutil
import pytest

from simviz import ClassMatrix, ClassSet, matrices, models
from simviz.runs import Store, progress, queue, tuning
from simviz.runs.files import write_json
from simviz.ui import cache, folders, state
from simviz.ui.views import train_curves, train_options, train_settings
from tests.runs import helpers
from tests.tiny import NAMES, write_folder


def says(at):
    boxes = (at.error, at.warning, at.info, at.caption, at.markdown)
    return "\n".join(e.value for box in boxes for e in box).replace("\\", "")


def settings_box(at):
    return next(m for m in at.multiselect if m.label.startswith("Settings"))


@pytest.fixture
def started(monkeypatch):
    """What the page hands to the queue; no process is started."""
    calls = []
    monkeypatch.setattr(queue, "start", lambda comparison: calls.append(comparison))
    monkeypatch.setattr(queue, "_spawn", lambda comparison: calls.append(comparison))
    return calls


def test_an_empty_store_offers_defaults_and_says_that_the_time_is_unknown(visit):
    at = visit("train")
    assert settings_box(at).value == ["ce", "simloss@words:keep=0.02", "ground_distance@words:keep=0.02"]
    assert "15 runs" in says(at)  # three settings and two controls, three seeds
    assert "unknown" in says(at)
    assert "Nothing was trained yet" in says(at)
    at.toggle(key="controls").set_value(False).run()
    assert "9 runs" in says(at)


def test_ordered_classes_begin_with_the_losses_of_an_order(visit):
    at = visit("train", on="tree-rings")
    assert settings_box(at).value == ["ce", "emd2", "simloss@order:r=0.3"]
    (forecast,) = at.warning
    assert forecast.value.startswith("`simloss@order:r=0.3`: SimLoss pays for telling about 11 of the 20 classes")


def test_the_page_is_drawn_before_torch_is_loaded_and_then_it_is():
    import subprocess
    import sys

    script = """
import sys, time
from streamlit.testing.v1 import AppTest
from simviz.ui.views import train
known, ahead = [], train._load_ahead

def after_the_page():
    known.extend({"torch", "sklearn", "scipy.stats", "torchvision"} & set(sys.modules))
    ahead()

train._load_ahead = after_the_page
at = AppTest.from_file("app.py", default_timeout=90).run().switch_page("pages/train.py").run()
assert not at.exception and at.title[0].value == "Train", at.exception
until = time.monotonic() + 90
while not hasattr(sys.modules.get(train.SOON[-1]), "show") and time.monotonic() < until:
    time.sleep(0.1)
print("before:", known, "after:", sorted(set(train.SOON) & set(sys.modules)) == sorted(train.SOON))
"""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, timeout=200)
    assert done.stdout.strip() == "before: [] after: True", done.stdout + done.stderr


def test_start_hands_all_settings_and_seeds_to_the_queue(visit, runs, started):
    at = visit("train", epochs="2", seeds="2")
    at.text_input(key="title").set_value("my *first* one").run()
    at.button(key="start").click().run()
    assert not at.exception
    assert [c.title for c in started] == ["my *first* one"]
    specs = [r.spec for r in started[0].runs]
    assert len(specs) == 5 * 2
    assert {s.epochs for s in specs} == {2}
    assert [s.loss for s in specs[:3]] == ["ce", "simloss@words:keep=0.02", "ground_distance@words:keep=0.02"]
    assert all("shuffle" in s.loss or "columns" in s.loss for s in specs[6:])  # controls come last


def test_a_pretrained_backbone_is_looked_at_once_for_every_setting(visit, runs, started, tmp_path, monkeypatch):
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    (tmp_path / "mine.pt").write_bytes(b"tensors")
    at = visit("train", epochs="7", seeds="4")
    at.selectbox(key="backbone").set_value("pretrained, from a file").run()
    assert at.button(key="start").disabled
    assert "Type the path of the weights." in says(at)
    at.text_input(key="weights-file").set_value("mine.pt").run()
    at.button(key="start").click().run()
    (comparison,) = started
    specs = [r.spec for r in comparison.runs]
    assert len(specs) == 5
    assert {(s.pretrained, s.model, s.epochs, s.seed) for s in specs} == {
        (str(tmp_path / "mine.pt"), "resnet18@224", 1, 0)
    }
    outside = at.text_input(key="weights-file").set_value("/etc/passwd").run()
    assert "there is nothing at" in says(outside)
    assert outside.button(key="start").disabled


def test_tuned_learning_rates_are_one_choice_that_the_worker_makes(visit, runs, started):
    at = visit("train", epochs="2", seeds="2")
    assert "trials" not in says(at)
    at.segmented_control(key=state.RATES).set_value("tuned per loss").run()
    assert "**10 runs**" in says(at)
    assert "**25 trials** or more of learning rates, chosen by validation accuracy" in says(at)
    at.button(key="start").click().run()
    assert not at.exception
    (comparison,) = started
    record = tuning.recorded(comparison)
    assert (record.metric, record.seed, record.done, len(record.rates)) == ("accuracy", 2, False, 5)
    assert tuning.trials(comparison) == []  # the page trains nothing


def test_a_link_restores_the_choice_of_learning_rates(visit):
    assert "25 trials" not in says(visit("train", rates="one for all"))
    assert "25 trials" in says(visit("train", rates="tuned per loss"))
    assert "which is not here" in says(visit("train", rates="best"))


def test_the_board_says_how_far_the_search_over_learning_rates_is(visit, runs):
    made = helpers.comparison(runs, state="queued")
    record = tuning.plan([run.spec for run in made.runs])
    write_json(made.path / "comparison.json", made.info | {"tuning": record.model_dump()})
    write_json(made.path / "worker.json", alive())
    at = visit("train")
    assert any("choosing learning rates" in p.proto.text for p in at.get("progress"))
    trial = helpers.comparison(made.path / tuning.FOLDER, seeds=(0, 1))
    write_json(trial.runs[0].path / "status.json", {"state": "queued"})
    at.run()
    assert any("choosing learning rates: 3 of 4 trials done" in p.proto.text for p in at.get("progress"))


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("simloss@", "ends with '@'"),
        ("@words", "names no loss"),
        ("ce:a=1,b", "is not key=value"),
        ("simloss@/etc/secret.csv", "inside"),
        ("simloss@../../secret.npz", "inside"),
    ],
)
def test_a_setting_that_cannot_be_read_is_a_sentence_and_start_is_off(visit, typed, sentence):
    at = visit("train")
    box = settings_box(at)
    box.set_value(["ce", typed]).run()
    assert sentence in says(at)
    assert at.button(key="start").disabled


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("emd2", "positions"),
        ("simlos@words", "did you mean 'simloss'"),
        ("simloss", "matrix"),
        ("ce@words", "takes no matrix"),
        ("simloss@positions", "positions"),
        ("ground_distance:exponent=-1@groups", "exponent"),
    ],
)
def test_a_setting_that_does_not_fit_is_a_sentence_and_nothing_is_started(visit, runs, started, typed, sentence):
    at = visit("train")
    settings_box(at).set_value(["ce", typed]).run()
    at.button(key="start").click().run()
    assert not at.exception
    assert "Nothing was started" in says(at)
    assert sentence in says(at)
    assert started == []
    assert Store(runs).comparisons() == []


@pytest.mark.parametrize("left", [0, 1])
def test_two_classes_must_stay(visit, left):
    at = visit("train")
    at.multiselect[0].set_value(list(cache.dataset("pictograms").classes)[left:]).run()
    assert not at.exception
    assert "at least two classes" in says(at)
    assert not [b for b in at.button if b.key == "start"]


@pytest.mark.parametrize(("key", "value"), [("epochs", "0"), ("seeds", "many"), ("on", "cifar11")])
def test_a_link_with_a_wrong_value_says_so(visit, key, value):
    at = visit("train", **{key: value})
    assert value in says(at)


@pytest.mark.parametrize("typed", ["../..", "/etc", "nothing-here", "~"])
def test_a_path_outside_the_data_folder_is_refused(visit, tmp_path, monkeypatch, typed):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path / "data"))
    at = visit("train", on=state.ELSEWHERE, path=typed)
    assert "there is nothing at" in says(at)
    assert not [b for b in at.button if b.label == "Start training"]


def test_an_image_folder_inside_the_data_folder_can_be_trained_on(visit, tmp_path, monkeypatch):
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "data" / "pets" / name).mkdir(parents=True)
        for i in range(20):
            pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / "pets" / name / f"{i}.png")
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path / "data"))
    at = visit("train", on=state.ELSEWHERE, path="pets")
    assert not at.error
    assert settings_box(at).value[0] == "ce"
    link = tmp_path / "data" / "out"
    link.symlink_to("/etc")
    with pytest.raises(ValueError, match="nothing at"):
        folders.inside("out")


@pytest.mark.parametrize("twice", [False, True])
def test_the_card_does_not_call_a_test_part_held_out_that_is_not(visit, tmp_path, monkeypatch, twice):
    train, test = write_folder(tmp_path / "pets" / "train"), tmp_path / "pets" / "test"
    for name in NAMES:
        (test / name).mkdir(parents=True)
        for number in range(8):
            (train / name / f"{number}.png").rename(test / name / f"{number}.png")
    if twice:
        shutil.copy(test / "cat" / "0.png", train / "cat")
    monkeypatch.setenv("SIMVIZ_DATA", str(tmp_path))
    at = visit("train", on=state.ELSEWHERE, path="pets")
    at.session_state["data-card"] = True
    at.run()
    assert ("that no other part contains" in says(at)) != twice
    assert ("1 picture stands in the test part and in training" in says(at)) == twice


def test_matrix_and_words_of_the_similarity_page_come_along(visit, started):
    at = visit("similarity", data="pictograms")
    at.slider(key="keep").set_value(0.05).run()
    classes = cache.dataset("pictograms").classes
    name = classes.names[0]
    at.session_state[f"words-{classes.fingerprint}/edits"] = {name: {"word": "tree"}}
    at.run()
    at.switch_page("pages/train.py").run()
    assert settings_box(at).value == ["ce", "simloss@words:keep=0.05", "ground_distance@words:keep=0.05"]
    assert "1 changed word" in says(at)
    at.button(key="start").click().run()
    assert not at.exception
    assert {r.spec.words[name] for r in started[0].runs} == {"tree"}


def test_an_uploaded_matrix_comes_along_as_a_file_of_the_store(visit, started):
    classes = cache.dataset("pictograms").classes
    from simviz.matrices import files

    matrix = matrices.groups(classes)
    at = visit("similarity", data="pictograms", **{"from": "file"})
    at.file_uploader(key="matrix-file").upload("mine, v2.csv", files.dumps(matrix, ".csv")).run()
    at.switch_page("pages/train.py").run()
    carried = next(s for s in settings_box(at).value if s.startswith("ground_distance"))
    at.button(key="start").click().run()
    assert not at.exception
    assert "Nothing was started" not in says(at)
    kept = ClassMatrix.load(carried.partition("@")[2])
    assert (kept.values == matrix.values).all()


def test_the_builder_offers_what_fits_the_classes():
    known = cache.losses()
    assert known["simloss"]["matrix"] == "similarity"
    assert known["emd2"]["ordered"]
    assert "exponent=1.0" in known["ground_distance"]["help"]
    assert "label_smoothing" in known["ce"]["help"]
    assert set(train_options.MODELS) == set(models.available())
    plain = ClassSet(["qqzzx", "wwqqz"])
    assert train_settings.defaults(plain) == ["ce", "gce"]


def alive():
    return {"pid": os.getpid(), "process_start": psutil.Process().create_time()}


def running(runs, **how):
    """A comparison whose first run trains in this very process and whose second waits."""
    made = helpers.comparison(runs, **how)
    write_json(made.path / "worker.json", alive())
    first, second = made.runs[0].path, made.runs[1].path
    write_json(first / "status.json", {"state": "running", "progress": 0.5, "epochs": 4, "eta_seconds": 30, **alive()})
    write_json(second / "status.json", {"state": "queued"})
    (second / "metrics.jsonl").unlink()
    return made


def test_a_running_comparison_can_be_cancelled(visit, runs):
    made = running(runs, epochs=4)
    at = visit("train")
    text = says(at)
    assert ":blue-badge[1 running]" in text
    assert ":gray-badge[1 queued]" in text
    assert len(at.get("vega_lite_chart")) == 3 or len(at.get("arrow_vega_lite_chart")) == 3
    at.button(key=f"cancel-{made.id}").click().run()
    assert [r.wanted for r in made.runs] == ["cancel", "cancel"]
    assert at.button(key=f"cancel-{made.id}").disabled


def test_a_lost_comparison_can_be_resumed_or_given_up(visit, runs, started):
    made = running(runs, epochs=4)
    dead = {"pid": 2**22 - 1, "process_start": 1.0}
    write_json(made.path / "worker.json", dead)
    write_json(made.runs[0].path / "status.json", {"state": "running", **dead})
    at = visit("train")
    assert ":red-badge[2 lost]" in says(at)
    at.button(key=f"resume-{made.id}").click().run()
    assert [c.id for c in started] == [made.id]
    at.button(key=f"close-{made.id}").click().run()
    assert [r.status["state"] for r in made.runs] == ["cancelled", "cancelled"]


def test_finished_runs_lead_to_their_results_and_tell_their_warnings(visit, runs):
    made = helpers.comparison(runs)
    helpers.comparison(runs, title="a newer one")
    result = json.loads((made.runs[0].path / "result.json").read_text())
    write_json(made.runs[0].path / "result.json", {**result, "warning": "This run has collapsed: 2 of 64 classes."})
    at = visit("train")
    assert "has collapsed" in says(at)
    assert not [b for b in at.button if b.label == "Cancel"]
    links = [(link.proto.page, link.proto.query_string) for link in at.main.get("page_link")]
    assert [page for page, query in links if query == f"c={made.id}"] == ["confusion", "severity"]


def test_a_failure_is_told_with_its_log(visit, runs):
    made = helpers.comparison(runs, state="failed")
    status = {"state": "failed", "error": "Memory ran out. Halve the batch size, or choose a smaller model."}
    write_json(made.runs[0].path / "status.json", status)
    at = visit("train")
    assert "Halve the batch size" in says(at)
    assert any("a line of the log" in c.value for c in at.code)


@pytest.mark.parametrize("damage", ["comparison.json", "ce-s0/spec.json", "ce-s0/status.json", "ce-s0/metrics.jsonl"])
def test_a_broken_folder_is_named_and_the_others_stay(visit, runs, damage):
    helpers.comparison(runs, title="whole")
    broken = helpers.comparison(runs, title="broken")
    (broken.path / damage).write_text("{ torn")
    at = visit("train")
    assert "whole" in says(at)
    assert "badge[2 finished]" in says(at)


def test_several_comparisons_show_the_newest_in_full(visit, runs):
    for title in "abcde":
        helpers.comparison(runs, title=title)
        time.sleep(0.01)
    at = visit("train")
    shown = [m.value for m in at.markdown if "badge" in m.value]
    assert [text[2] for text in shown] == ["e", "d", "c"]


def test_the_estimate_is_the_pace_of_the_last_such_run_on_this_machine(visit, runs, monkeypatch):
    import platform

    made = helpers.comparison(runs)
    for run in made.runs:
        made_on = json.loads((run.path / "environment.json").read_text())
        write_json(run.path / "environment.json", {**made_on, "platform": platform.platform()})
    assert progress.pace(Store(runs), "convnet", "pictograms") is None  # unpacked, from a machine of the same system
    write_json(made.path / "worker.json", {"helpers": []})
    # 4 seconds for 2 epochs of 100 images
    assert progress.pace(Store(runs), "convnet", "pictograms") == pytest.approx(0.02)
    assert progress.pace(Store(runs), "lenet", "pictograms") is None
    cache.pace.clear()
    at = visit("train", epochs="1", seeds="1")
    images = len(cache.dataset("pictograms").indices("train"))
    assert f"about {5 * images * 0.02 / 60:.0f} min" in says(at)


def test_curves_have_a_row_a_run_and_epoch_and_the_colours_of_the_settings(runs):
    from simviz.figures import style

    found = progress.lines(helpers.comparison(runs, epochs=3))
    table = train_curves.curves(found)
    assert len(table) == 2 * 3
    spec = train_curves.chart(table, "nll", list(helpers.SETTINGS)).to_dict()
    assert spec["encoding"]["color"]["scale"]["range"] == [style.color(s) for s in helpers.SETTINGS]
    long = [progress.Line("r", "ce", metrics=tuple({"epoch": e, "nll": 1.0} for e in range(1, 2001)))]
    thinned = train_curves.curves(long)
    assert len(thinned) <= train_curves.POINTS
    assert thinned["epoch"].iloc[-1] == 2000


def test_the_device_says_what_is_free(visit):
    (said,) = [c.value for c in visit("train").caption if c.value.startswith("Here: ")]
    assert f"{os.cpu_count()} cores with " in said
    free = float(re.search(r"with ([\d.]+) GiB free", said.replace("\\", "")).group(1))
    assert 0 < free <= psutil.virtual_memory().total / 2**30


def test_each_gpu_is_named_as_the_drivers_tool_names_it(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H100, 80000 MiB'\necho 'NVIDIA T4, 15000 MiB'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    cache.machine.clear()
    assert cache.machine().startswith("cuda:0 NVIDIA H100 with 80000 MiB free, cuda:1 NVIDIA T4 with 15000 MiB free, ")
    cache.machine.clear()
