"""Saving and loading masks: what is written, what is left alone, and what happens when it fails."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from conftest import reach

from glview.files import ReadError, open_images
from glview.files.header import walk
from glview.files.save import SaveError, load_mask, save_mask, stamp

ROOT = Path(__file__).parent.parent
SHAPE = (150, 130)
NOISE = np.random.default_rng(11)
MASK = NOISE.random(SHAPE) > 0.97
PROBABILITY = NOISE.random(SHAPE, np.float32) ** 9
PROBABILITY[:2] = np.nan
EDITS = NOISE.integers(0, 3, SHAPE, np.uint8)
SCENE = NOISE.normal(100, 9, SHAPE).astype(np.float32)
ORIGIN = {
    "version": "0.1.0",
    "model": "HST_ACS_WFC 'é' " * 7,
    "weights_sha256": "0123456789abcdef" * 4,
    "threshold": 0.3,
    "dilation": 2,
    "shape": "disk",
    "tiling": "1024+64",
    "added": 17,
    "deleted": 4,
}


def rotated():
    cards = {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CRVAL1": 150.123456789012}
    cards |= {"CRVAL2": 2.2, "CRPIX1": 64.5, "CRPIX2": 70.25, "CD1_1": 3e-5, "CD1_2": 4.1e-5}
    cards |= {"CD2_1": 4.2e-5, "CD2_2": -3e-5, "RADESYS": "FK5", "EQUINOX": 2000.0}
    cards |= {"A_ORDER": 2, "A_2_0": 1.5e-5, "B_ORDER": 2, "B_0_2": -2.5e-5, "LONPOLE": 180.0}
    return fits.Header(cards)


@pytest.fixture
def frame(tmp_path):
    """Empty primary and two SCI extensions, the second with a WCS."""
    top = fits.PrimaryHDU()
    first = fits.ImageHDU(SCENE, name="SCI", ver=1)
    second = fits.ImageHDU(SCENE + 1, header=rotated(), name="SCI", ver=2)
    path = tmp_path / "frame.fits"
    fits.HDUList([top, first, second]).writeto(path)
    return path


def read_back(path, name, version=1):
    """The extension's values as astropy sees them, check sums tested, every warning an error."""
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        return hdus[name, version].data, hdus[name, version].header


def test_what_is_saved_is_what_was_given_and_astropy_agrees(frame):
    before = frame.read_bytes()
    result = save_mask(frame, MASK, PROBABILITY, EDITS, ORIGIN)
    assert (result.path, result.method, result.place) == (frame, "copy", "extension")
    assert not result.why and not result.warning
    after = frame.read_bytes()
    assert after.startswith(before) and len(after) % 2880 == 0
    mask, header = read_back(frame, "CR_MASK")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, MASK)
    probability, _ = read_back(frame, "CR_PROBABILITY")
    assert probability.dtype == np.float32
    np.testing.assert_array_equal(probability, PROBABILITY)
    np.testing.assert_array_equal(read_back(frame, "CR_EDITS")[0], EDITS)
    assert header["CRMODEL"] == ORIGIN["model"].replace("é", "\\xe9").rstrip()
    assert header["CRWSHA"] == ORIGIN["weights_sha256"] and header["GLVVERS"] == "0.1.0"
    assert np.float32(header["CRTHRESH"]) == np.float32(0.3) and header["CRDILATE"] == 2
    assert (header["CREXT"], header["CREXTNAM"], header["CREXTVER"]) == (1, "SCI", 1)
    assert (header["CRNADD"], header["CRNDEL"], header["CRSHAPE"]) == (17, 4, "disk")


def test_reloading_gives_the_same(frame):
    save_mask(frame, MASK, PROBABILITY, EDITS, ORIGIN)
    saved = load_mask(frame)
    assert saved.mask.dtype == bool and saved.where == frame
    np.testing.assert_array_equal(saved.mask, MASK)
    np.testing.assert_array_equal(saved.probability.view("u4"), PROBABILITY.view("u4"))
    np.testing.assert_array_equal(saved.edits, EDITS)
    expected = ORIGIN | {"model": ORIGIN["model"].replace("é", "\\xe9").rstrip()}
    assert len(saved.provenance.pop("pixels")) == 8 and saved.provenance == expected


@pytest.mark.parametrize("threshold", [0.1, 1 / 3, 0.5, np.float32(0.7), 1e-7, 0])
def test_the_threshold_comes_back_bit_for_bit(frame, threshold):
    save_mask(frame, MASK, provenance={"threshold": threshold})
    assert np.float32(load_mask(frame).provenance["threshold"]) == np.float32(threshold)


