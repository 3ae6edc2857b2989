"""Mosaics: no bright pixel is hidden, every pixel is exact, and nothing waits for the disk."""

import time
from dataclasses import replace

import numpy as np
import pytest
from drawing import (
    OVERLAY,
    Theatre,
    bytes_of,
    cells,
    document_of,
    far_document,
    is_colour,
    stretched,
)
from mosaic import Sparse, some_places
from robot import Robot
from scipy.ndimage import maximum_filter
from slow import PATIENCE, Watched, image_pane, on_image

from glview.budget import LEAST, Budget
from glview.core import pyramid
from glview.core.mask import EDIT_ADD
from glview.core.pyramid import Pyramid
from glview.core.view import View, window
from glview.files import open_images
from glview.gl.panes import PALETTE
from glview.workspace import Overlay

BARE = Overlay(shown=False)
GREY = {"limits": "user", "low": 0.0, "high": 255.0}  # a pixel of value n has the colour n, n, n
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-39, 3.4028235e38, 16777217.0, 1 / 3]
SIDES = (16385, 32769, 65537, 100_000)


@pytest.fixture(scope="module")
def theatre(gl):
    with gl:
        return Theatre(gl)


def known(document):
    """A document when all of its file was read."""
    pyramid.build(document.image, document.pyramid)
    assert document.pyramid.collect() and document.pyramid.complete
    return document


# no bright pixel is hidden

SPIKED, SPIKES = (16384, 16384), 2000
PANE = (560, 620)


@pytest.fixture(scope="module")
def spiked(tmp_path_factory):
    """(document, places): 2000 single bright pixels on nothing, the file read through."""
    path = tmp_path_factory.mktemp("spiked") / "spikes.fits"
    places = some_places(np.random.default_rng(1), SPIKED, SPIKES)
    Sparse(path, SPIKED).put_pixels(places, 1000.0)
    return known(stretched(document_of(open_images(path)[0]), **GREY)), places


def lit(theatre, document, zoomout, size=PANE):
    """(bool picture, row 0 of the image first; its Window) of the whole frame."""
    document.stretch = replace(document.stretch, zoomout=zoomout)
    picture = theatre.show(document, size, None, BARE, ("image",))["image"][::-1]
    return (picture == 255).all(-1), window(theatre.view, size, False)


def cells_of(seen, places):
    """(n, 2) rows and columns of the screen cells that hold the middles of pixels."""
    py, px = seen.to_pane(places[:, 0] + 0.5, places[:, 1] + 0.5)
    return np.stack((py, px), 1).astype(int)


@pytest.mark.parametrize("zoomout", ["max", "peaks"])
def test_every_spike_of_a_mosaic_is_seen_when_all_of_it_is(theatre, spiked, zoomout):
    document, places = spiked
    picture, seen = lit(theatre, document, zoomout)
    at = cells_of(seen, places)
    assert picture[at[:, 0], at[:, 1]].mean() >= 0.995
    occupied = len(np.unique(at, axis=0))
    assert occupied > 0.98 * SPIKES, "few share a cell, so nearly each spike has its own"
    assert occupied <= picture.sum() <= 4 * occupied, "nothing else is lit but what they touch"


def test_the_mean_hides_them(theatre, spiked):
    """What the other test sees is no matter of course."""
    document, places = spiked
    picture, seen = lit(theatre, document, "mean")
    at = cells_of(seen, places)
    assert picture[at[:, 0], at[:, 1]].mean() < 0.02


def test_peaks_are_kept_and_the_noise_is_not(theatre):
    rng = np.random.default_rng(2)
    shape = (4096, 4096)
    pixels = rng.standard_normal(shape, np.float32) * 2 + 100
    places = some_places(rng, shape, 300)
    pixels[tuple(places.T)] = 255
    document = known(stretched(document_of(pixels), **GREY))
    assert document.joining.noise == 0
    document.stretch = replace(document.stretch, zoomout="peaks")
    assert document.joining.noise == pytest.approx(2, rel=0.1)
    peaks, seen = lit(theatre, document, "peaks", (300, 300))
    at = cells_of(seen, places)
    assert peaks[at[:, 0], at[:, 1]].all()
    background = ~(peaks | np.roll(peaks, 1, 0) | np.roll(peaks, 1, 1) | np.roll(peaks, 1, (0, 1)))
    levels = {}
    for zoomout in ("mean", "max", "peaks"):
        document.stretch = replace(document.stretch, zoomout=zoomout)
        picture = theatre.show(document, (300, 300), None, BARE, ("image",))["image"][::-1, :, 0]
        levels[zoomout] = np.median(picture[background])
    assert levels["peaks"] == levels["mean"] == pytest.approx(100, abs=1)
    assert levels["max"] > 103


