"""The panes' pictures: the right way up, the pixel that is picked, and no more work than needed."""

from dataclasses import replace

import numpy as np
import pytest
from cells import filled
from drawing import (
    OVERLAY,
    Theatre,
    bytes_of,
    document_of,
    far_document,
    far_values,
    is_colour,
    random_mask,
    stretched,
    tell,
    window_of,
)

from glview.core import mask
from glview.core.image import Image, from_array
from glview.core.mask import EDIT_ADD, EDIT_DELETE, MaskSettings
from glview.core.sample import sample_of
from glview.core.stretch import Stretch
from glview.core.view import View, window
from glview.gl.panes import PALETTE
from glview.workspace import Entry, Overlay, Workspace

BARE = Overlay(shown=False)
GREY = {"limits": "user", "low": 0.0, "high": 255.0}  # a pixel of value n has the colour n, n, n


@pytest.fixture(scope="module")
def theatre(gl):
    with gl:
        return Theatre(gl)


def shown(theatre, document, size, view, overlay=BARE):
    """(picture of the image pane, its Window)."""
    picture = theatre.show(document, size, view, overlay)["image"]
    return picture, window(theatre.view, size, document.image.y_up)


@pytest.mark.parametrize("y_up", [True, False])
@pytest.mark.parametrize("zoom", [1, 4])
def test_the_first_row_is_where_the_image_says(theatre, y_up, zoom):
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    document = stretched(document_of(pixels, y_up=y_up), **GREY)
    picture, _ = shown(theatre, document, (3 * zoom, 4 * zoom), View(1.5, 2.0, float(zoom)))
    wanted = np.kron(pixels[::-1] if y_up else pixels, np.ones((zoom, zoom), np.uint8))
    assert np.array_equal(picture, np.repeat(wanted[:, :, None], 3, 2))


def test_a_point_comes_back_from_the_image_and_from_the_pane():
    rng = np.random.default_rng(1)
    for _ in range(200):
        size = tuple(rng.integers(1, 3000, 2).tolist())
        zoom = float(np.exp(rng.uniform(np.log(1 / 4096), np.log(256))))
        seen = window(View(*rng.uniform(0, 1e5, 2), zoom), size, bool(rng.integers(2)))
        point = rng.uniform(-10, 3000, 2)
        y, x = seen.to_image(*point)
        np.testing.assert_allclose(seen.to_pane(y, x), point, atol=1e-9 * 1e5 * max(zoom, 1))
        inside = rng.uniform(0, size)
        y, x = seen.to_image(*inside)
        y0, x0, y1, x1 = seen.box
        assert y0 <= y <= y1 and x0 <= x <= x1


def picked(seen, rng, count=300):
    """(rows, columns, y, x): random screen pixels, and the image coordinates of their middles."""
    rows, columns = (rng.integers(0, n, count) for n in seen.size)
    return rows, columns, *seen.to_image(rows + 0.5, columns + 0.5)


def check_picking(theatre, document, zoom, y, x, rng):
    """The pixel picked at a point of the pane is the pixel drawn there."""
    size = (130, 170)
    picture, seen = shown(theatre, document, size, View(y, x, zoom))
    rows, columns, ys, xs = picked(seen, rng)
    height, width = document.image.shape
    inside = (ys >= 0) & (ys < height) & (xs >= 0) & (xs < width)
    sure = (np.abs(ys - np.rint(ys)) > 2e-3) & (np.abs(xs - np.rint(xs)) > 2e-3)
    drawn = picture[rows, columns]
    wanted = far_values(np.floor(ys).astype(int), np.floor(xs).astype(int))
    assert (drawn == wanted[:, None])[inside & sure].all()
    assert is_colour(drawn, PALETTE.background)[~inside & sure].all()
    return (inside & sure).sum()


