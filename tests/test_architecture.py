"""The house rules: floors import downwards only, and light things stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "simviz"
FLOORS = [
    {"classes", "settings", "npz", "atomic"},
    {"words"},
    {"matrices"},
    {"losses", "evaluation"},
    {"datasets", "models", "devices", "hyperparameters", "heads", "pixels", "recorded"},
    {"training"},
    {"pretrained", "stack"},
    {"runs"},
    {"compare", "learned"},
    {"report"},
    {"cli", "ui"},
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
FIGURES_MAY_IMPORT = {"classes", "settings", "matrices", "evaluation", "figures"}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Dotted names of everything a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part(path: Path) -> str:
    """The floor's name a file belongs to: simviz/losses/base.py -> losses."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def own_parts(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(path) if name.startswith("simviz.")}


def test_every_part_of_the_package_has_its_floor():
    parts = {part(p) for p in FILES} - {"__init__", "__main__", "figures"}
    assert parts <= set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_import_goes_up(path):
    here = part(path)
    used = own_parts(path) - {here, "__version__"}
    if here == "figures":
        assert used <= FIGURES_MAY_IMPORT
    elif here in LEVEL:
        above = {name for name in used - {"figures"} if name in LEVEL and LEVEL[name] > LEVEL[here]}
        assert not above, f"{path} imports {above} from a floor above"
        assert "figures" not in used or here in ("report", "ui")


def test_streamlit_is_imported_by_the_app_alone():
    users = {p for p in FILES if any(n.split(".")[0] == "streamlit" for n in imported(p))}
    assert users
    assert not {p for p in users if part(p) != "ui"}


def loaded_by(statement: str, *heavy: str) -> set[str]:
    script = f"import sys; {statement}; print(' '.join(m for m in {heavy!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


LIGHT = ["classes", "words", "matrices", "evaluation", "datasets", "figures", "runs", "compare", "report.html", "cli"]


@pytest.mark.parametrize("module", ["simviz", *(f"simviz.{name}" for name in LIGHT)])
def test_light_modules_load_neither_torch_nor_streamlit(module):
    assert loaded_by(f"import {module}", "torch", "torchvision", "streamlit", "sklearn", "gensim") == set()


def test_the_names_of_the_package_load_when_they_are_used():
    assert loaded_by("import simviz", "simviz.matrices", "numpy") == set()
    assert loaded_by("import simviz; simviz.ClassSet", "simviz.classes") == {"simviz.classes"}
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        __import__("simviz").nonsense  # noqa: B018
