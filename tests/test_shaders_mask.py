"""The mask of the shaders: the same codes, bit for bit, as the kernels and scipy give."""

import numpy as np
import pytest
from drawing import (
    OVERLAY,
    Buffers,
    Theatre,
    cells,
    document_of,
    is_colour,
    random_mask,
    random_settings,
    window_of,
)
from scipy import ndimage

from glview.core import mask
from glview.core.mask import (
    ADDED,
    DELETED,
    DILATED,
    EDIT_ADD,
    EDIT_DELETE,
    MODEL,
    SHAPES,
    MaskSettings,
)
from glview.core.tiles import levels
from glview.core.view import View, Window, fitted, level_for, window

WHITE = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def buffers(gl):
    with gl:
        return Buffers(gl)


@pytest.fixture(scope="module")
def theatre(gl):
    with gl:
        return Theatre(gl)


def structure(shape, radius):
    """The dilation's element from its definition, for scipy."""
    dy, dx = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return {"square": np.maximum(abs(dy), abs(dx)) <= radius,
            "disk": dy**2 + dx**2 <= radius**2,
            "diamond": abs(dy) + abs(dx) <= radius}[shape]


def by_scipy(confidence, settings, edits):
    """Codes of the whole frame as scipy sees them."""
    model = confidence > np.float32(settings.threshold)
    grown = model
    if settings.dilation:
        grown = ndimage.binary_dilation(model, structure(settings.shape, settings.dilation))
    codes = np.where(model, MODEL, np.where(grown, DILATED, 0)).astype(np.uint8)
    if edits is not None:
        codes[edits == EDIT_ADD] = ADDED
        codes[edits == EDIT_DELETE] = DELETED
    return codes


def state_of(buffers, document, box):
    """Codes of a box (y0, x0, y1, x1) of the image as the GPU holds them at level 0."""
    region = buffers.draw(document, [window_of(box)])
    assert region.level == 0
    y0, x0 = region.box[:2]
    seen = cells(buffers.regions.state, region)
    return seen[box[0] - y0 : box[2] - y0, box[1] - x0 : box[3] - x0]


def check(buffers, document, box=None, whole=None):
    """GPU = kernels = scipy in a box, for the document's present settings.

    whole: what `by_scipy` gives, if it is known already.
    """
    confidence, edits = document.detection.confidence, document.edits.plane[:, :]
    y0, x0, y1, x1 = box = box or (0, 0, *document.image.shape)
    drawn = state_of(buffers, document, box)
    assert np.array_equal(drawn, mask.mask_state(confidence, document.mask, edits, box))
    whole = by_scipy(confidence, document.mask, edits) if whole is None else whole
    assert np.array_equal(drawn, whole[y0:y1, x0:x1])
    return drawn


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("radius", range(mask.MAX_DILATION + 1))
def test_every_element_is_scipys(buffers, shape, radius):
    rng = np.random.default_rng(radius)
    confidence, edits = random_mask(rng, (70, 83), 0.004)
    confidence[[0, 0, -1, -1, 30], [0, -1, 0, -1, 0]] = 0.9
    document = document_of(np.zeros((70, 83), np.float32), confidence, edits,
                           dilation=radius, shape=shape)
    found = set(np.unique(check(buffers, document)))
    assert found >= {MODEL, ADDED, DELETED} and (DILATED in found) == (radius > 0)
    check(buffers, document, (20, 31, 55, 60))


