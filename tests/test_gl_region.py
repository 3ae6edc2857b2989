"""What the panes are drawn from: on the GPU are the image's own numbers, wherever they lie."""

import numpy as np
import pytest
from drawing import (
    Buffers,
    cells,
    document_of,
    far_document,
    far_values,
    random_mask,
    random_settings,
    window_of,
)

from glview.core import mask
from glview.core.pyramid import build, tile
from glview.core.tiles import level_shape
from glview.core.view import Window
from glview.gl import textures
from glview.gl.region import AT_ONCE
from glview.gl.tilestore import PREVIEWS, Tiles, TileStore
from glview.library import entry_of_array

SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-39, 3.4028235e38, 16777217.0, 1 / 3]


@pytest.fixture(scope="module")
def buffers(gl):
    with gl:
        return Buffers(gl)


@pytest.fixture(scope="module")
def few(gl):
    """Room for four tiles of each kind."""
    with gl:
        return Buffers(gl, count=4)


def image_in(buffers, document, box):
    """(h, w) float32 of a box of the image, as the GPU holds it."""
    region = buffers.draw(document, [window_of(box)])
    assert region.level == 0 and buffers.regions.sharp
    y0, x0, y1, x1 = np.array(box) - np.tile(region.box[:2], 2)
    return np.ascontiguousarray(cells(buffers.regions.image, region)[y0:y1, x0:x1])


def same_bits(left, right):
    return np.array_equal(left.view(np.uint32), right.view(np.uint32))


def boxes(shape, side=600):
    """Boxes of at most side x side pixels that cover a frame."""
    return [(y, x, min(y + side, shape[0]), min(x + side, shape[1]))
            for y in range(0, shape[0], side) for x in range(0, shape[1], side)]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (513, 511), (1025, 700), (3, 16385),
                                   (16385, 2), (512, 512)])
def test_every_pixel_is_there_bit_for_bit(buffers, shape):
    rng = np.random.default_rng(1)
    pixels = rng.normal(0, 1e4, shape).astype(np.float32)
    places = rng.integers(0, pixels.size, len(SPECIAL))
    pixels.ravel()[places] = np.float32(SPECIAL)
    document = document_of(pixels)
    for box in boxes(shape):
        y0, x0, y1, x1 = box
        assert same_bits(image_in(buffers, document, box), document.image.read32(y0, y1, x0, x1))
        assert same_bits(image_in(buffers, document, box), pixels[y0:y1, x0:x1])


@pytest.mark.parametrize("dtype", ["u1", ">i2", "<u2", ">i4", ">f4", ">f8", "<i8"])
def test_every_type_is_drawn_as_its_float32(buffers, dtype):
    pixels = np.random.default_rng(2).integers(0, 255, (65, 77)).astype(dtype)
    pixels[0, 0] = 1
    assert same_bits(image_in(buffers, document_of(pixels), (0, 0, 65, 77)),
                     pixels.astype(np.float32))


