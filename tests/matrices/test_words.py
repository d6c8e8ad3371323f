import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simviz import ClassSet, matrices, words
from simviz.matrices.words import bound_for, cosine_similarity

from .strategies import SEEDS, permuted

PLANTS = ["rose", "tulip", "violet", "oak", "cat", "dog", "truck", "bus", "car", "apple", "pear", "table", "chair"]
KNOWN = ClassSet(PLANTS)


def off_diagonal(matrix):
    return matrix.values[np.triu_indices(len(matrix), 1)]


@pytest.mark.parametrize("bound", [0, 0.3, 0.9, 0.99])
def test_every_entry_is_the_clipped_rescaled_cosine(bound):
    matrix = matrices.word_similarity(KNOWN, lower_bound=bound)
    vectors = words.load()
    for i, a in enumerate(PLANTS):
        for j, b in enumerate(PLANTS):
            u, v = vectors.vector(a).astype(float), vectors.vector(b).astype(float)
            s = 1 if i == j else u @ v / np.sqrt((u @ u) * (v @ v))
            assert matrix.values[i, j] == pytest.approx(max(0, (s - bound) / (1 - bound)), abs=1e-5)
    assert matrix.kind == "similarity"
    assert matrix.symmetric
    assert matrix.recipe["lower_bound"] == bound


@given(st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_keep_leaves_the_smallest_number_of_pairs_that_makes_the_share(keep):
    matrix = matrices.word_similarity(KNOWN, keep=keep)
    kept, pairs = np.count_nonzero(off_diagonal(matrix)), len(off_diagonal(matrix))
    positive = np.count_nonzero(off_diagonal(matrices.word_similarity(KNOWN, lower_bound=0)))
    assert kept == min(positive, int(np.ceil(round(keep * pairs, 9))))
    assert matrix.recipe["kept"] == pytest.approx(kept / pairs)
    assert matrices.word_similarity(KNOWN, lower_bound=matrix.recipe["lower_bound"]) == matrix


@given(st.lists(st.sampled_from([-0.5, 0.0, 0.1, 0.2, 0.3, 0.9, 1.0]), min_size=1, max_size=20), st.floats(0, 1))
def test_ties_stay_together_and_come_as_near_to_the_share_as_they_can(cosines, keep):
    pairs = np.array(cosines)
    bound = bound_for(pairs, keep)
    assert 0 <= bound < 1
    wanted = np.ceil(keep * len(pairs) - 1e-9)
    reachable = [np.sum(pairs > level) for level in {0.0, 0.1, 0.2, 0.3, 0.9}]
    assert abs(np.sum(pairs > bound) - wanted) == min(abs(count - wanted) for count in reachable)


@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_a_larger_share_never_makes_a_pair_less_similar(one, other):
    less, more = (matrices.word_similarity(KNOWN, keep=keep).values for keep in sorted([one, other]))
    assert (less <= more + 1e-6).all()


@given(st.floats(0, 1), SEEDS)
@settings(max_examples=20, deadline=None)
def test_names_carry_the_similarity_wherever_they_stand(keep, seed):
    moved = matrices.word_similarity(permuted(KNOWN, seed), keep=keep)
    assert moved.aligned(KNOWN) == matrices.word_similarity(KNOWN, keep=keep)


@given(st.integers(1, 8), st.integers(1, 5), SEEDS)
def test_cosines_are_symmetric_bounded_and_blind_to_length(count, dim, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, dim))
    cosines = cosine_similarity(rows)
    assert np.array_equal(cosines, cosines.T)
    assert np.abs(cosines).max() <= 1
    np.testing.assert_allclose(cosines, cosine_similarity(rows * rng.uniform(0.1, 9, (count, 1))), atol=2e-9)


def test_a_default_keeps_one_pair_of_three():
    matrix = matrices.word_similarity(ClassSet(["rose", "tulip", "truck"]))
    assert np.count_nonzero(off_diagonal(matrix)) == 1


def test_the_same_word_twice_is_the_same_class_to_the_matrix():
    twins = ClassSet(["cat", "kitty", "truck"], words={"kitty": "cat"})
    for options in ({"keep": 0}, {"keep": 1}, {"lower_bound": 0.99}):
        assert matrices.word_similarity(twins, **options).values[0, 1] == 1


def test_one_class_is_like_itself():
    assert matrices.word_similarity(ClassSet(["cat"])).values.tolist() == [[1]]


def test_the_edited_word_is_what_is_looked_up_and_is_in_the_recipe():
    plural = ClassSet(["rose", "violet", "truck"], words={"rose": "roses", "violet": "violets"})
    values = matrices.word_similarity(plural, lower_bound=0).values
    assert values[0, 1] == pytest.approx(0.52, abs=0.01)
    assert values[0, 1] > values[0, 2]
    recipe = matrices.word_similarity(plural).recipe
    assert recipe["words"]["rose"] == {"word": "roses", "tokens": ["roses"], "how": "exact"}
    assert recipe["vectors"] == "GloVe 6B 50d, in word2vec format"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lower_bound": 0.5, "keep": 0.1}, "both given; give exactly one"),
        ({"keep": None}, "neither lower_bound nor keep"),
        ({"lower_bound": 1}, r"lower_bound is 1; .*\[0, 1\)"),
        ({"lower_bound": -0.1}, "lower_bound is -0.1"),
        ({"lower_bound": float("nan")}, "lower_bound is nan"),
        ({"keep": 1.1}, r"keep is 1\.1; .*\[0, 1\]"),
        ({"keep": "much"}, "keep is 'much'"),
    ],
)
def test_bad_options_are_named(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        matrices.word_similarity(KNOWN, **options)
