"""Opening, stepping, saving and going on, and files that are not as they should be."""

import gzip
import os

import numpy as np
import pytest
from astropy.io import fits
from drawing import OVERLAY
from robot import Robot

from glview.core.mask import MaskSettings
from glview.core.view import View
from glview.files.beside import side_files
from glview.library import mask_of

SHAPE = (50, 70)


def noise(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(100, 5, shape).astype(np.float32)


@pytest.fixture
def frame(tmp_path):
    """A plain frame with a header that places it on the sky."""
    path = tmp_path / "frame.fits"
    hdu = fits.PrimaryHDU(noise())
    hdu.header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.0, CRVAL2=2.0, CRPIX1=35.0,
                      CRPIX2=25.0, CDELT1=-1e-4, CDELT2=1e-4, OBJECT="M 31")
    hdu.writeto(path)
    return path


def work_on(robot):
    """Detections, a threshold, a dilation and both kinds of edits; returns the final mask."""
    confidence = np.zeros(robot.document.image.shape, np.float32)
    confidence[10:14, 20:30], confidence[30, 40] = 0.8, 0.3
    robot.know(confidence)
    robot.workspace.fit, robot.workspace.view = False, View(25, 35, 6.0)
    robot.move("image", 0.1, 0.1)
    robot.document.change(threshold=0.25)
    robot.key("Shift+]")
    robot.key("B")
    robot.drag(robot.of_pixel(20, 25), robot.of_pixel(20, 45))
    robot.key("E")
    robot.drag(robot.of_pixel(12, 22), robot.of_pixel(12, 28))
    robot.key("V")
    return mask_of(robot.document)


def masked_pixels(robot):
    """What the mask pane shows: (H, W) bool from the pixels themselves."""
    robot.settle()
    robot.move("overview", 0.02, 0.02)
    picture, shape = robot.picture().astype(int), robot.document.image.shape
    found = np.zeros(shape, bool)
    for y, x in np.ndindex(*shape):
        px, py = robot.of_pixel(y, x, "mask")
        red, green, blue = picture[int(py), int(px)]
        found[y, x] = green > 140 or (green > 100 and blue > 100 and red > 100)
    return found


def bare(robot):
    """The mask pane's pixels without the cursor's box."""
    robot.workspace.cursor = None
    robot.frame(2)
    return robot.part("mask").copy()


def test_what_is_saved_is_what_was_shown_and_reopens_the_same(frame):
    science = frame.read_bytes()
    with Robot(frame, overlay=OVERLAY) as robot:
        final = work_on(robot)
        robot.workspace.view = View(25, 35, 3.0)
        assert (masked_pixels(robot) == final).all()
        assert robot.document.changed
        robot.key("Ctrl+S")
        robot.settle()
        assert not robot.document.changed
        assert "frame.fits" in robot.workspace.told and not robot.workspace.notices
        shown = bare(robot)
    assert frame.read_bytes()[: len(science)] == science
    with fits.open(frame) as hdus:
        saved = hdus["CR_MASK"]
        assert saved.data.dtype == np.uint8 and (saved.data.astype(bool) == final).all()
        assert (hdus[0].data == noise()).all()
    with Robot(frame, overlay=OVERLAY) as robot:
        assert (mask_of(robot.document) == final).all()
        assert robot.document.mask == MaskSettings(0.25, 1)
        assert (robot.document.edits.added, robot.document.edits.deleted) == (21, 7)
        assert not robot.document.changed
        robot.workspace.fit, robot.workspace.view = False, View(25, 35, 3.0)
        assert (masked_pixels(robot) == final).all()
        assert (bare(robot) == shown).all()
        robot.move("image", 0.1, 0.1)
        robot.key("B")
        robot.click(robot.of_pixel(40, 30))
        robot.key("Ctrl+S")
        robot.settle()
    with fits.open(frame) as hdus:
        assert sum(hdu.name == "CR_MASK" for hdu in hdus) == 1
        assert hdus["CR_MASK"].data.sum() == final.sum() + 1


def test_saving_without_a_mask_is_not_offered(frame):
    before = frame.read_bytes()
    with Robot(frame) as robot:
        robot.key("Ctrl+S")
        robot.settle()
    assert frame.read_bytes() == before


def test_undo_back_to_the_saved_state_is_saved(frame):
    with Robot(frame) as robot:
        work_on(robot)
        robot.key("Ctrl+S")
        robot.settle()
        robot.key("B")
        robot.click(robot.of_pixel(40, 30))
        assert robot.document.changed
        robot.key("Ctrl+Z")
        assert not robot.document.changed


def test_an_array_has_no_file_to_save_to():
    with Robot(noise()) as robot:
        work_on(robot)
        robot.key("Ctrl+S")
        robot.settle()
        assert "no file" in robot.workspace.notices[-1]
        assert robot.document.changed