@pytest.mark.parametrize("y_up", [True, False])
def test_the_pixel_picked_is_the_pixel_drawn(theatre, y_up):
    rng = np.random.default_rng(2)
    pixels = far_values(*np.ogrid[:530, :610]).astype(np.uint8)
    document = stretched(document_of(pixels, y_up=y_up), **GREY)
    for zoom in (1.0, 1.5, 2.0, 3.0, *np.exp(rng.uniform(0, np.log(64), 12))):
        y, x = rng.uniform(0, 530), rng.uniform(0, 610)
        assert check_picking(theatre, document, float(zoom), y, x, rng) > 20


@pytest.mark.parametrize("y_up", [True, False])
def test_so_it_is_far_out_in_a_huge_image(theatre, y_up):
    rng, document = np.random.default_rng(3), far_document(y_up=y_up)
    for zoom in (1.0, 2.7, 8.0, 64.0):
        for y, x in ((99_990.3, 99_980.7), (65_536.0, 12_345.6), (50_000.1, 99_999.9)):
            assert check_picking(theatre, document, zoom, y, x, rng) > 20
    # float32 counts in twos here
    wide, high = (far_document(shape, y_up) for shape in ((500, 30_000_001), (30_000_001, 500)))
    for zoom in (1.0, 2.7, 8.0, 37.3):
        assert check_picking(theatre, wide, zoom, 250.2, 29_999_977.7, rng) > 20
        assert check_picking(theatre, high, zoom, 29_999_977.7, 250.2, rng) > 20


@pytest.mark.parametrize("y_up", [True, False])
@pytest.mark.parametrize("zoom", [0.97, 0.63, 0.5, 0.31, 0.2])
def test_the_place_picked_is_the_place_drawn_when_reduced(theatre, zoom, y_up):
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:900, :1000]
    slope = 200 / 900
    for ramp, axis in ((y, 0), (x, 1)):
        document = stretched(document_of((ramp * slope).astype(np.float32), y_up=y_up), **GREY)
        picture, seen = shown(theatre, document, (150, 170), View(450.3, 500.7, zoom))
        rows, columns, *at = picked(seen, rng)
        # At a pixel's middle a linear ramp is its mean there: half a grey level is for rounding.
        error = picture[rows, columns, 0] - (at[axis] - 0.5) * slope
        assert np.abs(error).max() < 0.51 + 0.01 / zoom


@pytest.mark.parametrize("zoom", [2.3, 1.0, 0.4])
def test_edits_and_the_model_have_their_colours(theatre, zoom):
    shape = (300, 600)
    confidence, edits = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
    blocks = {"model": np.s_[140:146, 150:156], "added": np.s_[140:146, 190:196],
              "deleted": np.s_[140:146, 230:236]}
    confidence[blocks["model"]] = confidence[blocks["deleted"]] = 0.9
    edits[blocks["added"]], edits[blocks["deleted"]] = EDIT_ADD, EDIT_DELETE
    document = stretched(document_of(np.full(shape, 50, np.uint8), confidence, edits), **GREY)
    size = (120, 300)
    pictures = theatre.show(document, size, View(145, 195, zoom))
    seen = window(theatre.view, size, True)
    at = {name: tuple(int(c) for c in seen.to_pane(part[0].start + 3, part[1].start + 3))
          for name, part in blocks.items()}
    assert is_colour(pictures["image"][at["model"]], OVERLAY.colour)
    assert is_colour(pictures["image"][at["added"]], PALETTE.added)
    assert is_colour(pictures["mask"][at["model"]], (1, 1, 1))
    assert is_colour(pictures["mask"][at["added"]], PALETTE.added)
    if zoom >= 1:  # reduced, a cell tells no more than whether it is masked
        red = 0.7 * np.array(PALETTE.deleted) + 0.3 * 50 / 255
        assert is_colour(pictures["image"][at["deleted"]], red)
        assert is_colour(pictures["mask"][at["deleted"]], PALETTE.deleted)
    else:
        assert is_colour(pictures["mask"][at["deleted"]], (0, 0, 0))