def test_headers_that_astropy_would_change_stay_as_they_are(frame):
    content = frame.read_bytes().replace(b"conforms to FITS", b"conform\xe9 to FITS", 1)
    frame.write_bytes(content.replace(b"EXTVER  =", b"extver  =", 1))
    before = frame.read_bytes()
    assert b"\xe9" in before and b"extver" in before
    save_mask(frame, MASK)
    assert frame.read_bytes().startswith(before)
    np.testing.assert_array_equal(load_mask(frame).mask, MASK)


def test_a_mask_alone_has_no_probability_and_no_edits(frame):
    save_mask(frame, MASK, edits=np.zeros(SHAPE, np.uint8))
    saved = load_mask(frame)
    assert saved.probability is None and saved.edits is None
    assert saved.provenance.pop("pixels") and saved.provenance == {"version": "unknown"}
    assert len(walk(frame)) == 4


def test_saving_again_replaces_our_extensions_and_nothing_else(frame):
    before = frame.read_bytes()
    save_mask(frame, MASK, PROBABILITY, EDITS, ORIGIN)
    size = frame.stat().st_size
    save_mask(frame, ~MASK, PROBABILITY, EDITS, ORIGIN)
    assert frame.stat().st_size < 1.1 * size
    assert frame.read_bytes().startswith(before)
    assert [hdu.name for hdu in walk(frame)[3:]] == ["CR_MASK", "CR_PROBABILITY", "CR_EDITS"]
    np.testing.assert_array_equal(load_mask(frame).mask, ~MASK)
    save_mask(frame, MASK)
    assert [hdu.name for hdu in walk(frame)[3:]] == ["CR_MASK"]


def test_each_image_of_a_file_has_its_own_mask(frame):
    save_mask(frame, MASK, PROBABILITY)
    save_mask(f"{frame}[SCI,2]", ~MASK)
    save_mask(frame, MASK, hdu=1)
    np.testing.assert_array_equal(load_mask(frame).mask, MASK)
    np.testing.assert_array_equal(load_mask(frame, hdu=2).mask, ~MASK)
    assert len(walk(frame)) == 5
    assert len({(hdu.name, hdu.version) for hdu in walk(frame)}) == 5
    read_back(frame, "CR_MASK", 2)
    assert load_mask(frame, hdu="SCI,2").probability is None


@pytest.mark.parametrize("suffix", ["fits", "npy"])
def test_each_plane_of_a_cube_has_its_own_mask(tmp_path, suffix):
    path, cube = tmp_path / f"cube.{suffix}", np.stack([SCENE, SCENE])
    np.save(path, cube) if suffix == "npy" else fits.PrimaryHDU(cube).writeto(path)
    for plane, mask in ((1, ~MASK), (0, ~MASK), (0, MASK)):
        save_mask(path, mask, PROBABILITY, provenance={"plane": plane}, hdu=0)
    np.testing.assert_array_equal(load_mask(path, 0, plane=0).mask, MASK)
    saved = load_mask(path, 0, plane=1)
    np.testing.assert_array_equal(saved.mask, ~MASK)
    assert saved.provenance["plane"] == 1
    np.testing.assert_array_equal(load_mask(path, 0).mask, MASK)
    assert load_mask(path, plane=2) is None
    assert len(walk(load_mask(path).where)) == 5


def test_the_mask_follows_its_image_when_the_order_changes(frame):
    save_mask(frame, MASK, hdu=2)
    with fits.open(frame) as hdus:
        extra = fits.ImageHDU(SCENE, name="ERR")
        fits.HDUList([hdus[0], extra, *hdus[1:]]).writeto(frame.with_name("new.fits"))
    assert load_mask(frame.with_name("new.fits"), hdu="SCI,1") is None
    np.testing.assert_array_equal(load_mask(frame.with_name("new.fits"), hdu="SCI,2").mask, MASK)


def test_the_wcs_is_that_of_the_image(frame):
    save_mask(frame, MASK, PROBABILITY, hdu=2)
    with fits.open(frame) as hdus:
        truth = WCS(hdus[2].header)
        for name in ("CR_MASK", "CR_PROBABILITY"):
            saved = WCS(hdus[name].header)
            corners = np.array([[0, 0], [129, 0], [20.5, 149]])
            np.testing.assert_allclose(
                saved.all_pix2world(corners, 0), truth.all_pix2world(corners, 0), atol=1e-12
            )
            assert hdus[name].header["RADESYS"] == "FK5"
            assert saved.sip is not None


