"""Confidence that another process put on the card: into textures to the bit, or through memory."""

import ctypes

import numpy as np
import pytest
from drawing import Buffers, cells, document_of, window_of
from fakecuda import TYPES, stand_in

from glview import cuda
from glview.core import tiles
from glview.cuda import Borrowed, CudaError, Driver
from glview.gl import lent as lent_module
from glview.gl.lent import Lent

SHAPE = (700, 1291)
TILES = 6
CARD = 1
WRITING = ("cuGraphicsGLRegisterBuffer", "cuGraphicsMapResources",
           "cuGraphicsResourceGetMappedPointer_v2", "cuMemcpy2DUnaligned_v2",
           "cuGraphicsUnmapResources", "cuCtxSetCurrent")
BEGINNING = ("cuMemGetInfo_v2", "cuMemAlloc_v2", "cuIpcGetMemHandle", "cuCtxSetCurrent")


@pytest.fixture
def card(gl, monkeypatch):
    """The card, which has forgotten all that was lent when the test ends."""
    return stand_in(monkeypatch, gl)


@pytest.fixture
def values():
    made = np.random.default_rng(3).random(SHAPE, np.float32)
    made[5, 7], made[600, 1200], made[0] = 1e-42, 0.0, 1.0
    return made


class Lending:
    """The window's side and the other process's, which fills what is lent with `values`."""

    def __init__(self, values):
        self.driver, self.reasons = Driver(), []
        self.driver.use(CARD)
        self.lent = Lent(self.driver, CARD, values.shape, self.reasons.append)
        self.other, self.values = Borrowed(self.lent.ticket, values.shape[1]), values
        self.mine = self.driver.take(values.nbytes)
        ctypes.memmove(self.mine, values.ctypes.data, values.nbytes)

    def put(self, box):
        y0, x0, *_ = box
        width = self.values.shape[1]
        self.other.put(box, self.mine + 4 * (y0 * width + x0), 4 * width)
        self.lent.add(box, self.values)


@pytest.fixture
def lending(card, values):
    return Lending(values)


def document_with(lending):
    document = document_of(np.zeros(SHAPE, np.float32), lending.values)
    document.detection.lent = lending.lent
    return document


def picture(gl, document):
    """What the confidence's buffer shows of the whole frame."""
    buffers = Buffers(gl)
    region = buffers.draw(document, [window_of((0, 0, *SHAPE))])
    assert region.level == 0 and region.box == (0, 0, *SHAPE)
    return np.ascontiguousarray(cells(buffers.regions.confidence, region)).tobytes()


def test_every_tile_comes_from_the_card_to_the_bit(gl, card, lending, values):
    lending.put((0, 0, *SHAPE))
    assert picture(gl, document_with(lending)) == values.tobytes()
    assert card.count("cuMemcpy2DUnaligned_v2") == 1 + TILES and not lending.reasons


def test_it_is_the_card_that_is_asked(gl, card, lending, values):
    lending.put((0, 0, *SHAPE))
    document, shown = document_with(lending), values.copy()
    shown[tiles.SIZE :, : tiles.SIZE] = 0.25
    first = lent_module.cut(values, SHAPE, 0, 1, lending.lent)()
    buffers = Buffers(gl)
    buffers.held.put(("any", "confidence", 0, 0, 1), 1, first)  # this one is compared
    ctypes.memmove(lending.lent._address, shown.ctypes.data, shown.nbytes)
    assert picture(gl, document) == shown.tobytes()


def test_a_tile_that_is_not_all_there_comes_through_memory(gl, card, lending, values):
    lending.put((0, 0, 512, 600))
    lending.put((0, 600, 511, 1291))
    lending.put((511, 600, 512, 1024))
    assert picture(gl, document_with(lending)) == values.tobytes()
    assert card.count("cuGraphicsMapResources") == 2  # of the third a row is missing


@pytest.mark.parametrize(("name", "good"), [
    *((name, 0) for name in WRITING), *((name, 2) for name in WRITING[1:])])
