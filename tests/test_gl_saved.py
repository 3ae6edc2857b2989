"""What is saved is what was shown, pixel for pixel, as the GPU's own output proves."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from drawing import cells, is_colour, random_mask, tell

from glview import library
from glview.core.mask import ADDED, DELETED, DILATED, MODEL, SHAPES, MaskSettings
from glview.core.view import View
from glview.files.save import load_mask
from glview.gl.panes import PALETTE
from glview.settings import Settings
from glview.tools.pencil import Pencil
from glview.workspace import Workspace

SHAPE = (140, 190)
MASKED = (MODEL, DILATED, ADDED)


@pytest.fixture
def path(tmp_path):
    """A FITS frame of 140 x 190 pixels with an extension of science data."""
    rng = np.random.default_rng(0)
    made = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(
        rng.normal(100, 9, SHAPE).astype(np.float32), name="SCI")])
    made.writeto(tmp_path / "frame.fits")
    return tmp_path / "frame.fits"


@pytest.fixture
def open_desk(gl):
    """Opens the program without a window on a file; closed at the end, one at a time."""
    from glview.app import Desk
    from glview.gl.context import Offscreen

    desks = []

    def close():
        while desks:
            assert desks[-1].platform.ctx.error == "GL_NO_ERROR"
            desks.pop().close()

    def opened(path, size=(300, 260), bare="mask"):
        close()
        entry = library.entry_for(path)
        desk = Desk(Offscreen(size), Workspace([entry]), Settings())
        desks.append(desk)
        desk.settings.remember = lambda desk: None
        desk.bare = bare
        desk.library.show(0)
        assert desk.settle(60)
        desk.workspace.fit = False
        return desk

    yield opened
    close()
    gl.__enter__()  # the desk's own context was the current one, and is gone


def of_picture(picture, corner):
    """The codes that the mask pane's colours stand for, at zoom 1; 99 for any other colour."""
    top, left = corner
    part = picture[::-1][top : top + SHAPE[0], left : left + SHAPE[1]]
    codes = np.full(SHAPE, 99, np.uint8)
    for code, colour in ((0, (0, 0, 0)), (MODEL, (1, 1, 1)), (DILATED, (0.62,) * 3),
                         (ADDED, PALETTE.added), (DELETED, PALETTE.deleted)):
        codes[is_colour(part, colour)] = code
    return codes


def shown_codes(desk):
    """The codes of the whole frame as the mask pane draws them at zoom 1, colours read back."""
    desk.workspace.view = View(SHAPE[0] / 2, SHAPE[1] / 2, 1.0)
    assert desk.settle(60)
    height, width = desk.platform.size[::-1]
    corner = (height - SHAPE[0]) // 2, (width - SHAPE[1]) // 2
    codes = of_picture(desk.scene.panes["mask"].pixels(), corner)
    main, region = desk.scene.main, desk.scene.region
    assert region.level == 0 and region.box == (0, 0, *SHAPE)
    assert np.array_equal(codes, cells(main.state, region))
    return codes


def scribble(document, rng, pencil):
    """One random stroke, as the mouse would draw it; it may leave the frame."""
    points = [tuple(point) for point in rng.integers(-10, np.array(SHAPE) + 10, (3, 2)).tolist()]
    size, value = int(rng.integers(1, 12)), int(rng.integers(0, 3))
    pencil.press(document, points[0], size, value, straight=bool(rng.integers(2)))
    for point in points[1:]:
        pencil.drag(document, point, size)
    pencil.release(document)


def meddle(desk, rng, steps=25):
    """Random work of a user: strokes, other settings, undo, redo, clear."""
    document, pencil = desk.workspace.document, Pencil()
    for _ in range(steps):
        choice = rng.random()
        if choice < 0.4:
            scribble(document, rng, pencil)
        elif choice < 0.6:
            document.change(threshold=float(rng.choice([0.05, 0.35, 0.39, 0.5, 0.7, 0.9])))
        elif choice < 0.75:
            document.change(dilation=int(rng.integers(0, 17)), shape=str(rng.choice(SHAPES)))
        elif choice < 0.9:
            desk.undo()
        else:
            desk.redo()


def read_back(path):
    """The mask as astropy finds it in the file."""
    with fits.open(path) as hdus:
        return np.array(hdus["CR_MASK"].data)


