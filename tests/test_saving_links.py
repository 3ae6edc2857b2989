"""Links that are turned to another image while their file is open, and masks that were made for the
image that is there now: neither is ever replaced by the mask of the one before."""

import os

import numpy as np
import pytest
from astropy.io import fits
from headless import paint, work_on
from test_saving_changed import EDITS, MASK, SCENE, content, early_cards, make, side_of

from glview.core.mask import MaskSettings
from glview.core.tiles import Stamps
from glview.document import Detection
from glview.files import open_images
from glview.files.beside import side_stamps
from glview.files.save import SaveError, load_mask, save_mask, stamp
from glview.library import mask_of
from glview.saving import foresee, write

REVIEW = {(3, 4): "rejected"}
LONG_AGO, LATER = 946684800, 3786739200  # seconds: before and after any mask of these tests


class Nights:
    """Two images with a name each, and a name that links to one of them."""

    def __init__(self, kind, folder):
        names = ["one.fits", "two.fits"] if kind == "link" else ["n1/a.fits", "n2/a.fits"]
        self.one, self.two = (folder / name for name in names)
        self._link = folder / ("latest.fits" if kind == "link" else "current")
        self._folder = kind == "folder"
        for path in (self.one, self.two):
            path.parent.mkdir(exist_ok=True)
        make(self.one), make(self.two, SCENE + 1)
        self.turn(self.one)

    @property
    def path(self):
        return self._link / self.one.name if self._folder else self._link

    def turn(self, image):
        """Let the link lead to that image from now on."""
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(image.parent if self._folder else image)


@pytest.fixture(params=["link", "folder"])
def nights(request, tmp_path):
    return Nights(request.param, tmp_path)


def opened(path):
    """What a save is told of the image as it was at the opening."""
    return {"opened": open_images(path)[0], "unchanged_since": stamp(path),
            "sides_since": side_stamps(path)}


def masked(path):
    return fits.getdata(path, "CR_MASK").astype(bool)


@pytest.mark.parametrize("theirs", ["in a side file", "none"])
def test_a_mask_stays_beside_its_image_when_the_link_is_turned(nights, desk_of, theirs):
    desk = desk_of(nights.path)
    shown = work_on(desk.show(0))
    if theirs != "none":
        save_mask(nights.two, ~MASK, review=REVIEW, method="beside")
    nights.turn(nights.two)
    images, other = [content(nights.one), content(nights.two)], content(side_of(nights.two))
    for row in (15, 25):
        desk.library.save()
        desk.settle()
        assert content(side_of(nights.two)) == other, "it belongs to the other image"
        assert [content(nights.one), content(nights.two)] == images
        assert desk.library.unsaved == [] and not side_of(nights.path).is_symlink()
        assert (masked(side_of(nights.one)) == shown).all()
        assert all(early_cards(side_of(nights.one)))
        paint(desk.document, row)
        shown = mask_of(desk.document)
    assert "the mask is in " + side_of(nights.one).name in desk.workspace.notices[0]


def test_what_is_opened_through_the_turned_link_has_its_own_mask(nights):
    since = opened(nights.path)
    save_mask(nights.two, ~MASK, review=REVIEW, method="beside")
    nights.turn(nights.two)
    save_mask(nights.path, MASK, **since)
    saved = load_mask(nights.path)
    assert (saved.mask == ~MASK).all() and saved.review == REVIEW
    assert "earlier" not in saved.provenance and load_mask(nights.one).provenance["earlier"]
    header = fits.getheader(side_of(nights.one))
    assert (header["GLVSIDE"], header["GLVPATH"]) == (nights.one.name,) * 2


def test_a_side_file_that_was_not_there_at_the_opening_is_left_alone(tmp_path):
    """The image is the same, under the name of another one that has a side file."""
    one, link = make(tmp_path / "one.fits"), tmp_path / "latest.fits"
    link.symlink_to(one)
    since = opened(link)
    make(tmp_path / "two.fits")
    other = save_mask(tmp_path / "two.fits", ~MASK, method="beside").path
    before = content(other)
    os.replace(one, tmp_path / "two.fits")
    link.unlink()
    link.symlink_to(tmp_path / "two.fits")
    result = save_mask(link, MASK, method="beside", **since)
    assert content(other) == before and result.path == side_of(link)
    with pytest.raises(SaveError, match=r"two\.fits\.glview\.fits was changed by another program"):
        save_mask(tmp_path / "two.fits", MASK, method="beside", **since)


