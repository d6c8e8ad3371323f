import numpy as np
import pytest

from simviz import ClassMatrix, ClassSet, datasets, matrices
from simviz.matrices import anatomy, files
from simviz.ui import state
from simviz.ui.views import similarity_anatomy

from .reading import array, figures, says

NAMES = ["rose", "tulip", "cat", "dog", "truck", "bus"]
OWN = {"data": "own", "names": ",".join(NAMES), "keep": "0.4"}
WORDS = matrices.build("words:keep=0.4", ClassSet(NAMES))


def drawn(at):
    """The figure of the room; the heat map and the histogram stand above it."""
    assert len(figures(at)) == 3
    return figures(at)[2]


def table(at):
    return at.dataframe[-1].value


@pytest.mark.parametrize("room", state.ROOMS)
def test_one_room_is_drawn_and_the_link_opens_it(visit, room):
    at = visit("similarity", **OWN, look=room)
    assert at.segmented_control(key="look").value == room
    assert len(figures(at)) == (2 if room == "nearest" else 3)
    assert len(at.subheader) == 2  # of the room, and of the export


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ({"look": "attic"}, "asks for the part of the anatomy “attic”"),
        ({"look": "split", "answer": "maybe"}, "asks for the answer of a network “maybe”"),
    ],
)
def test_a_room_that_is_not_there_is_named(visit, link, sentence):
    assert sentence in says(visit("similarity", **OWN, **link))


def test_the_dendrogram_has_the_matrix_in_the_order_of_its_leaves(visit):
    at = visit("similarity", **OWN, look="dendrogram")
    order = anatomy.leaf_order(WORDS)
    heat = next(t for t in drawn(at)["data"] if t["type"] == "heatmap")
    assert np.allclose(array(heat["z"]), WORDS.values[np.ix_(order, order)])
    assert drawn(at)["layout"]["yaxis"]["ticktext"] == [NAMES[i] for i in order]
    first = anatomy.tree(WORDS)[0]
    a, b = (NAMES[int(i)] for i in first[:2])
    assert f"{a} and {b} join first, at a distance of {first[2]:.2f}" in says(at)


def test_classes_that_are_like_no_other_are_counted():
    values = np.eye(5)
    values[0, 1] = values[1, 0] = 0.75
    lonely = similarity_anatomy.joined(tuple("abcde"), anatomy.tree(ClassMatrix(list("abcde"), values)))
    assert "b and a join first, at a distance of 0.25; all are one at 1.00. 3 of 5 classes join no other" in lonely
    alike = similarity_anatomy.joined(tuple("abcde"), anatomy.tree(ClassMatrix(list("abcde"), np.eye(5))))
    assert alike == "All 5 classes are equally far apart, at a distance of 1.00."


def test_the_map_has_every_class_in_the_colour_of_its_group(visit):
    at = visit("similarity", **{"from": "groups"}, look="map")
    fig = drawn(at)
    groups = {t["name"]: t for t in fig["data"]}
    assert len(groups) >= 8
    assert len({(t["marker"]["color"], t["marker"]["symbol"]) for t in groups.values()}) == len(groups)
    assert "cat" in groups["animal"]["customdata"]
    assert sum(len(t["customdata"]) for t in groups.values()) == len(figures(at)[0]["data"][0]["x"])
    assert "of the squared distances" in says(at)


def test_a_map_that_shows_little_says_so(visit):
    plane = matrices.positions(ClassSet(NAMES, positions=range(6)))
    upload = visit("similarity", **OWN, **{"from": "file"}, look="map")
    upload.file_uploader(key="matrix-file").upload("D.csv", files.dumps(plane, ".csv")).run()
    assert "shows 100%" in says(upload)
    assert "may be far apart" not in says(upload)
    narrow = visit("similarity", **(OWN | {"keep": "0"}), look="map")
    assert "may be far apart" in says(narrow)


def test_the_nearest_five_and_the_effective_neighbours_are_the_librarys(visit):
    at = visit("similarity", **OWN, look="nearest")
    shown = table(at)
    assert shown["class"].tolist() == NAMES
    assert np.allclose(shown["effective neighbours"], anatomy.measure(WORDS).effective_neighbours)
    for row, near in zip(shown.to_dict("records"), anatomy.nearest(WORDS, 5), strict=True):
        expected = [f"{name}  {value:.2f}" if value > 0 else "" for name, value in near]
        assert [row[str(place)] for place in range(1, 6)] == expected
    assert "group" not in shown
    assert "group" in table(visit("similarity", **{"from": "groups"}, look="nearest"))