@pytest.mark.parametrize("seed", range(8))
def test_saved_is_shown(open_desk, path, seed):
    rng = np.random.default_rng(seed)
    science = fits.getdata(path, "SCI").copy()
    desk = open_desk(path)
    document = desk.workspace.document
    confidence = random_mask(rng, SHAPE, 0.01)[0]
    tell(document, confidence)
    for _ in range(2):  # what was saved once can be changed and saved again
        meddle(desk, rng)
        codes = shown_codes(desk)
        shown = np.isin(codes, MASKED)
        assert np.array_equal(shown, library.mask_of(document))
        desk.library.save()
        assert desk.settle(60) and not document.changed, desk.workspace.notices
        saved = read_back(path)
        assert saved.dtype == np.uint8 and np.array_equal(saved, shown.astype(np.uint8))
        assert np.array_equal(load_mask(path).mask, shown)
        assert np.count_nonzero(codes == ADDED) == document.edits.added
        assert np.count_nonzero(codes == DELETED) == document.edits.deleted
    assert np.array_equal(fits.getdata(path, "SCI"), science)
    with fits.open(path) as hdus:
        assert np.array_equal(hdus["CR_PROBABILITY"].data, confidence, equal_nan=True)


@pytest.mark.parametrize("seed", range(3))
def test_reopened_is_saved(open_desk, path, seed):
    rng = np.random.default_rng(100 + seed)
    desk = open_desk(path)
    tell(desk.workspace.document, random_mask(rng, SHAPE, 0.01)[0])
    meddle(desk, rng)
    codes, settings = shown_codes(desk), desk.workspace.document.mask
    desk.library.save()
    assert desk.settle(60) and not desk.workspace.document.changed
    again = open_desk(path)
    assert np.array_equal(shown_codes(again), codes)
    assert again.workspace.document.mask == settings
    assert not again.workspace.document.changed


def test_a_mask_made_by_hand_alone_is_saved_as_shown(open_desk, path):
    rng = np.random.default_rng(200)
    desk = open_desk(path)
    pencil = Pencil()
    for _ in range(6):
        scribble(desk.workspace.document, rng, pencil)
    codes = shown_codes(desk)
    assert set(np.unique(codes)) == {0, ADDED, DELETED}
    desk.library.save()
    assert desk.settle(60)
    assert np.array_equal(read_back(path) > 0, codes == ADDED)
    assert np.array_equal(shown_codes(open_desk(path)), codes)


def test_undoing_everything_shows_the_start_again(open_desk, path):
    rng = np.random.default_rng(300)
    desk = open_desk(path)
    document = desk.workspace.document
    tell(document, random_mask(rng, SHAPE, 0.01)[0])
    before = shown_codes(desk)
    meddle(desk, rng, 40)
    after = shown_codes(desk)
    assert not np.array_equal(before, after)
    steps = len(document.history.done)
    for _ in range(steps):
        desk.undo()
    assert np.array_equal(shown_codes(desk), before)
    for _ in range(steps):
        desk.redo()
    assert np.array_equal(shown_codes(desk), after)


@pytest.mark.parametrize("zoom", [0.31, 0.77, 1.0, 2.6])
def test_the_image_pane_shows_the_mask_that_is_saved(open_desk, path, zoom):
    """Every pixel of the saved mask is seen in the picture, at other zooms than 1 too."""
    desk = open_desk(path, bare="image")
    document = desk.workspace.document
    confidence = np.zeros(SHAPE, np.float32)
    places = np.random.default_rng(400).integers(0, SHAPE, (30, 2))
    confidence[tuple(places.T)] = 0.9
    tell(document, confidence)
    document.mask = MaskSettings(0.5)
    overlay = replace(desk.workspace.overlay, colour=(1.0, 0.0, 1.0), opacity=1.0)
    desk.workspace.overlay, desk.workspace.view = overlay, View(70, 95, zoom)
    desk.library.save()
    assert desk.settle(60)
    drawn = is_colour(desk.scene.panes["image"].pixels(), overlay.colour)
    height, width = drawn.shape
    seen = np.zeros_like(drawn)
    for y, x in np.argwhere(read_back(path)):
        at = np.array([[y - 70, x - 95], [y + 1 - 70, x + 1 - 95]]) * zoom + [height / 2, width / 2]
        (top, left), (bottom, right) = np.floor(at[0] - 0.5), np.ceil(at[1] + 0.5)
        if top < 0 or left < 0 or bottom > height or right > width:
            continue
        part = np.s_[int(top) : int(bottom), int(left) : int(right)]
        assert drawn[::-1][part].any()
        seen[::-1][part] = True
    assert seen.any() and not (drawn & ~seen)[2:-2, 2:-2].any()
