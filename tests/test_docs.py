"""What is written down holds: examples run, links lead somewhere, the reference can be built, the citation is valid."""

from __future__ import annotations

import doctest
import importlib.util
import re
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import simviz
from simviz import losses

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted(p for p in (ROOT / "simviz").rglob("*.py") if ">>> " in p.read_text())


def blocks(heading: str) -> str:
    """The Python under a heading of CONTRIBUTING.md."""
    part = (ROOT / "CONTRIBUTING.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", part, flags=re.DOTALL)
    return code


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the code under a heading in an empty folder; its names."""
    monkeypatch.chdir(tmp_path)

    def go(heading: str) -> dict:
        names: dict = {}
        exec(blocks(heading), names)
        return names

    return go


def test_a_loss_in_ten_lines(run):
    try:
        loss = run("Add a loss in ten lines")["loss"]
        outputs, target = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, -100])
        truth = torch.nn.functional.one_hot(target.clamp_min(0), 3)
        brier = (outputs.softmax(1) - truth).square().sum(1)[:4].mean()
        torch.testing.assert_close(loss(outputs, target), brier)
        torch.testing.assert_close(loss(outputs[:4], truth[:4].float()), brier)  # soft targets come by themselves
    finally:
        losses.unregister("brier")


def test_a_data_set_in_ten_lines(run):
    data = run("Add a data set in ten lines")["data"]
    assert data.classes.names == ("cherry", "plum", "bus")
    assert data.classes.groups == (("fruit",), ("fruit",), ("vehicle",))
    assert len(data) == 90
    assert len(data.indices("test")) > 0


def test_a_matrix_in_ten_lines(run):
    made = run("Add a matrix in ten lines")
    assert made["matrix"].values[0, 1] == np.float32(5 / 40)
    value = made["loss"](torch.zeros(1, 3), torch.tensor([0]))
    expected = -np.log((1 + 5 / 40 + 5 / 12_000_000) / 3)
    assert value.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: str(p.relative_to(ROOT / "simviz")))
def test_examples_of_docstrings(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert not found.failed


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(path):
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text()):
        assert re.match(r"https?://", target) or (path.parent / target).exists(), target


def test_the_picture_of_the_house_is_small_and_whole():
    file = ROOT / "docs" / "house.svg"
    assert file.stat().st_size < 10_000
    texts = " ".join(ElementTree.parse(file).getroot().itertext())
    parts = {p.name.removesuffix(".py") for p in (ROOT / "simviz").iterdir() if not p.name.startswith("_")}
    assert {"figures", "runs", "words", "matrices", "losses", "training", "compare"} <= parts
    assert all(name in texts for name in ("figures", "runs", "words", "matrices", "loss", "training", "compare"))


def test_the_reference_is_built_without_a_warning(tmp_path):
    pytest.importorskip("pdoc", reason="pdoc is not installed: pip install -e '.[docs]'")
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        reference.build(tmp_path)
    for module in ("losses", "matrices", "datasets", "evaluation", "runs", "words", "figures"):
        assert (tmp_path / "simviz" / f"{module}.html").stat().st_size > 5_000
    assert not (tmp_path / "simviz" / "ui.html").exists()


def test_the_citation_is_that_of_this_version():
    """`cffconvert --validate` accepted the file; what it needs most is looked at here."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["cff-version"] == "1.2.0"
    assert str(cited["version"]) == simviz.__version__
    assert cited["license"] == "MIT"
    assert cited["authors"] == [{"name": "The simviz authors"}]
    for work in cited["references"]:
        assert {"type", "title", "authors", "year"} <= set(work)
