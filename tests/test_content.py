"""Everything that can be saved beside the mask, and several images in one step."""

import fitsio
import numpy as np
import pytest
from astropy.io import fits

from glview import opening, saving
from glview.core.clean import cleaned
from glview.core.image import from_array
from glview.core.mask import FinalMask, MaskSettings, final_mask
from glview.core.plane import FLOOR, Plane
from glview.core.tiles import Stamps
from glview.document import Detection
from glview.files import commit, extensions, open_images
from glview.files.header import walk
from glview.files.save import Content, SaveError, load_mask, save_mask, save_masks

SHAPE = (150, 130)
NOISE = np.random.default_rng(8)
SCENE = NOISE.normal(100, 9, SHAPE).astype(np.float32)
PROBABILITY = NOISE.random(SHAPE, np.float32) ** 9
PROBABILITY[:2] = np.nan
MASK = PROBABILITY > 0.5


@pytest.fixture
def frame(tmp_path):
    """A primary image; SCI,1 and SCI,2 behind it."""
    science = [fits.ImageHDU(SCENE + n, name="SCI", ver=n) for n in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(SCENE), *science]).writeto(tmp_path / "frame.fits")
    return tmp_path / "frame.fits"


def read_back(path, name, version=1):
    """(values, header) as astropy reads them, the same as fitsio; sums tested."""
    with fits.open(path, checksum=True, uint=True) as hdus:
        hdus.verify("exception")
        found, header = np.array(hdus[name, version].data), hdus[name, version].header
    with fitsio.FITS(str(path)) as hdus:
        np.testing.assert_array_equal(hdus[name, version].read(), found)
    return found, header


@pytest.mark.parametrize("kind", ["?", "u1", "i2", "u2", "i4", "u4", "f4", "f8", ">i2",
                                  ">f4"])
@pytest.mark.parametrize("held", [extensions.HELD, 0], ids=["memory", "file"])
def test_every_type_is_kept_bit_for_bit(tmp_path, monkeypatch, kind, held):
    monkeypatch.setattr(extensions, "HELD", held)
    raw = NOISE.integers(0, 256, (*SHAPE, np.dtype(kind).itemsize), np.uint8)
    values = (raw & 1 if kind == "?" else raw).view(kind)[..., 0]
    values[60:140] = 0  # a tile is all 0
    if np.dtype(kind).kind == "f":
        values[:] = np.where(np.isnan(values), -0.0, values)
    parts = extensions.extension("X", 3, values, [], tmp_path)
    assert len(parts[-1]) % 4 == 0 and sum(map(len, parts)) % 2880 == 0
    path = tmp_path / "x.fits"
    fits.PrimaryHDU().writeto(path)
    with open(path, "ab") as file:
        file.writelines(parts)
    found, _ = read_back(path, "X", 3)
    native = values.astype(values.dtype.newbyteorder("="))
    assert found.astype(native.dtype).tobytes() == native.tobytes()
    assert open_images(path, "X")[0][:, :].astype(native.dtype).tobytes() == native.tobytes()
    assert not [name for name in tmp_path.iterdir() if name != path]


@pytest.mark.parametrize("kind", ["f4", "i2", "u2", "i4", "f8"])
def test_a_cleaned_image_is_saved_as_it_is_made(frame, kind):
    pixels = (SCENE * 100).astype(kind)
    made = cleaned(from_array(pixels), MASK)
    save_mask(frame, MASK, cleaned=made, provenance={"cleaning": "medians"})
    found, header = read_back(frame, "CR_CLEANED")
    assert found.dtype.newbyteorder("=") == made.dtype == ("f8" if kind in ("i4", "f8") else "f4")
    assert found.astype(made.dtype).tobytes() == made[:, :].tobytes()
    assert (found != pixels).any() and (found == pixels)[~MASK].all()
    assert header["CRCLEAN"] == "medians" and header["CREXT"] == 0
    assert [image.hdu for image in open_images(frame)] == [0, 1, 2]
    assert open_images(frame, "CR_CLEANED")[0].shape == SHAPE


