"""In CI a skip fails unless its reason is on the list, be it of a test or of a whole file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OF_A_TEST = "import pytest\ndef test_it(): pytest.skip({!r})"
OF_A_FILE = "import pytest\npytest.skip({!r}, allow_module_level=True)"


@pytest.mark.parametrize("source", [OF_A_TEST, OF_A_FILE])
@pytest.mark.parametrize(
    ("reason", "ci", "code"), [("the moon", "true", 1), ("the moon", "", 0), ("no CUDA GPU: x", "true", 0)]
)
def test_a_skip_that_is_not_on_the_list_fails_in_ci(tmp_path, source, reason, ci, code):
    (tmp_path / "test_skipped.py").write_text(source.format(reason))
    (tmp_path / "test_other.py").write_text("def test_it(): pass")
    options = ["-q", "-p", "tests.conftest", "-p", "no:xdist", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    environment = {**os.environ, "CI": ci}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("skips that CI does not allow" in done.stdout) == bool(code)