@pytest.mark.parametrize("place", [(0, 0), (49_999, 63_999), (31_234, 12_345)])
def test_one_masked_pixel_in_three_gigapixels_is_a_dot(theatre, place):
    document = far_document((50_000, 64_000))
    assert document.edits.draw(place, place, 1, EDIT_ADD)
    pictures = theatre.show(document, (500, 640), None, OVERLAY, ("mask", "overview"))
    for name, picture in pictures.items():
        dots = np.argwhere(is_colour(picture[::-1], PALETTE.added))
        assert 1 <= len(dots) <= 4, name
        py, px = (place[0] + 0.5) / 100, (place[1] + 0.5) / 100
        assert (np.abs(dots + 0.5 - (py, px)) <= 1.5).all(), name
    document.history.record(document.edits.cleared())
    pictures = theatre.show(document, (500, 640), None, OVERLAY, ("mask", "overview"))
    assert not any(is_colour(picture, PALETTE.added).any() for picture in pictures.values())


# every pixel is exact


@pytest.fixture(scope="module", params=SIDES)
def huge(request, tmp_path_factory):
    """(document, boxes): a frame of so many pixels a side, numbers at its corners and middle."""
    side, size = request.param, 330
    path = tmp_path_factory.mktemp("huge") / f"{side}.fits"
    file, rng, boxes = Sparse(path, (side, side)), np.random.default_rng(side), {}
    far = side - size
    for y, x in ((0, 0), (0, far), (far, 0), (far, far), (far // 2, far // 2)):
        values = rng.normal(128, 60, (size, size)).astype(np.float32)
        values.ravel()[rng.integers(0, values.size, len(SPECIAL))] = SPECIAL
        values[[0, 0, -1, -1], [0, -1, 0, -1]] = 10, 90, 170, 250
        file.put(y, x, values)
        boxes[y, x] = values
    document = stretched(document_of(open_images(path)[0]), **GREY)
    yield document, boxes
    path.unlink()


def shows(picture, seen, values, corner):
    """How many screen pixels show the pixels of a box by their greys; fails if one does not."""
    rows, columns = np.mgrid[: seen.size[0], : seen.size[1]]
    y, x = seen.to_image(rows + 0.5, columns + 0.5)
    sure = (np.abs(y - np.rint(y)) > 2e-3) & (np.abs(x - np.rint(x)) > 2e-3)
    y, x = (np.floor(at).astype(int) - first for at, first in zip((y, x), corner, strict=True))
    sure &= (y >= 0) & (y < len(values)) & (x >= 0) & (x < len(values))
    wanted = values[y[sure], x[sure]]
    finite = np.abs(wanted) < 3.4e38  # above, the shader says Inf, for not every driver tells
    grey = np.rint(np.clip(wanted[finite], 0, 255))
    assert np.abs(picture[sure][finite].astype(int) - grey[:, None]).max() <= 1
    assert is_colour(picture[sure][np.isnan(wanted)], PALETTE.nan).all()
    return finite.sum()


@pytest.mark.parametrize("zoom", [1.0, 2.0, 3.0, 7.5])
def test_a_huge_sparse_frame_is_exact_at_its_corners_and_its_middle(theatre, huge, zoom):
    document, boxes = huge
    for y_up in (True, False):
        document.image = replace(document.image, y_up=y_up)
        for (y, x), values in boxes.items():
            view = View(y + 165.0, x + 165.0, zoom)
            picture = theatre.show(document, (240, 250), view, BARE, ("image",))["image"]
            region = theatre.scene.region
            assert region.level == 0 and theatre.scene.sharp
            drawn = np.ascontiguousarray(cells(theatre.scene.main.image, region))
            y0, x0, y1, x1 = np.array(region.box) - (y, x, y, x)
            assert y0 >= 0 and x0 >= 0 and y1 <= 330 and x1 <= 330
            wanted = np.ascontiguousarray(values[y0:y1, x0:x1])
            assert np.array_equal(drawn.view(np.uint32), wanted.view(np.uint32))
            assert shows(picture, window(view, (240, 250), y_up), values, (y, x)) > 50_000


@pytest.mark.parametrize("zoom", [1.0, 3.0])
def test_the_very_edge_of_a_huge_frame_is_exact(theatre, huge, zoom):
    """Half of the window lies beyond the corner, where nothing but the background may be."""
    document, boxes = huge
    side = document.image.shape[0]
    for y_up in (True, False):
        document.image = replace(document.image, y_up=y_up)
        for y, x in ((0, 0), (0, side), (side, 0), (side, side)):
            view, size = View(float(y), float(x), zoom), (200, 220)
            picture = theatre.show(document, size, view, BARE, ("image",))["image"]
            corner = min(y, side - 330), min(x, side - 330)
            seen = window(view, size, y_up)
            assert shows(picture, seen, boxes[corner], corner) > 9_000
            rows, columns = np.mgrid[: size[0], : size[1]]
            at = np.stack(seen.to_image(rows + 0.5, columns + 0.5))
            beyond = ((at < -2e-3) | (at > side + 2e-3)).any(0)
            assert beyond.mean() == pytest.approx(0.75, abs=0.02)
            assert is_colour(picture[beyond], PALETTE.background).all()


@pytest.mark.parametrize("shape", [(1, 1_000_000), (1_000_000, 1)])
def test_a_strip_of_a_million_pixels(theatre, tmp_path, shape):
    path = tmp_path / "strip.fits"
    greys = np.random.default_rng(3).integers(40, 250, 1_000_000).astype(np.uint8)
    Sparse(path, shape, "u1").put(0, 0, greys.reshape(shape))
    document = known(stretched(document_of(open_images(path)[0]), **GREY))
    seen = theatre.show(document, (300, 420), None, BARE)["image"]
    assert (seen != bytes_of(PALETTE.background)).any(), "a line, though thinner than a pixel"
    longest = 420 if shape[0] == 1 else 300
    for zoom in (longest / 1e6, 0.003, 0.06, 0.7, 1.0, 2.0, 40.0):
        for at in (0, 1, 499_999, 999_999):
            y, x = (at + 0.5, 0.5) if shape[1] == 1 else (0.5, at + 0.5)
            view = View(y, x, zoom)
            picture = theatre.show(document, (301, 421), view, BARE, ("image",))["image"]
            assert theatre.scene.sharp
            if zoom >= 1:
                seen = window(view, (301, 421), True)
                py, px = (int(c) for c in seen.to_pane(y, x))
                assert (picture[py, px] == greys[at]).all(), (zoom, at)


# chips and the gaps between them

CHIP, PITCH, FRAME = (700, 900), (800, 1000), (3100, 3900)


def spans(seen, size, axis):
    """(2, n) first and last edge of each screen pixel of an axis, image coordinates."""
    edges = np.arange(size + 1)
    return np.stack([seen.to_image(edges[:-1], edges[:-1])[axis],
                     seen.to_image(edges[1:], edges[1:])[axis]])


def in_chip(span, axis, margin):
    """Which screen pixels lie inside a chip, or not nearer to one than `margin` if it is given."""
    low, high = span - np.floor(span[0] / PITCH[axis]) * PITCH[axis]
    if margin is None:
        return (low >= 0) & (high <= CHIP[axis])
    return (low < CHIP[axis] + margin) | (high > PITCH[axis] - margin)


@pytest.mark.parametrize("zoomout", ["mean", "max", "peaks"])
def test_gaps_between_chips_keep_their_colour_and_stay_in_their_place(theatre, zoomout):
    pixels = np.full(FRAME, 150, np.float32)
    for axis in (0, 1):
        gap = np.arange(FRAME[axis]) % PITCH[axis] >= CHIP[axis]
        pixels[gap if axis == 0 else np.s_[:, gap]] = np.nan
    document = known(stretched(document_of(pixels, y_up=False), **GREY, zoomout=zoomout))
    for zoom in (0.05, 0.09, 0.2, 0.31, 0.5, 0.77, 1.0, 3.0):
        size, view = (155, 195), View(1500.0, 1900.0, zoom)
        picture = theatre.show(document, size, view, BARE, ("image",))["image"]
        seen = window(view, size, False)
        y, x = spans(seen, size[0], 0), spans(seen, size[1], 1)
        whole = in_chip(y, 0, None)[:, None] & in_chip(x, 1, None)
        inside = ((y[0] >= 0) & (y[1] <= FRAME[0]))[:, None] & ((x[0] >= 0) & (x[1] <= FRAME[1]))
        assert is_colour(picture[whole & inside], (150 / 255,) * 3).all(), zoom
        margin = 0 if zoom >= 1 else 2 / zoom
        near = in_chip(y, 0, margin)[:, None] & in_chip(x, 1, margin)
        assert (~near & inside).sum() > 300, zoom
        assert is_colour(picture[~near & inside], PALETTE.nan).all(), zoom


# nothing waits for the disk


@pytest.mark.parametrize("read_before", [True, False])
@pytest.mark.parametrize("zoom", [1.0, 0.3, 0.11])
def test_a_parent_stands_in_and_no_frame_waits_for_the_reader(read_before, zoom):
    y, x = np.ogrid[:2900, :4100]
    pixels = (40 + 200 * ((y + x) % 7000) / 7000).astype(np.uint8)
    watched = Watched(pixels)
    with watched.sit_down() as robot:
        if read_before:
            robot.settle()
        watched.gate.clear()
        began, holes = time.monotonic(), 0
        robot.workspace.fit = False
        for step in range(40):
            robot.workspace.view = View(300.0 + 60 * step, 3900.0 - 95 * step, zoom)
            robot.frame()
            picture, y, x = image_pane(robot)
            inside = on_image(robot, y, x)
            assert inside.mean() > 0.2
            # The stand-in is the picture, if not a sharp one: greys of about the right height.
            assert (np.ptp(picture[inside].astype(int), axis=-1) == 0).all()
            holes += (picture[inside] < 38).any() + (picture[inside] > 242).any()
        assert not holes
        assert time.monotonic() - began < PATIENCE / 2
        assert not (robot.desk.settled and robot.desk.scene.sharp) or (read_before and zoom < 1 / 8)
        watched.gate.set()
        robot.settle()
        assert robot.desk.scene.sharp and not robot.workspace.notices
        if zoom == 1.0:
            picture, y, x = image_pane(robot)
            inside = on_image(robot, y, x)
            wanted = pixels[y[inside].astype(int), x[inside].astype(int)]
            assert (picture[inside] == wanted[:, None]).all()


# little memory


def test_the_smallest_budget_draws_everything(spiked):
    """Coarser where it must be, but no spike is lost, no pixel is wrong, and nothing fails."""
    path, places = spiked[0].image.path, spiked[1]
    with Robot(path, size=(900, 600), budget=Budget(LEAST, LEAST)) as robot:
        desk, document = robot.desk, robot.document
        assert document.pyramid.nbytes <= LEAST // 4 < Pyramid(SPIKED).nbytes
        stretched(document, **GREY, zoomout="max")
        for zoom in (None, 0.1, 0.4, 2.0):
            robot.workspace.fit = zoom is None
            y, x = places[7] + 0.5
            robot.workspace.view = View(float(y), float(x), zoom or 1.0)
            robot.settle()
            assert desk.scene.sharp
            picture, y, x = image_pane(robot)
            bright = maximum_filter((picture == 255).all(-1), 3)  # a coarse cell is nearest to it
            at = cells_of(window(robot.view, picture.shape[:2], True), places)
            at = at[((at >= 0) & (at < picture.shape[:2])).all(1)]
            assert len(at) and bright[at[:, 0], at[:, 1]].all()
            assert not is_colour(picture[on_image(robot, y, x)], PALETTE.nan).any()
        assert not robot.workspace.notices and not desk.faults
        assert desk.held_bytes <= LEAST
        assert desk.scene.tiles.nbytes <= 4 * LEAST, "never fewer tiles than the panes need"
