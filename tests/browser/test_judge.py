"""A file of predictions that scikit-learn made, from the visitor's disk to its confusions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score

from tests.browser import steps
from tests.browser.test_live import confusion

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def predictions(path):
    """Three classes, 90 samples, about two thirds right; returns the accuracy."""
    random = np.random.default_rng(0)
    names = np.array(["cat", "dog", "truck"])
    target = np.arange(90) % 3
    p = random.dirichlet(np.ones(3), 90) + 0.5 * np.eye(3)[target]
    p /= p.sum(axis=1, keepdims=True)
    pd.DataFrame(p, columns=[f"p_{n}" for n in names]).assign(y_true=names[target]).to_csv(path, index=False)
    return accuracy_score(target, p.argmax(axis=1))


def test_a_file_leads_to_confusion_and_severity(server, visit, tmp_path):
    share = f"{predictions(tmp_path / 'mine.csv'):.1%}"
    page = visit(f"{server}/runs")
    page.get_by_text("Judge your own model", exact=True).click()
    page.get_by_test_id("stFileUploader").first.wait_for()
    steps.settled(page)
    (tmp_path / "large.csv").write_bytes(b"y_true,y_pred\n" + b"cat,dog\n" * 2_700_000)
    page.locator("input[type=file]").first.set_input_files(tmp_path / "large.csv")
    page.get_by_text("File must be 20.0MB or smaller.").wait_for()
    page.get_by_role("button", name="Remove large.csv").click()
    page.locator("input[type=file]").first.set_input_files(tmp_path / "mine.csv")
    page.get_by_text(f"{share} right").wait_for()
    page.get_by_role("button", name="Add as a comparison").click()
    page.get_by_text("It is the comparison in view now").wait_for()
    page.get_by_test_id("stMain").get_by_role("link", name="See its confusions").click()
    page.locator("h1", has_text="Confusion").wait_for()
    page.locator(steps.PLOT).first.wait_for()
    steps.settled(page)
    assert page.locator(".js-plotly-plot .gtitle").all_text_contents()[0].startswith("mine")
    assert "90 images" in page.get_by_test_id("stMain").inner_text()
    steps.go(page, "Severity")
    page.locator(steps.PLOT).first.wait_for()
    steps.settled(page)
    assert f"mine ({share})" in page.get_by_test_id("stMain").inner_text()


def test_features_from_elsewhere_answer_to_a_slider(server, visit, tmp_path):
    random = np.random.default_rng(0)
    names = np.array(["cat", "dog", "horse", "truck", "bus", "ship"])
    target = np.repeat(np.arange(6), 40)
    means = 2.2 * np.eye(6, 16) + np.eye(2, 16)[np.arange(6) // 3]
    np.savez(tmp_path / "deep.npz", y_true=names[target], features=random.normal(size=(240, 16)) + means[target])
    page = visit(f"{server}/runs?judge=true")
    page.get_by_test_id("stFileUploader").first.wait_for()
    steps.settled(page)
    page.locator("input[type=file]").first.set_input_files(tmp_path / "deep.npz")
    page.get_by_text("With 16 features").wait_for()
    page.get_by_role("button", name="Add as a comparison").click()
    page.get_by_role("link", name="What would another loss on its last layer do?").click()
    page.locator("h1", has_text="Drag the matrix").wait_for()
    page.get_by_text("others, of the other half of the").first.wait_for()
    before = confusion(page, "simloss@words:keep=0.02,")
    for _ in range(3):
        page.get_by_role("slider", name="keep").press("PageUp")
    page.wait_for_url(lambda url: "l_keep=" in url)
    steps.settled(page)
    assert confusion(page, "simloss@words:keep=") != before
