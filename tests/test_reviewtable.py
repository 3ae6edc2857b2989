"""CR_REVIEW: verdicts to disk and back; astropy and fitsio read the table."""

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from headless import SHAPE as FRAME
from headless import Desk, work_on
from hypothesis import given, settings
from hypothesis import strategies as st

from glview.core import plane
from glview.core.history import Verdict
from glview.files import ReadError, reviewtable
from glview.files.save import SaveError, load_mask, save_mask
from glview.files.source import open_source

SHAPE = (60, 90)
MASK = np.random.default_rng(3).random(SHAPE) > 0.9
VERDICTS = {(0, 0): "accepted", (59, 89): "rejected", (7, 31): "accepted", (7, 3): "rejected"}


@pytest.fixture
def frame(tmp_path):
    fits.writeto(tmp_path / "frame.fits", np.zeros(SHAPE, np.float32))
    return tmp_path / "frame.fits"


def rows_of(path):
    """{(y, x): state} as astropy and fitsio read the table, which is FITS pixels from 1."""
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        table, header = hdus["CR_REVIEW"].data, hdus["CR_REVIEW"].header
        found = {(int(y) - 1, int(x) - 1): s for x, y, s in table}
        assert table.columns.names == ["X", "Y", "STATE"] and header["CRNREV"] == len(found)
    with fitsio.FITS(str(path)) as hdus:
        other = hdus["CR_REVIEW"].read()
    assert {(int(y) - 1, int(x) - 1): s.decode().strip() if isinstance(s, bytes) else s.strip()
            for x, y, s in other} == found
    return found


def test_verdicts_come_back_and_others_read_them(frame):
    save_mask(frame, MASK, review=VERDICTS)
    assert rows_of(frame) == VERDICTS
    saved = load_mask(frame)
    assert saved.review == VERDICTS and saved.provenance["reviewed"] == 4
    assert (saved.mask == MASK).all()
    save_mask(frame, MASK)
    assert load_mask(frame).review == {} and "reviewed" not in load_mask(frame).provenance


@given(st.dictionaries(st.tuples(st.integers(0, 59), st.integers(0, 89)),
                       st.sampled_from(reviewtable.STATES), max_size=40))
@settings(max_examples=40, deadline=None)
def test_any_verdicts(tmp_path_factory, verdicts):
    path = tmp_path_factory.mktemp("any") / "frame.fits"
    fits.writeto(path, np.zeros(SHAPE, np.int16))
    save_mask(path, MASK, review=verdicts)
    assert load_mask(path).review == verdicts
    if verdicts:
        assert rows_of(path) == verdicts


def test_a_side_file_holds_them_too(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(SHAPE))
    save_mask(tmp_path / "a.npy", MASK, review=VERDICTS)
    assert rows_of(tmp_path / "a.npy.glview.fits") == VERDICTS
    assert load_mask(tmp_path / "a.npy").review == VERDICTS


@pytest.mark.parametrize("wrong", [{(0, 90): "accepted"}, {(-1, 0): "rejected"}, {(2, 3): "dunno"},
                                   {(2, 3): ""}])
def test_a_verdict_that_cannot_be_is_refused(frame, wrong):
    before = frame.read_bytes()
    with pytest.raises(SaveError, match=r"the review says .* say one of accepted, rejected"):
        save_mask(frame, MASK, review=VERDICTS | wrong)
    assert frame.read_bytes() == before


def test_rows_that_make_no_sense_are_left_out_and_another_layout_is_told(frame):
    save_mask(frame, MASK, review=VERDICTS)
    content = frame.read_bytes()
    at = content.index(b"CR_REVIEW") // 2880 * 2880
    start = content.index(np.array([(1, 1, b"accepted")], reviewtable.ROW).tobytes(), at)
    broken = bytearray(content)
    broken[start : start + 4] = (10**6).to_bytes(4, "big")
    broken[start + 16 + 8 : start + 32] = b"\xff" * 8
    frame.write_bytes(broken)
    assert load_mask(frame).review == {k: VERDICTS[k] for k in [(7, 31), (59, 89)]}
    frame.write_bytes(content.replace(b"TFORM3  = '8A      '", b"TFORM3  = '9A      '"))
    with pytest.raises(ReadError, match="CR_REVIEW is not a table of verdicts"):
        load_mask(frame)


def test_a_table_that_astropy_wrote_again_is_read(frame, tmp_path):
    save_mask(frame, MASK, review=VERDICTS)
    with fits.open(frame) as hdus:
        hdus.writeto(tmp_path / "again.fits")
    assert load_mask(tmp_path / "again.fits").review == VERDICTS


def test_only_what_is_in_the_file_is_read(frame):
    save_mask(frame, MASK, review=VERDICTS)
    source = open_source(frame)
    from glview.files.header import scan

    hdu = next(one for one in scan(source.fd).hdus if one.name == "CR_REVIEW")
    assert reviewtable.read(source, hdu, (8, 32)) == {
        (0, 0): "accepted", (7, 31): "accepted", (7, 3): "rejected"}


@pytest.mark.parametrize("large", [False, True])
def test_a_verdict_alone_is_a_change_that_is_saved_and_comes_back(tmp_path, monkeypatch, large):
    if large:
        monkeypatch.setattr(plane, "DENSE_PIXELS", 100)
    path = tmp_path / "frame.fits"
    fits.writeto(path, np.random.default_rng(4).normal(50, 3, FRAME).astype(np.float32))
    desk = Desk(path)
    document = desk.show(0)
    work_on(document)
    desk.library.save()
    desk.settle()
    assert not document.changed
    step = Verdict(((5, 4, "", "accepted"), (20, 30, "", "rejected")))
    step.do(document)
    document.history.record(step)
    assert document.changed
    desk.library.save()
    desk.settle()
    assert not document.changed and rows_of(path) == document.verdicts
    desk.jobs.close()
    other = Desk(path)
    again = other.show(0)
    assert again.verdicts == {(5, 4): "accepted", (20, 30): "rejected"} and not again.changed
    other.jobs.close()
