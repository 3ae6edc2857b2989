"""The results of a batch: what is written where, what is skipped, and what outlives every run."""

import os
import time
from functools import partial

import numpy as np
import pytest
from astropy.io import fits
from fakemodel import FakeModel, left, make_frame, run_files, status

from glview.batch import frames, pool
from glview.files import open_images
from glview.files.save import load_mask, save_mask

DONE = ["done"]


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    """No test here runs a network."""
    monkeypatch.setattr(pool, "load", FakeModel)


@pytest.fixture
def batch(tmp_path):
    return partial(run_files, tmp_path)


def test_the_result_is_what_the_window_reads_with_all_that_tells_its_origin(batch, tmp_path):
    path = make_frame(tmp_path / "a.fits", CTYPE1="RA---TAN", CRVAL1=12.5)
    before = path.read_bytes()
    row, = batch("a.fits", threshold=0.4, dilation=1, shape="diamond", model="NRES")
    assert (row.status, row.method, row.error) == ("done", "side file", "")
    assert (row.objects, row.masked, row.shape) == (3, 15, (40, 50))
    assert row.pixels == 2000 and set(row.seconds) == set(row.speeds) == {"read", "infer", "write"}
    assert row.notes == ("by a fake model",) and path.read_bytes() == before
    saved = load_mask(path)
    assert str(saved.where) == row.output == str(tmp_path / "a.fits.glview.fits")
    expected = np.zeros((40, 50), bool)
    for y in (10, 14, 18):
        expected[y - 1 : y + 2, 20] = expected[y, 19:22] = True
    assert np.array_equal(saved.mask, expected)
    assert np.array_equal(np.unique(saved.probability), np.float32([0.1, 0.9]))
    known = saved.provenance
    assert (known["model"], known["threshold"], known["dilation"], known["shape"]) == (
        "NRES", 0.4, 1, "diamond")
    with fits.open(row.output) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "CR_MASK", "CR_PROBABILITY"]
        assert hdus[1].header["CRVAL1"] == 12.5
        assert "not checked by eye" in str(hdus[1].header["HISTORY"])
    assert left(tmp_path) == ["a.fits", "a.fits.glview.fits"]


@pytest.mark.parametrize(("keep", "names"), [
    (("CR_MASK",), ["CR_MASK"]), (("CR_PROBABILITY",), ["CR_PROBABILITY"])])
def test_one_of_the_two_alone(batch, tmp_path, keep, names):
    make_frame(tmp_path / "a.fits")
    assert status(batch("a.fits", keep=keep, out=tmp_path)) == DONE
    with fits.open(tmp_path / "a.fits.glview.fits") as hdus:
        assert [hdu.name for hdu in hdus[1:]] == names
    assert status(batch("a.fits", keep=keep)) == ["skipped"]
    assert status(batch("a.fits")) == DONE  # for it asks for more
    assert status(batch("a.fits", keep=keep)) == ["skipped"]


def test_into_the_image_itself_where_that_is_possible(batch, tmp_path):
    make_frame(tmp_path / "a.fits")
    make_frame(tmp_path / "b.fits.gz")
    inside, beside = batch("a.fits", "b.fits.gz", in_place=True)
    assert (inside.method, inside.output) == ("extension", str(tmp_path / "a.fits"))
    assert beside.method == "side file" and any("plain FITS" in note for note in beside.notes)
    assert left(tmp_path) == ["a.fits", "b.fits.gz", "b.fits.gz.glview.fits"]
    assert load_mask(tmp_path / "a.fits").mask.sum() == 3
    assert status(batch("a.fits", "b.fits.gz", in_place=True)) == ["skipped"] * 2
    assert status(batch("a.fits")) == DONE  # it asks for another place


def test_beside_the_file_that_a_link_points_to(batch, tmp_path):
    (tmp_path / "real").mkdir()
    make_frame(tmp_path / "real" / "a.fits")
    (tmp_path / "link.fits").symlink_to("real/a.fits")
    row, = batch("link.fits")
    assert (row.method, left(tmp_path / "real")) == ("side file", ["a.fits", "a.fits.glview.fits"])
    assert load_mask(tmp_path / "link.fits").mask.sum() == 3