@pytest.mark.parametrize("seed", range(8))
def test_boxes_that_cut_a_large_frame_see_beyond_their_edge(buffers, seed):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(513, 700)), int(rng.integers(1025, 1200)))
    document = document_of(np.zeros(shape, np.uint8), *random_mask(rng, shape, 0.001))
    for _ in range(3):
        document.mask = random_settings(rng)
        whole = by_scipy(document.detection.confidence, document.mask, document.edits.plane[:, :])
        for cy, cx in ((512, 512), (512, 1024), rng.integers(0, shape)):
            y0, x0 = max(0, cy - int(rng.integers(1, 60))), max(0, cx - int(rng.integers(1, 60)))
            y1, x1 = (min(n, edge + int(rng.integers(1, 90)))
                      for n, edge in zip(shape, (cy, cx), strict=True))
            check(buffers, document, (y0, x0, y1, x1), whole)


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (2, 3), (17, 16), (512, 513)])
def test_small_and_odd_frames(buffers, shape):
    rng = np.random.default_rng(3)
    document = document_of(np.zeros(shape, np.float32), *random_mask(rng, shape, 0.05))
    for _ in range(6):
        document.mask = random_settings(rng)
        check(buffers, document)


def test_the_comparison_is_strict_and_in_float32(buffers):
    near = np.float32(0.7)
    around = [np.nextafter(near, np.float32(0)), near, np.nextafter(near, np.float32(1))]
    values = np.array([[*around, np.nan, 0.0, 1.0, 5e-8, 1 / 3]], np.float32)
    document = document_of(np.zeros(values.shape, np.uint8), values)
    for threshold in (0.7, float(near), float(values[0, 2]), 0.0, 1.0, 1 / 3, 0.7 + 1e-9):
        document.mask = MaskSettings(threshold)
        drawn = check(buffers, document) == MODEL
        assert np.array_equal(drawn, values > np.float32(threshold))
        document.mask = MaskSettings(threshold, 2)
        check(buffers, document)


def test_no_confidence_only_edits_and_back(buffers):
    rng = np.random.default_rng(8)
    confidence, edits = random_mask(rng, (60, 70), 0.01)
    document = document_of(np.zeros((60, 70), np.uint8), None, edits, dilation=3)
    drawn = state_of(buffers, document, (0, 0, 60, 70))
    assert np.array_equal(drawn, mask.mask_state(None, document.mask, edits))
    document.detection.confidence = confidence
    document.detection.stamps.touch((0, 0, 60, 70))
    check(buffers, document)
    document.detection.confidence = None
    document.detection.stamps.touch((0, 0, 60, 70))
    assert np.array_equal(state_of(buffers, document, (0, 0, 60, 70)), drawn)


def test_parts_of_the_confidence_that_come_later_are_drawn(buffers):
    confidence = np.zeros((600, 1100), np.float32)
    document = document_of(np.zeros(confidence.shape, np.uint8), confidence, dilation=5)
    box = (480, 480, 560, 560)
    assert not check(buffers, document, box).any()
    confidence[513, 511] = 0.9
    document.detection.stamps.touch((512, 0, 514, 512))
    assert (check(buffers, document, box) == DILATED).sum() == 120
    document.edits.draw((500, 500), (540, 540), 3, EDIT_DELETE)
    check(buffers, document, box)


