"""The list of objects against plain Python: order, rules, what is near."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glview.core import listing
from glview.core.cancel import Cancelled
from glview.core.image import from_array
from glview.core.listing import Rules
from glview.core.mask import MaskSettings
from glview.core.objects import find_objects
from glview.core.verdicts import STATES

SHAPE = (90, 130)


def frame(seed):
    """(image, mask, rows, codes) of blobs on noise."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, bool)
    for y, x in zip(rng.integers(0, 90, 40), rng.integers(0, 130, 40), strict=True):
        mask[y : y + rng.integers(1, 5), x : x + rng.integers(1, 5)] = True
    image = rng.normal(10, 1, SHAPE).astype(np.float32)
    image[mask] = 5000
    image[rng.random(SHAPE) < 0.001] = 900
    image[5, 5] = np.nan
    rows = find_objects(mask * rng.random(SHAPE, np.float32), MaskSettings(0.0), None, image)
    return image, mask, rows, rng.integers(0, 3, len(rows)).astype(np.uint8)


@pytest.mark.parametrize("falling", [True, False])
@pytest.mark.parametrize("column", listing.COLUMNS)
def test_every_column_sorts(column, falling):
    _, _, rows, codes = frame(1)
    rows["flux"][3] = rows["peak"][7] = np.nan
    values = {"x": "cx", "y": "cy", "mean": "mean_confidence", "max": "max_confidence"}
    of = codes if column == "state" else rows[values.get(column, column)]
    expected = sorted(range(len(rows)), key=lambda k: (
        of[k] != of[k], -float(of[k]) if falling else float(of[k])))
    expected.sort(key=lambda k: of[k] != of[k])
    found = listing.ordered(rows, codes, column, falling).tolist()
    assert found == expected


rules = st.builds(Rules, st.integers(0, 9), st.sampled_from(listing.SAID), st.booleans(),
                  st.booleans(), st.booleans())


def test_rows_that_are_added_at_the_end_get_their_place():
    _, _, rows, codes = frame(2)
    late = np.arange(len(rows)) % 5 == 2
    mixed = np.concatenate([rows[~late], rows[late]])
    for column, falling in (("area", True), ("y", False), ("state", False)):
        found = listing.ordered(mixed, np.zeros(len(rows), np.uint8), column, falling,
                                (~late).sum())
        whole = listing.ordered(rows, np.zeros(len(rows), np.uint8), column, falling)
        assert (mixed[found]["id"] == rows[whole]["id"]).all()
    assert len(codes) == len(rows)


@given(rules, st.tuples(st.floats(-5, 60), st.floats(-5, 90)), st.integers(0, 3))
def test_the_rules_by_definition(rules, corner, seed):
    _, _, rows, codes = frame(seed)
    bright = np.arange(len(rows)) % 2 == 0
    seen = (*corner, corner[0] + 30, corner[1] + 40)
    found = listing.shown(rows, codes, rules, SHAPE, seen, bright)
    for row, code, near, kept in zip(rows, codes, bright, found, strict=True):
        y0, x0, y1, x1 = (row[name] for name in ("y0", "x0", "y1", "x1"))
        fits = row["area"] > rules.above
        fits &= rules.said == "any" or (STATES[code] or "unreviewed") == rules.said
        fits &= not rules.in_view or not (
            y1 <= seen[0] or seen[2] <= y0 or x1 <= seen[1] or seen[3] <= x0)
        fits &= not rules.edge or bool({y0, x0} & {0} or y1 == SHAPE[0] or x1 == SHAPE[1])
        assert kept == (fits and (near or not rules.bright))


@pytest.mark.parametrize("block", [16, 50, 512])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_bright_and_near_by_definition(seed, block):
    image, mask, rows, _ = frame(seed)
    found = listing.near_bright(rows, from_array(image), lambda box: mask[box[0]:box[2],
                                                                         box[1]:box[3]],
                                500.0, block)
    bright = (image > 500) & ~mask
    near = [bright[max(0, row["y0"] - 10) : row["y1"] + 10,
                   max(0, row["x0"] - 10) : row["x1"] + 10].any() for row in rows]
    assert found.tolist() == near and 0 < found.sum() < len(rows)


def test_looking_for_what_is_bright_can_be_cancelled():
    image, mask, rows, _ = frame(0)
    with pytest.raises(Cancelled):
        listing.near_bright(rows, from_array(image), lambda box: mask, 1.0, 512, lambda: True)
