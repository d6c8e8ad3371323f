"""What the shipped configuration promises: seen by this machine alone, silent, and readable in both themes."""

import tomllib
from pathlib import Path

from streamlit import config

from simviz.figures import style

SHIPPED = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())


def flat(table, prefix=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_every_option_is_one_that_streamlit_knows():
    known = config.get_config_options()
    assert {name for name, _ in flat(SHIPPED)} <= set(known)


def test_the_server_is_local_quiet_and_protected():
    expected = {
        "server.address": "localhost",
        "server.showEmailPrompt": False,
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.maxUploadSize": 20,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "viewer",
    }
    assert dict(flat(SHIPPED)).items() >= expected.items()


def test_both_themes_have_the_colors_of_the_figures():
    light, dark = SHIPPED["theme"]["light"], SHIPPED["theme"]["dark"]
    assert set(light) == set(dark)
    for theme in (light, dark):
        assert theme["chartCategoricalColors"] == list(style.FAMILIES.values())
        assert theme["chartSequentialColors"] == list(style.SEQUENTIAL)
        assert len(theme["chartDivergingColors"]) == 10
        assert set(theme["chartDivergingColors"]) < set(style.DIVERGING)