@pytest.mark.parametrize("method", ["copy", "append", "beside"])
def test_a_large_cleaned_image_is_never_whole_in_memory(frame, monkeypatch, method):
    monkeypatch.setattr(extensions, "HELD", 1 << 10)
    seen = []

    class Rows:
        shape, dtype = SHAPE, np.dtype(np.float32)

        def __getitem__(self, key):
            seen.append(key[0].stop - key[0].start)
            return SCENE[key]

    for _ in range(2):  # the second replaces the first
        result = save_mask(frame, MASK, cleaned=Rows(), review={(1, 2): "accepted"}, method=method)
        assert result.method == method
    assert max(seen) == extensions.TILE_ROWS
    np.testing.assert_array_equal(read_back(result.path, "CR_CLEANED")[0], SCENE)
    assert load_mask(frame).review == {(1, 2): "accepted"}


def test_an_extension_of_another_program_named_so_is_an_image(frame):
    with fits.open(frame, mode="append") as hdus:
        hdus.append(fits.ImageHDU(SCENE, name="CR_CLEANED"))
    assert len(open_images(frame)) == 4
    before = frame.read_bytes()
    save_mask(frame, MASK, cleaned=SCENE)
    assert frame.read_bytes().startswith(before) and len(open_images(frame)) == 4


@pytest.mark.parametrize("kind", ["array", "plane"])
@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.3, 0.5, 0.9999, 1.0])
@pytest.mark.parametrize("precision", [2.0**-10, 0.5, 2.0**-4])
def test_a_rounded_probability_gives_the_same_mask(frame, kind, threshold, precision):
    limit = np.float32(threshold)
    exact = PROBABILITY.copy()
    exact[9, :4] = limit, np.nextafter(limit, np.float32(2)), np.nextafter(limit, np.float32(0)), 1
    exact = np.clip(exact, 0, 1)
    given = exact if kind == "array" else Plane.from_array(exact, FLOOR)
    exact = given[:, :]
    save_mask(frame, exact > limit, given, provenance={"threshold": threshold},
              precision=precision)
    found, header = read_back(frame, "CR_PROBABILITY")
    assert header["CRROUND"] == precision and load_mask(frame).provenance["rounded"] == precision
    known = np.isfinite(exact)
    np.testing.assert_array_equal(np.isfinite(found), known)
    steps = found[known] / np.float32(precision)
    assert (steps == np.rint(steps)).all()
    off = np.abs(found[known] - exact[known])
    far = np.abs(exact[known] - limit) > precision
    assert off.max() <= precision and off[far].max(initial=0) <= precision / 2
    np.testing.assert_array_equal(found > limit, exact > limit)
    edits = saving.restored(load_mask(frame))[2]
    assert edits is None, "nothing had to be mended"


def test_rounding_makes_the_file_smaller_and_nonsense_is_refused(frame):
    sizes = []
    for precision in (None, 2.0**-10):
        save_mask(frame, MASK, PROBABILITY, precision=precision)
        sizes.append(frame.stat().st_size)
    assert sizes[1] < sizes[0] - 20_000
    for wrong in (0.3, 0, -0.25, 1, float("nan"), 2.0**-30):
        with pytest.raises(SaveError, match="power of two"):
            save_mask(frame, MASK, PROBABILITY, precision=wrong)


def test_several_images_are_saved_in_one_step(frame, monkeypatch):
    made, real = [], commit.commit
    monkeypatch.setattr("glview.files.append.commit",
                        lambda version: made.append(version) or real(version))
    before = frame.read_bytes()
    for mask in (MASK, ~MASK):  # the second time they replace those of the first
        save_masks(frame, {0: Content(mask, review={(1, 2): "accepted"}),
                           "SCI,2": (~mask, PROBABILITY, None, {"model": "m"})}, method="copy")
        assert frame.read_bytes().startswith(before)
        np.testing.assert_array_equal(load_mask(frame).mask, mask)
        np.testing.assert_array_equal(load_mask(frame, "SCI,2").mask, ~mask)
        assert load_mask(frame, 0).review == {(1, 2): "accepted"}
        assert load_mask(frame, 2).provenance["model"] == "m" and load_mask(frame, 1) is None
        pairs = [(hdu.name, hdu.version) for hdu in walk(frame)]
        assert len(set(pairs)) == len(pairs) == 3 + 4
    assert len(made) == 2


