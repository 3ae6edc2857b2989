"""The detector's process puts tiles where the window takes them from: the same values, or none."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from astropy.io import fits
from detections import frame, joined
from fakecuda import stand_in

from glview import detectchild
from glview.cuda import Driver
from glview.detectchild import Card
from glview.files import open_images
from glview.files.source import stamp_of
from glview.models.tiling import Task, Watch

pytestmark = pytest.mark.usefixtures("one_thread")
CARD, SHAPE = 1, (150, 131)


def model_on(*places):
    parts = [SimpleNamespace(network=SimpleNamespace(device=torch.device(one))) for one in places]
    return SimpleNamespace(parts=parts)


@pytest.fixture
def card(monkeypatch):
    made = stand_in(monkeypatch)
    made.everywhere = True
    return made


def lent(shape):
    """(address, ticket) of what a window lends."""
    driver = Driver()
    driver.use(CARD)
    address = driver.take(4 * shape[0] * shape[1])
    return address, {"handle": driver.share(address), "device": CARD}


def held(card, address, shape):
    return np.frombuffer(card.memory[address], np.float32)[: shape[0] * shape[1]].reshape(shape)


def search(monkeypatch, path, shape, share, is_cuda=True, heard=lambda event: None):
    """The events of a search in this process, whose network seems to be on a card."""
    monkeypatch.setattr(torch.Tensor, "is_cuda", is_cuda, raising=False)
    monkeypatch.setattr(detectchild, "Card",
                        lambda share, model, width: Card(share, model_on("cuda:1"), width))
    events = []

    def say(event, values=None):
        heard(event)
        events.append(event if values is None else {**event, "values": values.copy()})

    image = open_images(path)[0]
    request = {"model": "ACS-WFC", "device": "cpu", "tile": 64, "path": str(path), "hdu": image.hdu,
               "plane": image.plane, "shape": list(shape), "share": share,
               "stamp": list(stamp_of(os.stat(path)))}
    orders = SimpleNamespace(abandoned=lambda: False, centre=None)
    events.append(detectchild._run(request, orders, say))
    return events


@pytest.fixture
def picture(tmp_path):
    """The path of a frame with a column of NaN and a single one."""
    image = frame(SHAPE)
    image[:, 70] = image[10, 10] = np.nan
    fits.writeto(tmp_path / "frame.fits", image)
    return tmp_path / "frame.fits"


def shared(events):
    return [event.get("shared", False) for event in events if "tile" in event]


def test_what_is_there_is_what_comes_through_memory(card, picture, monkeypatch):
    address, ticket = lent(SHAPE)
    events = search(monkeypatch, picture, SHAPE, ticket)
    assert shared(events) == [True] * 9
    found = joined(events, SHAPE)
    assert found[40, 35] > 0.5 and found[10, 10] == 0.0
    assert held(card, address, SHAPE).tobytes() == found.tobytes()
    assert not [note for note in events[-1]["notes"] if "memory" in note]


def test_a_tile_is_there_before_it_is_told(card, picture, monkeypatch):
    _, ticket = lent(SHAPE)
    done = []

    def heard(event):
        if "tile" in event:
            done.append(card.calls[-2:])

    search(monkeypatch, picture, SHAPE, ticket, heard=heard)
    assert done == [["cuMemcpy2DUnaligned_v2", "cuCtxSynchronize"]] * 9
    assert card.count("cuCtxSynchronize") == 9


def test_a_network_that_has_left_the_card_goes_on_through_memory(card, picture, monkeypatch):
    _, ticket = lent(SHAPE)
    events = search(monkeypatch, picture, SHAPE, ticket, is_cuda=False)
    assert shared(events) == [False] * 9 and not card.count("cuMemcpy2DUnaligned_v2")


@pytest.mark.parametrize("name", ["cuMemcpy2DUnaligned_v2", "cuCtxSynchronize", "cuCtxSetCurrent"])
def test_what_fails_midway_costs_nothing_but_the_way(card, picture, monkeypatch, name):
    _, ticket = lent(SHAPE)
    put, count = detectchild.Borrowed.put, []

    def failing(self, *arguments):
        count.append(1)
        card.failing = name if len(count) == 3 else ""
        put(self, *arguments)

    monkeypatch.setattr(detectchild.Borrowed, "put", failing)
    events = search(monkeypatch, picture, SHAPE, ticket)
    assert shared(events) == [True, True] + [False] * 7 and len(count) == 3
    why = f"Confidence goes through memory: {name}: CUDA_ERROR_OPERATING_SYSTEM (304)."
    assert why in events[-1]["notes"]
    plain = search(monkeypatch, picture, SHAPE, None)
    assert np.array_equal(joined(events, SHAPE), joined(plain, SHAPE))


@pytest.mark.parametrize("parts", [1, 2])
def test_what_is_only_a_part_of_the_result_is_not_shown(parts):
    shown, values = [], SimpleNamespace(is_cuda=True)
    task = Task(None, None, (None,) * parts, "mean", 0, 0, None,
                Watch(on_device=lambda *tile: shown.append(tile)))
    task.show([0, 0, 2, 2], values, None)
    assert shown == [((0, 0, 2, 2), values, None)] * (parts == 1)


@pytest.mark.parametrize(("share", "places", "why"), [
    ({"why": "the moon is full"}, ["cuda"], "the moon is full"),
    ({"handle": "00" * 64, "device": 1}, ["cuda:0"], "the window is drawn by another card"),
    ({"handle": "00" * 64, "device": 1}, ["cuda"], "the window is drawn by another card"),
    ({"handle": "00" * 64, "device": 0}, ["cuda", "cuda"], "several networks are joined"),
])
def test_why_tiles_cannot_be_put_is_told(card, share, places, why):
    made = Card(share, model_on(*places), 9)
    assert made.notes == [f"Confidence goes through memory: {why}."] and not card.calls
    made.put((0, 0, 1, 1), torch.zeros(1, 1), np.zeros((1, 1), bool))
    assert made.told([0, 0, 1, 1]) == {} and not card.calls


@pytest.mark.parametrize(("share", "place"), [
    (None, "cuda"), ({"why": "x"}, "cpu"), ({"handle": "00" * 64, "device": 0}, "cpu")])
def test_who_has_no_card_hears_nothing_of_it(card, share, place):
    assert Card(share, model_on(place), 9).notes == [] and not card.calls


@pytest.mark.parametrize("name", ["cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain",
                                  "cuCtxSetCurrent", "cuIpcOpenMemHandle_v2"])
def test_memory_that_cannot_be_opened_is_told(card, name):
    _, ticket = lent((9, 9))
    card.failing = name
    made = Card(ticket, model_on("cuda:1"), 9)
    assert made.notes == [
        f"Confidence goes through memory: {name}: CUDA_ERROR_OPERATING_SYSTEM (304)."]


def test_a_handle_of_nobody_is_told(card):
    made = Card({"handle": "00" * 64, "device": 1}, model_on("cuda:1"), 9)
    why = "cuIpcOpenMemHandle_v2: CUDA_ERROR (400)"
    assert made.notes == [f"Confidence goes through memory: {why}."]


def test_rows_that_are_not_side_by_side_are_put_in_order(card):
    shape = (6, 8)
    address, ticket = lent(shape)
    values = torch.arange(200, dtype=torch.float32).reshape(10, 20)[2:5, 3:11:2]
    Card(ticket, model_on("cuda:1"), shape[1]).put((1, 2, 4, 6), values, np.zeros((3, 4), bool))
    assert np.array_equal(held(card, address, shape)[1:4, 2:6], values.numpy())
