"""Files that change, vanish or are damaged while they are open, and disks that are slow."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from drawing import bytes_of
from mosaic import Sparse
from robot import Robot
from slow import GREY, PATIENCE, Watched, image_pane, on_image

from glview.core.view import View
from glview.gl.panes import PALETTE

ROOT = Path(__file__).parent.parent
SHAPE = (3000, 3400)
AT_ONCE = 5.0  # seconds, of PATIENCE that a reader is held up


def ramp(shape=SHAPE):
    """(H, W) uint8, 40 to 240."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (40 + 200 * (y + x) / sum(shape)).astype(np.uint8)


@pytest.fixture
def path(tmp_path):
    """A FITS file of a ramp."""
    path = tmp_path / "frame.fits"
    Sparse(path, SHAPE, "i2").put(0, 0, ramp())
    return path


def truncated(path):
    os.truncate(path, path.stat().st_size // 3)


def rewritten(path):
    Sparse(path.with_suffix(".new"), SHAPE, "i2").put(0, 0, 255 - ramp())
    content = path.with_suffix(".new").read_bytes()
    with path.open("rb+") as file:
        file.write(content)


def replaced(path):
    Sparse(path.with_suffix(".new"), SHAPE, "i2").put(0, 0, 255 - ramp())
    path.with_suffix(".new").replace(path)


def removed(path):
    path.unlink()


ACCIDENTS = [truncated, rewritten, replaced, removed]


def look(robot, zoom=None, y=SHAPE[0] - 200.0, x=SHAPE[1] - 300.0):
    """The image pane after a flight, when all is quiet."""
    robot.workspace.fit = zoom is None
    robot.workspace.view = View(y, x, zoom or 1.0)
    robot.settle()
    return image_pane(robot)[0]


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_a_file_that_changes_is_told_and_what_was_loaded_stays(path, accident):
    with Robot(path) as robot:
        robot.document.stretch = GREY
        known = look(robot)
        assert not robot.workspace.notices and robot.document.pyramid.complete
        accident(path)
        look(robot, 1.0)
        robot.until(lambda: robot.workspace.notices, seconds=10.0)
        robot.frame(3)
        told = " ".join(robot.workspace.notices)
        assert path.name in told and "went wrong" not in told, robot.workspace.notices
        helps = "Ctrl+S" if accident is removed else "Ctrl+R opens it again"
        assert helps in told or "open it again" in told, "what would help"
        assert len(robot.workspace.notices) == 1
        picture, y, x = image_pane(robot)
        # The old picture, if not a sharp one; never a mixture with the new one.
        wanted = 40 + 200 * (y + x) / sum(SHAPE)
        assert np.abs(picture[..., 0] - wanted)[on_image(robot, y, x)].max() < 8
        assert np.array_equal(look(robot), known)
        assert not robot.desk.faults


@pytest.mark.parametrize("accident", [truncated, rewritten, removed])
def test_a_file_that_changes_while_it_is_read_is_told(path, accident):
    with Robot(path, ready=False) as robot:
        robot.until(lambda: robot.document is not None)
        robot.document.stretch = GREY
        assert not robot.document.pyramid.covered
        accident(path)
        picture = look(robot)
        assert accident is removed or robot.document.pyramid.covered < 1
        assert path.name in " ".join(robot.workspace.notices)
        assert not robot.desk.faults
        _, y, x = image_pane(robot)
        wanted = 40 + 200 * (y + x) / sum(SHAPE)
        assert np.abs(picture[..., 0] - wanted)[on_image(robot, y, x)].max() < 8
        robot.key("Ctrl+Z")
        robot.click("image")
        assert robot.desk.settle(5)


def test_what_changed_can_be_read_again(path):
    with Robot(path) as robot:
        robot.document.stretch = GREY
        rewritten(path)
        look(robot, 1.0)
        robot.desk.library.reload()
        robot.settle()
        robot.document.stretch = GREY
        picture = look(robot, 1.0)
        _, y, x = image_pane(robot)
        inside = on_image(robot, y, x)
        wanted = 255 - ramp()[y[inside].astype(int), x[inside].astype(int)]
        assert np.array_equal(picture[inside][:, 0], wanted)


BAD = (1100, 1300, 1180, 1420)


def test_a_part_that_cannot_be_read_is_hatched_and_listed_and_the_rest_goes_on():
    watched = Watched(ramp())
    with watched.sit_down() as robot:
        watched.bad = BAD
        for zoom in (None, 0.4, 1.0):
            look(robot, zoom, 1200.0, 1500.0)
            assert robot.desk.settled and not robot.desk.faults
        faults = robot.document.image.faults
        assert faults and all("cannot be read" in fault.why for fault in faults)
        assert any(f.box[0] <= BAD[0] and f.box[2] >= BAD[2] and f.box[1] <= BAD[1]
                   and f.box[3] >= BAD[3] for f in faults)
        assert len({fault.box for fault in faults}) == len(faults), "each is listed once"
        picture, y, x = image_pane(robot)
        sound = on_image(robot, y, x)
        for fault in faults:
            y0, x0, y1, x1 = fault.box
            sound &= ~((y >= y0) & (y < y1) & (x >= x0) & (x < x1))
        if sound.any():
            wanted = ramp()[y[sound].astype(int), x[sound].astype(int)]
            assert np.array_equal(picture[sound][:, 0], wanted)
        count = len(faults)
        for _ in range(3):
            look(robot, 0.4, 900.0, 1100.0)
            look(robot, 1.0, 1200.0, 1500.0)
        assert len(faults) == count, "nothing is listed again"
        assert robot.reads("cannot be read (hatched)")
        reds = robot.part("image").astype(int)
        assert ((reds[..., 0] - reds[..., 2]) > 60).sum() > 200, "the hatching"


def test_most_of_the_picture_is_there_though_a_part_cannot_be_read():
    """Far from the bad pixels everything is true, at every zoom."""
    watched = Watched(ramp((9000, 2000)))
    with watched.sit_down() as robot:
        watched.bad = BAD
        look(robot)
        for zoom in (0.2, 0.6, 1.0):
            picture = look(robot, zoom, 7800.0, 1000.0)
            _, y, x = image_pane(robot)
            inside = on_image(robot, y, x) & (y > 6000)
            assert inside.sum() > 10_000
            wanted = 40 + 200 * (y + x) / 11_000
            assert np.abs(picture[..., 0] - wanted)[inside].max() < 1 + 0.1 / zoom
        assert robot.document.pyramid.complete


def test_a_damaged_box_is_all_that_is_missing_and_it_is_hatched():
    """A reader that knows what is damaged; also the rows of the first look that cross it."""
    with Watched(ramp(), BAD, fills=True).sit_down() as robot:
        for zoom in (None, 0.2, 0.7, 1.0):
            picture = look(robot, zoom, 1140.0, 1360.0)
            assert robot.desk.scene.sharp and not robot.desk.faults
            _, y, x = image_pane(robot)
            edge = 0 if zoom == 1.0 else 2 / robot.view.zoom
            away = [np.maximum(low - at, at - high) for at, low, high in
                    zip((y, x), BAD[:2], BAD[2:], strict=True)]
            sound = on_image(robot, y, x) & (np.maximum(*away) > edge)
            wanted = 40 + 200 * (y + x) / sum(SHAPE)
            assert np.abs(picture[..., 0] - wanted)[sound].max() < 2 + 0.1 / robot.view.zoom
            lost = np.maximum(*away) < -edge
            assert (picture[lost] == bytes_of(PALETTE.nan)).all()
        assert lost.any() and sound.any()
        assert [fault.box for fault in robot.document.image.faults] == [BAD]
        assert robot.reads("1 part of the picture cannot be read (hatched)")
        part = robot.part("image").astype(int)
        hatched = (part[..., 0] - part[..., 2] > 60) & (part[..., 0] > 150)
        rows, columns = np.nonzero(hatched)
        for points, high in ((rows, BAD[2] - BAD[0]), (columns, BAD[3] - BAD[1])):
            assert high - 2 <= np.ptp(points) <= high + 3, "not less, and not more"


def test_closing_does_not_wait_for_a_slow_reader():
    watched = Watched(ramp())
    robot = watched.sit_down()
    watched.gate.clear()
    robot.workspace.fit, robot.workspace.view = False, View(1000.0, 1000.0, 1.0)
    robot.frame(3)
    assert robot.desk.feed.pending
    began = time.monotonic()
    robot.desk.close()
    assert time.monotonic() - began < AT_ONCE
    watched.gate.set()


SCRIPT = """
import numpy as np
from slow import Watched
watched = Watched(np.zeros((3000, 3000), np.uint8))
robot = watched.sit_down()
watched.boxes.clear()
watched.gate.clear()
robot.until(lambda: any(y1 - y0 > 1 and x1 - x0 == 3000 for y0, x0, y1, x1 in watched.boxes))
robot.desk.close()
print("closed", flush=True)
"""


def test_the_process_ends_though_the_reader_does_not_return():
    """As on a network drive that hangs: no thread may be waited for at the end."""
    places = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", SCRIPT], text=True, capture_output=True,
                          env=os.environ | {"PYTHONPATH": places}, timeout=2 * PATIENCE,
                          check=False)
    assert (done.returncode, done.stdout) == (0, "closed\n"), done.stderr
    assert time.monotonic() - began < PATIENCE / 2


def test_nobody_reads_what_was_left_before_it_came():
    watched = Watched(ramp((6000, 6000)))
    with watched.sit_down() as robot:
        robot.settle()
        watched.gate.clear()
        watched.boxes.clear()
        robot.workspace.fit = False
        places = [(700.0, 900.0), (2900.0, 5100.0), (5200.0, 900.0)]
        for y, x in places:
            robot.workspace.view = View(y, x, 1.0)
            robot.frame(3)
            robot.until(lambda: watched.boxes)
        assert len(watched.boxes) <= 2, "two workers, held up over the first place"
        under_way = list(watched.boxes)
        watched.gate.set()
        robot.settle()
        y, x = places[-1]
        later = watched.boxes[len(under_way) :]
        assert len(later) >= 2
        assert all(abs((y0 + y1) / 2 - y) < 1000 and abs((x0 + x1) / 2 - x) < 1000
                   for y0, x0, y1, x1 in later), "only what is looked at now"
        assert robot.desk.scene.sharp
