"""What a script calls: plain arguments give the mask and the objects of the settings they mean."""

import numpy as np
import pytest
from test_objects import assert_same, expected, planes

from glview.core import mask, objects
from glview.core.calls import final_mask, find_objects
from glview.core.cancel import Cancelled
from glview.core.mask import MaskSettings
from glview.core.plane import FLOOR, Plane

BITS = np.random.default_rng(4).random((90, 130)) < 0.02


@pytest.fixture
def maps():
    confidence, image = planes(BITS)
    rng = np.random.default_rng(5)
    added, deleted = rng.random(BITS.shape) < 0.01, rng.random(BITS.shape) < 0.3
    edits = np.where(deleted, 2, added).astype(np.uint8)
    return confidence, image, added, deleted, edits


def test_plain_arguments_mean_settings_and_edits(maps):
    confidence, image, added, deleted, edits = maps
    look = MaskSettings(0.6, 2, "disk")
    wanted = objects.find_objects(confidence, look, edits, image, 4)
    found = find_objects(confidence, 0.6, 2, image, added, deleted, 4, shape="disk")
    assert found.tobytes() == wanted.tobytes()
    assert find_objects(confidence, look, image=image, edits=edits, connectivity=4).tobytes() == (
        wanted.tobytes())
    made = mask.final_mask(confidence, look, edits)
    assert np.array_equal(final_mask(confidence, 0.6, 2, added, deleted, shape="disk"), made)
    assert np.array_equal(final_mask(confidence, look, edits=Plane.from_array(edits)), made)


def test_the_defaults_are_scipys_objects(maps):
    confidence, image, *_ = maps
    assert_same(find_objects(confidence, image=image), expected(BITS, 8, image, confidence))
    assert np.array_equal(final_mask(confidence), BITS)


class Store:
    """An array of which only slices can be had."""

    ndim = 2

    def __init__(self, array):
        self._array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __getitem__(self, key):
        part = self._array[key]
        self.most = max(self.most, len(part))
        return part


def test_maps_of_files_and_stores_are_taken(maps, tmp_path, monkeypatch):
    confidence, image, added, *_ = maps
    wanted = find_objects(confidence, 0.5, 1, image, added)
    path = tmp_path / "map"
    confidence.astype(">f4").tofile(path)
    mapped = np.memmap(path, ">f4", "r", shape=confidence.shape)
    monkeypatch.setattr("glview.core.blocks.STRIPE_PIXELS", 20 * 130)
    stores = Store(confidence), Store(image), Store(added)
    assert find_objects(mapped, 0.5, 1, image, added).tobytes() == wanted.tobytes()
    assert find_objects(stores[0], 0.5, 1, *stores[1:]).tobytes() == wanted.tobytes()
    stores[0].most = 0
    assert find_objects(stores[0]).tobytes() == find_objects(confidence).tobytes()
    assert 0 < stores[0].most <= 22
    kept = np.where(confidence >= FLOOR, confidence, 0)
    wanted = find_objects(kept, 0.5, 1, image, added)
    assert find_objects(Plane.from_array(kept), 0.5, 1, image, added).tobytes() == wanted.tobytes()
    assert np.array_equal(final_mask(stores[0], 0.5, 1, stores[2]),
                          final_mask(confidence, 0.5, 1, added))


def test_progress_and_cancel(maps):
    told = []
    for call in (find_objects, final_mask):
        call(maps[0], progress=lambda *rows: told.append(rows))
        assert told.pop() == (90, 90)
        with pytest.raises(Cancelled):
            call(maps[0], cancel=lambda: True)


@pytest.mark.parametrize("call", [find_objects, final_mask])
def test_what_cannot_be_meant_is_told(call, maps):
    confidence, _, added, _, edits = maps
    with pytest.raises(ValueError, match="dilation is in the MaskSettings"):
        call(confidence, MaskSettings(), 2)
    with pytest.raises(ValueError, match="give them or the two masks"):
        call(confidence, added=added, edits=edits)
    with pytest.raises(ValueError, match="added and deleted have the frame's"):
        call(confidence, added=added, deleted=added[1:])
    with pytest.raises(ValueError, match="both must have the frame's"):
        call(confidence, added=added[1:])
    with pytest.raises(ValueError, match="threshold is 7"):
        call(confidence, 7)
    with pytest.raises(ValueError, match="unknown dilation shape 'cross'"):
        call(confidence, 0.5, 1, shape="cross")