def pooled_judge(final, factor):
    """any() of every factor x factor cell, cut at the edges."""
    padded = np.pad(final, [(0, -n % factor) for n in final.shape])
    height, width = padded.shape
    return padded.reshape(height // factor, factor, width // factor, factor).any((1, 3))


def masked_cells(buffers, document, level):
    """bool per cell of the whole frame at `level`, as the GPU holds it."""
    zoom, (height, width) = 0.5**level, document.image.shape
    seen = Window(0.0, 0.0, zoom, (-(-height >> level), -(-width >> level)), True)
    region = buffers.draw(document, [seen])
    assert region.level == level and region.box == (0, 0, *region.shape)
    return np.isin(cells(buffers.regions.state, region), (MODEL, DILATED, ADDED))


@pytest.mark.parametrize("level, shape", [(1, (1100, 1700)), (2, (701, 1303)), (2, (2049, 515)),
                                          (3, (90, 4133)), (4, (61, 4501)), (4, (4497, 37))])
def test_a_reduced_cell_is_masked_if_a_pixel_in_it_is(buffers, level, shape):
    assert levels(shape) > level
    rng = np.random.default_rng(level)
    confidence, edits = random_mask(rng, shape, 0.0004)
    edits[rng.random(shape) < 0.9] = 0
    document = document_of(np.zeros(shape, np.uint8), confidence, edits)
    for _ in range(3):
        document.mask = random_settings(rng)
        final = by_scipy(confidence, document.mask, edits)
        final = np.isin(final, (MODEL, DILATED, ADDED))
        assert np.array_equal(masked_cells(buffers, document, level),
                              pooled_judge(final, 1 << level))


@pytest.mark.parametrize("level", [1, 2])
def test_a_reduced_tile_follows_what_happens_beyond_its_edge(buffers, level):
    shape = (90, 2400)
    confidence, side = np.zeros(shape, np.float32), 512 << level
    document = document_of(np.zeros(shape, np.uint8), confidence, dilation=7)
    assert not masked_cells(buffers, document, level).any()
    confidence[40, side] = 0.9  # the first pixel of the second tile
    document.detection.stamps.touch((0, side, 90, 2 * side))
    final = mask.final_mask(confidence, document.mask)
    assert final[:, :side].sum() == 15 * 7
    assert np.array_equal(masked_cells(buffers, document, level),
                          pooled_judge(final, 1 << level))
    for value in (EDIT_ADD, EDIT_DELETE):
        document.edits.draw((30, side - 20), (50, side + 20), 9, value)
        final = mask.final_mask(confidence, document.mask, document.edits.plane[:, :])
        assert np.array_equal(masked_cells(buffers, document, level),
                              pooled_judge(final, 1 << level))


def covered(seen, y, x):
    """Slices of the pane (top row first) that the image pixel (y, x) touches."""
    (py, px), (qy, qx) = seen.to_pane(y, x), seen.to_pane(y + 1, x + 1)
    top, bottom, left, right = min(py, qy), max(py, qy), min(px, qx), max(px, qx)
    return np.s_[max(0, int(np.floor(top + 1e-6))) : int(np.ceil(bottom - 1e-6)),
                 max(0, int(np.floor(left + 1e-6))) : int(np.ceil(right - 1e-6))]


def near_masked(seen, final, shape):
    """bool of the pane: a masked pixel lies within a screen pixel and a cell of this one."""
    reach = 1.0 / seen.zoom + (1 << min(level_for(seen.zoom), levels(shape) - 1)) + 1e-3
    ys, xs = np.nonzero(final)
    allowed = np.zeros(seen.size, bool)
    for y, x in zip(ys, xs, strict=True):
        (py, px), (qy, qx) = (seen.to_pane(y - reach, x - reach),
                              seen.to_pane(y + 1 + reach, x + 1 + reach))
        top, bottom = max(0, int(min(py, qy))), int(max(py, qy)) + 1
        allowed[top:bottom, max(0, int(px)) : int(qx) + 1] = True
    return allowed


def check_visible(theatre, document, size, view):
    """Every masked pixel inside the pane is drawn in both panes, and nothing far from one is."""
    shape, final = document.image.shape, document.detection.confidence > 0.5
    pictures = theatre.show(document, size, view)
    seen = window(theatre.view, size, document.image.y_up)
    in_mask = is_colour(pictures["mask"], WHITE)
    in_image = is_colour(pictures["image"], OVERLAY.colour)
    assert np.array_equal(in_mask, in_image)
    for y, x in zip(*np.nonzero(final), strict=True):
        where = covered(seen, y, x)
        part = in_mask[where]
        inside = part.size and where[0].stop <= size[0] and where[1].stop <= size[1]
        assert not inside or part.any(), (y, x, seen)
    assert not (in_mask & ~near_masked(seen, final, shape)).any()
    return in_mask.any()


def sparse(shape, seed):
    """Confidence with single pixels set: corners, edges, tile borders and anywhere."""
    rng = np.random.default_rng(seed)
    confidence = np.zeros(shape, np.float32)
    ys = [0, shape[0] - 1, min(511, shape[0] - 1), min(512, shape[0] - 1)]
    xs = [0, shape[1] - 1, min(511, shape[1] - 1), min(512, shape[1] - 1)]
    for y in ys:
        confidence[y, rng.choice(xs)] = 0.9
    confidence[rng.integers(0, shape[0], 9), rng.integers(0, shape[1], 9)] = 0.9
    confidence[-1, -1] = confidence[0, 0] = confidence[0, -1] = confidence[-1, 0] = 0.9
    return confidence


@pytest.mark.parametrize("y_up", [True, False])
@pytest.mark.parametrize("shape", [(300, 400), (530, 1040), (1537, 700), (40, 5000)])
def test_no_masked_pixel_is_lost_when_zoomed_out(theatre, shape, y_up):
    rng = np.random.default_rng(shape[1])
    document = document_of(np.zeros(shape, np.uint8), sparse(shape, 1), y_up=y_up)
    zooms = [0.99, 0.5000001, 0.5, 0.499999, 1 / 3, 0.013, *np.geomspace(0.015, 0.98, 9)]
    for zoom in zooms:
        size = tuple(int(n * zoom + rng.integers(8, 40)) for n in shape)
        y, x = (n / 2 + rng.uniform(-3, 3) / zoom for n in shape)
        assert check_visible(theatre, document, size, View(y, x, zoom))


@pytest.mark.parametrize("size", [(37, 53), (120, 90), (200, 200), (31, 400)])
def test_no_masked_pixel_is_lost_in_the_overview(theatre, size):
    for shape in ((500, 480), (1000, 77), (1300, 1900), (61, 90)):
        document = document_of(np.zeros(shape, np.uint8), sparse(shape, 2))
        if fitted(shape, size).zoom < 1:
            assert check_visible(theatre, document, size, None)


@pytest.mark.parametrize("zoom", [1.0, 1.3, 2.0, 7.7])
def test_both_panes_draw_the_same_pixels_when_magnified(theatre, zoom):
    rng = np.random.default_rng(6)
    confidence, edits = random_mask(rng, (90, 100), 0.05)
    edits[edits == EDIT_DELETE] = 0
    document = document_of(np.zeros((90, 100), np.uint8), confidence, edits, dilation=1)
    pictures = theatre.show(document, (150, 170), View(45.3, 51.2, zoom))
    seen = window(theatre.view, (150, 170), True)
    y, x = seen.to_image(np.arange(150) + 0.5, np.arange(170) + 0.5)
    codes = np.zeros((150, 170), np.uint8)
    sure = [np.abs(at - np.rint(at)) > 1e-3 for at in (y, x)]
    rows, columns = np.floor(y).astype(int), np.floor(x).astype(int)
    inside = [(at >= 0) & (at < n) for at, n in ((rows, 90), (columns, 100))]
    whole = by_scipy(confidence, document.mask, edits)
    codes[np.ix_(*inside)] = whole[np.ix_(rows[inside[0]], columns[inside[1]])]
    sure = np.ix_(*sure)
    assert np.array_equal(is_colour(pictures["mask"], WHITE)[sure], (codes == MODEL)[sure])
    assert np.array_equal(is_colour(pictures["image"], OVERLAY.colour)[sure],
                          np.isin(codes, (MODEL, DILATED))[sure])


def test_a_confidence_beyond_one_is_no_edit(gl, buffers):
    confidence = np.full((40, 50), 80, np.float32)
    edits = np.zeros((40, 50), np.uint8)
    edits[10:20, 10:20] = EDIT_DELETE
    document = document_of(np.zeros((40, 50), np.float32), confidence, edits)
    found = state_of(buffers, document, (0, 0, 40, 50))
    assert (found == np.where(edits == EDIT_DELETE, DELETED, MODEL)).all()
