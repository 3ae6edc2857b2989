"""A mask in a folder of its own is opened with its image."""

import os
import shutil

import numpy as np
import pytest
from astropy.io import fits
from fakemodel import FakeModel, make_frame
from headless import Desk, paint

from glview import cli
from glview.batch import pool
from glview.files import ReadError
from glview.files.pairing import image_of
from glview.files.save import load_mask, save_mask
from glview.library import mask_of

LONG = "a very long folder's name, which needs more than one card of a header " * 2


def desk_of(path):
    desk = Desk(path)
    return desk, desk.show(0)


def searched(folder, monkeypatch):
    """night/x.fits, and masks/x.fits.glview.fits from a batch."""
    monkeypatch.setattr(pool, "load", FakeModel)
    (folder / "night").mkdir()
    image, side = folder / "night" / "x.fits", folder / "masks" / "x.fits.glview.fits"
    make_frame(image)
    assert cli.main(["detect", str(image), "-o", str(side.parent)]) == 0
    return image, side


def test_a_mask_of_a_batch_is_opened_with_its_image_and_saved_again(tmp_path, monkeypatch):
    image, side = searched(tmp_path, monkeypatch)
    before = image.read_bytes()
    desk, document = desk_of(side)
    assert document.image.name == "x.fits" and document.image.path == image
    assert "Mask read from x.fits.glview.fits" in document.detection.status
    assert not desk.workspace.notices  # of a whole folder, there would be one for each
    with fits.open(side) as hdus:
        np.testing.assert_array_equal(mask_of(document), hdus["CR_MASK"].data)
    paint(document, 9)
    desk.library.save()
    desk.settle()
    assert "x.fits.glview.fits (side file" in desk.workspace.told, desk.workspace.notices
    assert image.read_bytes() == before and not (image.parent / side.name).exists()
    desk.library.reload()
    again = desk.settle()
    assert mask_of(again)[9, 3:20].all() and not again.changed
    paint(again, 19)
    desk.library.save()
    desk.settle()
    assert not desk.workspace.entry.document.changed
    desk.jobs.close()


def test_the_side_file_beside_its_image_is_opened_with_it_too(tmp_path):
    image = tmp_path / "x.fits"
    make_frame(image)
    mask = np.zeros(fits.getdata(image).shape, bool)
    mask[3, 4] = True
    side = save_mask(image, mask, method="beside").path
    desk, document = desk_of(side)
    assert document.image.path == image and mask_of(document).sum() == 1
    desk.jobs.close()


def test_the_first_image_with_a_mask_is_shown(tmp_path):
    image, side = tmp_path / "two.fits", tmp_path / "masks" / "two.fits.glview.fits"
    scene = np.ones((20, 30), np.float32)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(scene), fits.ImageHDU(scene)]).writeto(image)
    side.parent.mkdir()
    save_mask(image, scene > 0, hdu=2, target=side)
    desk, document = desk_of(side)
    assert document.image.hdu == 2 and mask_of(document).all()
    desk.jobs.close()


def test_without_its_image_a_mask_says_where_that_was(tmp_path, monkeypatch):
    image, side = searched(tmp_path, monkeypatch)
    image.unlink()
    desk, document = desk_of(side)
    assert document.image.path == side
    told = " ".join(desk.workspace.notices)
    assert f"the mask of {image}, which is not there: put both into one folder" in told
    desk.jobs.close()


@pytest.mark.parametrize("name", ["x.fits", "k\u00e4t'e %41 x.fits", LONG + "/x.fits",
                                  os.fsdecode(b"\xff.fits")])
def test_any_path_is_found_again(tmp_path, name):
    image = tmp_path / "deep" / name
    image.parent.mkdir(parents=True)
    fits.writeto(tmp_path / "plain.fits", np.ones((20, 30), np.float32))
    shutil.move(tmp_path / "plain.fits", image)
    sides = [tmp_path / "out" / "m.glview.fits", tmp_path / "m.glview.fits"]
    sides[0].parent.mkdir()
    for side in sides:
        save_mask(image, np.ones((20, 30), bool), target=side)
        assert image_of(side)[0] == image
        with fits.open(side) as hdus:
            hdus.verify("exception")
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)  # the image is below it: the path is a relative one
    assert image_of(moved / "m.glview.fits")[0] == moved / "deep" / name


def test_other_files_are_no_side_files(tmp_path):
    image = tmp_path / "x.fits"
    make_frame(image)
    assert image_of(image) == image_of(tmp_path / "none.glview.fits") == (None, "")
    shutil.copy(image, tmp_path / "y.glview.fits")
    assert image_of(tmp_path / "y.glview.fits") == (None, "")
    assert load_mask(image) is None


def test_a_mask_in_another_folder_is_read_by_its_name(tmp_path):
    image, side = tmp_path / "x.fits", tmp_path / "out" / "x.fits.glview.fits"
    make_frame(image)
    side.parent.mkdir()
    mask = np.zeros(fits.getdata(image).shape, bool)
    mask[3, 4] = True
    save_mask(image, mask, target=side)
    for name in side, str(side):
        assert (load_mask(image, side=name).mask == mask).all()
    assert load_mask(image) is None
    with pytest.raises(ReadError, match=r"there is no file .*none\.fits"):
        load_mask(image, side=str(tmp_path / "none.fits"))
