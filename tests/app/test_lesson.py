"""The lesson as a visitor sees it: commit, then reveal; next and back; resumed by a link."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from simviz.ui.lessons import Material
from simviz.ui.text import plain
from simviz.ui.views import lesson as page
from tests.app.lesson_material import KINDS, TARGET, TOLD, answers
from tests.app.reading import says, unescaped

NAMES = list(page.LESSONS)


def question(at):
    return at.main.header[0].value


def reveal(at):
    return next((b for b in at.main.button if b.key == "reveal"), None)


def vote(at, letter):
    return at.button(key=f"vote-{letter}")


def link(at):
    return dict(parse_qsl(urlsplit(at.sidebar.code[0].value).query))


@pytest.mark.parametrize("name", NAMES)
def test_every_step_asks_first_and_then_shows_what_its_function_computes(visit, shipped, name):
    lesson = page.LESSONS[name]
    at = visit("lesson", lesson=name)
    assert at.title[0].value == plain(lesson.title)
    for number, step in enumerate(lesson.steps, 1):
        assert question(at) == f"{number}. {step.title}"
        assert reveal(at).disabled
        assert len(at.main.get("page_link")) == (number == len(lesson.steps))  # none gives the answer away
        assert not at.main.get("progress")
        vote(at, "b").click().run()
        assert not at.exception
        reveal(at).click().run()
        assert not at.exception, (name, number)
        answer = step.answer(shown())
        assert plain(answer.text) in unescaped(at)
        right = plain(f"{'ABCDEF'[answer.choice]}: {step.options[answer.choice]}")
        assert f":material/check_circle: {right}" in unescaped(at)
        assert len(at.main.get("progress")) == len(answer.bars)
        assert at.main.get("page_link")[0].proto.page == step.page
        assert ("Your answer was right" in says(at)) == (answer.choice == 1)
        assert reveal(at) is None
        assert vote(at, "a").disabled
        if number < len(lesson.steps):
            at.button(key="next").click().run()
    assert at.button(key="next").disabled
    assert "last question" in says(at)


def shown():
    """The material of a visitor who has chosen nothing."""
    from simviz.runs import Store

    return Material(tuple(Store().comparisons()))


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_can_answer_a_sentence_says_so_and_the_link_stays(visit, runs, name):
    lesson = page.LESSONS[name]
    for number, step in enumerate(lesson.steps, 1):
        if step.shown is None:
            continue
        at = visit("lesson", lesson=name, slide=str(number), vote="a")
        reveal(at).click().run()
        assert not at.exception
        with pytest.raises(ValueError) as refused:
            step.answer(Material())
        assert plain(refused.value) in unescaped(at)
        assert not at.main.get("progress")
        assert step.page in [one.proto.page for one in at.main.get("page_link")]


def test_back_and_forth_keeps_votes_and_what_was_revealed(visit, runs):
    at = visit("lesson")
    assert at.button(key="back").disabled
    vote(at, "c").click().run()
    reveal(at).click().run()
    at.button(key="next").click().run()
    assert question(at).startswith("2.")
    assert reveal(at).disabled
    assert "vote" not in link(at)
    at.button(key="back").click().run()
    assert question(at).startswith("1.")
    assert reveal(at) is None
    assert link(at).items() >= {"lesson": "mistakes", "slide": "1", "vote": "c"}.items()
    assert "Your answer was right" in says(at)


def test_a_link_resumes_where_one_was_and_with_what_one_had_voted(visit, runs):
    at = visit("lesson", lesson="ordered", slide="3", vote="b")
    assert question(at).startswith("3. Around the clock")
    assert [vote(at, one).proto.type for one in "abc"] == ["secondary", "primary", "secondary"]
    assert not reveal(at).disabled
    assert link(at).items() >= {"lesson": "ordered", "slide": "3", "vote": "b"}.items()
    assert not at.main.get("progress")  # committed, not yet revealed
    again = visit("lesson", **{k: link(at)[k] for k in ("lesson", "slide", "vote")})
    assert question(again) == question(at)


def test_a_mind_may_be_changed_until_the_answer_stands(visit, runs):
    at = visit("lesson")
    vote(at, "a").click().run()
    vote(at, "b").click().run()
    assert link(at)["vote"] == "b"
    assert [vote(at, one).proto.type for one in "abc"] == ["secondary", "primary", "secondary"]


def test_a_class_votes_by_hands(visit, runs):
    at = visit("lesson")
    for k, hands in enumerate((12, 3, 5)):
        at.number_input(key=f"hands-mistakes-1-{k}").set_value(hands)
    at.run()
    assert not reveal(at).disabled
    reveal(at).click().run()
    assert "Of 20 hands 5 were right (A 12, B 3, C 5)." in says(at)
    at.button(key="next").click().run()
    assert reveal(at).disabled  # its hands are its own
    at.button(key="back").click().run()
    assert at.number_input(key="hands-mistakes-1-0").value == 12


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"lesson": "<script>alert(1)</script>"}, "lesson “<script>alert(1)</script>”"),
        ({"slide": "99"}, "step of the lesson “99”"),
        ({"slide": "../../etc"}, "step of the lesson “../../etc”"),
        ({"vote": "z" * 5000}, "vote “zzz"),
        ({"slide": "2", "vote": "d"}, "vote “d”"),
        ({"lesson": "ordered", "slide": "8"}, "step of the lesson “8”"),
    ],
)
def test_what_a_link_asks_for_and_is_not_there_is_said(visit, runs, asked, sentence):
    at = visit("lesson", **asked)
    assert any(sentence in w.value.replace("\\", "") for w in at.warning)
    assert reveal(at).disabled


def test_leaving_a_long_lesson_for_a_short_one_asks_for_nothing_that_is_not_there(visit, runs):
    at = visit("lesson", slide="8", vote="d")
    at.button_group(key="lesson").set_value("ordered").run()
    assert question(at).startswith("1. ")
    assert not at.warning
    assert link(at)["lesson"] == "ordered"


def test_at_the_end_the_other_lessons_are_one_click_away(visit, runs):
    at = visit("lesson", slide="8")
    at.button(key="to-learned").click().run()
    assert question(at) == "1. The nearest two"
    assert not at.warning


def test_the_comparison_that_was_chosen_answers_and_no_other(visit, predicted):
    worse, better = [answers(2, 9 + k) for k in (0, 2, 1)], [answers(5, k) for k in (0, 1, 1)]
    told = predicted(KINDS, {"ce": worse, TOLD: better}, TARGET, "told wins")
    plainly = predicted(KINDS, {"ce": better, TOLD: worse}, TARGET, "plain wins")
    for comparison, letter in ((told, "B"), (plainly, "A")):
        at = visit("lesson", c=comparison.id, slide="5", vote="c")
        assert f"“{comparison.title}”" in says(at)
        reveal(at).click().run()
        assert f":material/check_circle: {letter}:" in says(at)
    alone = predicted(KINDS, {"ce": worse}, TARGET, "alone")
    at = visit("lesson", c=alone.id, slide="5", vote="c")
    assert "alone” cannot answer this: it needs plain cross entropy" in says(at)


def test_class_names_with_markup_are_shown_and_not_run(visit, predicted):
    from simviz import ClassSet

    names = ["**cat**", ":red[dog]", "car", "truck"]
    classes = ClassSet(names, groups=["animal", "animal", "vehicle", "vehicle"])
    plain_ones = [answers(0, 9 + k) for k in (0, 2, 1)]
    comparison = predicted(classes, {"ce": plain_ones, TOLD: [answers(5, k) for k in (0, 1, 1)]}, TARGET)
    at = visit("lesson", c=comparison.id, slide="6", vote="c")
    reveal(at).click().run()
    (text,) = [one for one in unescaped(at) if "Most changed" in one]
    assert "**cat**" not in text
    assert ":red[dog]" not in text


def test_every_option_has_a_letter_and_every_question_a_choice():
    for lesson in page.LESSONS.values():
        assert lesson.name.isidentifier()
        for step in lesson.steps:
            assert 2 <= len(step.options) == len(set(step.options)) <= 6
    assert len(page.LESSONS["mistakes"].steps) == 8


def test_votes_are_summed_up_in_a_sentence():
    assert page.voted(1, None, [0, 0]) == ""
    assert page.voted(1, 1, [0, 0]) == "Your answer was right."
    assert page.voted(1, 0, [3, 4]) == "Your answer was A. Of 7 hands 4 were right (A 3, B 4)."


def test_who_comes_back_from_another_page_finds_the_step_where_it_was_left(visit):
    at = visit("lesson", slide="3")
    assert question(at).startswith("3.")
    at.query_params.clear()
    at.switch_page("pages/losses.py").run()
    at.query_params.clear()  # as the browser's way back does
    at.switch_page("pages/lesson.py").run()
    assert question(at).startswith("3.")
    at.query_params.update({"lesson": "ordered", "slide": "2"})  # what a link asks for goes first
    at.switch_page("pages/losses.py").run()
    at.query_params.update({"lesson": "ordered", "slide": "2"})
    at.switch_page("pages/lesson.py").run()
    assert question(at).startswith("2.")
    assert at.button_group(key="lesson").value == "ordered"
