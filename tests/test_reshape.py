"""Growing, shrinking, joining and cutting an object, by scipy and by definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from glview.core import reshape
from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE

EIGHT = np.ones((3, 3))
masks = arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def largest(mask):
    """The largest 8-connected component, by scipy."""
    labels, _ = ndimage.label(mask, EIGHT)
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]) if mask.any() else mask


@settings(deadline=None)
@given(masks)
def test_growing_is_scipys_dilation(member):
    assert (reshape.grown(member) == ndimage.binary_dilation(member, EIGHT)).all()


@settings(deadline=None)
@given(masks, st.booleans())
def test_shrinking_is_scipys_erosion(member, open_edges):
    expected = ndimage.binary_erosion(member, EIGHT, border_value=open_edges)
    assert (reshape.shrunk(member, (open_edges,) * 4) == expected).all()


@pytest.mark.parametrize("edge", range(4))
def test_only_the_frames_own_edge_keeps_its_pixels(edge):
    kept = reshape.shrunk(np.ones((5, 5), bool), tuple(k == edge for k in range(4)))
    expected = np.zeros((5, 5), bool)
    expected[1:4, 1:4] = True
    rows = (np.s_[0, 1:4], np.s_[1:4, 0], np.s_[4, 1:4], np.s_[1:4, 4])
    expected[rows[edge]] = True
    assert (kept == expected).all()


@settings(deadline=None)
@given(masks)
def test_the_rim_has_a_neighbour_outside(member):
    inner = ndimage.binary_erosion(member)
    assert (reshape.rim(member) == (member & ~inner)).all()


@settings(deadline=None)
@given(arrays.arrays(bool, (9, 12)), st.integers(1, 64))
def test_what_lies_between_joins_the_two_by_the_shortest_way(mask, pairs):
    member = largest(mask)
    others = mask & ~member
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reshape, "MOST_PAIRS", pairs)
        gap = reshape.between(member, others)
    if not others.any():
        assert gap is None
        return
    filled = member | others
    filled[tuple(gap.T)] = True
    labels, _ = ndimage.label(filled, EIGHT)
    mine = labels[tuple(np.argwhere(member)[0])]
    assert (others & (labels == mine)).any()
    # As many steps as the nearest pixel is away in x or y, whichever is more.
    mine, theirs = np.argwhere(member), np.argwhere(others)
    ways = mine[:, None] - theirs
    nearest = (ways**2).sum(-1)
    steps = np.abs(ways[nearest == nearest.min()]).max(-1)
    assert len(gap) + 1 in steps


@settings(deadline=None)
@given(arrays.arrays(bool, (9, 12)))
def test_a_cut_leaves_no_way_across(mask):
    member = largest(mask)
    if not member.any():
        return
    cut = reshape.strip(member)
    if cut is None:
        assert np.ptp(np.argwhere(member), axis=0).max() < 4
        return
    assert not (cut & ~member).any()
    assert ndimage.label(member & ~cut, EIGHT)[1] >= 2


@settings(deadline=None)
@given(arrays.arrays(bool, (9, 12)), st.data())
def test_a_cut_goes_through_the_pixel_that_is_pointed_at(mask, data):
    member = largest(mask)
    if not member.any():
        return
    pixel = data.draw(st.sampled_from([tuple(one) for one in np.argwhere(member).tolist()]))
    cut = reshape.strip(member, pixel)
    if cut is not None:
        assert cut[pixel] and ndimage.label(member & ~cut, EIGHT)[1] >= 2


def test_the_thinnest_place_is_a_bridge():
    member = np.zeros((5, 11), bool)
    member[:, :4] = member[:, 7:] = member[2, 4:7] = True
    cut = reshape.strip(member)
    assert np.argwhere(cut).tolist() == [[2, 5]]
    assert np.argwhere(reshape.strip(member, (2, 4))).tolist() == [[2, 4]]


def test_a_diagonal_is_cut_across():
    cut = reshape.strip(np.eye(9, dtype=bool), (4, 4))
    assert cut[4, 4] and cut.sum() <= 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2)])
def test_what_is_too_small_is_not_cut(shape):
    assert reshape.strip(np.ones(shape, bool)) is None


def test_an_edit_is_written_only_where_the_model_says_otherwise():
    wanted, model = np.array([[0, 0, 1, 1]], bool), np.array([[0, 1, 0, 1]], bool)
    assert reshape.codes(wanted, model).tolist() == [[EDIT_NONE, EDIT_DELETE, EDIT_ADD, EDIT_NONE]]