def test_an_outline_leaves_the_inside_free(theatre):
    confidence = np.zeros((40, 40), np.float32)
    confidence[10:20, 12:24] = 0.9
    document = stretched(document_of(np.full((40, 40), 50, np.uint8), confidence), **GREY)
    overlay = replace(OVERLAY, outline=True)
    picture = theatre.show(document, (400, 400), View(20, 20, 10.0), overlay)["image"]
    drawn = is_colour(picture[::-1], OVERLAY.colour)
    assert drawn[100, 120:240].all() and drawn[199, 120:240].all()
    assert drawn[100:200, 120].all() and drawn[100:200, 239].all()
    assert not drawn[102:198, 122:238].any()
    drawn[100:200, 120:240] = False
    assert not drawn.any()
    hidden = theatre.show(document, (400, 400), View(20, 20, 10.0), replace(overlay, shown=False))
    assert is_colour(hidden["image"], (50 / 255,) * 3).all()


@pytest.mark.parametrize("zoom", [1.0, 0.45, 0.21])
def test_the_mask_pane_can_show_the_confidence(theatre, zoom):
    rng = np.random.default_rng(5)
    confidence = rng.random((600, 700)).astype(np.float32) ** 8
    confidence[rng.random(confidence.shape) < 0.01] = np.nan
    document = document_of(np.zeros((600, 700), np.uint8), confidence)
    overlay = replace(OVERLAY, pane="confidence")
    size, view = (60, 70), View(300, 350, zoom)
    grey = theatre.show(document, size, view, overlay)["mask"][::-1, :, 0].astype(int)
    seen = window(theatre.view, size, True)
    known = np.nan_to_num(confidence)
    for row, column in rng.integers(0, size, (200, 2)):
        y0, x0 = seen.y0 + row / zoom, seen.x0 + column / zoom
        least, most = (known[max(0, int(y0 - m)) : int(np.ceil(y0 + 1 / zoom + m)),
                             max(0, int(x0 - m)) : int(np.ceil(x0 + 1 / zoom + m))].max()
                       for m in ((-0.01, 4) if zoom < 1 else (-0.01, 0)))
        assert int(least * 255 + 0.5) - 1 <= grey[row, column] <= int(most * 255 + 0.5) + 1


class Spy:
    """An image in memory that counts how often it is read."""

    def __init__(self, pixels):
        self.reads, held = 0, from_array(pixels)

        def read(*box):
            self.reads += 1
            return held.read(*box)

        self.image = Image("spied", held.shape, held.dtype, read)


CHANGES = (
    *({"kind": kind} for kind in ("log", "sqrt", "histogram", "asinh")),
    *({"limits": name} for name in ("zscale", "90")),
    {"clip": True}, {"colormap": "viridis"}, {"invert": True}, {"contrast": 2.2}, {"bias": 0.3},
    {"limits": "user", "low": 3.0, "high": 60.0},
)


def spied(theatre, zoom):
    """(spy, document, workspace): drawn until nothing is missing, so nothing has to be read."""
    rng = np.random.default_rng(6)
    spy = Spy(rng.gamma(2.0, 20.0, (700, 800)).astype(np.float32))
    document = document_of(spy.image, *random_mask(rng, (700, 800), 0.01))
    theatre.show(document, (90, 110), View(350, 400, zoom))
    workspace = Workspace([Entry(None, "spy", documents={(0, 0): document}, shown=(0, 0))],
                          view=View(350, 400, zoom), fit=False, overlay=OVERLAY)
    return spy, document, workspace


@pytest.fixture
def puts(theatre, monkeypatch):
    """The keys of the tiles that were put on the GPU during the test."""
    found = []
    for store in theatre.scene.tiles.stores.values():
        def put(key, array, stamp, real=store.put):
            found.append(key)
            real(key, array, stamp)

        monkeypatch.setattr(store, "put", put)
    return found