def test_all_science_extensions_and_no_other(batch, tmp_path):
    hdus = [fits.PrimaryHDU()]
    for version in (1, 2):
        values = np.full((30, 30), 100, np.float32)
        values[5 * version, 5] = 1000
        hdus += [fits.ImageHDU(values, name=name, ver=version) for name in ("SCI", "ERR", "DQ")]
    fits.HDUList(hdus).writeto(tmp_path / "m.fits")
    rows = batch("m.fits")
    assert [(row.name, row.hdu, row.status) for row in rows] == [
        ("m.fits[SCI,1]", 1, "done"), ("m.fits[SCI,2]", 4, "done")]
    assert sum(row.share for row in rows) == 1
    for hdu, y in ((1, 5), (4, 10)):
        assert np.argwhere(load_mask(tmp_path / "m.fits", hdu).mask).tolist() == [[y, 5]]
    assert status(batch("m.fits")) == ["skipped"] * 2
    rows = batch("m.fits", ext="ERR", in_place=True)
    assert [row.name for row in rows] == ["m.fits[ERR,1]", "m.fits[ERR,2]"]
    assert status(rows) == ["done"] * 2
    row, = batch("m.fits", ext="VAR")
    assert row.status == "failed" and row.error.startswith("m.fits: there is no extension VAR")


def test_without_sci_what_is_named_like_a_companion_is_left_out(tmp_path):
    named = [fits.ImageHDU(np.zeros((9, 9)), name=name) for name in ("N1", "VAR", "wht", "N2")]
    fits.HDUList([fits.PrimaryHDU(), *named]).writeto(tmp_path / "m.fits")
    images = open_images(tmp_path / "m.fits")
    assert [image.header["EXTNAME"] for image in frames.science(images)] == ["N1", "N2"]
    assert frames.science(images[1:3]) == images[1:3]


def test_a_cube_is_searched_plane_by_plane(batch, tmp_path):
    cube = np.full((3, 20, 20), 100, np.float32)
    for plane in range(3):
        cube[plane, plane, 7] = 1000
    fits.writeto(tmp_path / "cube.fits", cube)
    for how in ({}, {"in_place": True}):
        rows = batch("cube.fits", **how)
        assert [(row.name, row.plane) for row in rows] == [
            (f"cube.fits plane {n + 1}", n) for n in range(3)]
        assert status(rows) == ["done"] * 3
        for plane in range(3):
            mask = load_mask(tmp_path / "cube.fits", plane=plane).mask
            assert np.argwhere(mask).tolist() == [[plane, 7]]
        assert status(batch("cube.fits", **how)) == ["skipped"] * 3


def test_the_model_follows_each_header(batch, tmp_path):
    make_frame(tmp_path / "a.fits", TELESCOP="HST", INSTRUME="ACS")
    make_frame(tmp_path / "b.fits")
    assert [row.model for row in batch("a.fits", "b.fits")] == ["ACS-WFC", "ground_imaging"]


@pytest.mark.parametrize("change", [
    {"threshold": 0.3}, {"dilation": 2}, {"model": "NRES"}, {"in_place": True},
    {"overwrite": True}, {"dilation": 1, "shape": "disk"}, {"precision": "bfloat16"}])
def test_done_is_what_has_the_same_origin_and_all_else_is_done_again(batch, tmp_path, change):
    make_frame(tmp_path / "a.fits")
    base = {"dilation": 1} if "shape" in change else {}
    assert status(batch("a.fits", **base)) == DONE
    assert status(batch("a.fits", **base)) == ["skipped"]
    assert status(batch("a.fits", **change)) == DONE
    change.pop("overwrite", None)
    assert status(batch("a.fits", **change)) == ["skipped"]


def test_an_image_that_changed_since_is_done_again(batch, tmp_path):
    path = make_frame(tmp_path / "a.fits")
    batch("a.fits")
    make_frame(path, rays=5)
    os.utime(path, ns=(time.time_ns() + 10**9,) * 2)
    assert [row.objects for row in batch("a.fits")] == [5]


def test_a_frame_of_which_a_part_alone_was_searched_is_not_done(batch, tmp_path):
    path = make_frame(tmp_path / "a.fits")
    batch("a.fits")
    saved = load_mask(path)
    part = {**saved.provenance, "covered": 0.07}
    save_mask(path, saved.mask, saved.probability, None, part, method="beside")
    assert load_mask(path).provenance["covered"] == 0.07
    assert status(batch("a.fits")) == ["kept"], "somebody saved it"
    assert status(batch("a.fits", overwrite=True)) == DONE
    assert "covered" not in load_mask(path).provenance
    assert status(batch("a.fits")) == ["skipped"]


def test_what_was_corrected_by_hand_outlives_every_run_without_overwrite(batch, tmp_path):
    path = make_frame(tmp_path / "a.fits")
    row, = batch("a.fits")
    saved, edits = load_mask(path), np.zeros((40, 50), np.uint8)
    edits[3, 3] = 1
    hand = {**saved.provenance, "added": 1}
    save_mask(path, edits > 0, saved.probability, edits, hand, method="beside")
    assert status(batch("a.fits")) == ["skipped"]
    row, = batch("a.fits", threshold=0.2)
    assert row.status == "kept" and "by hand" in row.notes[0] and "--overwrite" in row.notes[0]
    assert load_mask(path).edits is not None
    assert status(batch("a.fits", threshold=0.2, out=tmp_path / "out")) == ["failed"]
    (tmp_path / "out").mkdir()
    assert status(batch("a.fits", threshold=0.2, out=tmp_path / "out")) == DONE
    assert status(batch("a.fits", threshold=0.2, overwrite=True)) == DONE
    assert load_mask(path).edits is None


