"""Masks of large frames to disk and back: never whole in memory, and the same pixel for pixel."""

import tracemalloc

import numpy as np
import pytest
from astropy.io import fits

from glview import opening, saving
from glview.core import plane as planes
from glview.core.cancel import Cancelled
from glview.core.mask import EDIT_ADD, EDIT_DELETE, FinalMask, MaskSettings, final_mask
from glview.core.plane import FLOOR, Plane
from glview.core.tiles import Stamps
from glview.document import Detection
from glview.files import ReadError, extensions, load
from glview.files.load import SavedMask, StoredMask, load_mask, stored_mask
from glview.files.save import SaveError, save_mask

SHAPE = (700, 600)
LOOK = MaskSettings(0.3, 2, "disk")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, np.zeros(SHAPE, np.int16))
    return path


@pytest.fixture
def large(monkeypatch):
    """Every frame counts as a large one, and is read in many bands."""
    monkeypatch.setattr(planes, "DENSE_PIXELS", 100)
    monkeypatch.setattr(planes, "BAND", 64 * SHAPE[1])


def scene(seed=1):
    """(confidence, edits): mostly 0, rows that are all 0, NaN and values below the floor."""
    random = np.random.default_rng(seed)
    confidence = np.where(random.random(SHAPE) < 0.02, random.random(SHAPE), 0).astype(np.float32)
    confidence[100:300] = 0
    confidence[300:310] = FLOOR / 2
    confidence[400, :50] = np.nan
    edits = np.zeros(SHAPE, np.uint8)
    edits[510:520, 300:310], edits[5:9, :200] = EDIT_ADD, EDIT_DELETE
    return confidence, edits


def sparse(confidence, edits):
    return Plane.from_array(confidence, FLOOR), Plane.from_array(edits)


def read_back(path, name):
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        return np.array(hdus[name].data), hdus[name].header


def test_planes_are_saved_as_their_arrays(path, tmp_path):
    confidence, edits = sparse(*scene())
    save_mask(path, FinalMask(confidence, LOOK, edits), confidence, edits)
    dense = tmp_path / "dense.fits"
    fits.writeto(dense, np.zeros(SHAPE, np.int16))
    whole = final_mask(confidence[:, :], LOOK, edits[:, :])
    save_mask(dense, whole, confidence[:, :], edits[:, :])
    for name, wanted in (("CR_MASK", whole), ("CR_PROBABILITY", confidence[:, :]),
                         ("CR_EDITS", edits[:, :])):
        (found, header), (same, other) = read_back(path, name), read_back(dense, name)
        assert found.tobytes() == same.tobytes() == wanted.tobytes() and wanted.any()
        assert header["CRFLOOR"] == FLOOR and "CRFLOOR" not in other
    assert load_mask(path).provenance["floor"] == FLOOR
    assert "floor" not in load_mask(dense).provenance


def test_a_plane_of_edits_that_holds_nothing_is_not_saved_and_wrong_codes_are_refused(path):
    save_mask(path, np.zeros(SHAPE, bool), None, Plane(SHAPE, np.uint8))
    assert load_mask(path).edits is None
    wrong = Plane.from_array(np.full(SHAPE, 3, np.uint8))
    with pytest.raises(SaveError, match="edits must be uint8 with 0"):
        save_mask(path, np.zeros(SHAPE, bool), None, wrong)
    with pytest.raises(SaveError, match="CR_PROBABILITY has the shape"):
        save_mask(path, np.zeros(SHAPE, bool), Plane((5, 5), np.float32))


def test_tiles_that_are_all_0_are_compressed_once(monkeypatch):
    packed, made = extensions._packed, []

    def counting(data, wbits):
        made.append(data.size)
        return packed(data, wbits)

    monkeypatch.setattr(extensions, "_packed", counting)
    monkeypatch.setattr(extensions.os, "cpu_count", lambda: 1)
    values = np.zeros((1000, 130), np.float32)
    values[70, 5], values[200, 3] = -0.0, np.nan  # both have bits that are not 0
    for one in (values, Plane.from_array(values)):
        made.clear()
        extensions.extension("CR_PROBABILITY", 1, one, [])
        assert sorted(made)[0] == 1000 % 64 * 130 * 4, "the last tile is smaller"
        # The plane's tile of 512 rows counts as not empty, but for its -0.0, which it keeps as 0.
        assert len(made) == (4 if one is values else 8 + 2)


def test_a_speck_takes_six_bytes():
    mask = np.zeros((2048, 2048), bool)
    mask.reshape(-1)[np.random.default_rng(4).integers(0, mask.size, 3125)] = True
    _, table, heap = extensions.extension("CR_MASK", 1, mask, [])
    assert len(table) + len(heap) < 6 * 3125 + 2880


