import re
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]


def test_the_start_page_says_what_this_is_and_leads_on(visit):
    at = visit()
    assert "mistakes" in at.title[0].value
    assert [one.proto.page for one in at.main.get("page_link")] == ["lesson", "train", "runs"]
    assert at.main.markdown[0].value.count(".") == 1  # one sentence
    assert any("0 comparisons" in c.value for c in at.main.caption)


def test_its_picture_is_drawn_from_the_matrices_that_training_uses():
    from simviz import matrices
    from simviz.ui.views import home

    shown = home.examples()
    assert np.array_equal(shown["cross entropy"], np.eye(home.CLASSES))
    assert np.array_equal(shown["an order (ages)"], matrices.class_order(home.CLASSES, r=0.7).values)
    cells = re.findall(r'fill-opacity="([0-9.]+)"', home.picture())
    assert len(cells) == 4 * home.CLASSES**2
    assert cells.count("1.00") == 4 * home.CLASSES  # the diagonals alone are full


def test_it_loads_no_heavy_library():
    """Plotly is left out: Streamlit imports it itself where it is installed. The page must not draw with it."""
    script = """
import sys
from streamlit.testing.v1 import AppTest
at = AppTest.from_file("app.py", default_timeout=90).run()
assert not at.exception and at.title[0].value, at.exception
assert not at.get("plotly_chart")
heavy = {"torch", "sklearn", "scipy", "gensim", "torchvision", "simviz.figures", "simviz.training"}
print("loaded:", sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "loaded: []", done.stdout + done.stderr
