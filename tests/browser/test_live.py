"""Drag the matrix: the features of a trained network, a slider, a cell set by hand, a sweep, and a link."""

from urllib.parse import parse_qs, urlsplit

import pytest

from simviz import compare
from simviz.runs import Store, frozen, worker
from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# The numbers of the confusion, once it is that of a setting.
CONFUSION = """wanted => {
    const plot = [...document.querySelectorAll('.js-plotly-plot')].find(plot =>
        plot.layout?.title?.text?.replaceAll('<br>', '').replaceAll(' ', '').includes(wanted)
        && plot.data?.some(trace => trace.type === 'heatmap'));
    return plot ? JSON.stringify(plot._fullData[0].z.map(row => [...row])) : null;
}"""


def confusion(page, setting):
    return page.wait_for_function(CONFUSION, arg=setting).json_value()


def asked(page):
    return parse_qs(urlsplit(page.url).query)


@pytest.fixture
def comparison(tmp_path, cache_folder):
    """One epoch of cross entropy on pictograms, its features read from its weights."""
    specs = compare.specs_for(["ce"], [0], dataset="pictograms", model="lenet", epochs=1)
    made = compare.create(specs, title="small", store=Store(tmp_path / "runs"))
    worker.work(made)
    frozen.keep(made.runs[0], made.classes)
    return made


def test_a_cell_a_slider_and_a_sweep_change_the_confusion_and_a_link_restores_it(comparison, server, visit):
    from playwright.sync_api import expect

    page = visit(f"{server}/live?c={comparison.id}&loss=simloss&matrix=words")
    start = confusion(page, "keep=0.02,")
    page.get_by_text("Edit the matrix by hand").click()
    steps.settled(page)
    steps.choose(page, "Row: true class", "cat")
    steps.choose(page, "Column: other class", "ship")
    field = page.get_by_role("spinbutton", name="similarity, cat for ship")
    field.fill("1")
    field.press("Enter")
    assert confusion(page, "keep=0.02(edited)") != start
    page.get_by_role("button", name="Take all changes back").click()
    assert confusion(page, "keep=0.02,") == start
    steps.settled(page)
    page.get_by_role("slider", name="keep").press("PageUp")
    page.wait_for_url("**l_keep=**")
    kept = asked(page)["l_keep"][0]
    after = confusion(page, f"keep={kept},")
    assert after != start
    page.get_by_text("the slider's last 4 positions").first.wait_for()
    steps.settled(page)
    page.get_by_text("The whole curve").click()
    page.get_by_text("Least mean cost at keep").first.wait_for()
    wanted = asked(page)
    assert wanted["l_keep"] == [kept] != ["0.02"]
    again = visit(page.url)
    assert confusion(again, f"keep={kept},") == after
    expect(again.get_by_text("Least mean cost at keep").first).to_be_visible(timeout=120_000)
    assert asked(again) == wanted


def test_a_group_and_the_decoder_change_the_confusion(comparison, server, visit):
    page = visit(f"{server}/live?c={comparison.id}&loss=group_ce")
    start = confusion(page, "group_ce:alpha=0.5,test,argmax")
    page.get_by_text("Edit the groups by hand").click()
    steps.settled(page)
    steps.choose(page, "Put a class into another group", "cat")
    steps.choose(page, "Its group", "vehicle")
    page.get_by_text("Changed: cat to vehicle").wait_for()
    assert confusion(page, "group_ce:alpha=0.5(edited),test,argmax") != start
    page.get_by_role("button", name="Take all changes back").click()
    assert confusion(page, "group_ce:alpha=0.5,test,argmax") == start
    page.get_by_role("radio", name="min_cost").click()
    assert confusion(page, "group_ce:alpha=0.5,test,min_cost") != start
    assert asked(page)["decoder"] == ["min_cost"]