def test_tiles_that_were_pushed_out_come_back(few):
    rng = np.random.default_rng(3)
    shape = (1800, 2100)
    pixels = rng.normal(0, 1, shape).astype(np.float32)
    confidence, edits = random_mask(rng, shape)
    document = document_of(pixels, confidence, edits, dilation=3)
    final = mask.mask_state(confidence, document.mask, edits)
    visits = set()
    for y, x in rng.integers(0, (1500, 1800), (25, 2)).tolist():
        box = (y, x, y + 290, x + 290)
        visits |= {(ty, tx) for ty in (y // 512, (y + 289) // 512)
                   for tx in (x // 512, (x + 289) // 512)}
        assert same_bits(image_in(few, document, box), pixels[y : y + 290, x : x + 290])
        region = few.draw(document, [window_of(box)])
        y0, x0, y1, x1 = region.box
        inner = np.s_[4:-4, 4:-4]
        assert np.array_equal(cells(few.regions.state, region)[inner], final[y0:y1, x0:x1][inner])
    assert len(visits) > 8


def test_a_region_never_needs_more_tiles_than_there_is_room_for(few):
    rng = np.random.default_rng(4)
    shape = (2100, 2200)
    pixels = rng.normal(0, 1, shape).astype(np.float32)
    confidence, edits = random_mask(rng, shape)
    document = document_of(pixels, confidence, edits)
    for zoom in (1.0, 0.6, 0.3):
        seen = Window(100.0, 200.0, zoom, (int(1900 * zoom), int(1900 * zoom)), True)
        region = few.draw(document, [seen])
        y0, x0, y1, x1 = region.box
        assert region.level == 2 and few.regions.sharp
        assert same_bits(
            cells(few.regions.image, region),
            tile(document.image, None, 2, 0, 0, 4096)[y0:y1, x0:x1])
        masked = np.isin(cells(few.regions.state, region), (mask.MODEL, mask.DILATED, mask.ADDED))
        final = mask.final_mask(confidence, document.mask, edits)
        any_of = final.reshape(525, 4, 550, 4).any((1, 3))
        assert np.array_equal(masked, any_of[y0:y1, x0:x1])


def test_two_regions_share_the_room(gl, few):
    """As the panes and the overview do: what one pushes out, the other does not miss."""
    document = document_of(np.random.default_rng(5).normal(0, 1, (1100, 1100)).astype(np.float32))
    other = Buffers(gl, held=few.held)
    for _ in range(3):
        for y, x in ((0, 0), (700, 800), (400, 400)):
            wanted = document.image.read32(y, y + 200, x, x + 200)
            assert same_bits(image_in(few, document, (y, x, y + 200, x + 200)), wanted)
            assert same_bits(image_in(other, document, (x, y, x + 200, y + 200)),
                             document.image.read32(x, x + 200, y, y + 200))


@pytest.mark.parametrize("y, x", [(0, 0), (99_700, 99_600), (65_400, 99_699), (12_345, 54_321)])
def test_far_out_in_a_huge_image_every_pixel_is_exact(buffers, y, x):
    document = far_document()
    box = (y, x, min(y + 300, 100_000), min(x + 300, 100_000))
    wanted = far_values(*np.ogrid[box[0] : box[2], box[1] : box[3]]).astype(np.float32)
    assert same_bits(image_in(buffers, document, box), wanted)
    confidence = buffers.once(document, [window_of(box)])
    assert confidence.box[2] <= 100_000 and confidence.level == 0


def standing_in(buffers, document, seen):
    """(region, values) drawn before any wish came true."""
    region = buffers.once(document, [seen])
    assert not buffers.regions.sharp and buffers.regions.wishes
    return region, cells(buffers.regions.image, region)


@pytest.mark.parametrize("shape", [(3000, 5000), (3003, 1029), (2053, 4099), (1, 3077), (5122, 3)])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_preview_stands_in_without_a_hole(gl, shape, level):
    """Nearest neighbour of the preview, up to the last row and column."""
    document = document_of(np.random.default_rng(6).normal(0, 1, shape).astype(np.float32))
    preview, step = document.preview
    zoom = 0.5**level
    fresh = Buffers(gl, 8)
    height, width = level_shape(shape, level)
    for y, x in ((0, 0), (max(0, height - 300), max(0, width - 300))):
        seen = Window(float(y << level), float(x << level), zoom,
                      (min(height, 300), min(width, 300)), True)
        region, values = standing_in(fresh, document, seen)
        assert region.level == level and np.isfinite(values).all()
        rows, columns = ((np.arange(region.box[i], region.box[i + 2]) + 0.5) * (1 << level) / step
                         for i in (0, 1))
        sure = [np.abs(at - np.rint(at)) > 1e-3 for at in (rows, columns)]
        rows, columns = (np.minimum(at.astype(int), n - 1)
                         for at, n in zip((rows, columns), preview.shape, strict=True))
        wanted = preview[np.ix_(rows, columns)]
        assert same_bits(values[np.ix_(*sure)], wanted[np.ix_(*sure)])


def test_a_coarser_tile_stands_in_where_a_finer_one_is_missing(gl):
    pixels = np.random.default_rng(7).normal(0, 1, (1300, 1500)).astype(np.float32)
    document, fresh = document_of(pixels), Buffers(gl, 24)
    fresh.draw(document, [Window(0.0, 0.0, 0.5, (650, 750), True)])
    region, values = standing_in(fresh, document, window_of((400, 900, 700, 1300)))
    coarse = np.repeat(np.repeat(tile(document.image, None, 1, 0, 0, 4096), 2, 0), 2, 1)
    y0, x0, y1, x1 = region.box
    assert same_bits(values, np.ascontiguousarray(coarse[y0:y1, x0:x1]))
    (key, stamp), make = next(iter(fresh.regions.wishes.items()))
    fresh.held.put(key, stamp, make())
    ty, tx = key[-2:]
    fresh.once(document, [window_of((400, 900, 700, 1300))])
    mixed = coarse[:1300, :1500].copy()
    part = np.s_[ty * 512 : ty * 512 + 512, tx * 512 : tx * 512 + 512]
    mixed[part] = pixels[part]
    assert same_bits(cells(fresh.regions.image, region), np.ascontiguousarray(mixed[y0:y1, x0:x1]))
    assert not fresh.regions.sharp and (key, stamp) not in fresh.regions.wishes


def test_the_level_in_memory_is_wished_for_before_pixels_of_the_file(gl):
    pixels = np.random.default_rng(7).normal(0, 1, (5000, 3000)).astype(np.float32)
    document, fresh = document_of(pixels), Buffers(gl, 24)
    build(document.image, document.pyramid)
    document.pyramid.collect()
    windows = [window_of((4000, 2000, 4600, 2700))]
    region = fresh.once(document, windows)
    (key, stamp), make = next(iter(fresh.regions.wishes.items()))
    assert key[-3:] == (3, 0, 0) or key[-3:] == (3, 1, 0)
    for (key, stamp), make in list(fresh.regions.wishes.items()):
        if key[-3] == 3:
            fresh.held.put(key, stamp, make())
    region = fresh.once(document, windows)
    assert not fresh.regions.sharp and {key[-3] for key, _ in fresh.regions.wishes} == {0}
    coarse = np.repeat(np.repeat(document.pyramid.mean[8], 8, 0), 8, 1)
    y0, x0, y1, x1 = region.box
    assert same_bits(cells(fresh.regions.image, region), np.ascontiguousarray(coarse[y0:y1, x0:x1]))


def test_what_is_nearest_the_centre_is_wished_for_first(gl):
    document, fresh = document_of(np.zeros((2000, 2000), np.uint8)), Buffers(gl, 24)
    fresh.once(document, [window_of((100, 300, 1500, 1900))])
    order = [key[-2:] for key, _ in fresh.regions.wishes]
    away = [max(abs(ty * 512 + 256 - 800), abs(tx * 512 + 256 - 1100)) for ty, tx in order]
    assert len(order) == 12 and away == sorted(away)


def test_a_pencil_stroke_is_there_in_the_same_frame(buffers):
    document = document_of(np.zeros((700, 1100), np.uint8))
    box = (400, 400, 650, 650)
    buffers.draw(document, [window_of(box)])
    document.edits.draw((500, 500), (520, 520), 4, mask.EDIT_ADD)
    region = buffers.once(document, [window_of(box)])
    assert not buffers.regions.wishes
    state, (y0, x0, y1, x1) = cells(buffers.regions.state, region), region.box
    assert np.array_equal(state == mask.ADDED, document.edits.plane[y0:y1, x0:x1] == mask.EDIT_ADD)
    assert (state == mask.ADDED).any()


def test_a_frame_uploads_a_part_and_a_stroke_goes_first(gl):
    values = np.random.default_rng(3).random((3000, 3000), np.float32)
    document, fresh = document_of(np.zeros((3000, 3000), np.uint8), values), Buffers(gl, 64)
    windows = [window_of((0, 0, 3000, 3000))]
    fresh.once(document, [window_of((0, 0, 200, 200))])
    fresh.once(document, windows)
    waiting = [key for key, _ in fresh.regions.wishes if key[1] == "confidence"]
    assert 36 - 1 - AT_ONCE // (512 * 512 * 4) <= len(waiting) < 36 and not fresh.regions.sharp
    document.edits.draw((2900, 2900), (2900, 2900), 4, mask.EDIT_ADD)
    fresh.once(document, windows)
    assert not [key for key, _ in fresh.regions.wishes if key[1] == "edits"]
    document.detection.stamps.touch((0, 0, 100, 100))
    fresh.once(document, windows)
    assert fresh.regions.sharp is False
    assert (0, 0) not in [key[-2:] for key, _ in fresh.regions.wishes if key[1] == "confidence"]
    region = fresh.draw(document, windows)
    assert fresh.regions.sharp
    y0, x0, y1, x1 = region.box
    assert same_bits(cells(fresh.regions.confidence, region), values[y0:y1, x0:x1])


def test_what_did_not_change_is_not_drawn_again(buffers):
    document = document_of(np.zeros((90, 90), np.uint8), np.zeros((90, 90), np.float32))
    windows = [window_of((0, 0, 90, 90))]
    buffers.draw(document, windows)
    before = dict(buffers.regions.versions)
    buffers.draw(document, windows)
    assert buffers.regions.versions == before
    document.mask = mask.MaskSettings(0.2)
    buffers.draw(document, windows)
    changed = {name for name, count in buffers.regions.versions.items() if count != before[name]}
    assert changed == {"reach", "state"}


def test_two_documents_in_turn(buffers):
    rng = np.random.default_rng(9)
    both = [document_of(rng.normal(0, 1, (60, 70)).astype(np.float32), *random_mask(rng, (60, 70)))
            for _ in range(2)]
    for document in both * 3:
        document.mask = random_settings(rng)
        drawn = image_in(buffers, document, (0, 0, 60, 70))
        assert same_bits(drawn, document.image.read32(0, 60, 0, 70))
        region = buffers.draw(document, [window_of((0, 0, 60, 70))])
        assert np.array_equal(cells(buffers.regions.state, region), mask.mask_state(
            document.detection.confidence, document.mask, document.edits.plane))


def test_the_store_lets_the_least_recently_used_go(gl):
    store = TileStore(gl, 4, 3)
    tile = np.ones((4, 4), np.float32)
    for name in "abc":
        store.put((name,), tile, 1)
    assert store.slot(("a",)) is not None  # used now
    store.put(("d",), tile, 1)
    assert [store.slot((name,)) is None for name in "abcd"] == [False, True, False, False]
    store.put(("c",), tile, 2)
    assert (store.stamp(("c",)), store.stamp(("b",))) == (2, None)
    store.forget("a")
    store.put(("e",), tile, 5)
    assert [store.slot((name,)) is None for name in "acde"] == [True, False, False, False]
    store.release()
    assert store.slot(("c",)) is None
    store.put(("c",), tile, 3)
    assert store.stamp(("c",)) == 3


def test_previews_of_many_files_do_not_fill_the_graphics_memory(gl):
    store, documents = Tiles(gl, 16), [entry_of_array(np.full((9, 7), k, np.float32)).document
                                       for k in range(PREVIEWS + 2)]
    for document in (*documents, documents[3]):
        store.preview(document)
    assert store.nbytes == PREVIEWS * 9 * 7 * 4
    for document in documents[::-1]:
        found = np.frombuffer(store.preview(document).read(), np.float32)
        assert (found == document.preview[0].ravel()).all()
        store.forget(document)
    assert store.nbytes == 0


def test_without_a_mask_there_is_no_buffer_for_one(gl):
    with gl:
        own, document = Buffers(gl), document_of(np.ones((40, 50), np.float32))
        own.draw(document, [window_of((0, 0, 40, 50))])
        regions = own.regions
        assert regions.image.texture is not None and set(regions.cells) == {"values"}
        assert regions.confidence.texture is None and regions.edits.texture is None
        document.edits.draw((3, 3), (9, 30), 3, mask.EDIT_ADD)
        own.draw(document, [window_of((0, 0, 40, 50))])
        assert set(regions.cells) == {"values", "confidence", "state"}


def test_a_buffer_in_use_can_change_its_size_and_go(gl):
    buffer = textures.Buffer(gl)
    for size in ((5, 7), (64, 3), (5, 7)):
        buffer.resize(*size)
        buffer.use(2.5)
        assert gl.error == "GL_NO_ERROR"
        assert buffer.size == size
        assert np.array_equal(buffer.read(), np.full(size[::-1], 2.5, np.float32))
    buffer.release()
    textures.Buffer(gl).resize(3, 3)
    assert gl.error == "GL_NO_ERROR"


def test_a_buffer_keeps_a_texture_that_is_not_much_too_large(gl):
    with gl:
        buffer = textures.Buffer(gl)
        for asked, size in (((100, 80), (100, 80)), ((90, 80), (100, 80)), ((50, 40), (100, 80)),
                            ((50, 39), (50, 39)), ((60, 20), (60, 20)), ((60, 70), (60, 70))):
            buffer.reserve(*asked)
            assert buffer.size == size
        buffer.release()


def test_a_buffer_that_was_too_small_gets_all_the_room_it_will_need(gl):
    with gl:
        buffer, room = textures.Buffer(gl), (100, 90)
        for asked, size in (((30, 20), (30, 20)), ((31, 20), (100, 90)), ((5, 5), (100, 90)),
                            ((100, 91), (100, 91))):
            buffer.reserve(*asked, room)
            assert buffer.size == size
        buffer.release()


@pytest.mark.parametrize("array", [np.zeros((2, 2)), np.zeros((2, 2), ">f4"),
                                   np.zeros((2, 2), np.uint8)])
def test_a_texture_takes_only_its_own_type(gl, array):
    with pytest.raises(AssertionError, match="into f4"):
        textures.write(textures.texture(gl, (2, 2)), array)
