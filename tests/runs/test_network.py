"""A finished run's network gives its stored answers again, and says why where it cannot."""

from __future__ import annotations

import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from simviz import compare
from simviz.runs import Store, StoreError, checkpoint, network, worker

from ..tiny import NAMES, SIZE, write_folder

SETTINGS = ("ce", "simloss@words", "self_guided", "coral")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Ordered classes, so that every kind of head fits; the best epoch is an earlier one, classes are weighed."""
    folder = write_folder(tmp_path_factory.mktemp("data") / "shapes")
    (folder / "classes.csv").write_text("name,position\n" + "".join(f"{n},{i}\n" for i, n in enumerate(NAMES)))
    base = {"dataset": str(folder), "image_size": SIZE, "batch_size": 32, "class_weights": True, "device": "cpu"}
    specs = compare.specs_for(SETTINGS, [0], model="convnet", epochs=4, patience=2, precision="float32", **base)
    specs += compare.specs_for(["ce"], [1], model="lenet", epochs=1, precision="bfloat16", standardize=False, **base)
    comparison = compare.create(specs, title="shapes", store=Store(tmp_path_factory.mktemp("runs")))
    worker.work(comparison)
    return comparison


def encoded(pixels, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("number", range(len(SETTINGS) + 1))
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_a_copy_of_a_test_image_gets_the_stored_probabilities(trained, number, kind, options):
    run = trained.runs[number]
    stored = run.predictions("test")
    rows, images = trained.image_rows(), trained.images()
    asked = network.load(run, trained.classes)
    copies = [network.picture(encoded(images[rows[i]], kind, **options), asked.size) for i in stored.ids[:10]]
    found = asked.log_probabilities(np.stack(copies))
    near = 0.02 if run.spec.precision == "bfloat16" else 2e-3  # 8 bits of mantissa; what is kept has 11
    np.testing.assert_allclose(np.exp(found), np.exp(stored.log_probabilities[:10].astype(float)), atol=near)
    alone = asked.log_probabilities(copies[3][None])
    np.testing.assert_allclose(np.exp(alone[0]), np.exp(found[3]), atol=near)


def test_the_settings_answer_differently_so_that_the_comparison_above_can_fail(trained):
    rows, images = trained.image_rows(), trained.images()
    ids = trained.runs[0].predictions("test").ids[:10]
    copies = images[[rows[i] for i in ids]]
    ce, coral = (network.load(trained.runs[k], trained.classes).log_probabilities(copies) for k in (0, 3))
    assert np.abs(np.exp(ce) - np.exp(coral)).max() > 0.05


def test_images_of_another_size_or_type_are_refused(trained):
    asked = network.load(trained.runs[0], trained.classes)
    for wrong in (np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, SIZE, SIZE, 3), np.float32)):
        with pytest.raises(ValueError, match=r"takes uint8 \(N, 16, 16, 3\)"):
            asked.log_probabilities(wrong)


@pytest.fixture
def copy(trained, tmp_path):
    import shutil

    from simviz.runs import Comparison

    return Comparison(shutil.copytree(trained.path, tmp_path / "copy"))


def _older(path):
    state = checkpoint.load(path)
    del state["pixels"]
    checkpoint.save(state, path)


def _other_model(path):
    about = json.loads((path.parent / "environment.json").read_text())
    (path.parent / "environment.json").write_text(json.dumps({**about, "model": "lenet"}))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda p: p.unlink(), "ce-s0 has no weights"),
        (_older, "train it again"),
        (lambda p: p.write_bytes(b"no tensors"), "cannot be read"),
        (_other_model, "the weights of ce-s0 do not fit the run"),
        (lambda p: (p.parent / "environment.json").unlink(), "no environment.json"),
    ],
)
def test_weights_that_cannot_be_used_get_a_sentence(copy, damage, sentence):
    damage(copy.runs[0].path / "checkpoint.safetensors")
    with pytest.raises(StoreError, match=sentence) as raised:
        network.load(copy.runs[0], copy.classes)
    assert "\n" not in str(raised.value)


def test_a_photograph_is_squeezed_upright_into_colours():
    tall = np.zeros((60, 20, 3), np.uint8)
    tall[:30] = 255
    turned = Image.Exif()
    turned[0x0112] = 3  # held upside down
    buffer = io.BytesIO()
    Image.fromarray(tall).save(buffer, "JPEG", exif=turned, quality=95)
    found = network.picture(buffer.getvalue(), 16)
    assert found.shape == (16, 16, 3)
    assert found[:6].max() < 30
    assert found[-6:].min() > 225
    grey = network.picture(encoded(np.full((9, 9), 77, np.uint8)), 8)
    assert (grey == 77).all()


def _png_of(width, height):
    """A PNG of a few bytes whose header promises `width` x `height` pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
HOSTILE = {
    "nothing": (b"", "no PNG, JPEG or WebP"),
    "text": (b"<script>alert(1)</script>", "no PNG, JPEG or WebP"),
    "another format": (encoded(NOISE, "GIF"), "no PNG, JPEG or WebP"),
    "a script that draws": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no PNG, JPEG or WebP"),
    "a torn header": (encoded(NOISE)[:20], "no PNG, JPEG or WebP"),
    "a torn picture": (encoded(NOISE)[:3000], "damaged"),
    "a torn photograph": (encoded(NOISE, "JPEG")[:900], "damaged"),
    "a bomb": (_png_of(60_000, 60_000), "pixels"),
    "a smaller bomb": (_png_of(9_000, 9_000), "9,000 x 9,000 pixels; at most 64,000,000"),
    "a large file": (encoded(NOISE) + bytes(20 * 2**20), "at most 20 are read"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_what_is_no_bearable_picture_is_refused_in_a_sentence(name):
    data, sentence = HOSTILE[name]
    with pytest.raises(ValueError, match=sentence) as raised:
        network.picture(data, 32)
    assert len(str(raised.value)) < 120
