"""What is shown for comparison, read back from the GPU: nothing but what it says it is."""

from dataclasses import replace

import numpy as np
import pytest
from drawing import OVERLAY, Theatre, document_of, random_mask, stretched

from glview.core import clean, mask
from glview.core.compare import KINDS, Compare
from glview.core.mask import MaskSettings
from glview.core.view import View
from glview.scene import Scene
from glview.workspace import Entry, Workspace

GREY = {"limits": "user", "low": 0.0, "high": 255.0}
SIZE = (130, 171)
SHAPE = (700, 811)
ZOOMS = [4.3, 1.0, 0.6, 0.4, 0.21]


@pytest.fixture(scope="module")
def theatre(gl):
    with gl:
        return Theatre(gl)


def sky(seed, size=SHAPE, **settings):
    """A document of noise with a mask and edits all over it."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(120, 30, size).astype(np.float32)
    pixels[rng.random(size) < 0.005] = np.nan
    document = document_of(pixels, *random_mask(rng, size, 0.01), **settings)
    return stretched(document, **GREY)


def workspace_of(*documents, zoom=1.0, **compare):
    """All documents open, the last of them on screen."""
    entries = [Entry(None, "test", documents={(0, 0): one}, shown=(0, 0)) for one in documents]
    view = View(SHAPE[0] / 2 + 0.3, SHAPE[1] / 2, zoom)
    return Workspace(entries, len(entries) - 1, view=view, fit=False, overlay=OVERLAY,
                     compare=Compare(**compare))


def settle(theatre, workspace, size=SIZE, most=60):
    """(image pane, mask pane), drawn until nothing is missing."""
    theatre.documents.extend(entry.document for entry in workspace.entries)
    for _ in range(most):
        wishes = theatre.frame(workspace, size)
        if not wishes:
            return pictures(theatre)
        for (key, stamp), make in wishes.items():
            theatre.scene.put(key, stamp, make())
    raise AssertionError("the panes never have what they want")


def pictures(theatre):
    return tuple(theatre.scene.panes[name].pixels() for name in ("image", "mask"))


def look(theatre, workspace, **compare):
    """(image pane, mask pane) with another comparison."""
    return settle(theatre, replace(workspace, compare=Compare(**compare)))


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def alone(theatre, document, workspace, **changes):
    """(image pane, mask pane) of one document at the same view, nothing compared."""
    entry = Entry(None, "alone", documents={(0, 0): document}, shown=(0, 0))
    return settle(theatre, replace(workspace, entries=[entry], current=0, compare=Compare(),
                                   **changes))


def there_and_back(theatre, workspace, before, compare, shown):
    """Comparing and not comparing take a frame each, and nothing is made again for it."""
    settle(theatre, workspace)
    versions = dict(theatre.scene.main.versions)
    for one, wanted in ((replace(workspace, compare=compare), shown), (workspace, before)) * 2:
        assert not theatre.frame(one, SIZE), "one frame, there and back"
        assert same(pictures(theatre), wanted)
    assert theatre.scene.main.versions == versions


def twin_of(document, pixels=None, edits=None, confidence=None):
    """A document of its own with the same look and other content."""
    pixels = document.image[: SHAPE[0], : SHAPE[1]] if pixels is None else pixels
    confidence = document.detection.confidence if confidence is None else confidence
    other = stretched(document_of(pixels, confidence, edits), **GREY)
    other.mask = document.mask
    return other


@pytest.mark.parametrize("zoom", ZOOMS)
def test_without_the_mask_only_the_mask_goes_and_nothing_is_made_again(theatre, zoom):
    document = sky(1, dilation=2)
    workspace = workspace_of(document, zoom=zoom)
    before = settle(theatre, workspace)
    versions = dict(theatre.scene.main.versions)
    held = replace(workspace, compare=Compare("image"))
    assert not theatre.frame(held, SIZE)
    bare = alone(theatre, document, workspace, overlay=replace(OVERLAY, shown=False))
    assert not theatre.frame(held, SIZE)
    image, masked = pictures(theatre)
    assert np.array_equal(image, bare[0]) and np.array_equal(masked, before[1])
    assert not np.array_equal(image, before[0])
    assert not theatre.frame(workspace, SIZE) and same(pictures(theatre), before)
    assert theatre.scene.main.versions == versions


@pytest.mark.parametrize("zoom", ZOOMS)
def test_the_models_mask_is_the_mask_without_edits(theatre, zoom):
    document = sky(2, dilation=1, shape="diamond")
    workspace = workspace_of(document, zoom=zoom)
    before = settle(theatre, workspace)
    found = look(theatre, workspace, held="model")
    wanted = alone(theatre, twin_of(document), workspace)
    assert same(found, wanted) and not same(found, before)
    there_and_back(theatre, workspace, before, Compare("model"), wanted)


def test_until_the_models_mask_is_made_the_edited_one_stays(theatre):
    document = sky(3)
    workspace = workspace_of(document, zoom=0.3)
    before = settle(theatre, workspace)
    assert theatre.frame(replace(workspace, compare=Compare("model")), SIZE)
    assert same(pictures(theatre), before)


@pytest.mark.parametrize("zoom", [2.0, 0.3])
def test_the_models_mask_follows_the_threshold_and_strokes_do_not_change_it(theatre, zoom):
    document = sky(4)
    workspace = workspace_of(document, zoom=zoom, held="model")
    settle(theatre, workspace)
    document.mask = MaskSettings(0.3, 1)
    moved = settle(theatre, workspace)
    assert same(moved, alone(theatre, twin_of(document), workspace))
    document.edits.draw((300, 300), (400, 500), 9, 1)
    assert same(settle(theatre, workspace), moved)


@pytest.mark.parametrize("zoom", ZOOMS)
def test_the_previous_file_is_what_it_would_be_alone(theatre, zoom):
    first, second = sky(5), stretched(sky(6, (500, 900), threshold=0.3), colormap="viridis")
    workspace = workspace_of(first, second, zoom=zoom)
    before = settle(theatre, workspace)
    for _ in range(2):
        assert same(look(theatre, workspace, held="previous"), alone(theatre, first, workspace))
        settle(theatre, workspace)
    shown = look(theatre, workspace, held="previous")
    there_and_back(theatre, workspace, before, Compare("previous"), shown)


def test_the_previous_file_of_several_is_the_nearest_before_that_is_open(theatre):
    documents = [sky(seed, (60, 70)) for seed in range(3)]
    workspace = workspace_of(*documents)
    workspace.entries.insert(2, Entry(None, "not open"))
    workspace.current = 3
    found = look(theatre, workspace, held="previous")
    assert same(found, alone(theatre, documents[1], workspace))
    workspace.current = 0
    found = look(theatre, workspace, held="previous")
    assert same(found, alone(theatre, documents[2], workspace))
    only = workspace_of(documents[0])
    assert same(look(theatre, only, held="previous"), settle(theatre, only))


@pytest.mark.parametrize("zoom", ZOOMS)
def test_the_preview_shows_the_cleaned_pixels(theatre, zoom):
    document = sky(7, dilation=1)
    workspace = workspace_of(document, zoom=zoom)
    before = settle(theatre, workspace)
    found = look(theatre, workspace, cleaned=True)
    values = document.image[: SHAPE[0], : SHAPE[1]]

    def judged():
        masked = mask.final_mask(document.detection.confidence, document.mask,
                                 document.edits.plane[:, :])
        filled = twin_of(document, clean.clean(values, masked))
        return alone(theatre, filled, workspace, overlay=replace(OVERLAY, shown=False))[0]

    assert np.array_equal(found[0], judged()) and np.array_equal(found[1], before[1])
    document.mask = MaskSettings(0.3, 2, "disk")
    changed = look(theatre, workspace, cleaned=True)[0]
    assert np.array_equal(changed, judged()) and not np.array_equal(changed, found[0])
    document.edits.draw((330, 380), (380, 420), 5, 1)
    drawn = look(theatre, workspace, cleaned=True)[0]
    assert np.array_equal(drawn, judged()) and not np.array_equal(drawn, changed)


def test_the_preview_begins_with_the_picture_as_it_was(theatre):
    document = sky(8)
    for zoom in (1.0, 0.3):
        workspace = workspace_of(document, zoom=zoom)
        before = look(theatre, workspace, held="image")
        wishes = theatre.frame(replace(workspace, compare=Compare(cleaned=True)), SIZE)
        assert wishes and not theatre.scene.sharp
        assert np.array_equal(pictures(theatre)[0], before[0])


def test_the_preview_leaves_limits_and_figures_alone(theatre):
    document = stretched(sky(9), limits="zscale")
    workspace = workspace_of(document, cleaned=True)
    limits, sample = document.limits, document.sample
    settle(theatre, workspace)
    assert document.limits == limits and document.sample is sample
    assert document.image[0:5, 0:5].dtype == np.float32 and document.twin == ""


def test_a_picture_without_a_mask_is_its_own_preview(theatre):
    document = stretched(document_of(np.full(SHAPE, 70, np.uint8)), **GREY)
    workspace = workspace_of(document)
    assert same(look(theatre, workspace, cleaned=True), settle(theatre, workspace))
    assert same(look(theatre, workspace, held="model"), settle(theatre, workspace))


@pytest.mark.parametrize("zoom", [3.7, 1.0, 0.3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_divider_divides_to_the_pixel(theatre, kind, zoom):
    workspace = workspace_of(sky(10), sky(11, dilation=1), zoom=zoom)
    left, masked = settle(theatre, workspace)
    shown = {"cleaned": True} if kind == "cleaned" else {"held": kind}
    right = look(theatre, workspace, **shown)[0]
    assert (left != right).any(axis=(0, 2)).sum() > SIZE[1] // 2, "else nothing is told apart"
    for at in (0.0, 0.001, 0.25, 0.5, 0.7779, 0.997, 1.0):
        image, mask_pane = look(theatre, workspace, divided=True, at=at, other=kind)
        column = round(at * SIZE[1])
        assert np.array_equal(image[:, :column], left[:, :column])
        assert np.array_equal(image[:, column:], right[:, column:])
        assert np.array_equal(mask_pane, masked)
    assert same(settle(theatre, workspace), (left, masked))


def test_the_preview_goes_right_of_the_divider_and_a_held_key_fills_the_pane(theatre):
    workspace = workspace_of(sky(12), sky(13))
    left = settle(theatre, workspace)[0]
    right = look(theatre, workspace, cleaned=True)[0]
    image = look(theatre, workspace, cleaned=True, divided=True, at=0.4)[0]
    column = Compare(divided=True, at=0.4).column(SIZE[1])
    assert np.array_equal(image, np.hstack([left[:, :column], right[:, column:]]))
    for kind in ("image", "model", "previous"):
        whole = look(theatre, workspace, held=kind)
        assert same(look(theatre, workspace, held=kind, divided=True, cleaned=True), whole)


@pytest.mark.parametrize("zoom", [1.0, 0.4])
def test_little_memory_is_enough_for_both_sides(gl, zoom):
    shape = (3000, 3000)
    rng = np.random.default_rng(14)
    document = document_of(rng.normal(100, 9, shape).astype(np.float32),
                           (rng.random(shape) > 0.999).astype(np.float32))
    stretched(document, **GREY)
    small = Theatre(gl)
    small.scene = Scene(gl, 1)
    workspace = workspace_of(document, zoom=zoom, divided=True, other="cleaned")
    workspace.view = View(1500, 1500, zoom)
    settle(small, workspace, (900, 900))
    assert small.scene.sharp and not small.frame(workspace, (900, 900))


def test_nothing_is_drawn_without_need(theatre, monkeypatch):
    workspace = workspace_of(sky(15), sky(16))
    drawn, painter = [], theatre.scene.painter
    for name in ("image", "mask"):
        real = getattr(painter, name)

        def draw(*those, name=name, real=real):
            drawn.append(name)
            real(*those)

        monkeypatch.setattr(painter, name, draw)
    for kind in KINDS:
        for looked in (Compare(kind), Compare(divided=True, other=kind)):
            one = replace(workspace, compare=looked)
            settle(theatre, one)
            drawn.clear()
            assert not theatre.frame(one, SIZE) and not drawn
        theatre.frame(replace(workspace, compare=Compare(divided=True, at=0.7, other=kind)), SIZE)
        assert drawn == ["image", "image"], "the left side and the right one"
