"""`glview.save_mask` from a script: what it refuses, in words, and what its help tells."""

import numpy as np
import pytest
from astropy.io import fits

import glview
from glview.core.parts import OBJECT
from glview.files import dq
from glview.files.extensions import ORIGIN
from glview.files.save import OF_BATCHES, SaveError

SHAPE = (20, 30)
PROBABILITY = np.random.default_rng(2).random(SHAPE, np.float32)
MASK = PROBABILITY > 0.5


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, np.ones(SHAPE, np.float32))
    return path


def off(value):
    made = PROBABILITY.copy()
    made[3, 4] = value
    return made


@pytest.mark.parametrize(("call", "words"), [
    ({"mask": PROBABILITY}, r"a mask is bool .*probability=, .* probability > threshold"),
    ({"mask": MASK * 7}, "a mask is bool"), ({"mask": MASK - 1.0}, "a mask is bool"),
    ({"mask": np.where(MASK, np.nan, 0)}, "a mask is bool"),
    ({"mask": np.full(SHAPE, "yes")}, "a mask is bool"),
    ({"mask": MASK[1:]}, r"the shape \(19, 30\), the image \(20, 30\)"),
    ({"mask": MASK, "probability": off(1.5)}, r"a probability lies in \[0, 1\].* from 0 to 1.5"),
    ({"mask": None, "probability": off(-2)}, r"a probability lies in \[0, 1\].* from -2 to 1"),
    ({"mask": MASK, "probability": off(np.inf)}, r"a probability lies in \[0, 1\]"),
    ({"mask": MASK, "probability": np.full(SHAPE, "high")}, "a probability is an array of numbers"),
    ({"mask": MASK, "provenance": ["me"]}, r"provenance is a dict.* not a list"),
    ({"mask": MASK, "provenance": "me"}, r"provenance is a dict.* not a str"),
])
def test_what_is_no_mask_is_refused_and_changes_nothing(frame, call, words):
    before = frame.read_bytes()
    with pytest.raises(SaveError, match=words) as told:
        glview.save_mask(frame, **call)
    assert frame.read_bytes() == before and len(str(told.value)) < 250


@pytest.mark.parametrize("kind", [bool, np.uint8, int, np.float32, float, ">i2"])
def test_0_and_1_of_any_type_are_a_mask_and_a_probability_may_hold_nan(frame, kind):
    glview.save_mask(frame, MASK.astype(kind), off(np.nan))
    saved = glview.load_mask(frame)
    np.testing.assert_array_equal(saved.mask, MASK)
    np.testing.assert_array_equal(saved.probability, off(np.nan))


@pytest.mark.parametrize("contents", [[MASK], MASK, {None: MASK}, {None: [MASK]}])
def test_several_masks_come_by_extension(frame, contents):
    with pytest.raises(SaveError, match=r"save_masks takes \{extension: ") as told:
        glview.save_masks(frame, contents)
    assert len(str(told.value)) < 250


def test_the_image_itself_is_no_side_file(frame, tmp_path):
    link = tmp_path / "link.fits"
    link.symlink_to(frame)
    for target in (frame, link):
        with pytest.raises(SaveError, match="is the image itself: leave target out") as told:
            glview.save_mask(frame, MASK, target=target)
        assert "move" not in str(told.value)


def test_the_help_says_what_can_be_given():
    told = " ".join(glview.save_mask.__doc__.split())
    for name in {name for name, *_ in ORIGIN} - OF_BATCHES - {"dq"}:
        assert f'"{name}"' in told, name
    assert all(f'"{name}"' in told for name in dq.CONVENTIONS)
    assert "extensions.origin_cards" not in told and "dq.CONVENTIONS" not in told
    objects = " ".join(glview.find_objects.__doc__.split())
    assert all(name in objects for name in OBJECT.names) and "core.parts" not in objects
