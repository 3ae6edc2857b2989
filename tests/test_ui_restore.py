"""Edits that were not saved: the question at the next opening, and files that are open twice."""

import numpy as np
import pytest
from astropy.io import fits
from detections import crash
from robot import Robot

from glview.core import plane
from glview.files import open_images
from glview.files.unsaved import Claim, Place
from glview.library import mask_of

SHAPE = (120, 160)


def paint(robot, y, x, tool="B"):
    robot.key(tool)
    robot.drag(robot.of_pixel(y, x), robot.of_pixel(y, x + 12))


def work(robot):
    """Three steps; returns the mask after each."""
    masks = [mask_of(robot.document)]
    for y in (20, 50, 80):
        paint(robot, y, 30)
        masks.append(mask_of(robot.document))
    return masks


def asked(robot):
    return robot.desk.autosave.question(robot.document) is not None


def test_strokes_come_back_after_a_crash_and_can_be_undone_one_by_one(sit, frame, tmp_path):
    robot = sit(frame)
    masks = work(robot)
    assert masks[3].sum() > masks[1].sum() > 0
    crash(robot, tmp_path)
    robot = sit(frame)
    assert asked(robot) and robot.reads("frame.fits: 3 edits of ") and robot.reads("not saved")
    assert not robot.document.has_mask
    robot.click("restore:restore")
    assert not asked(robot) and "restore:restore" not in robot.in_sight()
    for mask in masks[::-1]:
        assert np.array_equal(mask_of(robot.document), mask)
        robot.key("Ctrl+Z")
    robot.key("Ctrl+Shift+Z", times=3)
    assert np.array_equal(mask_of(robot.document), masks[3])


def test_show_is_a_look_before_the_answer_and_discard_throws_away(sit, frame, tmp_path):
    robot = sit(frame)
    masks = work(robot)
    crash(robot, tmp_path)
    robot = sit(frame)
    robot.click("restore:show")
    assert np.array_equal(mask_of(robot.document), masks[3]) and asked(robot)
    robot.settle()
    robot.click("restore:show")
    assert not mask_of(robot.document).any() and asked(robot)
    robot.click("restore:show")
    robot.click("restore:discard")
    assert not mask_of(robot.document).any() and not robot.document.changed
    assert robot.workspace.told.startswith("Discarded what was not saved")
    paint(robot, 100, 20)
    once = mask_of(robot.document)
    assert once.any()
    crash(robot, tmp_path)
    robot = sit(frame)
    assert robot.reads("1 edit of ")
    robot.click("restore:restore")
    assert np.array_equal(mask_of(robot.document), once)


def test_nothing_is_changed_before_the_answer(sit, frame, tmp_path):
    robot = sit(frame)
    masks = work(robot)
    crash(robot, tmp_path)
    robot = sit(frame)
    paint(robot, 110, 10)
    assert not mask_of(robot.document).any()
    assert any("first restore or discard" in one for one in robot.workspace.notices)
    robot.click("restore:restore")
    assert not robot.workspace.notices, "it holds no longer"
    assert np.array_equal(mask_of(robot.document), masks[3])
    paint(robot, 110, 10)
    assert mask_of(robot.document).sum() > masks[3].sum()


def test_closing_without_an_answer_keeps_it_for_the_next_time(sit, frame, tmp_path):
    robot = sit(frame)
    masks = work(robot)
    crash(robot, tmp_path)
    robot = sit(frame)
    assert asked(robot)
    robot.desk.quit()
    assert robot.desk.done
    robot.desk.close()
    robot = sit(frame)
    robot.click("restore:restore")
    assert np.array_equal(mask_of(robot.document), masks[3])


def test_what_was_saved_is_not_asked_about_but_what_came_after_is(sit, frame, tmp_path):
    robot = sit(frame)
    work(robot)
    robot.key("Ctrl+S")
    robot.settle()
    saved = mask_of(robot.document)
    robot.key("Ctrl+Z")
    paint(robot, 100, 60)
    after = mask_of(robot.document)
    crash(robot, tmp_path)
    robot = sit(frame)
    assert robot.reads("2 edits of ")  # one taken back, one done
    assert np.array_equal(mask_of(robot.document), saved)
    robot.click("restore:restore")
    assert np.array_equal(mask_of(robot.document), after)
    robot.key("Ctrl+S")
    robot.settle()
    crash(robot, tmp_path)
    robot = sit(frame)
    assert not asked(robot) and np.array_equal(mask_of(robot.document), after)


@pytest.mark.parametrize("ending", ["save", "discard"])
def test_a_window_that_ends_well_leaves_nothing_behind(sit, frame, tmp_path, ending):
    robot = sit(frame)
    work(robot)
    robot.key("Ctrl+Q")
    robot.frame(2)
    assert list((tmp_path / "unsaved").glob("*.glog"))
    robot.click(f"unsaved:{ending}")
    robot.until(lambda: robot.desk.done)
    robot.desk.close()
    assert not list((tmp_path / "unsaved").iterdir())
    assert not asked(sit(frame))