@pytest.mark.parametrize("zoom", [1.0, 0.4, 5.5])
def test_a_change_of_the_display_reads_nothing_and_uploads_no_tile(theatre, puts, zoom):
    spy, document, workspace = spied(theatre, zoom)
    reads, start = spy.reads, document.stretch
    versions = dict(theatre.scene.main.versions)
    puts.clear()
    last = theatre.scene.panes["image"].pixels()
    for change in CHANGES:
        document.stretch = replace(start, **change)
        assert not theatre.frame(workspace, (90, 110)), change
        drawn = theatre.scene.panes["image"].pixels()
        assert not np.array_equal(drawn, last), change
        last = drawn
    for overlay in ({"opacity": 0.3}, {"shown": False}, {"colour": (0, 1, 1)}):
        workspace.overlay = replace(OVERLAY, **overlay)
        assert not theatre.frame(workspace, (90, 110))
        drawn = theatre.scene.panes["image"].pixels()
        assert not np.array_equal(drawn, last), overlay
        last = drawn
    assert reads > 0 and spy.reads == reads and not puts
    assert theatre.scene.main.versions == versions


@pytest.mark.parametrize("zoom", [1.0, 0.4, 5.5])
def test_a_change_of_the_threshold_reads_nothing_and_uploads_no_tile(theatre, puts, zoom):
    spy, document, workspace = spied(theatre, zoom)
    reads, pixels = spy.reads, []
    puts.clear()
    for threshold in (0.1, 0.3, 0.65, 0.95):
        document.mask = MaskSettings(threshold)
        assert not theatre.frame(workspace, (90, 110))
        pixels.append(is_colour(theatre.scene.panes["mask"].pixels(), (1, 1, 1)).sum())
        in_image = is_colour(theatre.scene.panes["image"].pixels(), OVERLAY.colour)
        assert in_image.sum() == pixels[-1]
    assert pixels == sorted(pixels, reverse=True) and len(set(pixels)) > 2
    if zoom >= 1:
        for settings in (MaskSettings(0.5, 4), MaskSettings(0.5, 4, "diamond")):
            document.mask = settings
            assert not theatre.frame(workspace, (90, 110))
            pixels.append(is_colour(theatre.scene.panes["mask"].pixels(), (0, 0, 0)).sum())
        assert pixels[-2] < pixels[-1]
    assert spy.reads == reads and not puts


def test_a_frame_like_the_last_one_is_not_drawn_again(theatre, monkeypatch):
    _, document, workspace = spied(theatre, 0.7)
    theatre.frame(workspace, (90, 110))
    drawn = []
    for name in ("image", "mask"):
        real = getattr(theatre.scene.painter, name)

        def draw(*rest, name=name, real=real):
            drawn.append(name)
            return real(*rest)

        monkeypatch.setattr(theatre.scene.painter, name, draw)
    theatre.frame(workspace, (90, 110))
    assert drawn == []
    workspace.view = workspace.view.moved(0, 3)
    theatre.frame(workspace, (90, 110))
    assert sorted(drawn) == ["image", "mask"]
    document.stretch = replace(document.stretch, kind="log")
    theatre.frame(workspace, (90, 110))
    assert sorted(drawn) == ["image", "image", "mask"]


def test_panes_change_their_size(theatre):
    document = stretched(document_of(far_values(*np.ogrid[:64, :64]).astype(np.uint8)), **GREY)
    for size in ((64, 64), (90, 30), (16, 200), (64, 64)):
        pictures = theatre.show(document, size, View(32, 32, 1.0))
        assert all(picture.shape == (*size, 3) for picture in pictures.values())
    assert np.array_equal(pictures["image"][::-1, :, 0], document.image[:, :])


def test_two_documents_in_turn_each_show_their_own(theatre):
    rng = np.random.default_rng(8)
    both = [stretched(document_of(rng.integers(0, 255, (50, 60)).astype(np.uint8),
                                  rng.random((50, 60)).astype(np.float32)), **GREY)
            for _ in range(2)]
    for document in both * 3:
        pictures = theatre.show(document, (50, 60), View(25, 30, 1.0), BARE)
        assert np.array_equal(pictures["image"][::-1, :, 0], document.image[:, :])
        model = document.detection.confidence > 0.5
        assert np.array_equal(is_colour(pictures["mask"][::-1], (1, 1, 1)), model)


