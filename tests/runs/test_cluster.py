"""Real Ray: two nodes of this machine that see neither the head's store nor its data (nodes.py)."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from simviz import compare
from simviz.cli import main
from simviz.runs import Run, Store, cluster, parcels, progress, queue, worker

from ..tiny import NAMES, write_folder
from .nodes import Nodes, separate

EPOCHS = 300  # some five seconds on a quick core: long enough to be killed in the middle
TIMED = ("seconds", "images_per_second", "pace")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """What the head alone has: pictures, a matrix, a store."""
    folder = tmp_path_factory.mktemp("home")
    write_folder(folder / "shapes")
    with (folder / "S.csv").open("w") as file:
        table = csv.writer(file)
        table.writerow(["", *NAMES])
        table.writerows([[name, *(0.7 ** abs(i - j) for j in range(4))] for i, name in enumerate(NAMES)])
    return folder


@pytest.fixture(scope="module")
def nodes(home):
    pytest.importorskip("ray")
    if separate() is None:
        pytest.skip("this system allows no mount namespace, which keeps a node from the head's store")
    with pytest.MonkeyPatch.context() as patch, Nodes(home) as found:
        patch.setenv("SIMVIZ_CACHE", str(home / "cache"))  # hidden from the nodes with all the rest
        found.add("a")
        found.add("b")
        yield found


@pytest.fixture
def base(home):
    return {"dataset": str(home / "shapes"), "image_size": 16, "model": "lenet", "batch_size": 32}


@pytest.fixture
def make(home, base):
    """Lay out a comparison in the head's store."""

    def new(settings=("ce",), seeds=(0,), **values):
        return compare.create(compare.specs_for(settings, seeds, **{**base, **values}), store=Store(home / "runs"))

    return new


def wait(until, seconds=200):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if until():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def untimed(values):
    return {k: v for k, v in values.items() if k not in TIMED}


def same(there: Run, here: Run) -> None:
    """Every number that is kept of both."""
    assert [untimed(m) for m in there.metrics()] == [untimed(m) for m in here.metrics()]
    assert untimed(there.result() | {"run": ""}) == untimed(here.result() | {"run": ""})
    for part in ("validation", "test"):
        found, expected = there.predictions(part, features=True), here.predictions(part, features=True)
        np.testing.assert_array_equal(found.ids, expected.ids)
        np.testing.assert_array_equal(found.log_probabilities, expected.log_probabilities)
        np.testing.assert_array_equal(found.features, expected.features)
    for epoch in here.epochs:
        for name, values in here.epoch_arrays(epoch).items():
            np.testing.assert_array_equal(there.epoch_arrays(epoch)[name], values)


def test_an_address_that_is_none_gets_a_sentence():
    with pytest.raises(ValueError, match="'nonsense'; write HOST:PORT"):
        cluster.check("nonsense")


def test_a_port_where_nothing_listens_gets_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(ValueError, match=r"nothing answers at '127.0.0.1:.*ray start --head"):
            cluster.check(f"127.0.0.1:{taken.getsockname()[1]}")


def test_a_port_where_something_else_listens_gets_a_sentence(monkeypatch):
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 4)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ValueError, match=r"no Ray cluster can be used at .*no answer in 4 seconds"):
            cluster.check(f"127.0.0.1:{other.getsockname()[1]}")


