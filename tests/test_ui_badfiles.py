"""Files and pictures that are not as they should be: the window says so and goes on."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from robot import Robot

from glview.core.view import View

SHAPE = (50, 70)


def noise(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(100, 5, shape).astype(np.float32)


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, noise())
    return path


def broken(folder):
    """Paths of files that cannot be shown."""
    whole = fits.PrimaryHDU(noise())
    buffer = folder / "whole.fits"
    whole.writeto(buffer)
    data = buffer.read_bytes()
    made = {"empty.fits": b"", "words.fits": b"no image at all\n" * 99,
            "header.fits": data[:2880], "noise.png": b"\x89PNG\r\n\x1a\n" + data}
    for name, content in made.items():
        (folder / name).write_bytes(content)
    columns = [fits.Column("A", "J", array=[1, 2])]
    fits.BinTableHDU.from_columns(columns).writeto(folder / "table.fits")
    (folder / "folder.fits").mkdir()
    return [folder / name for name in (*made, "table.fits", "folder.fits", "missing.fits")]


def test_broken_files_among_good_ones(tmp_path, frame):
    paths = broken(tmp_path)
    with Robot(frame, *paths) as robot:
        good = robot.document
        for number, path in enumerate(paths, 1):
            robot.key("Tab")
            robot.settle()
            assert robot.workspace.current == number
            entry = robot.workspace.entry
            if path.name != "header.fits":
                assert entry.error and robot.document is None, path.name
            told = entry.error or "".join(robot.workspace.notices) + "".join(
                robot.document.image.notes)
            assert path.name in told or told, path.name
            assert "Traceback" not in told and "Error(" not in told
            assert len({tuple(p) for p in robot.picture()[::40, ::40].reshape(-1, 3)}) > 2
        robot.key("Tab")
        robot.settle()
        assert robot.document is good
        robot.move(robot.of_pixel(3, 4))
        robot.settle()
        assert f"value {noise()[3, 4]!s}" in robot.desk.readout.text


def test_the_first_file_may_be_the_broken_one(tmp_path, frame):
    (tmp_path / "broken.fits").write_bytes(b"")
    with Robot(tmp_path / "broken.fits", frame) as robot:
        assert robot.document is None
        assert sum("is empty" in text for text in robot.texts()) == 1, "once is enough"
        for key in ("D", "N", "1", "F", "I", "Ctrl+S", "Ctrl+Z", "Left", "B", "Ctrl+H"):
            robot.key(key)
        robot.click((300, 300))
        assert not [notice for notice in robot.workspace.notices if "went wrong" in notice]
        robot.key("Tab")
        robot.settle()
        assert robot.document.image.shape == SHAPE


def test_a_dropped_file_is_shown_and_a_bad_one_told(tmp_path, frame):
    with Robot(noise(3)) as robot:
        robot.desk.library.add([str(frame)])
        robot.settle()
        assert robot.document.image.path == Path(frame)
        robot.desk.library.add([str(tmp_path / "nothing.fits"), str(tmp_path)])
        robot.settle()
        assert robot.workspace.entry.error and robot.reads("nothing.fits")
        robot.desk.library.show(0)
        robot.frame()
        assert (robot.document.image[0:1, 0:1] == noise(3)[0, 0]).all()


@pytest.mark.parametrize("loss", ["deleted", "truncated"])
def test_a_file_that_goes_away_while_it_is_open(tmp_path, loss):
    path = tmp_path / "going.fits"
    fits.PrimaryHDU(noise(0, (700, 900))).writeto(path)
    with Robot(path) as robot:
        if loss == "deleted":
            path.unlink()
        else:
            os.truncate(path, 6000)
        robot.workspace.fit, robot.workspace.view = False, View(600, 800, 50.0)
        robot.settle()
        robot.move(robot.of_pixel(600, 800))
        robot.settle()
        robot.key("B")
        robot.click(robot.of_pixel(600, 801))
        robot.settle()
        robot.key("Ctrl+S")
        robot.settle()
        assert len(robot.workspace.notices) <= 3, "one sentence for a loss, not one for each tile"
        assert not [notice for notice in robot.workspace.notices if "went wrong" in notice]
        assert robot.document.edits.added == 1 and not robot.document.changed
    (side,) = tmp_path.glob("*.glview.fits")
    assert fits.getdata(side, "CR_MASK").sum() == 1 and fits.getval(side, "CREARLY", "CR_MASK")


ODD = {
    "all NaN": np.full((30, 40), np.nan, np.float32),
    "all Inf": np.full((30, 40), np.inf, np.float32),
    "one pixel": np.ones((1, 1), np.float32),
    "one row": np.arange(50, dtype=np.float32)[None],
    "one column": np.arange(50, dtype=np.float32)[:, None],
    "constant": np.full((30, 40), 7.0, np.float32),
    "huge values": np.array([[-3e38, 3e38], [1e-40, 0]], np.float32),
    "float64 out of range": np.array([[-1e300, 1e300], [1e-300, 0]]),
    "booleans": np.eye(8, dtype=bool),
    "long": np.zeros((3, 20000), np.int16),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_can_be_looked_at_and_painted_on(name):
    values = ODD[name]
    with Robot(values) as robot:
        for key in ("1", "F"):
            robot.key(key)
            robot.settle()
        robot.workspace.fit, robot.workspace.view = False, View(0.5, 0.5, 20.0)
        robot.settle()
        robot.move(robot.of_pixel(0, 0))
        robot.settle()
        assert "FITS 1, 1 " in robot.desk.readout.text
        low, high = robot.document.limits
        assert np.isfinite([low, high]).all() and high > low
        for kind in ("log", "histogram"):
            robot.choose("Scale", kind)
        robot.wheel(3, robot.of_pixel(0, 0))
        robot.key("B")
        robot.frame()
        robot.click(robot.of_pixel(0, 0))
        robot.settle()
        robot.key("N")
        robot.settle()
        assert robot.document.edits.added == 1
        assert robot.reads("1 object, ")
        assert not robot.workspace.notices
        shown = robot.picture()
        assert len(np.unique(shown.reshape(-1, 3)[::7], axis=0)) > 5