def test_a_file_that_changed_since_is_told_and_one_of_another_size_is_not_offered(sit, frame,
                                                                                  tmp_path):
    robot = sit(frame)
    masks = work(robot)
    crash(robot, tmp_path)
    fits.setval(frame, "OBJECT", value="another program was here")
    robot = sit(frame)
    assert robot.reads("The file was changed since then")
    robot.click("restore:show")
    assert np.array_equal(mask_of(robot.document), masks[3])
    robot.desk.close()
    fits.writeto(frame, np.zeros((50, 50), np.float32), overwrite=True)
    robot = sit(frame)
    assert not asked(robot) and any("another size" in one for one in robot.workspace.notices)
    assert len(list((tmp_path / "unsaved").glob("*.left"))) == 1
    robot.desk.close()
    assert not sit(frame).workspace.notices


@pytest.mark.parametrize("sparse", [False, True])
def test_a_detection_comes_back_bit_for_bit(sit, frame, tmp_path, sparse, monkeypatch):
    if sparse:
        monkeypatch.setattr(plane, "DENSE_PIXELS", 1000)
    confidence = np.random.default_rng(1).random(SHAPE, np.float32) ** 9
    robot = sit(frame)
    known = {"model": "deepCR", "weights_sha256": "ab"}
    robot.document.detection.provenance, robot.document.detection.covered = known, 0.75
    robot.know(plane.Plane.from_array(confidence, plane.FLOOR) if sparse else confidence)
    paint(robot, 100, 60)
    expected, held = mask_of(robot.document), robot.document.detection.confidence[:, :]
    crash(robot, tmp_path)
    robot = sit(frame)
    assert robot.reads("1 edit and a detection with ") and not robot.document.has_mask
    robot.click("restore:restore")
    detection = robot.document.detection
    assert detection.confidence[:, :].tobytes() == held.tobytes()
    assert detection.covered == 0.75 and detection.provenance == known
    assert np.array_equal(mask_of(robot.document), expected) and robot.document.changed
    robot.key("Ctrl+S")
    robot.settle()
    robot.desk.close()
    assert not list((tmp_path / "unsaved").iterdir())


def test_a_detection_whose_file_is_lost_is_told_and_the_edits_come_back(sit, frame, tmp_path):
    robot = sit(frame)
    robot.know(np.random.default_rng(1).random(SHAPE, np.float32) ** 9)
    paint(robot, 100, 60)
    added = robot.document.edits.added
    crash(robot, tmp_path)
    next((tmp_path / "unsaved").glob("*.conf")).write_bytes(b"broken")
    robot = sit(frame)
    assert robot.reads("What the model found cannot be restored")
    robot.click("restore:restore")
    assert robot.document.edits.added == added and robot.document.detection.confidence is None


def test_the_second_window_on_a_file_only_looks(sit, frame, tmp_path):
    first = Claim(tmp_path / "unsaved", Place.of(tmp_path, open_images(frame)[0]).name)
    robot = sit(frame)
    assert any("open in another glview (process" in one for one in robot.workspace.notices)
    paint(robot, 50, 40)
    robot.key("D")
    robot.frame(3)
    for key in ("Ctrl+S", "Ctrl+D", "G"):
        robot.key(key)
        robot.settle()
        assert "nothing to do" not in robot.workspace.told, key
    assert not mask_of(robot.document).any() and robot.document.detection.confidence is None
    assert len(open_images(frame)) == 1 and not list((tmp_path / "unsaved").glob("*.glog"))
    first.release()
    robot.key("Ctrl+R")
    robot.settle()
    assert not robot.workspace.notices
    paint(robot, 50, 40)
    assert mask_of(robot.document).any()


def test_a_picture_that_is_in_the_list_twice_is_changed_once(sit, frame):
    robot = sit(frame, frame)
    paint(robot, 50, 40)
    robot.key("Tab")
    robot.settle()
    assert any("in the list twice" in one for one in robot.workspace.notices)
    paint(robot, 80, 40)
    assert robot.document is robot.workspace.entries[1].document
    assert not mask_of(robot.document).any()


def test_a_folder_that_cannot_be_written_is_told_and_work_goes_on(frame, tmp_path):
    (tmp_path / "unsaved").write_text("a file where the folder should be")
    with Robot(frame, unsaved=tmp_path / "unsaved") as robot:
        assert any("cannot be kept against a crash" in one for one in robot.workspace.notices)
        paint(robot, 50, 40)
        assert mask_of(robot.document).any()


def test_arrays_are_not_kept(tmp_path):
    with Robot(np.zeros(SHAPE, np.float32), unsaved=tmp_path / "unsaved") as robot:
        paint(robot, 50, 40)
        robot.settle()
        assert not (tmp_path / "unsaved").exists()


def test_its_own_save_is_no_change_by_another_program(sit, frame, tmp_path):
    robot = sit(frame)
    paint(robot, 20, 30)
    robot.key("Ctrl+S")
    robot.settle()
    robot.desk.close()
    robot = sit(frame)
    robot.key("Ctrl+S")  # nothing is new, but the file is another one afterwards
    robot.settle()
    paint(robot, 50, 30)
    crash(robot, tmp_path)
    robot = sit(frame)
    assert asked(robot) and robot.reads("1 edit of ") and not robot.reads("The file was changed")
