"""The list of threats names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    line
    for line in (ROOT / "docs" / "threats.md").read_text().splitlines()
    if "`tests/" in line and line.startswith("| ")
]


def test_there_are_threats():
    assert len(ROWS) > 25


@pytest.mark.parametrize("row", ROWS)
def test_each_threat_has_an_answer_and_a_test(row):
    threat, answer, test = (cell.strip() for cell in row.strip("|").split(" | "))
    assert threat
    assert answer
    file, name = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", test).groups()
    functions = {n.name for n in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(n, ast.FunctionDef)}
    assert name in functions