def test_packed_frames_and_pictures_get_a_side_file(tmp_path):
    fits.PrimaryHDU(SCENE, header=rotated()).writeto(tmp_path / "a.fits.gz")
    np.save(tmp_path / "a.npy", SCENE)
    for name in ("a.fits.gz", "a.npy"):
        path = tmp_path / name
        before = path.read_bytes()
        for mask in (MASK, ~MASK):
            result = save_mask(path, mask, PROBABILITY, EDITS, ORIGIN)
            assert result.method == "beside" and name in result.why
            assert result.path == tmp_path / f"{name}.glview.fits"
            np.testing.assert_array_equal(read_back(result.path, "CR_MASK")[0], mask)
            assert len(walk(result.path)) == 4
            np.testing.assert_array_equal(load_mask(path).mask, mask)
            assert load_mask(path).where == result.path
        assert path.read_bytes() == before
    assert fits.getval(tmp_path / "a.fits.gz.glview.fits", "CTYPE1", 1) == "RA---TAN-SIP"


@pytest.mark.parametrize("damage", [b"\xde\xad" * 700, None])
def test_damaged_and_protected_files_get_a_side_file(frame, damage):
    if damage:
        frame.write_bytes(frame.read_bytes() + damage)
    else:
        frame.chmod(0o444)
    before = frame.read_bytes()
    result = save_mask(frame, MASK, PROBABILITY)
    assert result.method == "beside" and "frame.fits" in result.why
    assert frame.read_bytes() == before
    np.testing.assert_array_equal(load_mask(frame).mask, MASK)


def test_the_newer_of_two_masks_counts(frame):
    frame.chmod(0o444)
    save_mask(frame, MASK)
    frame.chmod(0o644)
    assert save_mask(frame, ~MASK).method == "copy"
    np.testing.assert_array_equal(load_mask(frame).mask, ~MASK)


def test_a_strangers_file_in_the_place_of_the_side_file_is_spared(tmp_path):
    np.save(tmp_path / "a.npy", SCENE)
    stranger = tmp_path / "a.npy.glview.fits"
    fits.PrimaryHDU(SCENE).writeto(stranger)
    before = stranger.read_bytes()
    with pytest.raises(SaveError, match="move it away"):
        save_mask(tmp_path / "a.npy", MASK)
    assert stranger.read_bytes() == before


def test_masks_of_other_programs_are_read_and_kept(frame):
    with fits.open(frame, mode="append") as hdus:
        hdus.append(fits.CompImageHDU(MASK.astype(np.uint8), name="CR_mask"))
        hdus.append(fits.ImageHDU(PROBABILITY, name="CR_probability"))
    before = frame.read_bytes()
    saved = load_mask(frame)
    np.testing.assert_array_equal(saved.mask, MASK)
    np.testing.assert_array_equal(saved.probability, PROBABILITY)
    assert saved.provenance == {} and saved.edits is None
    save_mask(frame, ~MASK)
    assert frame.read_bytes().startswith(before)
    np.testing.assert_array_equal(load_mask(frame).mask, ~MASK)


def test_a_frame_without_a_mask_has_none(frame):
    assert load_mask(frame) is None
    with pytest.raises(ReadError, match="there is no file"):
        load_mask(frame.with_name("none.fits"))


def test_a_mask_of_another_size_is_refused_both_ways(frame):
    before = frame.read_bytes()
    for planes in ((MASK[1:],), (MASK, PROBABILITY[:, 1:]), (MASK, None, EDITS[:5])):
        with pytest.raises(SaveError, match="shape"):
            save_mask(frame, *planes)
    with pytest.raises(SaveError, match="edits"):
        save_mask(frame, MASK, edits=EDITS + 1)
    assert frame.read_bytes() == before
    save_mask(frame, MASK)
    content = frame.read_bytes()
    at = content.index(b"ZNAXIS1")
    frame.write_bytes(content[: at + 27] + b"131" + content[at + 30 :])
    with pytest.raises(ReadError):
        load_mask(frame)


