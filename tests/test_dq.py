"""CR_DQ: the bits of the mask among those of the observatory; astropy and fitsio read it back."""

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from fakemodel import FakeModel, run_files

from glview import arguments, cli, saving
from glview.batch import command, pool
from glview.core.mask import FinalMask, MaskSettings, final_mask
from glview.core.plane import Plane
from glview.core.tiles import Stamps
from glview.document import Detection
from glview.files import dq, open_images
from glview.files.save import SaveError, load_mask, save_mask

SHAPE = (150, 130)
NOISE = np.random.default_rng(5)
SCENE = NOISE.normal(100, 9, SHAPE).astype(np.float32)
EDITS = NOISE.choice(np.array([0, 1, 2], np.uint8), SHAPE, p=[0.9, 0.06, 0.04])
MODEL = NOISE.random(SHAPE) > 0.95
MASK = (MODEL | (EDITS == 1)) & (EDITS != 2)
KINDS = {"hst": "i2", "wfc3": "i2", "jwst": "u4", "banzai": "u1", "decam": "i2", "lsst": "i4"}
CAMERAS = {"hst": ("HST", "ACS"), "wfc3": ("HST", "WFC3"), "jwst": ("JWST", "NIRCAM"),
           "banzai": ("1m0-04", "fa15"), "decam": ("CTIO 4.0-m", "DECam"),
           "lsst": ("LSST", "LSSTCam")}
BITS = {"hst": (4096, 16384), "wfc3": (4096, 32768), "jwst": (5, 5), "banzai": (8, 8),
        "decam": (16, 16), "lsst": (1 << 11, 1 << 11)}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(pool, "load", FakeModel)


def flags(kind, seed=0):
    """Flags of every bit that the type has, the lowest and the highest value among them."""
    limits = np.iinfo(kind)
    made = np.random.default_rng(seed).integers(limits.min, limits.max, SHAPE, kind, endpoint=True)
    made[0, :2] = limits.min, limits.max
    return made


def write(folder, name, hdus=None, **cards):
    """A file of an observatory with the images SCI,1 and SCI,2; hdus: what follows them."""
    top = fits.PrimaryHDU()
    top.header["TELESCOP"], top.header["INSTRUME"] = CAMERAS[name]
    top.header.update(cards)
    science = [fits.ImageHDU(SCENE + n, name="SCI", ver=n) for n in (1, 2)]
    path = folder / f"{name}.fits"
    fits.HDUList([top, *science, *(hdus or [])]).writeto(path)
    return path


def own_flags(name, values, version=1):
    """The observatory's extension of flags."""
    made = fits.ImageHDU(values, name=dq.CONVENTIONS[name].names[0], ver=version)
    if name == "lsst":
        made.header["MP_BAD"], made.header["MP_CR"] = 0, 11
    return made


def expected(before, bits, mask=MASK, edits=EDITS):
    """The definition: bits of cosmic rays, or of the user, OR-ed into what was there."""
    ours = np.where(mask, np.where(edits == 1, bits[1], bits[0]), 0)
    unsigned = np.dtype(f"u{before.dtype.itemsize}")
    return (before.view(unsigned) | ours.astype(unsigned)).view(before.dtype)


def read_back(path, version=1):
    """CR_DQ as both judges see it, its sums tested; warnings are errors here."""
    with fits.open(path, checksum=True, uint=True) as hdus:
        hdus.verify("exception")
        found, header = np.array(hdus["CR_DQ", version].data), hdus["CR_DQ", version].header
    with fitsio.FITS(str(path)) as hdus:
        same = hdus["CR_DQ", version].read()
    assert same.dtype.newbyteorder("=") == found.dtype.newbyteorder("=")
    np.testing.assert_array_equal(same, found)
    return found, header


@pytest.mark.parametrize("name", KINDS)
def test_the_bits_join_those_of_the_observatory(tmp_path, name):
    before = flags(KINDS[name])
    path = write(tmp_path, name, [own_flags(name, flags(KINDS[name], 1), 2),
                                  own_flags(name, before)])
    content = path.read_bytes()
    result = save_mask(path, MASK, None, EDITS, {"model": "m"}, hdu=1, dq=name)
    assert result.warning == "" and path.read_bytes().startswith(content)
    found, header = read_back(path)
    assert found.dtype.newbyteorder("=") == before.dtype
    np.testing.assert_array_equal(found, expected(before, BITS[name]))
    assert header["CRDQ"] == name and header["CRDQBITS"] == BITS[name][0]
    assert header.get("CRDQHAND", BITS[name][0]) == BITS[name][1]
    assert (header["CRDQNAME"], header["CRDQVER"]) == (dq.CONVENTIONS[name].names[0], 1)
    assert header["CREXT"] == 1 and "was not changed" in str(header["HISTORY"])
    unsigned = f"u{before.dtype.itemsize}"
    assert not (before.view(unsigned) & ~found.astype(before.dtype).view(unsigned)).any()
    assert load_mask(path, 1).provenance["dq"] == name
    assert [image.header["EXTNAME"] for image in open_images(path)].count("CR_DQ") == 0


