"""What is saved passes fitsverify, the judge of FITS files in archives: no error and no warning in
any extension of glview's, and none in the user's that was not there before."""

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from conftest import needs
from fakemodel import FakeModel, make_frame, run_files

from glview.batch import pool
from glview.core.plane import FLOOR, Plane
from glview.files import extensions
from glview.files.save import Content, SaveError, save_mask, save_masks

DATA = Path(__file__).parent / "data"
SHAPE = (70, 90)
NOISE = np.random.default_rng(3)
SCENE = NOISE.normal(100, 5, SHAPE)
MASK = NOISE.random(SHAPE) > 0.9
MAP = NOISE.random(SHAPE, np.float32)
MAP[3, 4] = np.nan
EDITS = NOISE.choice(np.array([0, 1, 2], np.uint8), SHAPE, p=[0.9, 0.06, 0.04])
SKY = {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CRVAL1": 10.0, "CRVAL2": 20.0,
       "CRPIX1": 3.0, "CRPIX2": 4.0, "CD1_1": 1e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-4,
       "A_ORDER": 2, "B_ORDER": 2, "A_0_2": 1e-7, "B_0_2": 1e-7, "CUNIT1": "deg", "CUNIT2": "deg",
       "RADESYS": "FK5", "EQUINOX": 2000.0, "MJD-OBS": 51234.5, "BUNIT": "electron"}
ORIGIN = {name: 1 for name, _, _ in extensions.ORIGIN} | {
    "model": "of 'é', µ and\nlong " * 9, "weights_sha256": "0123456789abcdef" * 4, "plane": 0,
    "threshold": 0.3, "shape": "disk", "tiling": "1024+64", "covered": 0.25, "look": "{'" * 99,
    "regions": "LACOSMIC in [1:20, 3:40]; " * 5, "sums": "bfloat16", "cleaning": "median, 16"}
ALL = Content(MASK, MAP, EDITS, ORIGIN, {(3, 4): "accepted", (69, 89): "rejected"}, SCENE)
FLAGS = {"hst": ("DQ", "i2"), "wfc3": ("DQ", "u2"), "jwst": ("DQ", "u4"), "banzai": ("BPM", "u1"),
         "decam": ("MSK", "i4"), "lsst": ("MASK", "i4")}
NO_MORE = b"EXTEND  =                    F"
HEADERS = {  # what may be wrong in the user's own
    "no extensions": {"EXTENDS": True, "OBJECT": "M 51"},
    "EPOCH": {"EPOCH": 2000.0, "RADECSYS": "FK5"},
    "matrices": {"PC1_1": 1.0, "PC2_2": 1.0, "CD1_1": 1.0, "CD2_2": 1.0, "CROTA2": 1.0},
    "one axis": {"CRVAL1": 1.0, "CRVAL2": 2.0, "WCSAXES": 1}, "parts": {"CRVAL1A": 5.0},
    "no scale": {"CDELT1": 0.0, "CDELT2": 0.0, "CRVAL1": 1.0}, "errors": {"CRDER1": -1.0},
    "infinite": {"CRVAL1": 1.0, "CRPIX1": 2.0, "CRVAL2": "1E999"}}


@pytest.fixture(autouse=True)
def judge():
    needs("fitsverify")


def write(path, values, header=SKY):
    """A frame with these cards, also those that astropy refuses; returns its path."""
    path.unlink(missing_ok=True)
    fits.writeto(path, values, fits.Header(header))
    data = path.read_bytes().replace(b"'1E999   '", b"    1E999 ")
    path.write_bytes(data.replace(b"EXTENDS =                    T", NO_MORE))
    return path