def test_without_ray_the_command_says_how_to_install_it_and_lays_nothing_out(base, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    command = ["compare", "--cluster", "127.0.0.1:1", "--loss", "ce", "--runs", str(tmp_path / "runs")]
    assert main([*command, "--dataset", base["dataset"]]) != 0
    said = capsys.readouterr().err
    assert "pip install 'simviz[cluster]'" in said
    assert "Traceback" not in said
    assert not (tmp_path / "runs").exists()


def test_a_node_with_another_simviz_refuses(tmp_path):
    pytest.importorskip("ray")
    order = cluster.Order("ce-s0", "ticket", {}, {}, version="0.0")
    with pytest.raises(ValueError, match=r"has simviz .*, the head 0\.0; install the same"):
        cluster.train_there(None, None, order, None)


@pytest.mark.parametrize("name", ["../spec.json", "spec.json", "/etc/x", "epochs/../../x.npz", "control.json"])
def test_a_parcel_with_a_file_that_is_none_of_a_run_is_refused_whole(name, tmp_path):
    with pytest.raises(ValueError, match="no file of a run"):
        parcels.unpack({"log.txt": b"x", name: b"x"}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_parcel_has_what_changed_since_the_last_and_no_more_than_its_bound(tmp_path, monkeypatch):
    (tmp_path / "epochs").mkdir()
    seen: parcels.Seen = {}
    (tmp_path / "log.txt").write_text("a")
    (tmp_path / "spec.json").write_text("{}")
    assert parcels.pack(tmp_path, seen) == {"log.txt": b"a"}
    (tmp_path / "epochs" / "0001.npz").write_bytes(b"bb")
    assert parcels.pack(tmp_path, seen) == {"epochs/0001.npz": b"bb"}
    assert parcels.pack(tmp_path, seen) == {}
    monkeypatch.setattr(parcels, "MAX_BYTES", 2)
    with pytest.raises(ValueError, match="at most"):
        parcels.pack(tmp_path, {})


def test_nodes_see_neither_store_nor_data_and_their_runs_equal_those_of_this_machine(nodes, make, home):
    import ray

    settings, options = ("ce", f"simloss@{home}/S.csv"), {"ruler": str(home / "S.csv"), "epochs": 3}
    there, here = make(settings, **options), make(settings, **options)
    heard = []
    cluster.work(there, nodes.address, lambda run, event: heard.append((run.id, event.epoch)))
    worker.work(here)
    for run, own in zip(there.runs, here.runs, strict=True):
        assert run.status["state"] == "finished"
        assert sorted(p.name for p in run.path.iterdir()) == sorted(p.name for p in own.path.iterdir())
        assert [epoch for name, epoch in heard if name == run.id] == [1, 2, 3]
        assert json.loads((run.path / "environment.json").read_text())["threads"] == 1
        same(run, own)
    np.testing.assert_array_equal(there.runs[1].matrix().values, here.runs[1].matrix().values)
    np.testing.assert_array_equal(there.images(), here.images())
    assert not queue.served(there)
    assert not list(nodes.root.glob("*/simviz-*"))
    ray.init(address=nodes.address, log_to_driver=False)
    try:
        assert not ray.get(ray.remote(os.path.exists).remote(str(home / "S.csv")))
        with pytest.raises(OSError, match="Read-only"):
            ray.get(ray.remote(os.makedirs).remote(str(home / "runs")))
    finally:
        ray.shutdown()


def test_cancelled_from_a_page_what_was_reached_comes_home(nodes, make):
    """And until then, a node of one CPU trains one run, whatever else it waits for."""
    comparison = make(seeds=range(4), epochs=5000)

    def hear(run, event):
        reached.add(run.id)
        together.add(max(len(nodes.training(name)) for name in "ab"))
        if len(reached) >= 2 and event.epoch >= 100:
            queue.cancel(comparison)

    reached: set[str] = set()
    together: set[int] = set()
    cluster.work(comparison, nodes.address, hear)
    assert len(reached) == 2
    assert max(together) == 1
    assert {run.status["state"] for run in comparison.runs} == {"cancelled"}
    for run in comparison.runs:
        assert run.has_predictions() == (run.id in reached)
        if run.id in reached:
            assert run.result()["epoch"] == len(run.metrics()) >= 1


def test_a_node_killed_in_the_middle_of_a_run_costs_no_more_than_time(nodes, make, base, home):
    """As a user has it: the command trains, the page's board looks on from its files."""
    alone = make(epochs=EPOCHS)
    command = [sys.executable, "-m", "simviz", "compare", "--cluster", "auto", "--runs", str(home / "killed"), "--json"]
    options = [f"--{name.replace('_', '-')}={value}" for name, value in base.items()]
    train = subprocess.Popen(
        [*command, "--loss", "ce", "--seeds", "2", "--epochs", str(EPOCHS), *options],
        env={**os.environ, "RAY_ADDRESS": nodes.address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    victim = None

    def half_way():
        nonlocal victim
        assert train.poll() is None, train.communicate()
        there = list(nodes.folder("b").glob("simviz-*/*/spec.json"))
        if there:
            (comparison,) = Store(home / "killed").comparisons()
            victim = comparison.run(there[0].parent.name)
        return victim is not None and (victim.path / "checkpoint.safetensors").exists() and victim.metrics()

    wait(half_way)
    assert progress.line(victim).state == "running"
    nodes.remove("b")
    reached = len(victim.metrics())
    assert 1 <= reached < EPOCHS
    wait(lambda: "attempt 2 of 3 goes on from epoch" in progress.line(victim).said)
    assert progress.line(victim).state == "queued"
    said, complaints = train.communicate(timeout=120)
    assert train.returncode == 0, complaints
    assert json.loads(said.splitlines()[-1])
    assert victim.status["attempt"] == 2
    assert "attempt 1 ended with its node" in victim.log(lines=1000)
    assert [m["epoch"] for m in victim.metrics()] == list(range(1, EPOCHS + 1))
    worker.work(alone)
    (other,) = [r for r in Store(home / "killed").comparisons()[0].runs if r.id != victim.id]
    same(victim if victim.spec.seed == 0 else other, alone.runs[0])


def test_after_the_heads_command_is_killed_nothing_trains_on_and_the_run_can_be_resumed(nodes, make):
    comparison = make(epochs=5000)
    (run,) = comparison.runs
    script = (
        "import sys, pathlib; from simviz.runs import Comparison, cluster; "
        "cluster.work(Comparison(pathlib.Path(sys.argv[1])), sys.argv[2])"
    )
    head = subprocess.Popen([sys.executable, "-c", script, str(comparison.path), nodes.address])
    wait((run.path / parcels.CHECKPOINT).exists)
    assert nodes.training("a")
    head.kill()
    head.wait()
    assert progress.line(run).state == "lost"
    assert queue.resumable(run)
    wait(lambda: not nodes.training("a"))


def test_a_run_whose_process_dies_too_often_is_given_up(nodes, make, monkeypatch):
    monkeypatch.setattr(cluster, "ATTEMPTS", 1)  # the test above sees the second
    comparison = make(epochs=5000)
    (run,) = comparison.runs
    cluster.work(comparison, nodes.address, lambda *_: [process.kill() for process in nodes.training("a")])
    assert run.status["state"] == "failed"
    assert "died 1 time; finished epochs are kept" in run.status["error"]
    assert len(run.metrics()) >= 1