def test_a_file_that_changed_since_it_was_opened_is_not_touched(frame):
    token = stamp(frame)
    result = save_mask(frame, MASK, unchanged_since=token)
    for method in ("append", "copy"):
        with pytest.raises(SaveError, match="changed by another program"):
            save_mask(frame, MASK, unchanged_since=token, method=method)
    assert save_mask(frame, MASK, unchanged_since=result.stamp).stamp == stamp(frame)


def test_links_modes_and_the_open_image_survive(frame):
    frame.chmod(0o640)
    (frame.parent / "link.fits").symlink_to(frame)
    image = open_images(frame)[0]
    save_mask(frame.parent / "link.fits", MASK)
    assert (frame.parent / "link.fits").is_symlink()
    assert frame.stat().st_mode & 0o7777 == 0o640
    np.testing.assert_array_equal(image[:, :], SCENE)
    assert load_mask(frame.parent / "link.fits").where == frame.parent / "link.fits"
    assert sorted(os.listdir(frame.parent)) == ["frame.fits", "link.fits"]


STEPS = ("copy_file_range", "write", "fchmod", "fsync", "replace")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("step", STEPS)
def test_an_error_at_any_step_leaves_everything_as_it_was(frame, monkeypatch, step, number):
    if not hasattr(os, step):
        pytest.skip(f"this system has no os.{step}")
    save_mask(frame, ~MASK)
    before, real, failing = frame.read_bytes(), getattr(os, step), 1
    while True:
        calls = [0]

        def fail(*arguments, calls=calls, at=failing, **keywords):
            calls[0] += 1
            if calls[0] == at:
                raise OSError(number, os.strerror(number))
            return real(*arguments, **keywords)

        with monkeypatch.context() as patch:
            patch.setattr(os, step, fail)
            try:
                result = save_mask(frame, MASK, PROBABILITY, method="copy")
            except SaveError as error:
                assert "frame.fits" in str(error)
            else:
                break
        assert frame.read_bytes() == before
        assert os.listdir(frame.parent) == ["frame.fits"]
        failing += 1
    assert failing > 1
    assert ("folder could not be synced" in result.warning) == (step == "fsync")
    np.testing.assert_array_equal(load_mask(frame).mask, MASK)


def child(code, path, **keywords):
    """Run code that has save_mask, os, and `path`, in another process."""
    start = (
        "import os, signal, resource, sys, numpy as np\n"
        "from glview.files.save import save_mask, SaveError\n"
        f"path, mask = {str(path)!r}, np.ones({SHAPE}, bool)\n"
    )
    command = [sys.executable, "-c", start + code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **keywords)


@pytest.mark.parametrize(("step", "at"), [("write", 2), ("fsync", 1), ("replace", 1)])
def test_a_save_killed_in_the_middle_harms_nothing_and_is_swept_up(frame, step, at):
    before = frame.read_bytes()
    code = (
        f"real, calls = os.{step}, []\n"
        "def die(*a, **k):\n"
        "    calls.append(1)\n"
        f"    if len(calls) == {at}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(*a, **k)\n"
        f"os.{step} = die\n"
        "save_mask(path, mask)\n"
    )
    assert child(code, frame).returncode == -signal.SIGKILL
    assert frame.read_bytes() == before
    assert len(os.listdir(frame.parent)) == 2
    save_mask(frame, MASK)
    assert os.listdir(frame.parent) == ["frame.fits"]
    np.testing.assert_array_equal(load_mask(frame).mask, MASK)


def test_a_full_disk_is_told_and_harms_nothing(frame):
    before = frame.read_bytes()
    code = (
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 2000},) * 2)\n"
        "try:\n    save_mask(path, mask)\n"
        "except SaveError as error:\n    print('told:', error)\n"
    )
    done = child(code, frame)
    assert done.stdout.startswith("told:") and "frame.fits" in done.stdout, done.stderr
    assert frame.read_bytes() == before and os.listdir(frame.parent) == ["frame.fits"]


def test_a_folder_that_may_not_be_written_is_told(frame):
    warm = frame.with_name("warm.fits")
    warm.write_bytes(frame.read_bytes())
    frame.parent.chmod(0o555)
    reach(frame)
    code = (
        f"save_mask({str(warm)!r}, mask) if os.getuid() == 0 else None\n"
        "os.getuid() or os.setuid(65534)\n"
        "try:\n    save_mask(path, mask)\n"
        "except SaveError as error:\n    print('told:', error)\n"
    )
    done = child(code, frame)
    frame.parent.chmod(0o755)
    assert "told:" in done.stdout and "copy the image to a folder of yours" in done.stdout
    assert load_mask(frame) is None