def test_a_gz_file_gets_a_side_file(tmp_path, frame):
    packed = tmp_path / "frame.fits.gz"
    packed.write_bytes(gzip.compress(frame.read_bytes()))
    before = packed.read_bytes()
    with Robot(packed) as robot:
        final = work_on(robot)
        robot.key("Ctrl+S")
        robot.settle()
        assert packed.read_bytes() == before
        assert "glview.fits" in robot.workspace.told
    with Robot(packed) as robot:
        assert (mask_of(robot.document) == final).all()


def test_a_folder_that_cannot_be_written_loses_nothing(frame, monkeypatch):
    with Robot(frame) as robot:
        final = work_on(robot)

        def refuse(*arguments, **keywords):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "replace", refuse)
        monkeypatch.setattr(os, "rename", refuse)
        robot.key("Ctrl+S")
        robot.settle()
        assert any("NOT SAVED" in notice for notice in robot.workspace.notices)
        assert robot.document.changed and (mask_of(robot.document) == final).all()
    with fits.open(frame) as hdus:
        assert "CR_MASK" not in hdus


def test_a_file_that_another_program_changed_is_not_overwritten(frame):
    with Robot(frame) as robot:
        work_on(robot)
        other = fits.PrimaryHDU(noise(9, (20, 20)))
        other.writeto(frame, overwrite=True)
        robot.key("Ctrl+S")
        robot.settle()
        assert any("another program" in notice for notice in robot.workspace.notices)
        assert not robot.document.changed
    assert fits.getdata(frame).shape == (20, 20)
    with fits.open(side_files(frame)[0]) as hdus:
        assert hdus["CR_MASK"].data.any() and hdus["CR_MASK"].header["CREARLY"]


# the list of files


@pytest.fixture
def three(tmp_path):
    """Three frames that differ."""
    paths = []
    for number in range(3):
        values = np.full((40 + number, 50), 10 * number, np.int16)
        values[5, 6] = 1000 + number
        paths.append(tmp_path / f"number{number}.fits")
        fits.PrimaryHDU(values).writeto(paths[-1])
    return paths


def test_tab_steps_through_the_files(three):
    with Robot(*three) as robot:
        for name, number in (("Tab", 1), ("Tab", 2), ("Tab", 0), ("Shift+Tab", 2)):
            robot.key(name)
            robot.settle()
            assert robot.workspace.current == number
            assert robot.document.image.shape == (40 + number, 50)
            robot.move(robot.of_pixel(5, 6))
            robot.settle()
            assert f"value {1000 + number}" in robot.desk.readout.text


def test_the_view_stays_from_file_to_file_unless_it_lies_off_the_next(tmp_path):
    paths = [tmp_path / "large.fits", tmp_path / "small.fits"]
    for path, shape in zip(paths, ((300, 400), SHAPE), strict=True):
        fits.writeto(path, noise(shape=shape))
    with Robot(*paths, fit=False, view=View(40, 60, 4.0)) as robot:
        for _ in paths:
            robot.key("Tab")
            robot.settle()
            assert robot.workspace.view == View(40, 60, 4.0)
        robot.workspace.view = View(200, 60, 4.0)
        robot.frame(2)
        assert robot.workspace.view == View(200, 60, 4.0)
        robot.key("Tab")
        robot.settle()
        assert robot.workspace.fit and robot.workspace.view.y == SHAPE[0] / 2, "it was not in sight"


def test_tab_in_a_panel_is_the_next_file_and_in_a_field_the_next_field(three):
    with Robot(*three, size=(800, 950)) as robot:
        robot.click("Invert", across=0.05)
        for number in (1, 2, 0, 1):
            robot.key("Tab")
            robot.settle()
            assert robot.workspace.current == number
        robot.click("Low", across=0.3)
        robot.key("Ctrl+A")
        robot.type("5")
        robot.key("Tab")
        robot.type("80")
        robot.key("Enter")
        robot.settle()
        assert robot.workspace.current == 1
        assert robot.document.limits == (5.0, 80.0)


def test_a_click_in_the_list_shows_the_file_and_keeps_the_work_on_the_others(three):
    with Robot(*three, overlay=OVERLAY) as robot:
        robot.click(robot.tab("Files"))
        robot.key("B")
        robot.click(robot.of_pixel(5, 6))
        robot.click("file:2")
        robot.settle()
        assert robot.workspace.current == 2 and not robot.document.has_mask
        assert robot.reads("* number0.fits") and not robot.reads("* number2.fits")
        robot.click("file:0")
        robot.settle()
        assert robot.document.edits.added == 1
        robot.key("Ctrl+Z")
        assert robot.document.edits.added == 0


