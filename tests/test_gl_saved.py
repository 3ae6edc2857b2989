"""What is saved is what was shown, pixel for pixel, as the GPU's own output proves."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from drawing import cells, is_colour, random_mask, tell
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import glview
from glview import library
from glview.core import plane as planes
from glview.core.history import Verdict
from glview.core.mask import ADDED, DELETED, DILATED, MODEL, SHAPES, MaskSettings
from glview.core.plane import FLOOR, Plane
from glview.core.view import View
from glview.gl.panes import PALETTE
from glview.settings import Settings
from glview.tools.pencil import Pencil
from glview.workspace import Saving, Workspace

SHAPE = (140, 190)
MASKED = (MODEL, DILATED, ADDED)


FLAGS = np.random.default_rng(1).integers(-(1 << 15), 1 << 15, SHAPE, np.int16)


@pytest.fixture
def path(tmp_path):
    """A FITS frame of 140 x 190 pixels with an extension of science data and one of flags."""
    return frame_in(tmp_path)


def frame_in(folder):
    rng = np.random.default_rng(0)
    made = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(
        rng.normal(100, 9, SHAPE).astype(np.float32), name="SCI"),
        fits.ImageHDU(FLAGS, name="DQ")])
    made.writeto(folder / "frame.fits")
    return folder / "frame.fits"


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


Y, X = st.integers(-10, SHAPE[0] + 9), st.integers(-10, SHAPE[1] + 9)
WORK = st.lists(max_size=25, elements=st.one_of(
    st.tuples(st.just("threshold"), st.one_of(
        st.floats(0, 1), st.sampled_from([0.0, 0.35, float(np.float32(0.39)), 0.7, 1.0]))),
    st.tuples(st.just("dilation"), st.integers(0, 16), st.sampled_from(SHAPES)),
    st.tuples(st.just("stroke"), st.lists(st.tuples(Y, X), min_size=1, max_size=3),
              st.integers(1, 11), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("verdict"), st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1),
              st.sampled_from(["accepted", "rejected", ""])),
    st.tuples(st.sampled_from(["undo", "redo", "save"]))))


def do(desk, kind, *details):
    """One thing that a user does."""
    document = desk.workspace.document
    if kind == "threshold":
        document.change(threshold=details[0])
    elif kind == "dilation":
        document.change(dilation=details[0], shape=details[1])
    elif kind == "stroke":
        points, size, value, straight = details
        pencil = Pencil()
        pencil.press(document, points[0], size, value, straight=straight)
        for point in points[1:]:
            pencil.drag(document, point, size)
        pencil.release(document)
    elif kind == "verdict":
        y, x, said = details
        step = Verdict(((y, x, document.verdicts.get((y, x), ""), said),))
        step.do(document)
        document.history.record(step)
    elif kind == "save":
        save(desk)
    else:
        getattr(desk, kind)()


def save(desk):
    desk.library.save()
    assert desk.settle(60) and not desk.workspace.document.changed, desk.workspace.notices


def check_file(path, document, codes):
    """What astropy reads in the file is what the GPU drew and what the API computes."""
    shown, edits = np.isin(codes, MASKED), document.edits.plane[:, :]
    confidence = document.detection.confidence
    exact = confidence[:, :] if isinstance(confidence, Plane) else confidence
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus["CR_MASK"].data.dtype == np.uint8
        assert np.array_equal(hdus["CR_MASK"].data, shown.astype(np.uint8))
        assert np.array_equal(hdus["CR_PROBABILITY"].data, exact, equal_nan=True)
        saved = hdus["CR_EDITS"].data if "CR_EDITS" in hdus else np.zeros(SHAPE, np.uint8)
        assert np.array_equal(saved, edits)
        bits = np.where(codes == ADDED, 16384, np.where(shown, 4096, 0)).astype(np.int16)
        assert np.array_equal(hdus["CR_DQ"].data, FLAGS | bits)
        assert np.array_equal(hdus["DQ"].data, FLAGS)
        table = hdus["CR_REVIEW"].data if "CR_REVIEW" in hdus else ()
        assert {(y - 1, x - 1): said for x, y, said in table} == document.verdicts
        cards = hdus["CR_MASK"].header
        look = MaskSettings(cards["CRTHRESH"], cards["CRDILATE"], cards["CRSHAPE"])
        assert look.limit == document.mask.limit
        again = glview.final_mask(hdus["CR_PROBABILITY"].data, look, edits=saved)
        assert np.array_equal(again, shown)
        assert (cards["CRNADD"], cards["CRNDEL"]) == ((codes == ADDED).sum(),
                                                      (codes == DELETED).sum())


@pytest.mark.parametrize("large", [False, True], ids=["array", "plane"])
@given(work=WORK, seed=st.integers(0, 1000))
@example(work=[("stroke", [(20, 20), (90, 150)], 9, 1, False), ("undo",), ("redo",), ("save",),
               ("verdict", 3, 4, "rejected"), ("dilation", 3, "disk"), ("undo",)], seed=1)
@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_saved_is_shown_whatever_was_done(open_desk, tmp_path_factory, monkeypatch, large, work,
                                          seed):
    if large:
        monkeypatch.setattr(planes, "DENSE_PIXELS", 100)
    path = frame_in(tmp_path_factory.mktemp("shown"))
    confidence = random_mask(np.random.default_rng(seed), SHAPE, 0.01)[0]
    desk = open_desk(path)
    desk.workspace.saving = Saving(dq="hst")
    document = desk.workspace.document
    tell(document, Plane.from_array(confidence, FLOOR) if large else confidence)
    for action in work:
        do(desk, *action)
    codes = shown_codes(desk)
    assert np.array_equal(np.isin(codes, MASKED), library.mask_of(document))
    save(desk)
    check_file(path, document, codes)
    again = open_desk(path)
    assert np.array_equal(shown_codes(again), codes)
    reopened = again.workspace.document
    assert reopened.verdicts == document.verdicts and not reopened.changed
    assert isinstance(reopened.detection.confidence, Plane) == large
    save(again)  # without a word about flags: they are kept up
    check_file(path, reopened, codes)


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
