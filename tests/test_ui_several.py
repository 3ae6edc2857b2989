"""Several files, extensions and planes at once, and what a model's work leaves in a file."""

import gc
import gzip
import weakref
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from robot import Robot

import glview
from glview import library
from glview.core.mask import MaskSettings
from glview.models import MODELS, remote

SHAPE = (60, 80)
SHIPPED = "ACS-WFC"


def noise(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(100, 5, shape).astype(np.float32)


def test_what_a_model_did_is_in_the_saved_header(tmp_path):
    packed = Path(glview.__file__).parent / "data" / "demo.fits.gz"
    frame = tmp_path / "frame.fits"
    frame.write_bytes(gzip.decompress(packed.read_bytes()))
    with Robot(frame, model=SHIPPED) as robot:
        robot.key("D")
        robot.settle()
        robot.key("Ctrl+S")
        robot.settle()
    header = fits.getheader(frame, "CR_MASK")
    assert header["CRWSHA"] == MODELS[SHIPPED].sha256
    assert header["CRMODEL"] == SHIPPED and header["CRTILING"] == "seamless"
    assert header["CRTHRESH"] == 0.5 and header["GLVVERS"] == glview.__version__


def test_a_slider_held_while_the_file_changes_stays_with_its_file():
    with Robot(noise(1), noise(2)) as robot:
        first = robot.document
        robot.know(noise(3) / 200)
        first.change(dilation=3)
        robot.move(robot.at("Threshold", 0.5))
        robot.press()
        robot.move(robot.at("Threshold", 0.3))
        robot.frame()
        moved = first.mask
        robot.key("Tab")
        robot.settle()
        second = robot.document
        robot.move(robot.at("Threshold", 0.7))
        robot.release()
        robot.frame(3)
        assert second is not first
        assert second.mask == MaskSettings() and not second.history.done
        assert first.mask == moved and len(first.history.done) == 2
        first.history.undo(first)
        assert first.mask == MaskSettings(dilation=3)


def test_one_file_twice_in_the_list_can_be_saved_from_both_lines(tmp_path):
    path = tmp_path / "two.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(noise(1), name="A"),
                  fits.ImageHDU(noise(2), name="B")]).writeto(path)
    with Robot(f"{path}[A]", f"{path}[B]") as robot:
        for number, name in ((0, "A"), (1, "B"), (0, "A")):
            robot.desk.library.show(number)
            robot.settle()
            assert robot.document.image.header["EXTNAME"] == name
            robot.document.edits.draw((number, 3), (number + 20, 9), 2, 1)
            robot.desk.library.save()
            robot.settle()
            assert not robot.workspace.notices
        masks = [library.mask_of(entry.document) for entry in robot.workspace.entries]
    for name, mask in zip("AB", masks, strict=True):
        saved = glview.load_mask(path, name)
        assert (saved.mask == mask).all() and mask.any()


def test_planes_left_behind_are_forgotten_unless_they_were_changed():
    with Robot(np.stack([noise(seed) for seed in range(20)])) as robot:
        robot.document.edits.draw((5, 5), (9, 9), 1, 1)
        robot.document.change(dilation=1)
        image, kept = robot.document.image, robot.document
        second = None
        for plane in range(1, 20):
            robot.desk.library.show_image(image, plane)
            robot.settle()
            second = second or weakref.ref(robot.document)
        held = robot.workspace.entry.documents
        assert len(held) == library.KEPT and held[image.hdu, 0] is kept
        gc.collect()
        assert second() is None, "something still holds the plane"
        robot.desk.library.show_image(image, 1)
        robot.settle()
        assert (robot.document.image[0:60, 0:80] == noise(1)).all()


@pytest.mark.parametrize("end", ["cancel", "error"])
def test_a_detection_that_came_to_nothing_leaves_nothing_to_save(monkeypatch, tmp_path, end):
    class Child:
        confidence, events = np.zeros(SHAPE, np.float32), []

        def poll(self):
            events, Child.events = Child.events, []
            return events

        def close(self):
            pass

    monkeypatch.setattr(remote, "Detection", lambda *arguments: Child())
    path = tmp_path / "frame.fits"
    fits.writeto(path, noise())
    with Robot(path, model=SHIPPED) as robot:
        robot.know(noise(3) / 200)
        robot.key("Ctrl+S")
        robot.settle()
        assert not robot.document.changed
        robot.key("D")
        Child.events = [{"ready": SHIPPED, "threshold": 0.5}]
        robot.frame(2)
        if end == "cancel":
            robot.key("Escape")
        else:
            Child.events = [{"error": "no luck"}]
        robot.settle()
        assert robot.document.detection.confidence[5, 5] == np.float32(noise(3)[5, 5] / 200)
        assert not robot.document.changed and not robot.desk.library.unsaved