def test_switching_in_the_middle_of_a_stroke_ends_the_stroke(three):
    with Robot(*three[:2]) as robot:
        robot.key("B")
        robot.move(robot.of_pixel(5, 6))
        robot.press()
        robot.move(robot.of_pixel(5, 9))
        first = robot.document
        robot.key("Tab")
        robot.settle()
        robot.move(robot.of_pixel(8, 9))
        robot.release()
        robot.frame(2)
        assert len(first.history.done) == 1 and first.edits.added == 4
        assert robot.document is not first and not robot.document.has_mask
        assert not robot.document.history.done


def test_a_new_file_starts_with_the_display_that_was_chosen(three):
    with Robot(*three, size=(800, 950)) as robot:
        robot.choose("Scale", "log")
        robot.choose("Limits", "user")
        robot.move("image")
        robot.key("I")
        robot.key("Tab")
        robot.settle()
        stretch = robot.document.stretch
        assert (stretch.kind, stretch.invert, stretch.limits) == ("log", True, "zscale")
        robot.choose("Scale", "sqrt")
        robot.key("Shift+Tab")
        robot.settle()
        stretch = robot.document.stretch
        assert (stretch.kind, stretch.limits) == ("log", "user"), "a file keeps its own"


def test_a_cube_has_a_slice_slider_and_each_plane_its_own_work(tmp_path):
    cube = np.arange(4, dtype=np.float32)[:, None, None] * 100 + noise(0, (30, 40))
    path = tmp_path / "cube.fits"
    fits.PrimaryHDU(cube).writeto(path)
    with Robot(path, size=(800, 950)) as robot:
        robot.key("B")
        robot.click(robot.of_pixel(5, 6))
        robot.hold("Ctrl")
        robot.click("Slice", across=0.3)
        robot.hold("Ctrl", False)
        robot.key("Ctrl+A")
        robot.type("3")
        robot.key("Enter")
        robot.settle()
        assert robot.document.image.plane == 2 and not robot.document.has_mask
        robot.move(robot.of_pixel(7, 9))
        robot.settle()
        assert f"value {cube[2, 7, 9]!s}" in robot.desk.readout.text
        robot.drag(robot.at("Slice", 0.5), robot.at("Slice", 0.02))
        robot.settle()
        assert robot.document.image.plane == 0 and robot.document.edits.added == 1


def test_the_pictures_of_a_file_can_be_chosen(tmp_path):
    path = tmp_path / "mosaic.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1, 2])], name="TAB")
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(noise(1), name="SCI"), table,
                  fits.ImageHDU(noise(2, (20, 30)), name="ERR")]).writeto(path)
    with Robot(path) as robot:
        assert robot.document.image.shape == SHAPE
        robot.click(robot.tab("Files"))
        robot.choose("##extension", 1)
        robot.settle()
        assert robot.document.image.shape == (20, 30)
        assert "ERR" in robot.document.image.name
    with Robot(f"{path}[ERR]") as robot:
        assert robot.document.image.shape == (20, 30)


# the read-out


@pytest.mark.parametrize("value", [
    np.int32(2**31 - 1), np.int32(2**24 + 1), np.uint16(65535), np.uint8(7),
    np.float64(0.1), np.float64(123456789.123456789), np.float32(0.1), np.float32(np.nan),
    np.float32(-np.inf),
], ids=lambda value: f"{value.dtype}-{value}")
def test_the_readout_is_exact(tmp_path, value):
    values = np.zeros((12, 9), value.dtype)
    values[3, 4] = value
    path = tmp_path / "exact.fits"
    fits.PrimaryHDU(values).writeto(path)
    with Robot(path) as robot:
        robot.move(robot.of_pixel(3, 4))
        robot.settle()
        words = str(value).replace("nan", "NaN").replace("inf", "Inf")
        assert robot.desk.readout.text.startswith(f"FITS 5, 4   array [3, 4]   value {words}")
        assert robot.reads(robot.desk.readout.text)


def test_the_readout_says_where_and_why(frame):
    with Robot(frame) as robot:
        work_on(robot)
        for (y, x), sure, why in (((13, 25), 0.8, "model"), ((14, 25), 0.0, "dilated"),
                                  ((20, 30), 0.0, "added by hand"),
                                  ((12, 25), 0.8, "deleted by hand"), ((5, 40), 0.0, "not masked")):
            robot.move(robot.of_pixel(y, x))
            robot.settle()
            text = robot.desk.readout.text
            assert f"FITS {x + 1}, {y + 1} " in text and f"confidence {sure:.4f}" in text
            assert text.endswith(why)
            assert "150." in text or "10:0" in text or "9:59" in text, "the sky"
        robot.move("image", 0.01, 0.01)
        robot.settle()
