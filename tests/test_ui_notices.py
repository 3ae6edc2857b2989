"""Notices name their file, and those that no longer hold go when it is read again."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from robot import Robot

from glview.watching import sentence

SHAPE = (60, 80)


def written(tmp_path, name):
    path = tmp_path / name
    fits.writeto(path, np.random.default_rng(0).normal(100, 5, SHAPE).astype(np.float32))
    return path


def painted(robot):
    """A pixel that is added by hand."""
    robot.key("B")
    robot.click("image", 0.5, 0.5)
    robot.settle()
    assert robot.document.changed


def test_reading_again_drops_what_was_said_of_the_file_and_only_that(tmp_path):
    paths = written(tmp_path, "one.fits"), written(tmp_path, "two.fits")
    with Robot(*paths) as robot:
        other = sentence("two.fits")
        for words in (sentence("one.fits"), "NOT SAVED: one.fits: the disk is full", other,
                      "one.fits: Objects cannot be counted: it became shorter"):
            robot.workspace.notify(words)
        robot.key("Ctrl+R")
        robot.settle()
        assert robot.workspace.notices == [other]


def test_a_refused_reading_says_what_to_press(tmp_path):
    with Robot(written(tmp_path, "one.fits")) as robot:
        painted(robot)
        robot.key("Ctrl+R")
        robot.settle()
        assert "Ctrl+S, then Ctrl+R" in robot.workspace.notices[0]
        robot.key("Ctrl+S")
        robot.settle()
        robot.key("Ctrl+R")
        robot.settle()
        assert not robot.workspace.notices and robot.document is not None


@pytest.mark.parametrize("key", ["Ctrl+S", "Ctrl+Shift+S"])
def test_a_save_beside_that_failed_is_not_what_is_advised(tmp_path, key):
    path = tmp_path / "one.fits.gz"
    path.write_bytes(gzip.compress(written(tmp_path, "one.fits").read_bytes()))
    with Robot(path) as robot:
        (tmp_path / "one.fits.gz.glview.fits").write_text("mine")
        painted(robot)
        robot.key(key)
        robot.settle()
        notice = robot.workspace.notices[0]
        assert notice.startswith("NOT SAVED: one.fits.gz") and "Ctrl+Shift+S" not in notice


def test_a_save_into_the_file_that_failed_advises_the_one_beside(tmp_path, monkeypatch):
    from glview import saving
    from glview.files.commit import SaveError

    def fail(*arguments, **more):
        raise SaveError("the disk is full")

    paths = written(tmp_path, "one.fits"), written(tmp_path, "two.fits")
    with Robot(*paths) as robot:
        painted(robot)
        monkeypatch.setattr(saving, "write", fail)
        robot.key("Ctrl+S")
        robot.key("Tab")
        robot.settle()
        assert robot.workspace.notices == [
            "NOT SAVED: one.fits: the disk is full; Ctrl+Shift+S saves it beside the file"]


def test_what_failed_in_another_file_names_it(tmp_path):
    paths = written(tmp_path, "one.fits"), written(tmp_path, "two.fits")
    with Robot(*paths) as robot:
        document = robot.document

        def shorter(question):
            raise OSError("it became shorter")

        document.counter.quick = lambda question: False
        document.counter.count = lambda question, cancelled: shorter(question)
        painted(robot)
        robot.key("Tab")
        robot.settle()
        assert robot.workspace.notices == [
            "one.fits: Objects cannot be counted: it became shorter"]