def complaints(path):
    """(errors and warnings of each HDU, all that fitsverify says)."""
    done = subprocess.run(["fitsverify", f"./{path.name}"], cwd=path.parent, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    table = done.stdout.partition("Error Summary")[2]
    found = re.findall(r"^ (?:[0-9]+|End-of-file) .* ([0-9]+) +([0-9]+) *$", table, re.M)
    assert "Verification found" in table, done.stdout
    return [sum(map(int, pair)) for pair in found], done.stdout


def check(path, before=(), saved=None):
    """The file of a save: nothing is wrong that was not `before`, in the image's own HDUs."""
    found, said = complaints(path)
    assert found == [*before, *[0] * (len(found) - len(before))], said
    with fits.open(path) as hdus:
        own = sum("GLVVERS" in hdu.header for hdu in hdus)
        assert len(found) == len(hdus) > own and own > 0


def saved(path, content=ALL, hdu=None, **options):
    """Save into or beside a frame, and check what is there then."""
    with fits.open(path) as hdus:
        others = sum("GLVVERS" not in hdu.header for hdu in hdus)
    known = complaints(path)[0][:others]
    done = save_masks(path, {hdu: content}, **options)
    check(done.path, known if done.path == path else ())
    return done


@pytest.mark.parametrize("method", ["append", "copy", "beside"])
def test_all_extensions_by_each_method(tmp_path, method):
    frame = write(tmp_path / "the frame.fits", SCENE.astype("f4"))
    alone = Content(MASK)
    for content in (alone, ALL, Content(None, MAP, precision=2.0**-9), ALL, alone):
        assert saved(frame, content, method=method).method == method


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
def test_every_type_of_image(tmp_path, kind):
    saved(write(tmp_path / "frame.fits", SCENE.astype(kind)))


@pytest.mark.parametrize("dq", FLAGS)
def test_the_flags_of_every_observatory(tmp_path, dq):
    name, kind = FLAGS[dq]
    flags = fits.ImageHDU(NOISE.integers(0, 99, SHAPE).astype(kind), name=name)
    if dq == "lsst":
        flags.header.update(MP_CR=3, MP_BAD=0)
    science = fits.ImageHDU(SCENE, fits.Header(SKY), name="SCI")
    frame = tmp_path / "frame.fits"
    fits.HDUList([fits.PrimaryHDU(), science, flags]).writeto(frame, checksum=True)
    saved(frame, Content(MASK, MAP, EDITS, ORIGIN, dq=dq), "SCI")
    saved(frame, Content(MASK, MAP, EDITS, ORIGIN, dq=dq), "SCI", method="beside")
    if dq != "lsst":
        saved(write(frame, SCENE), Content(MASK, dq=dq))


def test_cubes_several_images_and_compressed_ones(tmp_path):
    frame = write(tmp_path / "cube.fits", np.stack([SCENE] * 3))
    known = complaints(frame)[0]
    save_masks(frame, {(0, 0): ALL, (0, 2): Content(~MASK, MAP)})
    check(frame, known)
    parts = [fits.PrimaryHDU(), fits.ImageHDU(SCENE, name="SCI"),
             fits.CompImageHDU(SCENE.astype("f4"), name="PACKED")]
    fits.HDUList(parts).writeto(tmp_path / "two.fits.fz")
    known = complaints(tmp_path / "two.fits.fz")[0]
    save_masks(tmp_path / "two.fits.fz", {1: ALL, 2: ALL})
    check(tmp_path / "two.fits.fz", known)


def test_sparse_large_and_strange_masks(tmp_path, monkeypatch):
    shape = (3000, 5000)
    confidence = Plane(shape, np.float32, FLOOR)
    confidence.put(1000, 2000, np.full((5, 6), 0.7, np.float32))
    frame = write(tmp_path / "frame.fits", np.zeros(shape, np.uint8), {})
    mask = NOISE.random(shape) > 0.8
    saved(frame, Content(mask, confidence, provenance={"threshold": 0.5}))
    monkeypatch.setattr(extensions, "_row_size", lambda lengths: 16)  # as where 2 GB are needed
    monkeypatch.setattr(extensions, "HELD", 0)  # and tiles lie in a file
    saved(frame, Content(mask, mask.astype(np.float32)), method="append")
    for thin in ((1, 700), (700, 1)):
        saved(write(frame, np.zeros(thin)), Content(np.ones(thin, bool)))
    saved(write(frame, SCENE), Content(MASK & False, MAP * 0, EDITS * 0, cleaned=SCENE))


@pytest.mark.parametrize("said", HEADERS)
def test_what_is_wrong_in_the_images_header_is_not_repeated(tmp_path, said):
    frame = write(tmp_path / "frame.fits", SCENE, HEADERS[said])
    done = saved(frame, ALL)
    assert done.method == ("beside" if said == "no extensions" else "copy")
    assert said != "no extensions" or "EXTEND = F" in done.why


def test_a_file_that_may_have_no_extension_gets_none_and_one_that_has_some_more(tmp_path):
    frame = write(tmp_path / "frame.fits", SCENE, HEADERS["no extensions"])
    with pytest.raises(SaveError, match="set that to T"):
        save_mask(frame, MASK, method="append")
    fits.HDUList([fits.PrimaryHDU(SCENE), fits.ImageHDU(SCENE)]).writeto(frame, overwrite=True)
    frame.write_bytes(frame.read_bytes().replace(NO_MORE[:-1] + b"T", NO_MORE))
    assert saved(frame).path == frame


def test_packed_frames_and_other_names(tmp_path):
    frame = tmp_path / "é µ.fits.gz"
    shutil.copy(DATA / "saao_ste3_raw_u16.fits.gz", frame)
    mask = NOISE.random(fits.getdata(frame).shape) > 0.9
    check(save_mask(frame, mask, provenance=ORIGIN).path)
    unpacked = tmp_path / "raw.fits"
    unpacked.write_bytes(gzip.decompress(frame.read_bytes()))
    saved(unpacked, Content(mask, provenance=ORIGIN))


def test_what_glview_detect_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "load", FakeModel)
    frame = make_frame(tmp_path / "frame.fits", **{k: v for k, v in SKY.items() if "_" not in k})
    known = complaints(frame)[0]
    (tmp_path / "out").mkdir()
    run_files(tmp_path, "frame.fits")
    check(tmp_path / "frame.fits.glview.fits")
    run_files(tmp_path, "frame.fits", out=tmp_path / "out", dq="hst", bits=8)
    check(next((tmp_path / "out").glob("*.fits")))
    run_files(tmp_path, "frame.fits", in_place=True, dilation=2)
    check(frame, known)


@pytest.mark.parametrize("provenance", [
    {"threshold": float("nan")}, {"threshold": "high"}, {"covered": float("inf")},
    {"dilation": [1]}, {"sums": b"float32"}])
def test_what_no_header_can_hold_is_refused(tmp_path, provenance):
    frame = write(tmp_path / "frame.fits", SCENE)
    before = frame.read_bytes()
    with pytest.raises(SaveError, match="header"):
        save_mask(frame, MASK, provenance=provenance)
    assert frame.read_bytes() == before


def test_the_judge_sees_a_bit_that_fell_over(tmp_path):
    frame = write(tmp_path / "frame.fits", SCENE)
    save_mask(frame, MASK)
    with fits.open(frame) as hdus:
        at = hdus["CR_MASK"].fileinfo()["datLoc"] + 40
    data = bytearray(frame.read_bytes())
    data[at] ^= 1
    frame.write_bytes(data)
    found, said = complaints(frame)
    assert found == [0, 2] and "checksum" in said