@pytest.mark.parametrize("name", [name for name in KINDS if name != "lsst"])
def test_without_flags_of_its_own_the_bits_are_alone(tmp_path, name):
    path = write(tmp_path, name)
    result = save_mask(path, MASK, None, EDITS, dq=name)
    assert "has no " in result.warning and dq.CONVENTIONS[name].names[0] in result.warning
    found, header = read_back(path)
    np.testing.assert_array_equal(found, expected(np.zeros(SHAPE, KINDS[name]), BITS[name]))
    assert found.dtype.newbyteorder("=") == KINDS[name] and "CRDQNAME" not in header


def test_every_version_of_an_image_has_its_own_flags(tmp_path):
    both = [flags("i2", seed) for seed in (1, 2)]
    path = write(tmp_path, "hst", [own_flags("hst", one, n) for n, one in enumerate(both, 1)])
    for hdu in (2, 1):
        save_mask(path, MASK, None, EDITS, hdu=hdu, dq="hst")
    with fits.open(path) as hdus:
        for hdu in hdus:
            if hdu.name == "CR_DQ":
                before = both[hdu.header["CREXTVER"] - 1]
                np.testing.assert_array_equal(hdu.data, expected(before, BITS["hst"]))
        assert [hdu.name for hdu in hdus].count("CR_DQ") == 2


def test_narrow_flags_are_widened_and_constant_ones_are_known(tmp_path):
    narrow = flags("u1")
    path = write(tmp_path, "hst", [own_flags("hst", narrow)])
    save_mask(path, MASK, None, EDITS, hdu=1, dq="hst")
    np.testing.assert_array_equal(read_back(path)[0], expected(narrow.astype("i2"), BITS["hst"]))
    constant = fits.ImageHDU(name="DQ")
    constant.header.update({"BITPIX": 16, "PIXVALUE": 64, "NPIX1": 130, "NPIX2": 150})
    path.unlink()
    path = write(tmp_path, "hst", [constant])
    save_mask(path, MASK, None, EDITS, hdu=1, dq="hst")
    np.testing.assert_array_equal(read_back(path)[0],
                                  expected(np.full(SHAPE, 64, "i2"), BITS["hst"]))


@pytest.mark.parametrize("packed", [False, True])
def test_compressed_and_packed_flags(tmp_path, packed):
    before = flags("i2")
    inside = fits.CompImageHDU(before, name="DQ")
    path = write(tmp_path, "hst", [inside])
    if packed:
        with fits.open(path) as hdus:
            hdus.writeto(tmp_path / "hst.fits.gz")
        path = tmp_path / "hst.fits.gz"
    result = save_mask(path, MASK, None, EDITS, hdu=1, dq="hst")
    np.testing.assert_array_equal(read_back(result.path)[0], expected(before, BITS["hst"]))


@pytest.mark.parametrize("rows", [1, 64, 1000])
def test_planes_give_the_same_flags_by_rows(tmp_path, monkeypatch, rows):
    monkeypatch.setattr("glview.files.extensions.TILE_ROWS", rows)
    before, settings = flags("u4"), MaskSettings(0.5, 1)
    before[40:100] = 0
    confidence = np.where(MODEL, 0.75, 0).astype(np.float32)
    confidence[30:110] = 0
    edits = np.where(np.arange(150)[:, None] < 110, 0, EDITS).astype(np.uint8)
    path = write(tmp_path, "jwst", [own_flags("jwst", before)])
    held = Plane.from_array(confidence), settings, Plane.from_array(edits)
    save_mask(path, FinalMask(*held), held[0], held[2], hdu=1, dq="jwst")
    mask = final_mask(confidence, settings, edits)
    found, _ = read_back(path)
    np.testing.assert_array_equal(found, expected(before, BITS["jwst"], mask, edits))
    save_mask(path, FinalMask(*held), held[0], held[2], hdu=2, dq="jwst")  # no flags: empty tiles
    np.testing.assert_array_equal(read_back(path, 2)[0],
                                  expected(np.zeros(SHAPE, "u4"), BITS["jwst"], mask, edits))


