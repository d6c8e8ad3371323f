"""Every page with one comparison, with several, and with a broken run folder; with none: test_shell."""

import shutil

import pytest

from simviz.ui import shell

PAGES = [name for entries in shell.PAGES.values() for name, *_ in entries]
DAMAGES = ("comparison.json", "spec.json", "status.json", "metrics.jsonl", "test.npz", "validation.npz", "epochs")


@pytest.fixture
def store(trained, trained_distance, runs):
    """A comparison of four settings, two of them with a distance that was learned, and one of three."""
    for path in (trained, trained_distance):
        shutil.copytree(path, runs / path.name)
    return runs


def broken(folder, damage):
    """The comparison, or its first run, with a file that is torn in the middle."""
    path = folder / damage if damage == "comparison.json" else sorted(folder.glob("*/spec.json"))[0].parent / damage
    if path.is_dir():
        path = sorted(path.glob("*.npz"))[-1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("page", PAGES)
def test_with_one_and_with_several_comparisons(visit, store, trained, trained_distance, page):
    for name in (trained.name, trained_distance.name, None):
        at = visit(page, **({} if name is None else {"c": name}))
        assert not at.error, (name, [e.value for e in at.error])
        assert at.title
    shutil.rmtree(store / trained.name)
    assert visit(page).title


@pytest.mark.parametrize("page", PAGES)
def test_with_a_broken_run_folder(visit, store, trained, trained_distance, page):
    """The damages in turn in the one and the other comparison, on the next page the other way round."""
    for number, damage in enumerate(DAMAGES, PAGES.index(page)):
        original = (trained, trained_distance)[number % 2]
        shutil.rmtree(store / original.name)
        shutil.copytree(original, store / original.name)
        broken(store / original.name, damage)
        assert visit(page, c=original.name).title, damage
