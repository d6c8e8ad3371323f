import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simviz.figures import style

LOSSES = "ce simloss emd2 expected_cost ground_distance self_guided sinkhorn soft_labels cdw_ce group_ce hxe dldl"
ALL = [*LOSSES.split(), "forward", "gce", "coral", "corn", "or_cnn"]


def test_every_loss_of_the_grammar_has_a_family_of_its_own_kind():
    assert all(style.family(name) != "other" for name in ALL)
    assert style.family("my_loss") == "other"
    assert style.family("simloss@words:keep=0.02 | min_cost") == "similarity"
    assert style.color("simloss:normalize=columns@words:keep=0.02") == style.color("simloss")
    assert (
        len({style.color(n) for n in ("ce", "simloss", "emd2", "expected_cost", "ground_distance", "soft_labels")}) == 6
    )


@given(st.lists(st.sampled_from([f"simloss@words:keep={k}" for k in range(12)] + ALL), max_size=18, unique=True))
def test_no_two_settings_of_a_comparison_look_alike(settings):
    styles = style.setting_styles(settings)
    assert list(styles) == settings
    assert len(set(styles.values())) == len(settings)


def _luminance(color):
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("page", ["#FFFFFF", "#14171F"])
def test_loss_colors_can_be_seen_on_the_light_and_on_the_dark_page(page):
    for color in style.FAMILIES.values():
        pair = sorted((_luminance(color), _luminance(page)))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) > 2, color


def test_scales_are_monotone_in_lightness_or_symmetric_about_their_middle():
    sequential = [_luminance(c) for c in style.SEQUENTIAL]
    assert sequential == sorted(sequential)
    diverging = [_luminance(c) for c in style.DIVERGING]
    middle = len(diverging) // 2
    assert diverging[: middle + 1] == sorted(diverging[: middle + 1])
    assert diverging[middle:] == sorted(diverging[middle:], reverse=True)


@given(st.text(max_size=60))
def test_no_markup_survives_escaping_and_two_names_stay_two(name):
    shown = style.escape(name)
    assert "<" not in shown
    assert ">" not in shown
    assert shown.count("&") == sum(name.count(c) for c in "&<>")
    assert style.escape(name + "<b>") != style.escape(name + "b")


def test_labels_are_shortened_in_the_middle():
    assert style.label("cat") == "cat"
    short = style.label("a very long name of a class that ends in 17")
    assert len(short) <= style.LABEL_LENGTH
    assert short.startswith("a very long")
    assert short.endswith("ends in 17"[-5:])


def test_the_color_map_is_linear_between_its_stops_and_transparent_where_there_is_no_value():
    pixels = style.colormap(np.array([[0.0, 0.5, 1.0, 2.0, np.nan]]), ("#000000", "#FFFFFF"), 0, 1)
    assert pixels.dtype == np.uint8
    assert pixels[0, :, 0].tolist()[:4] == [0, 128, 255, 255]
    assert pixels[0, :, 3].tolist() == [255, 255, 255, 255, 0]


def test_a_setting_as_a_heading_loses_no_character():
    text = "simloss:normalize=columns@words:keep=0.02,shuffle=1"
    assert style.stacked(text).replace("<br>", "") == text
    assert style.stacked(text).count("<br>") >= 3