def test_a_part_without_a_mask_keeps_its_flags_and_edits_do_not_mask(tmp_path):
    shape = (1100, 40)  # tiles of the planes hold nothing in the first 1024 rows
    confidence, edits = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    confidence[1050, 3:9], edits[1060, :5] = 0.9, 1
    before = np.random.default_rng(1).integers(-9, 9, shape, np.int16)
    path = tmp_path / "long.fits"
    fits.HDUList([fits.PrimaryHDU(np.zeros(shape, np.float32)),
                  fits.ImageHDU(before, name="DQ")]).writeto(path)
    held = Plane.from_array(confidence), MaskSettings(), Plane.from_array(edits)
    save_mask(path, FinalMask(*held), *held[::2], dq="hst")
    mask = (confidence > 0.5) | (edits == 1)
    np.testing.assert_array_equal(read_back(path)[0], expected(before, BITS["hst"], mask, edits))
    save_mask(path, confidence > 0.5, None, edits, dq="hst")  # the mask alone says what is masked
    np.testing.assert_array_equal(read_back(path)[0],
                                  expected(before, BITS["hst"], confidence > 0.5, edits * 0))


def test_lsst_reads_the_number_of_the_bit(tmp_path):
    path = write(tmp_path, "lsst", [own_flags("lsst", flags("i4"))])
    save_mask(path, MASK, hdu=1, dq="lsst")
    header = read_back(path)[1]
    assert header["MP_CR"] == 11 and header["MP_BAD"] == 0 and header["CRDQBITS"] == 2048
    with fits.open(path, mode="update") as hdus:
        del hdus["MASK"].header["MP_CR"]
    with pytest.raises(SaveError, match=r"no MASK with MP_CR .*MP_BAD.* choose plain"):
        save_mask(path, MASK, hdu=1, dq="lsst")


@pytest.mark.parametrize(("name", "hdus", "cards", "words"), [
    ("hst", [fits.ImageHDU(flags("i2")[1:], name="DQ")], {}, "130 x 149 .* the image 130 x 150"),
    ("hst", [fits.ImageHDU(SCENE, name="DQ")], {}, "float32, not whole numbers of 8 to 32"),
    ("hst", [fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1])], name="DQ")], {},
     "is a table, not an image"),
    ("hst", [], {"INSTRUME": "WFC3"}, "comes from WFC3, .* use wfc3"),
    ("wfc3", [], {"INSTRUME": "ACS"}, "comes from ACS, .* use hst"),
    ("jwst", [], {"TELESCOP": "HST", "INSTRUME": "STIS"}, "comes from STIS, .* use hst"),
    ("banzai", [], {"INSTRUME": "DECam"}, "comes from DECam, .* use decam"),
    ("decam", [fits.ImageHDU(flags("i2"), name="DQM")], {"PLVER": "V4.8.2"},
     "numbers and not bits"),
    ("lsst", [], {}, "no MASK with MP_CR .*no such card"),
    ("nonsense", [], {}, "no convention of flags 'nonsense'; there are hst, wfc3"),
])
def test_what_does_not_fit_is_told_and_changes_nothing(tmp_path, name, hdus, cards, words):
    path = write(tmp_path, name if name in CAMERAS else "hst", hdus, **cards)
    before = path.read_bytes()
    with pytest.raises(SaveError, match=words):
        save_mask(path, MASK, hdu=1, dq=name)
    assert path.read_bytes() == before


def test_flags_that_are_damaged_are_told_and_cost_the_window_nothing(tmp_path):
    path = write(tmp_path, "hst", [fits.CompImageHDU(flags("i2"), name="DQ",
                                                     compression_type="GZIP_1")])
    size, content = path.stat().st_size, bytearray(path.read_bytes())
    content[size - 12_000 : size - 9000] = bytes(3000)
    path.write_bytes(content)
    with pytest.raises(dq.FlagsError, match=r"flags in hst\.fits\[DQ\] cannot be read: .*plain"):
        save_mask(path, MASK, None, EDITS, hdu=1, dq="hst")
    assert path.read_bytes() == content
    image = open_images(path)[0]
    confidence = MODEL.astype(np.float32)
    result = saving.write(image, Detection(Stamps(SHAPE), confidence, 1.0), MaskSettings(), EDITS,
                          None, dq="hst")
    assert "CR_MASK was saved, but no CR_DQ: the flags in" in result.warning
    np.testing.assert_array_equal(load_mask(path, 1).mask, MASK)


