"""The results of one file are saved together, and none is lost for that."""

from types import SimpleNamespace

import fakemodel
import numpy as np
import pytest
from astropy.io import fits
from fakemodel import FakeModel, run_files, status

from glview.batch import line, pool, work, writing
from glview.batch.plan import Request, plan
from glview.files.commit import SaveError
from glview.files.load import load_mask
from glview.files.save import save_mask

COUNT = 5


@pytest.fixture(autouse=True)
def saves(monkeypatch):
    """How many images each save had."""
    made, save = [], writing.save_masks

    def counted(path, contents, **options):
        made.append(len(contents))
        return save(path, contents, **options)

    monkeypatch.setattr(pool, "load", FakeModel)
    monkeypatch.setattr(writing, "save_masks", counted)
    return made


def mosaic(folder, codes=(fakemodel.PLAIN,) * COUNT, name="m.fits"):
    """A file of several images, each with one bright pixel in another row."""
    hdus = [fits.PrimaryHDU()]
    for number, code in enumerate(codes, 1):
        values = np.full((40, 50), 100, np.float32)
        values[5 * number, 20], values[0, 0] = 1000, code
        hdus.append(fits.ImageHDU(values, name="SCI", ver=number))
    fits.HDUList(hdus).writeto(folder / name)
    return folder / name


def check(path, numbers=range(1, COUNT + 1)):
    for number in numbers:
        assert np.argwhere(load_mask(path, number).mask).tolist() == [[5 * number, 20]]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_file_is_written_once(tmp_path, saves, in_place):
    path = mosaic(tmp_path)
    rows = run_files(tmp_path, "m.fits", in_place=in_place)
    assert status(rows) == ["done"] * COUNT and saves == [COUNT]
    assert len({row.name for row in rows}) == COUNT and all(row.masked == 1 for row in rows)
    assert all(set(row.seconds) == {"read", "infer", "write"} for row in rows)
    check(path)
    assert status(run_files(tmp_path, "m.fits", in_place=in_place)) == ["skipped"] * COUNT


def test_every_plane_of_a_cube_is_in_it(tmp_path, saves):
    cube = np.full((3, 40, 50), 100, np.float32)
    cube[[0, 1, 2], [5, 10, 15], 20] = 1000
    fits.writeto(tmp_path / "c.fits", cube)
    assert status(run_files(tmp_path, "c.fits")) == ["done"] * 3 and saves == [3]
    for plane in range(3):
        found = load_mask(tmp_path / "c.fits", 0, plane).mask
        assert np.argwhere(found).tolist() == [[5 * plane + 5, 20]]


def test_a_search_that_fails_keeps_no_other_result_back(tmp_path, saves):
    codes = [fakemodel.PLAIN] * COUNT
    codes[-1] = fakemodel.MEMORY
    path = mosaic(tmp_path, codes)
    mosaic(tmp_path, name="n.fits")
    assert status(run_files(tmp_path, "m.fits", "n.fits")) == ["done"] * 4 + ["failed"] + [
        "done"] * COUNT
    assert saves == [4, COUNT]
    check(path, range(1, COUNT))


def test_what_took_long_does_not_wait_and_memory_is_bounded(tmp_path, saves, monkeypatch):
    path = mosaic(tmp_path)
    run_files(tmp_path, "m.fits", most=4000)
    assert saves == [3, 2]
    monkeypatch.setattr(writing, "QUICK", 0.0)
    saves.clear()
    run_files(tmp_path, "m.fits", overwrite=True)
    assert saves == [1] * COUNT
    check(path)


def test_a_rounded_confidence_is_done_for_whoever_asks_for_no_more(tmp_path):
    path = mosaic(tmp_path)

    def again(**asked):
        return set(status(run_files(tmp_path, "m.fits", **asked)))

    assert again(bits=4) == {"done"}
    assert again(bits=4) == again(bits=3) == again(keep=("CR_MASK",), bits=1) == {"skipped"}
    found = load_mask(path, 1).probability * 16
    assert np.array_equal(found, np.rint(found)) and set(np.unique(found)) == {2, 14}
    check(path)
    assert again(bits=5) == {"done"} and again() == {"done"}
    assert again(bits=4) == again() == {"skipped"}
    assert np.array_equal(np.unique(load_mask(path, 1).probability), np.float32([0.1, 0.9]))


@pytest.fixture
def meanwhile(monkeypatch):
    """Give it what a person does while the second frame of a run is searched."""
    search, calls = FakeModel.detect_cr, []

    def given(deed):
        def searched(self, *arguments, **options):
            calls.append(self)
            if len(calls) == 2:
                deed()
            return search(self, *arguments, **options)

        monkeypatch.setattr(FakeModel, "detect_cr", searched)

    return given


@pytest.mark.parametrize("in_place", [False, True])
def test_what_a_person_saves_while_the_search_goes_on_is_left_alone(tmp_path, meanwhile, in_place):
    path, hand = mosaic(tmp_path), np.zeros((40, 50), bool)
    hand[30:33, 30:33] = True
    meanwhile(lambda: save_mask(path, hand, edits=hand.view(np.uint8), hdu=3, method="beside",
                                review={(31, 31): "accepted"}))
    rows = run_files(tmp_path, "m.fits", in_place=in_place)
    assert status(rows) == ["done", "done", "kept", "done", "done"]
    assert "--overwrite" in rows[2].notes[0]
    check(path, [1, 2, 4, 5])
    saved = load_mask(path, 3)
    assert (saved.mask == hand).all() and saved.edits is not None and saved.review
    meanwhile(lambda: None)
    assert status(run_files(tmp_path, "m.fits", in_place=in_place, overwrite=True)) == ["done"] * 5
    check(path)


def test_what_is_saved_at_the_last_moment_is_not_written_over(tmp_path, monkeypatch):
    path, hand, standing = mosaic(tmp_path), np.ones((40, 50), bool), writing.done.standing

    def late(item, source, image, *more):
        found = standing(item, source, image, *more)
        if image.hdu == COUNT and not load_mask(path, 3):
            save_mask(path, hand, hdu=3, method="beside")
        return found

    monkeypatch.setattr(writing, "done", SimpleNamespace(**vars(writing.done) | {"standing": late}))
    rows = run_files(tmp_path, "m.fits")
    assert load_mask(path, 3).mask.all() and rows[2].status == "kept"


def test_one_that_cannot_be_saved_spoils_no_other(tmp_path, monkeypatch):
    path, save = mosaic(tmp_path), writing.save_masks

    def fail(path, contents, **options):
        if 3 in contents:
            raise SaveError("the third is not to be saved")
        return save(path, contents, **options)

    monkeypatch.setattr(writing, "save_masks", fail)
    rows = run_files(tmp_path, "m.fits")
    assert status(rows) == ["done", "done", "failed", "done", "done"]
    assert rows[2].error == "the third is not to be saved"
    check(path, [1, 2, 4, 5])


@pytest.mark.parametrize("how", ["stop", "close"])
def test_what_was_searched_is_written_after_a_stop(tmp_path, saves, how):
    path = mosaic(tmp_path, (fakemodel.PLAIN, fakemodel.PLAIN, fakemodel.MEMORY, fakemodel.SLOW))
    made = work.Work(Request(), pool.Models())
    rows = line.run(made, plan([path]))
    assert next(rows).status == "failed"  # by then the first two are found, and wait
    if how == "close":
        rows.close()
    else:
        made.stop.set()
        assert status(rows) == ["done"] * 2
    assert saves == [2]
    check(path, [1, 2])
    assert load_mask(path, 4) is None
