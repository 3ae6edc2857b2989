"""The display panel by mouse and keyboard, judged by colours of pixels whose values are known."""

from dataclasses import replace

import numpy as np
import pytest
from robot import RIGHT, Robot

from glview.core import colormaps, stretch
from glview.core.limits import LIMITS
from glview.core.stretch import LABELS, Stretch
from glview.core.view import View
from glview.ui.status import doing

COLUMNS = np.arange(9, 32, 2)
TALL = (800, 950)  # the whole panel is in sight


def ramp():
    """(40, 40) float32, each column one value from 0 to 1000; a NaN, an Inf, a huge value."""
    values = np.repeat(np.linspace(0, 1000, 40, dtype=np.float32)[None], 40, 0)
    values[0, 0], values[0, 1], values[39, 39] = np.nan, np.inf, 1e6
    return values


@pytest.fixture
def robot():
    with Robot(ramp(), size=TALL) as made:
        made.workspace.fit = False
        made.workspace.view = View(20, 20, 9.0)
        made.settle()
        yield made


def colours(robot):
    """RGB of one row of pixels, as int, (n, 3)."""
    robot.frame(2)
    picture = robot.picture().astype(int)
    points = [robot.of_pixel(20, x) for x in COLUMNS]
    return np.array([picture[int(y), int(x)] for x, y in points])


def due(robot, settings):
    """RGB that the row must have under `settings` and the document's limits."""
    document, values = robot.document, ramp()[20, COLUMNS]
    grey = stretch.grey(values, settings.kind, *document.limits, document.table_at(stretch.MEAN, 0))
    grey = stretch.contrast_bias(grey, settings.contrast, settings.bias)
    table = colormaps.table(settings.colormap, settings.invert)[:, :3].astype(int)
    return table[np.clip(np.floor(grey * 255 + 0.5).astype(int), 0, 255)]


def agree(robot, settings):
    assert robot.document.stretch == settings
    assert np.abs(colours(robot) - due(robot, settings)).max() <= 6


def test_it_starts_linear_with_zscale_in_grey(robot):
    agree(robot, Stretch(kind="linear", limits="zscale", colormap="grey"))
    assert np.ptp(colours(robot)[:, 0]) > 40


@pytest.mark.parametrize("kind", [kind for kind in LABELS if kind != "linear"])
def test_every_scale_can_be_chosen(robot, kind):
    before = colours(robot)
    robot.choose("Scale", kind)
    agree(robot, replace(Stretch(), kind=kind))
    assert np.abs(colours(robot) - before).max() > 20


def test_every_limit_can_be_chosen(robot):
    found = {}
    for name in LIMITS:
        robot.choose("Limits", name)
        assert robot.document.stretch.limits == name
        found[name] = robot.document.limits
        agree(robot, robot.document.stretch)
    assert found["minmax"] == (0.0, 1e6)
    assert found["90"][1] < found["95"][1] < found["99.5"][1] <= 1000
    assert found["user"] == found[list(LIMITS)[-2]], "the limits seen last are the first own ones"


def test_every_colour_map_can_be_chosen_and_inverted(robot):
    for name in colormaps.COLORMAPS:
        if name != robot.document.stretch.colormap:
            robot.choose("Color", name)
        agree(robot, replace(Stretch(), colormap=name))
    robot.click("Invert", across=0.05)
    agree(robot, replace(Stretch(), colormap=name, invert=True))
    robot.move("image")
    robot.key("I")
    agree(robot, replace(Stretch(), colormap=name))


def test_limits_can_be_typed(robot):
    robot.write("Low", "200")
    robot.write("High", "6e2")
    assert robot.document.limits == (200.0, 600.0)
    agree(robot, replace(Stretch(), limits="user", low=200.0, high=600.0))
    values, shown = ramp()[20, COLUMNS], colours(robot)[:, 0]
    assert (shown[values <= 200] == 0).all() and (shown[values >= 600] == 255).all()


@pytest.mark.parametrize("text", ["-5000", "nonsense", "", "nan", "inf", "-inf", "1e400"])
def test_limits_that_make_no_sense_change_nothing(robot, text):
    before = robot.document.stretch, robot.document.limits
    robot.write("High", text)
    assert (robot.document.stretch, robot.document.limits) == before
    assert np.ptp(colours(robot)[:, 0]) > 40
    assert not robot.workspace.notices