@pytest.mark.parametrize("shape", [(1, 3_000_000), (3_000_000, 1), (3, 1_500_000), (5000, 5000)])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_tiles_are_small_and_end_where_those_of_planes_do(shape, dtype):
    rows = extensions._tile_rows(np.broadcast_to(np.zeros(1, dtype), shape))
    assert rows == shape[0] or 512 % rows == 0
    assert rows == 1 or rows * shape[1] * np.dtype(dtype).itemsize <= 4 << 20


def test_no_frame_is_held_while_a_large_mask_is_saved(path):
    side = 9000
    confidence = Plane((side, side), np.float32, FLOOR)
    for place in range(100, side - 100, 500):
        confidence.put(place, place, np.full((5, 5), 0.75, np.float32))
    rows = FinalMask(confidence, LOOK)
    extensions.extension("CR_MASK", 1, rows, [])
    tracemalloc.start()
    try:
        for name, values in (("CR_MASK", rows), ("CR_PROBABILITY", confidence)):
            _, _, body = extensions.extension(name, 1, values, [])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < side * side // 2, "half of what the mask alone would take"
    assert len(body) < 2 << 20


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("what", ["model", "both", "hand"])
def test_saving_and_opening_a_large_frame_changes_nothing(path, what):
    confidence, edits = sparse(*scene())
    confidence = None if what == "hand" else confidence
    edits = None if what == "model" else edits
    image = opening.look_into(path).image
    detection = Detection(Stamps(SHAPE), confidence, provenance={"model": "ACS-WFC"})
    saving.write(image, detection, LOOK, edits, None)
    saved = saving.read(image)
    assert isinstance(saved, StoredMask)
    found, look, hand = made = saving.restored(saved)
    assert look == LOOK
    assert (found is None) == (confidence is None) and (hand is None) == (edits is None)
    if found is not None:
        assert isinstance(found, Plane) and found.floor == FLOOR
        assert found[:, :].tobytes() == confidence[:, :].tobytes()
        assert saved.provenance["floor"] == FLOOR
    if hand is not None:
        assert isinstance(hand, Plane) and hand[:, :].tobytes() == edits[:, :].tobytes()
        assert saved.provenance["added"] == 100 and saved.provenance["deleted"] == 800
    assert np.array_equal(final_mask(*made), load_mask(path).mask)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("with_probability", [True, False])
def test_a_large_mask_of_another_program_is_reproduced_exactly(path, with_probability):
    probability, _ = scene()
    probability *= 100  # in percent, so nearly all of it lies outside [0, 1]
    with np.errstate(invalid="ignore"):
        found = np.roll(probability > 30, 3, 0)
    with fits.open(path, mode="append") as hdus:
        hdus.append(fits.ImageHDU(found.astype(np.int16), name="CR_MASK"))
        if with_probability:
            hdus.append(fits.ImageHDU(probability, name="CR_PROBABILITY"))
    confidence, settings, edits = saving.restored(saving.read(opening.look_into(path).image))
    assert np.array_equal(final_mask(confidence, settings, edits), found) and found.any()
    assert confidence[:, :].max() <= 1 and (edits is None) != with_probability


@pytest.mark.usefixtures("large")
def test_a_probability_alone_gives_its_mask(path):
    probability, _ = scene()
    with fits.open(path, mode="append") as hdus:
        hdus.append(fits.ImageHDU(probability, name="CR_PROBABILITY"))
    made = saving.restored(saving.read(opening.look_into(path).image))
    assert np.array_equal(final_mask(*made), probability > 0.5) and made[2] is None


@pytest.mark.usefixtures("large")
def test_reading_a_large_mask_can_be_stopped(path):
    confidence, edits = sparse(*scene())
    image = opening.look_into(path).image
    saving.write(image, Detection(Stamps(SHAPE), confidence), LOOK, edits, None)
    asked, saved = [], saving.read(image)
    for most in (3, 25):  # while the confidence is read, and while the mask is compared
        asked.clear()
        with pytest.raises(Cancelled):
            saving.restored(saved, lambda most=most: asked.append(True) or len(asked) > most)
        assert len(asked) == most + 1


def test_edits_that_glview_never_writes_are_an_error(path):
    edits = np.zeros(SHAPE, np.uint8)
    edits[650, 3] = 1
    save_mask(path, np.zeros(SHAPE, bool), None, edits)
    stored = stored_mask(path)
    broken = StoredMask(SHAPE, stored.mask, None, np.full(SHAPE, 7, np.uint8), {}, path)
    assert stored.edits_rows(600, 700).sum() == 1
    with pytest.raises(ReadError, match=r"frame.fits: CR_EDITS holds values that glview never"):
        broken.edits_rows(0, 5)
    assert isinstance(load_mask(path), SavedMask)
    assert load.stored_mask(path).where == path
