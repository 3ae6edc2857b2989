"""A mask that may be of other pixels than the image has now: who opens the image is told, in any
run of the program, and nobody is told for nothing."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from headless import SHAPE, paint, work_on
from test_saving_changed import SCENE, make, pixels, side_of

from glview.core.image import from_array
from glview.files import ReadError, open_images
from glview.files.pixelsum import BANDS, WHOLE, pixel_sum
from glview.files.save import load_mask, save_mask
from glview.library import mask_of
from glview.watching import DOUBT

OTHER, NEWER = "was made for other pixels", "newer than its mask"
CARD = "CRIMSUM"


@pytest.fixture
def frame(tmp_path):
    return make(tmp_path / "frame.fits")


@pytest.fixture
def doubts(desk_of):
    """What a new run of the program says of the mask that it shows with a file."""

    def opened(path):
        desk = desk_of(path)
        assert desk.show(0).has_mask
        return [one for one in desk.workspace.notices if one.startswith(DOUBT)]

    return opened


def rewritten(path):
    """Other pixels under the extensions that were there: the masks stay."""
    with fits.open(path) as hdus:
        hdus["SCI"].data = SCENE[::-1]
        hdus.writeto(path, overwrite=True)


def save(desk_of, path, beside):
    desk = desk_of(path)
    shown = work_on(desk.show(0))
    desk.library.save(beside=beside)
    desk.settle()
    return shown


@pytest.mark.parametrize("change", [pixels, rewritten])
@pytest.mark.parametrize("beside", [False, True])
def test_pixels_that_changed_between_two_runs_are_told_of_until_it_is_saved(desk_of, doubts, frame,
                                                                           beside, change):
    shown = save(desk_of, frame, beside)
    assert not doubts(frame)
    change(frame)
    where = "frame.fits.glview.fits" if beside else "frame.fits"
    for _ in range(2):
        told, = doubts(frame)
        assert told.startswith("The mask of frame.fits") and f" in {where} {OTHER}" in told
    desk = desk_of(frame)
    assert (mask_of(desk.show(0)) == shown).all()
    desk.library.save(beside=beside)
    desk.settle()
    assert not desk.workspace.notices and not doubts(frame)


@pytest.mark.parametrize("beside", [False, True])
def test_a_file_that_was_copied_touched_or_given_another_header_is_not_doubted(desk_of, doubts,
                                                                              frame, beside):
    save(desk_of, frame, beside)
    copy = frame.with_name("copy")
    copy.mkdir()
    for one in frame.parent.glob("*.fits"):  # the image is the last
        shutil.copyfile(one, copy / one.name)
    os.utime(copy / frame.name, (4e9, 4e9))
    assert not doubts(copy / frame.name)
    with fits.open(frame, mode="update") as hdus:
        hdus["SCI"].header["OBJECT"] = "M 101", "a card that takes some room"
        hdus.append(fits.ImageHDU(np.ones(SHAPE)))
    os.utime(frame, (4e9, 4e9))
    assert not doubts(frame)


def test_a_file_that_was_touched_while_it_is_open_is_not_doubted(desk_of, frame):
    desk = desk_of(frame)
    work_on(desk.show(0))
    desk.library.save()
    desk.settle()
    os.utime(frame, (4e9, 4e9))
    desk.library.reload()
    assert desk.settle().has_mask and not desk.workspace.notices


def stripped(path):
    """The same mask without the sum, as other versions of glview wrote it."""
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus:
            hdu.header.remove(CARD, ignore_missing=True)


@pytest.mark.parametrize("later, beside, told", [
    (100, True, True), (-100, True, False), (100, False, False)])
def test_without_the_sum_a_side_file_older_than_its_image_is_hinted_at(desk_of, doubts, frame,
                                                                      later, beside, told):
    save(desk_of, frame, beside)
    place = side_of(frame) if beside else frame
    stripped(place)
    now = os.stat(place).st_mtime
    os.utime(frame, (now + later, now + later))
    found = doubts(frame)
    assert [NEWER in one and "look whether" in one for one in found] == [True] * told


def test_without_the_sum_a_mask_made_after_the_image_is_not_doubted(desk_of, doubts, frame):
    save(desk_of, frame, True)
    stripped(side_of(frame))
    now = os.stat(frame).st_mtime
    os.utime(frame, (now - 50, now - 50))
    os.utime(side_of(frame), (now - 100, now - 100))  # DATE says that it was made later
    assert not doubts(frame)


@pytest.mark.parametrize("beside", [False, True])
def test_without_the_sum_what_this_run_saw_of_the_file_tells(desk_of, frame, beside):
    save(desk_of, frame, beside)
    stripped(side_of(frame) if beside else frame)
    desk = desk_of(frame)
    desk.show(0)
    assert not desk.workspace.notices
    pixels(frame)
    desk.library.reload()
    desk.settle()
    told, = desk.workspace.notices
    assert "was made before another program changed the file: look whether" in told
    desk.library.save(beside=beside)
    desk.settle()
    assert not desk.workspace.notices


def test_each_plane_of_a_cube_has_its_own(desk_of, frame):
    cube = np.stack([SCENE, SCENE + 1, SCENE + 2])
    fits.writeto(frame, cube, overwrite=True)
    desk = desk_of(frame)
    images = desk.show(0).images
    for plane in (0, 1):
        desk.library.show_image(images[0], plane)
        paint(desk.settle(), 5)
        desk.library.save(beside=True)
        desk.settle()
    cube[1] += 9
    fits.writeto(frame, cube, overwrite=True)
    desk.library.reload()
    desk.settle()
    told, images = [], desk.document.images
    for plane in (0, 1, 2):
        desk.library.show_image(images[0], plane)
        assert desk.settle().has_mask == (plane < 2)
        told.append(len(desk.workspace.notices))
    assert told == [1, 1, 1] and OTHER in desk.workspace.notices[0]
    desk.library.show_image(images[0], 1)
    desk.settle()
    desk.library.save(beside=True)
    desk.settle()
    assert not desk.workspace.notices


def test_a_mask_that_is_saved_again_gets_the_sum_of_the_image_it_is_saved_for(frame):
    save_mask(frame, SCENE > 110, provenance={"pixels": "00000000"})
    first = load_mask(frame).provenance["pixels"]
    assert first == pixel_sum(open_images(frame)[0]) != "00000000"
    rewritten(frame)
    save_mask(frame, SCENE > 110, provenance=load_mask(frame).provenance)
    assert load_mask(frame).provenance["pixels"] not in (first, "00000000")


def test_an_earlier_version_has_no_sum(frame):
    image = open_images(frame)[0]
    make(frame, SCENE + 1)
    save_mask(frame, SCENE > 110, unchanged_since=(1, 2, 3), opened=image)
    known = load_mask(frame).provenance
    assert known["earlier"] is True and "pixels" not in known


# the sum


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_it_is_of_the_pixels_and_not_of_how_they_are_kept(tmp_path, kind):
    values = (SCENE * 2).astype(kind)
    wanted = pixel_sum(from_array(values))
    plain, packed = tmp_path / "a.fits", tmp_path / "b.fits"
    fits.writeto(plain, values)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(
        values, compression_type="GZIP_2", quantize_level=0)]).writeto(packed)
    np.save(tmp_path / "c.npy", values)
    found = [pixel_sum(open_images(path)[0]) for path in (plain, packed, tmp_path / "c.npy")]
    assert found == [wanted] * 3 and len(wanted) == 8 and int(wanted, 16)
    values[20, 30] += 1
    assert pixel_sum(from_array(values)) != wanted


def test_every_nan_is_the_same_and_so_is_every_zero():
    values = SCENE.copy()
    values[:2] = [[np.nan], [0.0]]
    wanted = pixel_sum(from_array(values))
    values.view(np.uint32)[0] ^= 0x400005  # signalling ones
    values[1] = -0.0
    assert np.isnan(values[0]).all() and pixel_sum(from_array(values)) == wanted
    values[0, 0] = 0
    assert pixel_sum(from_array(values)) != wanted


class Counted:
    """An image that cannot be read as a whole, and counts what is."""

    def __init__(self, shape):
        self.read, self.boxes = 0, []
        self.image = replace(from_array(np.zeros((1, 1))), shape=shape, read=self._read)

    def _read(self, plane, y0, y1, x0, x1):
        assert 0 <= y0 < y1 <= self.image.shape[0] and 0 <= x0 < x1 <= self.image.shape[1]
        self.boxes.append((y0, x0, y1, x1))
        self.read += (y1 - y0) * (x1 - x0)
        return np.zeros((y1 - y0, x1 - x0), np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (700, 500), (1 << 20, 3), (3, 1 << 20),
                                   (513, 513), (1 << 15, 1 << 15), (1, 1 << 30), (1 << 30, 1)])
def test_little_of_a_large_image_is_read_and_all_of_a_small_one(shape):
    counted, size = Counted(shape), shape[0] * shape[1]
    pixel_sum(counted.image)
    assert counted.read == size if size <= WHOLE else WHOLE // 2 <= counted.read <= WHOLE
    assert len(counted.boxes) <= BANDS
    assert max(box[2] for box in counted.boxes) > 0.95 * shape[0]
    assert max(box[3] for box in counted.boxes) == shape[1]


def test_one_that_cannot_be_read_has_none():
    def broken(*box):
        raise ReadError("the disk is gone")

    assert pixel_sum(replace(from_array(SCENE), read=broken)) == ""
