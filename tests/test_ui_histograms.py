"""The histograms, dragged and looked at as the user does."""

import numpy as np
import pytest
from robot import Robot

from glview.core.mask import MaskSettings
from glview.core.shares import percent
from glview.core.view import View
from glview.library import entry_of_array

SHAPE = (120, 160)
BRIGHT, PALE, LINE = (92, 158, 199), (70, 84, 96), (255, 205, 60)


@pytest.fixture
def robot():
    image = np.random.default_rng(1).normal(100, 5, SHAPE).astype(np.float32)
    image[60, 60:70] = 4000
    with Robot(image, size=(1300, 1000), fit=False, view=View(60, 80, 5.0)) as made:
        made.click(made.tab("Histograms"))
        made.settle()
        yield made
        assert not made.desk.faults


def confidences():
    """Mostly 0; 300 pixels of 0.3 and 100 of 0.8, one in each object."""
    made = np.zeros(SHAPE, np.float32)
    made[2:62:3, 2:47:3] = 0.3
    made[62:92:3, 2:32:3] = 0.8
    return made


def coloured(robot, plot, colour):
    """(height, width) bool: where a plot shows a colour."""
    return (np.abs(robot.part(plot).astype(int) - colour) < 10).all(-1)


def x_of(robot, plot, value, span):
    return (value - span[0]) / (span[1] - span[0])


def line_at(robot, plot):
    """Shares of the way across at which a plot's lines stand."""
    columns = np.flatnonzero(coloured(robot, plot, LINE)[-8:].mean(0) > 0.5)
    starts = columns[np.diff(columns, prepend=-9) > 1]
    return ((starts + 0.5) / robot.part(plot).shape[1]).tolist()


def pull(robot, plot, start, end, look=lambda: None):
    robot.drag(robot.at(plot, start, 0.5), robot.at(plot, end, 0.6), look=look)
    robot.settle()


def test_bars_stand_where_the_values_are(robot):
    low, high = robot.document.limits
    found = robot.desk.measurer.pixels(robot.document, *_span(robot))
    assert found.exact and found.counts.sum() + found.below + found.above == SHAPE[0] * SHAPE[1]
    bars = coloured(robot, "pixels", BRIGHT) | coloured(robot, "pixels", PALE)
    assert 0.3 < bars.any(0).mean() <= 1
    tallest = int(np.argmax(bars.sum(0))) / bars.shape[1]
    middle = _span(robot)[0] + tallest * (_span(robot)[1] - _span(robot)[0])
    assert abs(middle - 100) < 3
    lit = np.flatnonzero(coloured(robot, "pixels", BRIGHT).any(0)) / bars.shape[1]
    inside = [x_of(robot, "pixels", value, _span(robot)) for value in (low, high)]
    assert inside[0] - 0.02 < lit.min() and lit.max() < inside[1] + 0.02


def _span(robot):
    return robot.desk.layout.panels["Histograms"].__self__._span(robot.document,
                                                                 robot.document.limits)


def test_the_limits_are_dragged_on_the_pixel_values(robot):
    before, span = robot.document.limits, _span(robot)
    lines = line_at(robot, "pixels")
    assert len(lines) == 2
    assert lines == pytest.approx([x_of(robot, "pixels", one, span) for one in before], abs=0.01)
    seen = []
    pull(robot, "pixels", lines[1], 0.6, look=lambda: seen.append(robot.document.limits[1]))
    low, high = robot.document.limits
    assert robot.document.stretch.limits == "user" and low == pytest.approx(before[0])
    width = span[1] - span[0]
    assert high == pytest.approx(span[0] + 0.6 * width, abs=0.02 * width)
    assert len({round(one, 6) for one in seen}) >= 4, "the picture follows while it is dragged"
    lines = line_at(robot, "pixels")
    pull(robot, "pixels", lines[0], 0.99)
    low, high = robot.document.limits
    assert before[0] < low < high, "one line stops at the other"
    assert not robot.document.history.done, "a look is no change of the mask"


def test_a_click_beside_the_lines_changes_nothing(robot):
    stretch = robot.document.stretch
    lines = line_at(robot, "pixels")
    robot.click("pixels", across=(lines[0] + lines[1]) / 2)
    robot.click("pixels", across=lines[0])
    pull(robot, "pixels", (lines[0] + lines[1]) / 2, 0.9)
    assert robot.document.stretch == stretch


def test_the_wheel_widens_what_is_shown_and_a_double_click_shows_all_again(robot):
    first = _span(robot)
    robot.wheel(-6, robot.at("pixels", 0.5, 0.5))
    robot.settle()
    wide = _span(robot)
    assert wide[1] - wide[0] == pytest.approx((first[1] - first[0]) * 1.25**6)
    assert sum(wide) == pytest.approx(sum(first), abs=0.02 * (wide[1] - wide[0]))
    found = robot.desk.measurer.pixels(robot.document, *wide)
    assert found.edges[0] == pytest.approx(wide[0], abs=(wide[1] - wide[0]) / 1000) and found.exact
    for _ in range(2):
        robot.press()
        robot.release()
    robot.frame(2)
    assert _span(robot) == first