def test_the_overview_shows_the_whole_frame_and_its_mask(theatre):
    pixels = np.full((1000, 700), 50, np.uint8)
    document = stretched(document_of(pixels), **GREY)
    confidence = np.zeros((1000, 700), np.float32)
    confidence[20, 30] = 1.0
    tell(document, confidence)
    picture = theatre.show(document, (200, 200), None, OVERLAY, ["overview"])["overview"]
    assert is_colour(picture, OVERLAY.colour).sum() in (1, 2, 4)
    assert is_colour(picture[200 - 4 - 1 :, 30 + 6 : 30 + 7], OVERLAY.colour).any()
    assert (picture[:, 30:170] != bytes_of(PALETTE.background)).any(-1).all()
    assert is_colour(picture[:, :29], PALETTE.background).all()


def test_the_mask_of_the_picture_is_the_final_mask(theatre):
    rng = np.random.default_rng(11)
    shape = (137, 151)
    document = document_of(np.zeros(shape, np.uint8), *random_mask(rng, shape), dilation=2,
                           shape="disk")
    picture = theatre.show(document, shape, View(137 / 2, 151 / 2, 1.0))["mask"][::-1]
    drawn = ~is_colour(picture, (0, 0, 0)) & ~is_colour(picture, PALETTE.deleted)
    assert np.array_equal(drawn, mask.final_mask(document.detection.confidence, document.mask,
                                                 document.edits.plane[:, :]))
    assert window_of((0, 0, *shape)) == window(View(137 / 2, 151 / 2, 1.0), shape, True)


@pytest.mark.parametrize("rule", ["max", "peaks"])
@pytest.mark.parametrize("zoom", [0.02, 0.09, 0.23, 0.49, 0.7, 0.97])
def test_no_bright_pixel_is_hidden_when_that_is_asked_for(theatre, zoom, rule):
    rng = np.random.default_rng(int(zoom * 100))
    pixels = rng.normal(-50, 2, (1200, 1300)).astype(np.float32)
    pixels[400:410, 300:330] = np.nan
    places = rng.integers(0, (1200, 1300), (60, 2))
    pixels[places[:, 0], places[:, 1]] = 1000
    document = document_of(pixels)
    document.sample = sample_of(pixels)
    document.pyramid = filled(document.image)
    document.stretch = Stretch(limits="user", low=-100.0, high=500.0, zoomout=rule)
    size = 1210 * zoom, 1310 * zoom
    size = max(16, int(size[0])), max(16, int(size[1]))
    view = View(600.0, 650.0, zoom)
    shown = theatre.show(document, size, view, names=("image",))["image"]
    seen, near = window(view, size, True), np.zeros(size, bool)
    for y, x in places:
        (py, px), (qy, qx) = seen.to_pane(y + 1, x), seen.to_pane(y, x + 1)
        part = np.s_[max(0, int(py)) : int(np.ceil(qy)), max(0, int(px)) : int(np.ceil(qx))]
        assert shown[part].size == 0 or shown[part].max() == 255, (y, x)
        near[max(0, int(py) - 2) : int(np.ceil(qy)) + 2,
             max(0, int(px) - 2) : int(np.ceil(qx)) + 2] = True
    document.stretch = replace(document.stretch, zoomout="mean")
    mean = theatre.show(document, size, view, names=("image",))["image"]
    if rule == "peaks" and zoom > 0.05:
        unlike = (shown != mean).any(axis=2)
        assert unlike[~near].mean() < 0.005, "the background is that of the mean, but for outliers"
        assert unlike[near].any()
    if zoom < 0.1:
        assert mean.max() < 255, "the mean hides them, which is why there is a choice"