def test_whatever_fails_the_picture_comes_through_memory(gl, card, lending, values, name, good):
    lending.put((0, 0, *SHAPE))
    buffers, document = Buffers(gl), document_with(lending)
    for tx in range(good):
        buffers.held.put((document.key, "confidence", 0, 0, tx), 0,
                         lent_module.cut(values, SHAPE, 0, tx, lending.lent)())
    card.failing = name
    before = card.count(name)
    assert picture(gl, document) == values.tobytes()
    assert card.count(name) == before + 1  # it is not tried again
    assert lending.reasons == [f"{name}: CUDA_ERROR_OPERATING_SYSTEM (304)"]
    assert not card.mapped or name == "cuGraphicsUnmapResources"
    assert not lending.lent.has(values, (0, 0, 1, 1))


@pytest.mark.parametrize("name", BEGINNING)
def test_what_cannot_be_lent_is_freed(card, name):
    driver = Driver()
    driver.use(CARD)
    card.failing = name
    with pytest.raises(CudaError, match=f"^{name}: CUDA_ERROR_OPERATING_SYSTEM"):
        Lent(driver, CARD, SHAPE, None)
    assert not card.memory


@pytest.mark.parametrize("name", ["cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain",
                                  "cuIpcOpenMemHandle_v2", "cuCtxSetCurrent"])
def test_the_other_process_is_told_what_fails(card, lending, name):
    card.failing = name
    with pytest.raises(CudaError, match=name):
        Borrowed(lending.lent.ticket, SHAPE[1])


@pytest.mark.parametrize("name", ["cuCtxSetCurrent", "cuMemcpy2DUnaligned_v2", "cuCtxSynchronize"])
def test_a_box_that_could_not_be_put_raises(card, lending, name):
    card.failing = name
    with pytest.raises(CudaError, match=name):
        lending.put((0, 0, 9, 9))


def test_a_box_is_put_where_it_belongs_and_nowhere_else(card, lending, values):
    lending.put((100, 33, 350, 1291))
    held = np.frombuffer(card.memory[lending.lent._address], np.float32)[: values.size]
    expected = np.full(4 * values.size, 0xAA, np.uint8).view(np.float32).reshape(SHAPE)
    expected[100:350, 33:] = values[100:350, 33:]
    assert held.tobytes() == expected.tobytes()
    assert card.calls[-1] == "cuCtxSynchronize"  # it is there when that is told


def test_what_came_is_compared_once_and_refused_if_it_is_not_the_same(gl, card, lending, values):
    lending.put((0, 0, *SHAPE))
    values[0, 0] = 0.5  # the first tile is the one in the middle or a neighbour
    values[0, 513] = 0.5
    values[513, :] = 0.5
    assert picture(gl, document_with(lending)) == values.tobytes()
    assert lending.reasons == ["what came was not what is in memory"]
    assert card.count("cuGraphicsMapResources") == 1


def test_a_buffer_that_is_too_small_is_not_written(gl, card, lending, values):
    lending.put((0, 0, *SHAPE))
    card.missing, copies = 1, card.count("cuMemcpy2DUnaligned_v2")
    assert picture(gl, document_with(lending)) == values.tobytes()
    assert lending.reasons == [f"the buffer has {(1 << 20) - 1} bytes instead of {1 << 20}"]
    assert card.count("cuMemcpy2DUnaligned_v2") == copies and not card.mapped


def test_another_array_is_not_taken_from_here(lending, values):
    lending.put((0, 0, *SHAPE))
    assert lending.lent.has(values, (0, 0, *SHAPE))
    assert not lending.lent.has(values.copy(), (0, 0, *SHAPE))


def test_the_array_does_not_live_longer_for_it(lending):
    other = np.zeros(SHAPE, np.float32)
    lending.lent.add((0, 0, *SHAPE), other)
    assert lending.lent._values() is other
    del other
    assert lending.lent._values() is None


@pytest.mark.parametrize("failing", ["", "cuMemFree_v2", "cuGraphicsUnregisterResource",
                                     "cuCtxSetCurrent"])
