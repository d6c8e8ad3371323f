"""“One picture” of the confusion page in a browser: an image of the comparison, then a file from the visitor's disk."""

import numpy as np
import pytest
from PIL import Image

from simviz import compare
from simviz.runs import Store, network, worker
from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def trained(tmp_path, tiny_folder):
    """Two settings, really trained for an epoch in the store that the server reads."""
    base = {"dataset": str(tiny_folder), "image_size": 16, "model": "lenet", "epochs": 1, "batch_size": 32}
    specs = compare.specs_for(["ce", "simloss@words"], [0], precision="float32", **base)
    comparison = compare.create(specs, title="shapes", store=Store(tmp_path / "runs"))
    worker.work(comparison)
    return comparison


def agreement(trained, images):
    """The sentence above the table, from the networks themselves."""
    names = trained.classes.names
    first = [names[network.load(r, trained.classes).log_probabilities(images)[0].argmax()] for r in trained.runs]
    return f"By argmax {first.count(first[0])} of 2 settings answer {first[0]}."


def test_a_picture_is_picked_then_uploaded(trained, server, visit, tmp_path):
    page = visit(f"{server}/confusion?c={trained.id}")
    page.locator(steps.PLOT).nth(1).wait_for()
    steps.settled(page)
    page.get_by_text("One picture", exact=True).click()
    page.get_by_role("combobox", name="Image").wait_for()
    steps.settled(page)  # else the list that opens is drawn anew, and closed
    found = trained.runs[0].predictions("test")
    steps.choose(page, "Image", str(found.ids[2]))
    right = sum(int(r.predictions("test").log_probabilities[2].argmax()) == found.target[2] for r in trained.runs)
    page.get_by_text(f"By argmax {right} of 2 settings recognise it").wait_for()
    assert f"img={found.ids[2]}" in page.evaluate("decodeURIComponent(location.search)")
    page.get_by_test_id("stImage").locator("img").wait_for()  # exactly one: more would be refused

    page.get_by_role("radio", name="your own").click()
    picture = np.random.default_rng(0).integers(0, 255, (40, 56, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "mine.png")
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.png")
    page.get_by_text("resized to 16 x 16 pixels as the networks see it").wait_for()
    seen = network.picture((tmp_path / "mine.png").read_bytes(), 16)
    page.get_by_text(agreement(trained, seen[None])).wait_for()
    (tmp_path / "torn.png").write_bytes((tmp_path / "mine.png").read_bytes()[:500])
    page.locator("input[type=file]").set_input_files(tmp_path / "torn.png")
    page.get_by_text("the picture is damaged and cannot be decoded; save it again").wait_for()