def test_old_decam_flags_are_bits(tmp_path):
    before = flags("i2")
    path = write(tmp_path, "decam", [fits.ImageHDU(before, name="DQM")], PLVER="V3.2.4")
    save_mask(path, MASK, None, EDITS, hdu=1, dq="decam")
    np.testing.assert_array_equal(read_back(path)[0], expected(before, BITS["decam"]))


def test_plain_and_none_are_the_mask_alone_and_replace_flags(tmp_path):
    path = write(tmp_path, "hst", [own_flags("hst", flags("i2"))])
    for name, there in (("hst", True), ("plain", False), ("hst", True), (None, False)):
        save_mask(path, MASK, hdu=1, dq=name)
        with fits.open(path) as hdus:
            assert ("CR_DQ" in hdus) == there
        assert ("dq" in load_mask(path).provenance) == there


def test_each_plane_of_a_cube_joins_its_own_flags(tmp_path):
    before = np.stack([flags("i2", 1), flags("i2", 2)])
    top = fits.PrimaryHDU()
    top.header["TELESCOP"] = "HST"
    path = tmp_path / "cube.fits"
    cube = fits.ImageHDU(np.stack([SCENE, SCENE]), name="SCI")
    fits.HDUList([top, cube, fits.ImageHDU(before, name="DQ")]).writeto(path)
    save_mask(path, MASK, None, EDITS, {"plane": 1}, hdu=1, dq="hst")
    np.testing.assert_array_equal(read_back(path)[0], expected(before[1], BITS["hst"]))


def test_a_camera_asks_for_its_convention():
    for name, (telescope, camera) in CAMERAS.items():
        header = {"TELESCOP": telescope, "INSTRUME": camera}
        assert dq.suggested(header) == (None if name in ("banzai", "lsst") else name)
    assert dq.suggested({}) is None


def test_a_batch_saves_flags_too_and_does_it_again_for_others(tmp_path):
    values = np.full(SHAPE, 100, np.float32)
    values[20:24, 30] = 1000
    before = flags("i2")
    top = fits.PrimaryHDU()
    top.header["TELESCOP"] = "HST"
    science = fits.ImageHDU(values, name="SCI")
    fits.HDUList([top, science, fits.ImageHDU(before, name="DQ")]).writeto(tmp_path / "a.fits")

    def status(**asked):
        row, = run_files(tmp_path, "a.fits", **asked)
        return row.status

    assert status() == "done" and status() == status(dq="plain") == "skipped"
    assert status(dq="hst") == "done" and status(dq="hst") == status() == "skipped"
    with fits.open(tmp_path / "a.fits.glview.fits") as hdus:
        assert hdus["CR_MASK"].data.sum() == 4
        expect = expected(before, BITS["hst"], hdus["CR_MASK"].data > 0, np.zeros(SHAPE))
        np.testing.assert_array_equal(hdus["CR_DQ"].data, expect)
    row, = run_files(tmp_path, "a.fits", dq="jwst")
    assert row.status == "failed" and "use hst" in row.error
    assert "infer" not in row.seconds, "it is told before the search"
    row, = run_files(tmp_path, "a.fits", dq="hst", in_place=True)
    assert (row.status, row.method) == ("done", "extension")
    np.testing.assert_array_equal(read_back(tmp_path / "a.fits")[0], expect)


def test_a_mask_that_was_reviewed_is_left_alone_by_a_batch(tmp_path):
    fits.writeto(tmp_path / "a.fits", np.full(SHAPE, 100, np.float32))
    run_files(tmp_path, "a.fits")
    saved = load_mask(tmp_path / "a.fits")
    save_mask(tmp_path / "a.fits", saved.mask, saved.probability, None, saved.provenance,
              review={(1, 1): "accepted"}, method="beside")
    row, = run_files(tmp_path, "a.fits", threshold=0.2)
    assert row.status == "kept" and "by hand" in row.notes[0]


def test_the_commands_know_every_convention():
    assert arguments.DQ == tuple(dq.CONVENTIONS)
    for parser in (cli.parser(), command.parser()):
        assert parser.parse_args(["a.fits", "--dq", "wfc3"]).dq == "wfc3"
        assert parser.parse_args(["a.fits"]).dq is None
    assert cli.main(["detect", "a.fits", "--probability", "--dq", "hst"]) == 2
