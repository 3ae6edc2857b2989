"""The dialog File, What is saved: chosen, foreseen, saved, and taken up after a crash."""

import numpy as np
import pytest
from imgui_bundle import imgui
from astropy.io import fits
from detections import crash

from glview.library import mask_of
from glview.settings import Settings
from glview.workspace import Saving

SHAPE = (120, 160)
CONFIDENCE = np.random.default_rng(1).random(SHAPE).astype(np.float32) ** 9


@pytest.fixture
def robot(sit, frame):
    made = sit(frame, size=(1000, 800))
    made.know(CONFIDENCE)
    made.command("File", "What is saved...")
    made.settle()
    return made


def names(path):
    with fits.open(path) as hdus:
        return [hdu.name for hdu in hdus if hdu.name.startswith("CR_")]


def test_it_is_chosen_what_is_saved_and_told_what_that_comes_to(robot, frame):
    assert robot.reads("Into a new version of frame.fits: ")
    assert robot.reads("Opened again, the file gives the same mask as now")
    robot.choose("Confidence", "rounded")
    robot.settle()
    assert robot.workspace.saving == Saving("rounded", 16)
    assert robot.reads("16 bits: to 0.000008, beside the threshold to 0.00002. No pixel")
    robot.drag(robot.at("Bits", 0.7), robot.at("Bits", 0.0))
    robot.settle()
    assert robot.workspace.saving.bits == 1 and robot.reads("1 bits: to 0.3, beside")
    robot.choose("Confidence", "none")
    robot.choose("Where", "beside")
    robot.settle()
    assert robot.reads("Into frame.fits.glview.fits, beside the image: ")
    texts = robot.texts()
    assert "CR_MASK" in texts and "CR_PROBABILITY" not in texts
    robot.click("saved:Save")
    robot.settle()
    assert names(frame.with_name("frame.fits.glview.fits")) == ["CR_MASK"] and not names(frame)
    assert robot.workspace.told.endswith("; without the confidence")
    assert "(side file: as asked for)" in robot.workspace.told
    assert not imgui.internal.find_window_by_name("What is saved").active
    assert not robot.document.changed


def test_flags_of_another_camera_are_told_before_the_save(sit, frame):
    with fits.open(frame, "update") as hdus:
        hdus[0].header["TELESCOP"], hdus[0].header["INSTRUME"] = "HST", "ACS"
    robot = sit(frame, size=(1000, 800), saving=Saving(dq="jwst"))
    robot.know(CONFIDENCE)
    robot.command("File", "What is saved...")
    robot.settle()
    assert robot.reads("No CR_DQ can be saved: frame.fits comes from ACS") \
        and robot.reads("use hst, or plain")
    robot.choose("Flags", "hst")
    robot.settle()
    assert not robot.reads("No CR_DQ can be saved") and "CR_DQ" in robot.texts()


def test_without_a_mask_nothing_can_be_pressed(sit, frame):
    robot = sit(frame)
    robot.command("File", "What is saved...")
    robot.frame(2)
    assert robot.reads("There is no mask to save yet")
    robot.click("saved:Save")
    robot.settle()
    assert not names(frame)
    robot.click("saved:Close")
    assert not imgui.internal.find_window_by_name("What is saved").active


def test_a_way_that_does_not_suit_is_told_before_the_save(sit, frame):
    named = frame.rename(frame.with_name("frame.dat"))
    robot = sit(named, saving=Saving(method="append"))
    robot.know(CONFIDENCE)
    robot.command("File", "What is saved...")
    robot.settle()
    assert robot.reads("It cannot be saved so: ") and robot.reads("does not end in .fits")
    robot.choose("Where", "auto")
    robot.settle()
    assert robot.reads("Into frame.dat.glview.fits, beside the image: ")
    assert robot.reads(", because frame.dat does not end in .fits")


def test_the_size_follows_the_mask(robot):
    def said():
        return next(text for text in robot.texts() if text.startswith("Into a new version"))

    before = said()
    for y in range(5, 115, 6):
        robot.document.edits.draw((y, 3), (y, 150), 2, 1)
    robot.document.change(dilation=1)
    robot.settle()
    assert said() != before and "CR_EDITS" in robot.texts()


@pytest.mark.parametrize("choices", [Saving("none"), Saving("rounded", 2)])
def test_after_a_crash_the_mask_is_the_one_that_was_seen(sit, frame, tmp_path, choices):
    """Though what was saved knows less of the confidence than the steps that followed."""
    robot = sit(frame, saving=choices)
    robot.know(CONFIDENCE)
    robot.document.change(threshold=0.6, dilation=1)
    robot.settle()
    robot.desk.library.save()
    robot.settle()
    assert not robot.document.changed
    robot.document.change(threshold=0.83)
    robot.settle()
    seen = mask_of(robot.document)
    crash(robot, tmp_path)
    robot = sit(frame)
    assert not np.array_equal(mask_of(robot.document), seen)
    robot.click("restore:restore")
    robot.settle()
    assert np.array_equal(mask_of(robot.document), seen)
    assert np.array_equal(robot.document.detection.confidence, CONFIDENCE)


def test_a_clean_end_asks_nothing_at_the_next_start(sit, frame):
    robot = sit(frame, saving=Saving("rounded", 4))
    robot.know(CONFIDENCE)
    robot.desk.library.save()
    robot.settle()
    robot.desk.close()
    assert sit(frame).desk.autosave.question(robot.document) is None


def test_what_is_chosen_is_remembered_at_once(robot, tmp_path):
    settings, place = robot.desk.settings, tmp_path / "settings.json"

    def remember(desk):
        settings.saving = desk.workspace.saving
        settings.save(place)

    settings.remember = remember
    robot.choose("Confidence", "none")
    robot.choose("Flags", "lsst")
    robot.settle()
    remembered = Settings.load(place).saving
    assert (remembered.confidence, remembered.dq) == ("none", "lsst"), "a kill loses no choice"
