"""Colour maps: shape, order, DS9's defining points, rising luminance."""

import numpy as np
import pytest

from glview.core.colormaps import COLORMAPS, table

EVEN = ("grey", "viridis", "cividis", "inferno", "magma", "plasma")


def lightness(colours):
    """CIE lightness of (n, 3) uint8 sRGB colours."""
    linear = colours / 255
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


@pytest.mark.parametrize("name", COLORMAPS)
def test_table_is_256_opaque_colours_and_inverts(name):
    colours = table(name)
    assert colours.shape == (256, 4) and colours.dtype == np.uint8
    assert (colours[:, 3] == 255).all()
    assert len(np.unique(colours, axis=0)) > 200
    assert np.array_equal(table(name, invert=True), colours[::-1])
    assert np.array_equal(COLORMAPS[name](), colours[:, :3])


@pytest.mark.parametrize("name", EVEN)
def test_scientific_maps_grow_lighter_all_the_way(name):
    light = lightness(table(name)[:, :3])
    # eight bits a channel: one step of rounding may undo a step of a map
    assert (np.diff(light) > -0.3).all() and (np.diff(light[::5]) > 0).all()
    assert light[-1] - light[0] > 70


@pytest.mark.parametrize(
    ("name", "level", "colour"),
    [
        ("viridis", 0, (68, 1, 84)),
        ("viridis", 255, (253, 231, 37)),
        ("viridis", 128, (33, 145, 140)),
        ("plasma", 0, (13, 8, 135)),
        ("plasma", 255, (240, 249, 33)),
        ("inferno", 0, (0, 0, 4)),
        ("inferno", 255, (252, 255, 164)),
        ("magma", 255, (252, 253, 191)),
        ("cividis", 0, (0, 34, 78)),
        ("grey", 77, (77, 77, 77)),
        ("heat", 128, (255, 128, 0)),
        ("heat", 255, (255, 255, 255)),
        ("cool", 0, (0, 0, 0)),
        ("rainbow", 0, (255, 0, 255)),
        ("rainbow", 255, (255, 0, 0)),
        ("bb", 255, (255, 255, 255)),
        ("red", 9, (9, 0, 0)),
    ],
)
def test_known_colours(name, level, colour):
    assert np.abs(table(name)[level, :3].astype(int) - colour).max() <= 1


def test_ds9_maps_bend_where_they_should():
    heat, b = table("heat").astype(int), table("b").astype(int)
    assert heat[round(0.34 * 255), 0] == 255 and heat[round(0.34 * 255) - 2, 0] < 255
    assert heat[round(0.65 * 255), 2] <= 1 and heat[round(0.98 * 255), 2] == 255
    assert b[64, 2] == 254 and b[128, 0] == 255 and (b[128:191, 2] == 0).all()


def test_unknown_map_is_named():
    with pytest.raises(ValueError, match=r"jet.*viridis"):
        table("jet")
