"""Splitting by content and decoding: properties that hold for every file source."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from simviz.classes import ClassSet
from simviz.datasets.core import TEST, TRAIN, VALIDATION
from simviz.datasets.listing import MAX_PIXELS, UNDECIDED, Listing, build, content_split, decode, natural

from .helpers import encoded, picture

contents = st.integers(1, 60).flatmap(lambda n: arrays(np.uint64, (n, 2)))


@given(contents, st.randoms(use_true_random=False), st.data())
def test_the_side_of_an_image_depends_on_its_pixels_alone(hashes, random, data):
    n = len(hashes)
    free = np.full(n, UNDECIDED, np.uint8)
    split = content_split(hashes, free, np.zeros(n))
    order = np.array(random.sample(range(n), n))
    np.testing.assert_array_equal(content_split(hashes[order], free, np.zeros(n)), split[order])
    some = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1)))  # repeats stand on one side
    np.testing.assert_array_equal(content_split(hashes[some], free[some], np.zeros(len(some))), split[some])


def test_shares_are_twenty_and_ten_percent():
    hashes = np.random.default_rng(0).integers(0, 2**64, (20_000, 2), dtype=np.uint64)
    split = content_split(hashes, np.full(20_000, UNDECIDED, np.uint8), np.zeros(20_000))
    assert np.bincount(split) / 20_000 == pytest.approx([0.72, 0.08, 0.2], abs=0.01)


@given(contents, st.data())
def test_given_parts_are_kept(hashes, data):
    parts = data.draw(arrays(np.uint8, len(hashes), elements=st.sampled_from([TRAIN, VALIDATION, TEST, UNDECIDED])))
    split = content_split(hashes, parts, np.zeros(len(hashes)))
    np.testing.assert_array_equal(split == TEST, (parts == TEST) | ((parts == UNDECIDED) & (split == TEST)))
    if (parts == TEST).any():
        np.testing.assert_array_equal(split == TEST, parts == TEST)
    if (parts == VALIDATION).any():
        np.testing.assert_array_equal(split == VALIDATION, parts == VALIDATION)


def of(blobs: list[bytes], labels: list[int], names: str = "ab") -> Listing:
    ids = [f"{i}.png" for i in range(len(blobs))]
    free = np.full(len(blobs), UNDECIDED, np.uint8)
    return Listing(ClassSet(list(names)), np.array(labels), ids, free, lambda rows: (blobs[i] for i in rows))


def test_equal_pictures_share_a_unit_and_a_side_even_in_other_file_formats():
    buffer = io.BytesIO()
    picture(0).save(buffer, "BMP")  # the same pixels in another format
    blobs = [encoded(i % 40) for i in range(120)] + [buffer.getvalue()]
    data = build("x", of(blobs, [i % 2 for i in range(121)]), size=12)
    for i in range(121):
        twin = i % 40 if i < 120 else 0
        assert data.units[i] == data.units[twin]
        assert data.split[i] == data.split[twin]
    assert len(np.unique(data.units)) == 40


def test_the_size_does_not_move_images_between_parts():
    blobs, labels = [encoded(i) for i in range(60)], [i % 2 for i in range(60)]
    small, large = (build("x", of(blobs, labels), size=s) for s in (8, 16))
    np.testing.assert_array_equal(small.split, large.split)
    assert small.fingerprint != large.fingerprint


def test_corrupt_images_are_counted_named_and_skipped():
    blobs = [encoded(i) for i in range(60)]
    blobs[7], blobs[31], blobs[44] = b"", b"not an image", blobs[44][:60]
    data = build("x", of(blobs, [i % 2 for i in range(60)]), size=12)
    assert len(data) == 57
    assert data.notes[0] == "3 of 60 images could not be decoded and were skipped: 7.png, 31.png, 44.png."
    np.testing.assert_array_equal(data.images[7], np.asarray(picture(8)))  # rows did not slip


def test_nothing_readable_is_an_error():
    with pytest.raises(ValueError, match="x holds no readable image"):
        build("x", of([b"", b"?"], [0, 1]), size=12)


def test_classes_absent_from_a_part_are_named():
    data = build("x", of([encoded(i) for i in range(60)] + [encoded(99)], [0, 1] * 30 + [2], "abc"), size=8)
    part = {TRAIN: None, VALIDATION: "validation", TEST: "test"}[int(data.split[-1])]
    assert part is None  # picture 99 falls into training ...
    assert "No validation image of c." in data.notes  # ... so that the others miss its class
    assert "No test image of c." in data.notes


def test_a_test_listing_replaces_the_own_test_part_and_is_joined_by_name():
    blobs = [encoded(i) for i in range(40)]
    main = of(blobs, [0, 1] * 20)
    main.parts[:10] = TEST
    other = of([encoded(100 + i) for i in range(6)], [0, 0, 0, 1, 1, 1], "ba")  # the other order of classes
    data = build("x", main, test=other, size=12)
    rows = data.indices("test")
    assert [data.classes.names[i] for i in data.labels[rows]] == list("bbbaaa")
    assert len(data) == 36
    assert any("own test part (10 images) is not used" in note for note in data.notes)
    with pytest.raises(ValueError, match="the test part has the class 'z'"):
        build("x", of(blobs, [0, 1] * 20), test=of([encoded(5)], [1], "az"), size=12)


def test_pictures_in_both_parts_are_reported():
    main = of([encoded(i) for i in range(40)], [0, 1] * 20)
    data = build("x", main, test=of([encoded(3), encoded(77)], [0, 1]), size=12)
    assert any(note.startswith("1 picture stands in the test part and in training") for note in data.notes)


def test_dropping_classes_before_decoding():
    labels = [i % 3 for i in range(90)]
    data = build("x", of([encoded(i) for i in range(90)], labels, "abc"), drop=("b",), size=12)
    assert data.classes.names == ("a", "c")
    assert len(data) == 60
    with pytest.raises(ValueError, match="no class 'd'"):
        build("x", of([encoded(0)], [0], "abc"), drop=("d",), size=12)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_the_four_formats_are_read(kind):
    pixels, _ = decode(encoded(1, kind, side=20), 20)
    assert np.abs(pixels.astype(float) - np.asarray(picture(1, 20))).mean() < (1 if kind in ("PNG", "BMP") else 60)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_every_colour_mode_becomes_rgb(mode):
    buffer = io.BytesIO()
    picture(1, mode=mode).save(buffer, "JPEG" if mode == "CMYK" else "PNG")
    assert decode(buffer.getvalue(), 12)[0].shape == (12, 12, 3)


def test_other_formats_and_giant_pictures_are_refused():
    assert decode(encoded(0, "GIF"), 12) is None
    side = int(MAX_PIXELS**0.5) + 10
    buffer = io.BytesIO()
    Image.new("1", (side, side)).save(buffer, "PNG")  # a few kilobytes that unpack to a lot
    assert len(buffer.getvalue()) < 100_000
    assert decode(buffer.getvalue(), 12) is None


def test_the_orientation_of_a_camera_is_applied():
    upright = picture(2)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right
    buffer = io.BytesIO()
    upright.save(buffer, "PNG", exif=exif)
    np.testing.assert_array_equal(decode(buffer.getvalue(), 12)[0], np.rot90(np.asarray(upright), -1))


def test_numbers_sort_by_value():
    assert natural(["10", "b", "2", "a"]) == ["2", "10", "a", "b"]