def test_what_a_person_saved_without_a_stroke_stays_too(batch, tmp_path):
    path = make_frame(tmp_path / "a.fits")
    batch("a.fits")
    saved = load_mask(path)
    assert saved.provenance["unseen"] is True
    assert status(batch("a.fits", dilation=1)) == DONE, "nobody has looked at it"
    save_mask(path, saved.mask, saved.probability, None, saved.provenance, method="beside")
    assert "unseen" not in load_mask(path).provenance
    assert status(batch("a.fits")) == ["skipped"], "it is what is asked for"
    assert status(batch("a.fits", dilation=2)) == ["kept"]
    save_mask(path, saved.mask, method="beside")  # by a script
    assert status(batch("a.fits")) == ["kept"]
    assert "model" not in load_mask(path).provenance


def test_what_another_model_was_asked_for_at_the_window_stays_too(batch, tmp_path):
    path = make_frame(tmp_path / "a.fits")
    batch("a.fits")
    saved = load_mask(path)
    mixed = {**saved.provenance, "regions": "[1:9,1:9] decam 0a"}
    save_mask(path, saved.mask, saved.probability, None, mixed, method="beside")
    assert status(batch("a.fits")) == ["kept"]
    assert load_mask(path).provenance["regions"] == mixed["regions"]


def test_the_precision_of_the_sums_is_written_down(batch, tmp_path):
    path = make_frame(tmp_path / "a.fits")
    batch("a.fits", precision="bfloat16")
    with fits.open(tmp_path / "a.fits.glview.fits") as hdus:
        assert hdus["CR_MASK"].header["CRSUMS"] == "bfloat16"
    assert load_mask(path).provenance["sums"] == "bfloat16"
    batch("a.fits")
    assert "sums" not in load_mask(path).provenance


def test_what_was_corrected_in_the_file_itself_counts_too(batch, tmp_path):
    path = make_frame(tmp_path / "a.fits")
    batch("a.fits")
    saved = load_mask(path)
    save_mask(path, saved.mask, saved.probability, None, {**saved.provenance, "deleted": 2})
    assert status(batch("a.fits")) == ["skipped"]
    assert status(batch("a.fits", dilation=3)) == ["kept"]


def test_what_the_model_says_of_itself_is_saved_and_decides(batch, tmp_path, monkeypatch):
    make_frame(tmp_path / "a.fits")
    load = pool.load

    def whole(name, *options):
        model = load(name, *options)
        model.provenance["tiling"] = "full"
        return model

    monkeypatch.setattr(pool, "load", whole)
    batch("a.fits")
    assert load_mask(tmp_path / "a.fits").provenance["tiling"] == "full"
    monkeypatch.setattr(pool, "load", load)
    assert status(batch("a.fits")) == DONE  # that was another map


def test_weights_of_ones_own_are_known_by_their_digest(batch, tmp_path, monkeypatch):
    load = pool.load

    def own(name, *options):
        assert name == "mine.pth"
        model = load("NRES", *options)
        model.provenance |= {"model": name, "weights_sha256": digests[0]}
        return model

    digests = ["1" * 64]
    make_frame(tmp_path / "a.fits")
    monkeypatch.setattr(pool, "load", own)
    row, = batch("a.fits", model="mine.pth")
    assert (row.model, row.threshold) == ("mine.pth", 0.5)
    assert status(batch("a.fits", model="mine.pth")) == ["skipped"]
    digests[0] = "2" * 64
    assert status(batch("a.fits", model="mine.pth")) == DONE


def test_a_model_that_is_expected_is_loaded_once(monkeypatch):
    asked = []
    monkeypatch.setattr(pool, "load", lambda *words: asked.append(words) or FakeModel(*words))
    models = pool.Models("cpu")
    models.expect("ACS-WFC")
    models.expect("ACS-WFC")
    with models.lend("ACS-WFC") as one:
        pass
    models.expect("ACS-WFC")
    with models.lend("ACS-WFC") as other:
        assert other is one
    assert asked == [("ACS-WFC", "cpu", "float32")]


def test_who_asks_for_an_expected_model_gets_its_error(monkeypatch):
    monkeypatch.setattr(pool, "load", lambda *words: 1 / 0)
    models = pool.Models("cpu")
    models.expect("ACS-WFC")
    with pytest.raises(ZeroDivisionError), models.lend("ACS-WFC"):
        pass
