"""What the code never does, whoever asks: read off its syntax trees."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "simviz").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"])
RUNS_CODE = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle", "yaml"}


def calls(tree):
    """Dotted name as far as it is one, and the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_unpickled_and_no_text_is_run(path):
    tree = ast.parse(path.read_text())
    imported = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imported |= {str(n.module).split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not imported & RUNS_CODE
    for name, call in calls(tree):
        given = {k.arg: ast.unparse(k.value) for k in call.keywords}
        assert name not in ("eval", "exec", "compile", "os.system", "os.popen"), f"{name}, line {call.lineno}"
        assert given.get("shell", "False") == "False", f"a shell, line {call.lineno}"
        if name == "torch.load":
            assert given.get("weights_only") == "True", f"torch.load, line {call.lineno}"
        if name in ("np.load", "np.lib.format.read_array"):
            assert given.get("allow_pickle") == "False", f"{name}, line {call.lineno}"
        if name.endswith((".read_pickle", "KeyedVectors.load", "Word2Vec.load", "FastText.load")):
            raise AssertionError(f"{name} unpickles, line {call.lineno}")


@pytest.mark.parametrize("path", sorted((ROOT / "simviz" / "ui").rglob("*.py")), ids=lambda p: p.name)
def test_pages_take_files_and_paths_in_one_place_and_draw_no_html(path):
    for name, call in calls(ast.parse(path.read_text())):
        if path.name != "given.py":
            assert not name.endswith(("file_uploader", "camera_input", "audio_input")), f"line {call.lineno}"
        if name == "st.html":  # a style of ours, which nothing is put into
            assert isinstance(call.args[0], ast.Name), f"line {call.lineno}"
            assert call.args[0].id.isupper(), f"line {call.lineno}"
            continue
        assert not name.endswith((".html", "components.v1.html", "iframe")), f"line {call.lineno}"
        assert "unsafe_allow_html" not in {k.arg for k in call.keywords}, f"line {call.lineno}"