@pytest.mark.parametrize("kind", state.ANSWERS)
def test_simloss_is_split_by_the_library_and_the_bars_are_the_table(visit, kind):
    at = visit("similarity", **OWN, look="split", answer=kind)
    shown = table(at)
    p = {
        "uniform": np.full((6, 6), 1 / 6),
        "drawn": np.tile(anatomy.uninformed_prediction(WORDS.values), (6, 1)),
        "right": np.eye(6),
    }[kind]
    simloss = -np.log(np.sum(WORDS.values * p, axis=1))  # row y of S times the answer for class y
    assert np.allclose(shown["SimLoss"], simloss, atol=1e-6)
    assert np.allclose(shown["blurred cross entropy"] - shown["bonus"], shown["SimLoss"], atol=1e-6)
    assert np.allclose(shown["bonus"], np.log(p @ WORDS.values.sum(axis=0)), atol=1e-6)
    names, left = drawn(at)["data"][2]["x"], array(drawn(at)["data"][2]["y"])
    assert np.allclose(left, shown.set_index("true class").loc[names, "SimLoss"], atol=1e-6)
    assert f"SimLoss is {simloss.mean() + 0.0:.2f} nats on average".replace("-0.00", "0.00") in says(at)


def test_the_drawn_answer_is_told_with_what_it_saves(visit):
    at = visit("similarity", **{"from": "words", "keep": "0.2"}, look="split", answer="drawn")
    measured = anatomy.measure(matrices.build("words:keep=0.2", datasets.load("pictograms").classes))
    most = [measured.names[i] for i in np.argsort(-measured.uninformed)[:4]]
    assert f"on {', '.join(most)}, whatever the image" in says(at)
    assert "The one answer for all images that SimLoss likes best" in says(at)


def test_the_split_of_a_distance_says_how_it_was_converted(visit):
    at = visit("similarity", **{"from": "groups"}, look="split")
    assert "The matrix is a distance; S = 1 - D / largest D." in says(at)
    assert np.allclose(table(at)["bonus"], np.log(matrices_groups(at).sum() / len(table(at))))


def matrices_groups(at):
    return array(figures(at)[0]["data"][0]["z"])


def test_the_formula_stands_in_the_help_of_the_split(visit):
    at = visit("similarity", **OWN, look="split")
    assert any(r"\log \sum_c s_c" in s.proto.help for s in at.subheader)


def badges(at):
    return next(m.value for m in at.markdown if "badge" in m.value)


def test_every_check_is_a_badge_with_its_meaning(visit):
    said = badges(visit("similarity", **OWN, **{"from": "order", "r": "0.5"}))
    for good in ("symmetric", "itself nearest", "in [0, 1]", "semidefinite", "metric", "rank 6 of 6"):
        assert f":green-badge[{good}] " in said
    assert "effective neighbours]" in said
    assert "order]" not in said  # these classes have none
    words = badges(visit("similarity", **(OWN | {"keep": "0.5"})))
    broken, triples, _ = anatomy.triangle_violations(
        matrices.build("words:keep=0.5", ClassSet(NAMES)).to_distance().values
    )
    assert broken
    assert f":orange-badge[not metric: {broken:,} of {triples:,} broken]" in words


def test_ordered_classes_are_checked_against_their_order(visit):
    along = badges(visit("similarity", data="clock", **{"from": "positions"}))
    assert ":green-badge[follows the order]" in along
    straight = ClassMatrix(datasets.load("clock").classes.names, matrices.class_order(60, r=0.8).values)
    at = visit("similarity", data="clock", **{"from": "file"})
    at.file_uploader(key="matrix-file").upload("S.csv", files.dumps(straight, ".csv")).run()
    assert "steps against the order]" in badges(at)  # minute 59 is next to minute 0


def test_a_single_class_has_neither_neighbours_nor_tree(visit):
    at = visit("similarity", **OWN, **{"from": "file"}, look="dendrogram")
    at.file_uploader(key="matrix-file").upload("S.csv", files.dumps(ClassMatrix(["a"], [[1]]), ".csv")).run()
    assert not at.exception
    assert "A single class is near to no other." in says(at)


def test_a_thousand_classes_are_drawn_as_images(visit):
    at = visit("similarity", **{"from": "order", "r": "0.9"}, **OWN, look="dendrogram")
    at.text_area(key="names").set_value(",".join(f"class {i}" for i in range(1000))).run()
    assert not at.exception
    cells = [t["x"] for f in figures(at) for t in f["data"] if t["type"] == "heatmap"]
    assert [len(shown) for shown in cells] == [50]  # the part that is drawn closer, and no other
    assert len(figures(at)[-1]["layout"]["images"]) == 1  # the dendrogram's
    for room in ("map", "split", "nearest"):
        at.segmented_control(key="look").set_value(room).run()
        assert not at.exception
        assert sum(len(c.proto.spec) for c in at.get("plotly_chart")) < 1_000_000


def test_a_data_sets_own_words_are_not_called_changed(visit):
    assert "words you changed" not in says(visit("similarity"))