def test_the_threshold_is_dragged_on_the_confidences_as_one_step(robot):
    robot.know(confidences())
    assert line_at(robot, "confidences") == pytest.approx([0.5], abs=0.01)
    assert robot.reads("of 100 objects") and robot.reads("100 objects, 100 pixels")
    pull(robot, "confidences", 0.5, 0.2)
    assert robot.document.mask.threshold == pytest.approx(0.2, abs=0.01)
    assert len(robot.document.history.done) == 1 and robot.reads("400 objects, 400 pixels")
    assert line_at(robot, "confidences") == pytest.approx([0.2], abs=0.01)
    pull(robot, "confidences", line_at(robot, "confidences")[0], -0.4)
    assert robot.document.mask.threshold == 0.0, "it stays within 0 and 1"
    robot.key("Ctrl+Z", times=2)
    assert robot.document.mask == MaskSettings() and not robot.document.history.done
    robot.click("confidences", across=0.8)
    pull(robot, "confidences", 0.8, 0.4)
    assert not robot.document.history.done and robot.document.mask == MaskSettings()


def test_a_line_is_let_go_where_its_panel_goes_away(robot):
    robot.know(confidences())
    for plot, start in (("confidences", 0.5), ("pixels", line_at(robot, "pixels")[1])):
        robot.move(plot, start)
        robot.frame()
        robot.press()
        robot.move(plot, 0.7)
        robot.key("Ctrl+B")
        robot.release()
        robot.key("Ctrl+B")
        robot.frame(2)
        mask, stretch = robot.document.mask, robot.document.stretch
        for across in (0.3, 0.4):
            robot.move(plot, across)
            robot.frame()
        assert (robot.document.mask, robot.document.stretch) == (mask, stretch), plot
    assert robot.document.mask.threshold == pytest.approx(0.7, abs=0.01)
    assert len(robot.document.history.done) == 1
    robot.key("Ctrl+Z")
    assert robot.document.mask == MaskSettings()


def test_a_file_that_comes_while_a_line_is_held_ends_the_drag(robot):
    robot.know(confidences())
    first = robot.document
    robot.move("confidences", 0.5)
    robot.frame()
    robot.press()
    robot.move("confidences", 0.2)
    robot.workspace.entries.append(entry_of_array(np.zeros(SHAPE, np.float32)))
    robot.workspace.current = 1
    robot.know(confidences())
    robot.move("confidences", 0.8)
    robot.release()
    robot.frame()
    assert first.mask.threshold == pytest.approx(0.2, abs=0.01) and len(first.history.done) == 1
    assert robot.document.mask == MaskSettings() and not robot.document.history.done


def test_counts_are_told_of_the_bin_under_the_mouse(robot, monkeypatch):
    told = []
    monkeypatch.setattr("glview.ui.histograms.tip", told.append)
    robot.know(confidences())
    robot.move("confidences", 0.3)
    assert told[-1] == "0.296875 to 0.304688\n300 pixels\nthreshold 0.500"
    robot.move("confidences", 0.999)
    assert told[-1].startswith("0.992188 to 1\n0 pixels")
    robot.move("areas", 0.1)
    assert told[-1] == "area 1\n100 objects"
    count = len(told)
    robot.move("image")
    assert len(told) == count


def test_nothing_is_counted_that_is_not_there_or_not_seen(robot):
    assert robot.reads("no detection yet") and robot.reads("no objects yet")
    assert robot.desk.measurer.confidence(robot.document) is None
    robot.click(robot.tab("Display"))
    before = dict(robot.desk.measurer._asked)
    robot.know(confidences())
    assert robot.desk.measurer._asked == before


def test_a_detection_under_way_is_sampled_and_a_large_frame_says_so(robot, monkeypatch):
    from glview.core import histogram

    monkeypatch.setattr(histogram, "SAMPLED", 1000)
    robot.document.detection.running = True
    robot.know(confidences())
    found = robot.desk.measurer.confidence(robot.document)
    assert not found.exact and robot.reads(f"sampled, {percent(found.looked / found.total)}, log")
    robot.document.detection.running = False
    robot.settle()
    assert robot.desk.measurer.confidence(robot.document).exact


def test_a_frame_of_one_value_and_one_of_nothing_are_shown():
    for value in (7.0, np.nan):
        with Robot(np.full((30, 40), value, np.float32), size=(1300, 1000)) as robot:
            robot.click(robot.tab("Histograms"))
            robot.settle()
            assert "pixels" in robot.places and not robot.desk.faults
