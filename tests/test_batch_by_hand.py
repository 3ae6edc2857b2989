"""Masks that somebody saved by hand, as `glview detect` tells of them and leaves them."""

import json
from functools import partial

import numpy as np
import pytest
from astropy.io import fits
from fakemodel import FakeModel, make_frame
from scipy import ndimage

from glview.batch import pool, work
from glview.files.beside import side_stamps
from glview.files.save import load_mask, save_mask

WAS = (1, 2, 3)  # the stamp of a file that is another by now


@pytest.fixture
def detect(monkeypatch, typed):
    """Run `glview detect` here, with a model without a network."""
    monkeypatch.setattr(pool, "load", FakeModel)
    return partial(typed, "detect")


@pytest.fixture
def searches(monkeypatch):
    """Names of what was searched."""
    names, search = [], work.Work.search

    def noted(self, frame):
        names.append(frame.image.name)
        return search(self, frame)

    monkeypatch.setattr(work.Work, "search", noted)
    return names


def record(detect, *words):
    """The exit code and what is told of the one image."""
    code, out, _ = detect(*words, "--json")
    line, = out
    return code, json.loads(line)


def save_by_hand(path, change, **options):
    """What Ctrl+S in the window does after the mask was changed."""
    saved = load_mask(path)
    mask = saved.mask.copy()
    change(mask)
    added, deleted = (int(np.count_nonzero(one)) for one in (mask & ~saved.mask,
                                                              saved.mask & ~mask))
    edits = (mask & ~saved.mask) + np.uint8(2) * (saved.mask & ~mask)
    hand = {**saved.provenance, "added": added, "deleted": deleted}
    save_mask(path, mask, saved.probability, edits, hand, **options)
    return mask


def add_and_delete(mask):
    mask[30:33, 5:9] = True
    mask[0, 0] = mask[1, 1] = True  # they touch at a corner
    mask[10] = False


@pytest.mark.parametrize("place", [(), ("--in-place",)])
@pytest.mark.parametrize(("more", "status"), [((), "skipped"), (("--threshold", "0.2"), "kept")])
def test_what_was_corrected_by_hand_is_counted_as_it_is_now(detect, tmp_path, place, more, status):
    make_frame(tmp_path / "a.fits")
    detect("a.fits", *place)
    method = "auto" if place else "beside"
    mask = save_by_hand(tmp_path / "a.fits", add_and_delete, method=method)
    code, told = record(detect, "a.fits", *place, *more)
    objects = ndimage.label(mask, np.ones((3, 3)))[1]
    assert (code, told["status"], told["by_hand"]) == (0, status, True)
    assert (told["objects"], told["masked"]) == (objects, mask.sum()) == (4, 16)
    assert told["cr_fraction"] == 16 / 2000


def test_a_table_of_the_whole_night_tells_which_masks_are_by_hand(detect, tmp_path):
    for name in "abc":
        make_frame(tmp_path / f"{name}.fits")
    detect(".", "-o", "masks")
    side = tmp_path / "masks" / "b.fits.glview.fits"
    edits = np.zeros((40, 50), np.uint8)
    edits[5, 5] = 1
    origin = load_mask(tmp_path / "b.fits", side=side).provenance
    save_mask(tmp_path / "b.fits", edits > 0, None, edits, origin, target=side)
    _, out, _ = detect(".", "-o", "masks", "--mask-only")
    ends = {line.split()[0]: line.split()[4:] for line in out if ".fits" in line}
    assert ends["a.fits"] == ends["c.fits"] == ["3", "0.1500", "done", "before"]
    assert ends["b.fits"] == ["1", "0.0500", "saved", "by", "hand"]
    assert any(line.startswith("2 done before, 1 saved by hand; ") for line in out), out


def test_a_confidence_alone_that_a_script_saved_has_no_figures(detect, tmp_path):
    make_frame(tmp_path / "a.fits")
    save_mask(tmp_path / "a.fits", None, np.full((40, 50), 0.7, np.float32), method="beside")
    _, told = record(detect, "a.fits")
    assert (told["status"], told["objects"], told["masked"]) == ("kept", None, None)


