"""Threads for the cores that are free."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import torch

from simviz import cli, compare
from simviz.runs import Store, queue, worker
from simviz.runs.cores import FreeCores
from simviz.runs.files import read_json, write_json

SPIN = "import time; end = time.monotonic() + 20\nwhile time.monotonic() < end: pass"


def test_a_machine_that_others_keep_busy_leaves_one_core():
    others = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(os.cpu_count() or 1)]
    try:
        time.sleep(0.5)  # until they spin
        cores = FreeCores()
        time.sleep(1)
        assert cores.count() == 1
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_there_is_never_less_than_one_nor_more_than_there_are():
    cores = FreeCores()
    assert all(1 <= cores.count() <= (os.cpu_count() or 1) for _ in range(3))


def test_a_resumed_run_keeps_the_threads_it_began_with(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    specs = compare.specs_for(["ce"], [0], dataset=str(tiny_folder), model="convnet", epochs=1)
    comparison = compare.create(specs, store=Store(tmp_path))
    (run,) = comparison.runs
    write_json(run.path / "environment.json", {"threads": 3})
    try:
        worker.work(comparison)
        assert read_json(run.path / "environment.json")["threads"] == 3
    finally:
        torch.set_num_threads(before)


def test_threads_of_a_training_process_sleep_while_they_wait(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    specs = compare.specs_for(["ce"], [0], dataset=str(tiny_folder), epochs=200)
    comparison = compare.create(specs, store=Store(tmp_path))
    child = psutil.Process(queue.start(comparison))
    try:
        while not child.environ():  # the kernel lays it out a moment after the call that starts it returns
            time.sleep(0.01)
        assert child.environ()["OMP_WAIT_POLICY"] == "PASSIVE"
    finally:
        child.kill()
        child.wait()


def test_a_command_leaves_the_policy_of_the_user(monkeypatch, capsys):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert cli.main(["datasets"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.delenv("OMP_WAIT_POLICY")
    assert cli.main(["datasets"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