def test_a_link_that_is_turned_in_the_middle_of_a_save_takes_no_mask_along(tmp_path, monkeypatch):
    from glview.files import save

    nights, real = Nights("link", tmp_path), save.job_of
    since = opened(nights.path)
    monkeypatch.setattr(save, "job_of", lambda *one: (nights.turn(nights.two), real(*one))[1])
    result = save_mask(nights.path, MASK, method="beside", **since)
    assert result.path == side_of(nights.one) and not side_of(nights.two).exists()
    assert load_mask(nights.two) is None


def test_a_mask_of_another_folder_goes_there_though_the_link_is_turned(nights, desk_of, tmp_path):
    side = tmp_path / "masks" / "m.glview.fits"
    side.parent.mkdir()
    save_mask(nights.path, ~MASK, target=side)
    image = open_images(nights.path)[0]
    sides, since = side_stamps(nights.path, side), stamp(nights.path)
    other = save_mask(nights.two, ~MASK, method="beside").path
    before = content(other)
    nights.turn(nights.two)
    result = save_mask(nights.path, MASK, opened=image, unchanged_since=since, sides_since=sides,
                       target=side)
    assert result.path == side and content(other) == before and all(early_cards(side))


# without the stamps of the side files


def turned(frame):
    """(what a save of before is told, the mask that was saved of the image of now)."""
    since = {"opened": open_images(frame)[0], "unchanged_since": stamp(frame)}
    make(frame, SCENE + 1)
    os.utime(frame, (LONG_AGO, LONG_AGO))
    return since, save_mask(frame, ~MASK, None, EDITS, review=REVIEW, method="beside").path


@pytest.mark.parametrize("where", ["beside", "target"])
def test_a_mask_of_the_new_version_is_not_replaced_by_one_of_before(tmp_path, where):
    frame = make(tmp_path / "frame.fits")
    since, side = turned(frame)
    before = content(side)
    how = {"target": side} if where == "target" else {}
    with pytest.raises(SaveError, match="holds a mask that is younger than the changed image; move "
                                        "it away, then save again") as caught:
        save_mask(frame, MASK, **since, **how)
    assert content(side) == before and caught.value.state == "unchanged"
    assert str(caught.value).startswith("frame.fits was changed by another program")
    side.rename(tmp_path / "kept.fits")
    assert (masked(save_mask(frame, MASK, **since, **how).path) == MASK).all()
    save_mask(frame, ~MASK, **since)
    assert (masked(side) == ~MASK).all(), "one of before may be replaced"


def test_a_mask_that_is_older_than_the_change_is_replaced(tmp_path):
    frame = make(tmp_path / "frame.fits")
    since, side = turned(frame)
    os.utime(frame, (LATER, LATER))
    save_mask(frame, MASK, **since)
    assert (masked(side) == MASK).all() and all(early_cards(side))


@pytest.mark.parametrize("beside", [False, True])
def test_ones_own_mask_is_replaced_whatever_the_time_of_the_image(tmp_path, beside):
    """The side file is known, so it is of before: another image may well have an older time."""
    from glview.core.mask import MaskSettings
    from glview.core.tiles import Stamps
    from glview.document import Detection

    frame = make(tmp_path / "frame.fits")
    side = save_mask(frame, ~MASK, method="beside").path
    image, since, sides = open_images(frame)[0], stamp(frame), side_stamps(frame)
    make(frame, SCENE + 1)
    os.utime(frame, (LONG_AGO, LONG_AGO))
    detection = Detection(Stamps(MASK.shape), MASK.astype(np.float32), 1.0, provenance={})
    result = write(image, detection, MaskSettings(), None, since, beside, sides=sides)
    assert result.path == side and (masked(side) == MASK).all() and all(early_cards(side))


def test_what_is_foreseen_when_the_link_is_turned_happens(nights):
    image, since, sides = open_images(nights.path)[0], stamp(nights.path), side_stamps(nights.path)
    detection = Detection(Stamps(SCENE.shape), None, 1.0)
    arguments = image, detection, MaskSettings(), EDITS, since
    nights.turn(nights.two)
    found = foresee(*arguments, sides=sides)
    result = write(*arguments, sides=sides)
    assert found.path == result.path == side_of(nights.one) and found.why == result.why
