"""The lesson in front of a class: every step voted on, revealed and left by its link, at the size of a projector."""

import re

import pytest

from simviz.ui.views.lesson import LESSONS
from tests.browser import steps

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = {"mistakes": (1280, 720), "ordered": (1920, 1080), "learned": (1280, 720)}


@pytest.mark.parametrize("name", SIZES)
def test_a_lesson_from_its_first_question_to_its_last(museum, visit, name):
    width, height = SIZES[name]
    page = visit(f"{museum}/lesson?lesson={name}", width=width)
    page.set_viewport_size({"width": width, "height": height})
    for number, step in enumerate(LESSONS[name].steps, 1):
        page.get_by_role("heading", name=f"{number}. {step.title}").wait_for()
        reveal = page.get_by_role("button", name="Reveal the answer")
        assert reveal.is_disabled()
        button = page.get_by_role("button", name=f"A {step.options[0]}")
        box = button.bounding_box()
        assert box["y"] + box["height"] <= height  # the question and the votes are seen without scrolling
        button.click()
        steps.settled(page)
        page.wait_for_function("location.search.includes('vote=a')")
        reveal.click()
        page.get_by_role("progressbar").first.wait_for()
        page.get_by_role("link", name=step.link).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if number < len(LESSONS[name].steps):
            page.get_by_role("button", name="Next").click()
            steps.settled(page)
            page.wait_for_function(f"location.search.includes('slide={number + 1}')")
    page.reload()
    page.get_by_role("heading", name=f"{number}. {step.title}").wait_for()  # resumed where one was


@pytest.mark.parametrize("number", [1, 6])  # what every link asks for is tested without a browser
def test_the_link_of_an_answer_leads_to_a_page_that_shows_it_and_back_leads_back(museum, visit, number):
    step = LESSONS["mistakes"].steps[number - 1]
    page = visit(f"{museum}/lesson?slide={number}&vote=a", width=1280)
    page.get_by_role("button", name="Reveal the answer").click()
    page.get_by_role("link", name=step.link).click()
    page.wait_for_url(re.compile(rf"/{step.page}(\?|$)"))
    page.locator(steps.PLOT).first.wait_for()
    steps.settled(page)
    assert page.get_by_text("The link asks for").count() == 0
    for _ in range(6):  # what was set on that page may be a step of its own in the browser's history
        page.go_back()
        steps.settled(page)
        if "/lesson" in page.url:
            break
    page.get_by_role("heading", name=f"{number}. {step.title}").wait_for()