def test_letters_typed_into_a_field_are_no_commands(robot):
    robot.click("Low", across=0.3)
    robot.type("d")
    for name in ("D", "B", "1", "N"):
        robot.key(name)
    assert robot.desk.detector.running is None
    assert robot.workspace.tool == "hand" and robot.view.zoom == 9.0


def test_the_sigma_clip_leaves_the_outlier_out(robot):
    robot.choose("Limits", "minmax")
    robot.click("3-sigma clip", across=0.05)
    assert robot.document.limits[1] <= 1000
    agree(robot, replace(Stretch(), limits="minmax", clip=True))


def test_a_right_drag_changes_contrast_and_bias_as_ds9_does(robot):
    start = robot.at("image", 0.5, 0.5)
    width, height = robot.places["image"][2:]
    robot.drag(start, (start[0] + width / 10, start[1]), button=RIGHT)
    assert robot.document.stretch.bias == pytest.approx(0.6, abs=0.01)
    assert robot.document.stretch.contrast == pytest.approx(1.0)
    agree(robot, replace(Stretch(), bias=robot.document.stretch.bias))
    robot.drag(start, (start[0], start[1] + height / 8), button=RIGHT)
    assert robot.document.stretch.contrast == pytest.approx(10**0.25, rel=0.02)
    agree(robot, replace(Stretch(), **{name: getattr(robot.document.stretch, name)
                                       for name in ("bias", "contrast")}))
    robot.move("image")
    robot.key("Shift+R")
    agree(robot, Stretch())
    assert (robot.view.y, robot.view.x, robot.view.zoom) == (20, 20, 9.0)


def test_keys_for_limits(robot):
    robot.move("image")
    robot.key("Shift+S")
    assert robot.document.limits == (0.0, 1e6)
    robot.key("S")
    agree(robot, Stretch())


def test_nan_and_infinity_have_their_own_colours_and_are_counted(robot):
    robot.workspace.view = View(2, 2, 10.0)
    robot.settle()
    robot.frame()
    nan, inf, zero = (robot.colour_of(0, x) for x in (0, 1, 2))
    assert np.ptp(nan) > 30 and np.ptp(inf) > 30 and np.abs(nan - inf).max() > 30
    assert np.ptp(zero) == 0
    assert (robot.document.sample.nan, robot.document.sample.posinf) == (1, 1)
    assert robot.reads("NaN 1  +Inf 1")


def test_a_change_of_the_display_reads_nothing_again(robot):
    """A stretch costs one frame: no part of the image is asked for again."""
    for key in ("log", "histogram", "asinh"):
        robot.document.stretch = replace(robot.document.stretch, kind=key)
        robot.frame()
        assert robot.desk.feed.pending == 0 and not robot.desk.jobs.busy
        assert robot.desk.scene.sharp
        agree(robot, replace(Stretch(), kind=key))


def test_the_foot_line_tells_the_rule_and_what_is_held():
    values = np.random.default_rng(0).normal(100, 5, (2000, 2600)).astype(np.float32)
    with Robot(values, size=(900, 600)) as robot:
        words = doing(robot.desk, robot.document)
        assert "zoomed out: mean, mask max" in words and words[0].startswith("zoom ")
        assert any(" MB of " in word for word in words) and words[-1].startswith("GPU ")
        robot.key("Shift+X")
        robot.desk.workspace.told = "4 pixels added"
        words = doing(robot.desk, robot.document)
        assert words[0] == "4 pixels added" and "zoomed out: max, mask max" in words


def test_the_foot_line_drops_words_that_do_not_fit_but_not_what_was_done():
    with Robot(np.zeros((300, 400), np.float32), size=(700, 500)) as robot:
        robot.move("image", 0.5, 0.5)
        robot.frame(3)
        quiet = robot.picture()[-20:, 230:340].copy()
        robot.workspace.told = "4 pixels added"
        robot.frame(2)
        assert (robot.picture()[-20:, 230:340] != quiet).any()
        assert "4 pixels added" in robot.texts(), "of its own, in the colour of what counts"
        quiet = robot.picture()[-20:, :200].copy()
        robot.workspace.told = "4 pixels added, and much more that has no place beside it" * 2
        robot.frame(2)
        assert (robot.picture()[-20:, :200] != quiet).any()


def test_sliders_that_nobody_moves_change_nothing(robot):
    kept = replace(robot.document.stretch, contrast=1.1, bias=0.3)  # no float32 is equal to these
    robot.document.stretch = kept
    robot.frame(3)
    assert robot.document.stretch == kept