def test_all_is_freed_once_and_after_that_memory_serves(gl, card, lending, values, failing):
    lending.put((0, 0, *SHAPE))
    document = document_with(lending)
    piece = lent_module.cut(values, SHAPE, 0, 0, lending.lent)()
    assert picture(gl, document) == values.tobytes()
    card.opened.clear()
    card.failing = failing
    lending.lent.close(gl)
    lending.lent.close(gl)
    if not failing:
        assert not card.buffers and list(card.memory) == [lending.mine]
    assert card.count("cuMemFree_v2") <= 1
    card.failing, before = "", len(card.calls)
    assert picture(gl, document) == values.tobytes()
    buffers = Buffers(gl)
    buffers.held.put((document.key, "confidence", 0, 0, 0), 0, piece)  # it was wished for before
    assert len(card.calls) == before and not lending.reasons


def test_a_new_context_gets_nothing_of_the_old_one(gl, card, lending, values):
    import moderngl

    from glview.gl import textures

    lending.put((0, 0, *SHAPE))
    assert picture(gl, document_with(lending)) == values.tobytes()
    new = moderngl.create_context(standalone=True, backend="egl", require=330)
    with new:
        page = textures.layers(new, (tiles.SIZE, tiles.SIZE), 1)
        piece = lent_module.cut(values, SHAPE, 0, 0, lending.lent)()
        piece.write(page, 0)
        assert lent_module.held(page, 0, (512, 512)).tobytes() == piece.pixels().tobytes()
        assert lending.reasons == ["the window was made anew"]
        card.opened.clear()
        lending.lent.close(new)
        assert list(card.memory) == [lending.mine]
        assert card.count("cuGraphicsUnregisterResource") == 0  # its number may be another's
    new.release()


def test_a_full_card_lends_nothing(card):
    driver = Driver()
    driver.use(CARD)
    card.spare = 8 * (4 << 20) - 1  # 3.6 MB are taken as blocks of 2
    with pytest.raises(CudaError, match="the card has only 31 MB to spare"):
        Lent(driver, CARD, SHAPE, None)
    card.spare += 1
    assert Lent(driver, CARD, SHAPE, None).ticket["device"] == CARD


def test_the_cards_that_draw(card):
    driver = Driver()
    assert driver.drawing() == [1]
    card.cards = [2, 0]
    assert driver.drawing() == [0, 2]
    card.cards = []
    assert driver.drawing() == []


def test_a_thread_of_its_own_has_to_enter(card, lending):
    card.current = None
    with pytest.raises(CudaError, match=r"cuCtxSynchronize: CUDA_ERROR \(201\)"):
        lending.driver.wait()
    lending.put((0, 0, 5, 5))


def test_an_old_driver_is_told_of(card):
    del card.cuIpcOpenMemHandle_v2
    with pytest.raises(CudaError, match="there is no CUDA driver here, or an old one"):
        Driver()


def test_the_structures_are_those_of_the_header():
    """Numbers that a C compiler gave for cuda.h of CUDA 12.9."""
    offsets = [getattr(cuda.Copy, name).offset for name, _ in cuda.Copy._fields_]
    assert offsets == list(range(0, 128, 8))
    assert ctypes.sizeof(cuda.Copy) == 128 and ctypes.sizeof(cuda.Handle) == 64
    names = [name for name, _ in cuda.Copy._fields_]
    assert names[:7] == ["srcXInBytes", "srcY", "srcMemoryType", "srcHost", "srcDevice",
                         "srcArray", "srcPitch"]
    assert names[-2:] == ["WidthInBytes", "Height"]


def test_every_function_is_declared_as_the_stand_in_knows_it():
    assert cuda.SIGNATURES.keys() == TYPES.keys()
    for name, types in TYPES.items():
        sizes = [[ctypes.sizeof(one) for one in kinds] for kinds in (types, cuda.SIGNATURES[name])]
        assert sizes[0] == sizes[1], name