def test_several_planes_and_a_file_elsewhere(tmp_path):
    np.save(tmp_path / "cube.npy", np.stack([SCENE] * 3))
    target = tmp_path / "masks" / "cube.npy.glview.fits"
    target.parent.mkdir()
    both = {(None, 0): (MASK,), (None, 2): (~MASK, PROBABILITY)}
    result = save_masks(tmp_path / "cube.npy", both, target=target)
    assert result.path == target and sorted(p.name for p in tmp_path.iterdir()) == [
        "cube.npy", "masks"]
    np.testing.assert_array_equal(read_back(target, "CR_MASK", 1)[0] > 0, MASK)
    np.testing.assert_array_equal(read_back(target, "CR_MASK", 2)[0] > 0, ~MASK)
    assert fits.getval(target, "CRPLANE", 3) == 2
    save_masks(tmp_path / "cube.npy", {(None, 2): (MASK,)}, target=target)
    assert len(walk(target)) == 3


def test_a_side_file_names_the_version_of_its_image(frame):
    save_masks(frame, {1: (MASK,), 2: (~MASK,)}, method="beside")
    with fits.open(f"{frame}.glview.fits") as hdus:
        assert [(one.header["CREXTNAM"], one.header["CREXTVER"]) for one in hdus[1:]] == [
            ("SCI", 1), ("SCI", 2)]


def test_one_that_does_not_fit_leaves_all_of_them_unsaved(frame):
    before = frame.read_bytes()
    with pytest.raises(SaveError, match="shape"):
        save_masks(frame, {0: (MASK,), 1: (MASK[1:],)})
    with pytest.raises(SaveError, match="nothing to save"):
        save_masks(frame, {0: (MASK,), 1: (None,)})
    assert frame.read_bytes() == before


def test_an_image_that_cannot_be_read_while_it_is_saved_is_told(frame):
    class Broken:
        shape, dtype = SHAPE, np.dtype(np.float32)

        def __getitem__(self, key):
            raise OSError(5, "Input/output error")

    before = frame.read_bytes()
    with pytest.raises(SaveError, match=r"frame\.fits could not be saved"):
        save_mask(frame, MASK, cleaned=Broken())
    assert frame.read_bytes() == before


def saved_by_the_window(path, **keywords):
    image = opening.look_into(path).image
    settings, edits = MaskSettings(0.5, 1), np.zeros(SHAPE, np.uint8)
    edits[40, 40:50] = 1
    known = saving.read(image)
    detection = Detection(Stamps(SHAPE), PROBABILITY, 1.0,
                          provenance=dict(known.provenance) if known else {"model": "m"})
    result = saving.write(image, detection, settings, edits, None, **keywords)
    return result, final_mask(PROBABILITY, settings, edits)


def test_flags_are_those_that_are_asked_for(frame):
    for dq, there in (("banzai", True), (None, False), ("banzai", True), ("plain", False)):
        result, mask = saved_by_the_window(frame, dq=dq)
        with fits.open(frame) as hdus:
            assert ("CR_DQ" in hdus) == there
            if there:
                np.testing.assert_array_equal(hdus["CR_DQ"].data, mask * 8)
    assert "has no BPM" not in result.warning


def test_flags_that_do_not_fit_are_told_and_the_work_is_saved(frame):
    result, mask = saved_by_the_window(frame, dq="lsst")
    assert "CR_MASK was saved, but no CR_DQ: frame.fits has no MASK with MP_CR" in result.warning
    np.testing.assert_array_equal(load_mask(frame).mask, mask)


def test_the_window_saves_the_cleaned_image(frame):
    _, mask = saved_by_the_window(frame, clean=True)
    found, header = read_back(frame, "CR_CLEANED")
    wanted = cleaned(open_images(frame)[0], FinalMask(mask.astype(np.float32), MaskSettings()))
    assert found.astype("f4").tobytes() == wanted[:, :].tobytes()
    assert header["CRCLEAN"].startswith("medians of good pixels within 2 to 16")
    saved_by_the_window(frame)
    assert "CR_CLEANED" not in [hdu.name for hdu in walk(frame)]
    assert "cleaning" not in load_mask(frame).provenance
