"""While a picture is still coming: what the panels say of it, and how much of it a frame takes."""

import re
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from slow import PATIENCE, Watched

from glview import app
from glview.core import onepass, pyramid
from glview.core.stretch import Stretch
from glview.core.view import View

SHAPE = 1995, 3000  # the first look takes one pixel in nine, the one pass keeps one in seven
PEAK = 30000.0


def picture():
    """A frame with one bright pixel that the first look does not find."""
    pixels = np.random.default_rng(4).normal(100, 5, SHAPE).astype(np.float32)
    pixels[999, 1500] = PEAK
    return pixels


def sit_down(watched, **state):
    """A Robot in front of an image of which no further pixel can be read yet."""
    robot = watched.sit_down(**state)
    watched.gate.clear()
    return robot


def said(robot, words):
    """What the panels write with these words in it."""
    return [text for text in robot.texts() if words in text]


def test_extremes_and_counts_are_those_of_a_sample_until_all_was_read():
    watched = Watched(picture())
    with sit_down(watched) as robot:
        robot.document.stretch = Stretch(limits="99")
        robot.click(robot.tab("Display"))
        (extremes,), (bad,) = said(robot, "Min "), said(robot, "No NaN")
        assert extremes.endswith(" (sampled, 11 %)") and bad == "No NaN, no Inf (sampled, 11 %)"
        assert "30000" not in extremes and not said(robot, "Limits from")
        watched.gate.set()
        robot.settle()
        (extremes,), (bad,) = said(robot, "Min "), said(robot, "No NaN")
        assert extremes.endswith(" Max 30000") and bad == "No NaN, no Inf"
        assert said(robot, "Limits from") == ["Limits from 14 % of the pixels"]
        robot.document.stretch = Stretch(limits="minmax")
        assert not said(robot, "Limits from"), "these are exact"


def test_the_foot_line_tells_how_much_was_read_and_how_many_tiles_are_pending(monkeypatch):
    monkeypatch.setattr(pyramid, "BAND", 400 * SHAPE[1])
    monkeypatch.setattr(onepass, "PAUSE", -1.0)  # each band is handed over as it is read
    pixels = picture()
    watched = Watched(pixels)
    read = watched.image.read

    def first_rows(plane, y0, y1, x0, x1):  # only these, until the gate is opened
        return pixels[y0:y1, x0:x1] if y1 <= 800 else read(plane, y0, y1, x0, x1)

    object.__setattr__(watched.image, "read", first_rows)
    with sit_down(watched, fit=False, view=View(768, 1500, 1.0)) as robot:
        robot.until(lambda: robot.document.pyramid.covered > 0.4, 20)
        (words,) = said(robot, "read 40 %")
        tiles = int(re.search(r"read 40 %, (\d+) tiles pending", words)[1])
        assert tiles == robot.desk.feed.pending > 1
        watched.gate.set()
        robot.settle()
        assert not said(robot, "pending") and not said(robot, "read ")


def test_a_single_tile_is_one():
    watched = Watched(picture()[:60, :80])
    with sit_down(watched) as robot:
        robot.until(lambda: robot.desk.feed.pending)
        assert any("read 0 %, 1 tile pending" in text for text in robot.texts())
        watched.gate.set()
        robot.settle()


def test_a_frame_takes_over_no_more_tiles_than_it_has_time_for(monkeypatch):
    clock, taken = [0.0], []
    monkeypatch.setattr(app, "time", SimpleNamespace(
        perf_counter=lambda: clock[0], monotonic=time.monotonic, sleep=time.sleep))
    watched = Watched(picture())
    with sit_down(watched, fit=False, view=View(1024, 1536, 0.6)) as robot:
        feed, put = robot.desk.feed, robot.desk.scene.put

        def slowly(key, *made):
            clock[0] += 0.01
            taken.append(key)
            put(key, *made)

        monkeypatch.setattr(robot.desk.scene, "put", slowly)
        robot.until(lambda: feed.pending)
        tiles, until = feed.pending, time.monotonic() + PATIENCE
        watched.gate.set()
        while feed._ready.qsize() < tiles:
            assert time.monotonic() < until
            time.sleep(0.001)
        for number in range(tiles):
            assert feed.ready and len(taken) == number, "the loop goes on for those that are left"
            robot.frame()
        assert {key[1] for key in taken} == {"image"} and len(taken) == tiles >= 4
        robot.settle()


LOOKING = """if True:
    import sys
    from glview import library, {module}, session
    first_look = {module}.first_look

    def looked(entries):
        assert first_look(entries).result().image.shape == (60, 80)
        sys.exit(str(sorted({{"glview.app", "imgui_bundle", "moderngl"}} & sys.modules.keys())))

    {module}.first_look = looked
    {module}.{run}([library.entry_for({path!r})], session.Options())
"""


@pytest.mark.parametrize(("module", "run"), [("session", "run_window"),
                                             ("screenshot", "run_screenshot")])
def test_the_first_file_is_read_before_the_graphics_libraries_are_imported(tmp_path, module, run):
    path = str(tmp_path / "frame.fits")
    fits.writeto(path, picture()[:60, :80])
    code = LOOKING.format(module=module, run=run, path=path)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          timeout=60)
    assert done.stderr == "[]\n"