def test_what_is_saved_while_the_search_goes_on_is_counted_too(detect, tmp_path, monkeypatch):
    path = make_frame(tmp_path / "a.fits")
    search, hand = FakeModel.detect_cr, np.zeros((40, 50), bool)
    hand[20:24, 20:24] = True

    def meanwhile(self, *arguments, **options):
        save_mask(path, hand, method="beside")
        return search(self, *arguments, **options)

    monkeypatch.setattr(FakeModel, "detect_cr", meanwhile)
    _, told = record(detect, "a.fits")
    assert (told["status"], told["objects"], told["masked"]) == ("kept", 1, 16)


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_a_mask_of_an_earlier_version_of_another_size_is_told_before_the_search(
        detect, tmp_path, searches, more):
    path = make_frame(tmp_path / "a.fits")
    save_mask(path, np.ones((52, 53), bool), unchanged_since=WAS, hdu=0)
    before = (tmp_path / "a.fits.glview.fits").read_bytes()
    code, told = record(detect, "a.fits", *more)
    assert (code, told["status"]) == (1, "failed") and not searches
    assert told["error"] == ("a.fits.glview.fits is the mask of an earlier version of the image "
                             "(53 x 52, now 50 x 40): move it away")
    assert (tmp_path / "a.fits.glview.fits").read_bytes() == before
    (tmp_path / "a.fits.glview.fits").unlink()
    assert record(detect, "a.fits")[1]["status"] == "done"


def test_it_does_not_bar_the_image_s_own_file(detect, tmp_path):
    path = make_frame(tmp_path / "a.fits")
    save_mask(path, np.ones((52, 53), bool), unchanged_since=WAS, hdu=0)
    assert record(detect, "a.fits", "--in-place")[1]["status"] == "failed"
    told = record(detect, "a.fits", "--in-place", "--overwrite")[1]
    assert (told["status"], told["method"]) == ("done", "extension")


def test_a_mask_by_hand_of_another_image_is_told_and_replaced_if_asked(detect, tmp_path, searches):
    path = make_frame(tmp_path / "a.fits", shape=(52, 53))
    save_mask(path, np.ones((52, 53), bool), method="beside")
    path.unlink()
    make_frame(path)
    code, told = record(detect, "a.fits")
    assert (code, told["status"]) == (1, "failed") and not searches
    assert told["error"] == ("a.fits.glview.fits is the mask of another image (53 x 52, this one "
                             "is 50 x 40): move it away, or --overwrite replaces it")
    assert record(detect, "a.fits", "--overwrite")[1]["status"] == "done"


def test_a_mask_that_nobody_has_seen_of_another_size_is_replaced(detect, tmp_path):
    path = make_frame(tmp_path / "a.fits", shape=(52, 53))
    detect("a.fits")
    path.unlink()
    make_frame(path)
    assert record(detect, "a.fits")[1]["status"] == "done"


@pytest.mark.parametrize(("known", "since", "reason"), [
    ({}, WAS, "saved by hand for an earlier version of the image"),
    ({"covered": 0.5}, None, "saved by hand, of a part of the frame"),
    ({"regions": "[1:9,1:9] decam 0a"}, None, "saved by hand, in part by another model"),
    ({"threshold": 0.25}, None, "saved by hand under other settings"),
    ({"model": None}, None, "saved by hand without a model"),
])
def test_the_reason_why_a_mask_is_kept_is_its_own(detect, tmp_path, known, since, reason):
    path = make_frame(tmp_path / "a.fits")
    detect("a.fits")
    saved = load_mask(path)
    save_mask(path, saved.mask, saved.probability, None, saved.provenance | known,
              unchanged_since=since, sides_since=side_stamps(path), method="beside")
    _, told = record(detect, "a.fits")
    assert told["status"] == "kept"
    assert told["notes"][0] == f"{reason}: left as it is (--overwrite replaces it)"
    assert record(detect, "a.fits", "--overwrite")[1]["status"] == "done"


def test_a_large_mask_is_counted_without_being_laid_out(detect, tmp_path):
    path, shape = tmp_path / "a.fits", (3000, 2100)
    fits.writeto(path, np.zeros(shape, np.int16))
    mask = np.zeros(shape, bool)
    mask[::500, ::300] = mask[1023:1026, 1020:1030] = True
    save_mask(path, mask, method="beside")
    _, told = record(detect, "a.fits")
    assert (told["objects"], told["masked"]) == (ndimage.label(mask, np.ones((3, 3)))[1],
                                                 mask.sum())
