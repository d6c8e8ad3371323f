import numpy as np
import pytest

from simviz import ClassSet, words


@pytest.fixture(scope="module")
def glove():
    return words.load("glove-6b-50d")


def keyed(table):
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(len(next(iter(table.values()))))
    vectors.add_vectors(list(table), np.array(list(table.values()), dtype=np.float32))
    return vectors


def one(name, vectors, word=None):
    return words.resolve(ClassSet([name], words=[word or name]), vectors)[0]


@pytest.mark.parametrize(
    ("a", "b", "cosine"),
    [
        ("cat", "dog", 0.92),
        ("cat", "truck", 0.31),
        ("rose", "truck", 0.36),
        ("rose", "violet", 0.20),
        ("rose", "tulip", 0.10),
        ("roses", "violets", 0.52),
        ("roses", "trucks", 0.34),
    ],
)
def test_known_cosines(glove, a, b, cosine):
    u, v = glove.vector(a), glove.vector(b)
    assert u @ v / np.linalg.norm(u) / np.linalg.norm(v) == pytest.approx(cosine, abs=0.006)


def test_the_bundled_vectors_are_mapped_not_read_and_loaded_once(glove):
    assert (len(glove), glove.dim, glove.name) == (400_000, 50, "GloVe 6B 50d, in word2vec format")
    assert isinstance(glove._table, np.memmap)
    assert words.load() is glove
    assert "the" in glove
    assert "The" not in glove
    assert 7 not in glove
    assert glove.vector("the").dtype == np.float32
    assert glove.vector("the")[:2] == pytest.approx([0.418, 0.24968])  # the first line of glove.6B.50d.txt


@pytest.mark.parametrize(
    ("word", "how", "tokens"),
    [
        ("cat", "exact", ["cat"]),
        ("Paris", "case", ["paris"]),
        ("t-shirt", "exact", ["t-shirt"]),
        ("aquarium_fish", "mean", ["aquarium", "fish"]),
        ("Sweet Pepper", "mean", ["sweet", "pepper"]),
        ("pickupTruck", "mean", ["pickup", "truck"]),
        ("cat-dog-mouse", "mean", ["cat", "dog", "mouse"]),
        ("baker's_shop", "mean", ["baker", "shop"]),
        ("_cat_", "case", ["cat"]),
        ("zzqx", "missing", []),
        ("zzqx_fish", "missing", []),
        ("_/_", "missing", []),
    ],
)
def test_how_names_are_found(glove, word, how, tokens):
    found = one(word, glove)
    assert (found.how, list(found.tokens), found.word) == (how, tokens, word)


def test_attempts_are_made_in_the_order_stated():
    table = {"Cats": [1, 0], "cats": [2, 0], "CATS": [3, 0], "cat": [4, 0], "berries": [5, 0], "boxes": [6, 0]}
    order = [("Cats", "exact"), ("cats", "case"), ("CATS", "case"), ("cat", "plural")]
    while order:
        found = one("Cats", keyed(table))
        assert (found.tokens[0], found.how) == order.pop(0)
        del table[found.tokens[0]]
    assert one("Berry", keyed(table)).tokens == ("berries",)
    assert one("box", keyed(table)).tokens == ("boxes",)
    assert one("cat", keyed(table)).how == "missing"


def test_suggestions_are_known_and_near(glove):
    assert one("aquarium_fish", glove).suggestions == ("fish", "aquarium")
    assert one("zzqx_aquarium_fish", glove).suggestions[:3] == ("aquarium fish", "fish", "aquarium")
    assert "kangaroo" in one("kangeroo", glove).suggestions
    assert one("cat", glove).suggestions == ()
    for name in ("zzqx_aquarium_fish", "kangeroo", "beee"):
        for suggestion in one(name, glove).suggestions:
            assert one(suggestion, glove).how != "missing"


def test_a_mean_is_the_mean_of_unit_vectors():
    vectors = keyed({"big": [10, 0], "cat": [0, 0.1]})
    embedded, _ = words.embed(["big_cat", "cat"], vectors)
    np.testing.assert_allclose(embedded, [[0.5, 0.5], [0, 0.1]], atol=1e-6)
    assert embedded.dtype == np.float32


def test_the_word_of_the_class_is_looked_up_not_its_name(glove):
    classes = ClassSet(["rose", "thing 7"], words={"rose": "roses", "thing 7": "truck"})
    embedded, found = words.embed(classes, glove)
    np.testing.assert_array_equal(embedded, [glove.vector("roses"), glove.vector("truck")])
    assert [r.name for r in found] == ["rose", "thing 7"]


def test_missing_words_are_named_with_the_way_out(glove):
    with pytest.raises(ValueError, match=r"no vector for 'zzqx', 'x9' \(word 'kangeroo'\) \(2 of 3 classes\); change"):
        words.embed(ClassSet(["zzqx", "x9", "cat"], words={"x9": "kangeroo"}), glove)
    with pytest.raises(ValueError, match="'zzqxq' is not among the 400000 tokens"):
        glove.vector("zzqxq")
    with pytest.raises(ValueError, match=r"class 'b' .* is zero"):
        words.embed(["a", "b"], keyed({"a": [1, 0], "b": [0, 0]}))


def test_neighbours_agree_with_gensim():
    rng = np.random.default_rng(0)
    vectors = keyed({f"w{i}": rng.normal(size=5) for i in range(40)})
    ours = words.as_vectors(vectors).neighbours("w3", 7)
    theirs = vectors.most_similar("w3", topn=7)
    assert [t for t, _ in ours] == [t for t, _ in theirs]
    assert [c for _, c in ours] == pytest.approx([c for _, c in theirs], abs=1e-5)
    assert len(words.as_vectors(vectors).neighbours("w3", 100)) == 39


def test_neighbours_of_the_bundled_vectors(glove):
    assert "dog" in dict(glove.neighbours("cat", 5))
    assert {"climbed", "fell"} <= set(dict(glove.neighbours("rose")))  # why the word of a class is editable
    assert not {"aquarium", "fish"} & set(dict(glove.neighbours("aquarium_fish")))
    with pytest.raises(ValueError, match="no vector for 'zzqx'"):
        glove.neighbours("zzqx")
    with pytest.raises(ValueError, match="k is 0"):
        glove.neighbours("cat", 0)


def test_other_sources_are_accepted_or_refused_by_name(glove):
    from gensim.models import Word2Vec

    model = Word2Vec([["a", "b"]] * 5, vector_size=4, min_count=1, workers=1)
    assert words.as_vectors(model).dim == words.as_vectors(model.wv).dim == 4
    assert words.as_vectors() is words.as_vectors(glove) is words.as_vectors("glove-6b-50d") is glove
    with pytest.raises(ValueError, match="vectors is a int"):
        words.as_vectors(3)
    with pytest.raises(ValueError, match="no word vectors 'glove'"):
        words.load("glove")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("HTTPServer", ("HTTP", "Server")),
        ("lawn-mower", ("lawn", "mower")),
        ("ÉcoleÉlève", ("École", "Élève")),
        ("great white shark, man-eater", ("great", "white", "shark", "man", "eater")),
        ("boeing747", ("boeing747",)),
        ("--", ()),
    ],
)
def test_names_are_cut_into_parts(name, parts):
    assert words.split_word(name) == parts
