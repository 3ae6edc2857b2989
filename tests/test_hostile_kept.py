"""Files of kept confidences that lie, with true checksums: they are lost, and nothing else is."""

import numpy as np
import pytest

from glview import recording, recovering
from glview.core.history import Searched
from glview.core.image import Image
from glview.core.sample import sample_of
from glview.document import Document
from glview.files import confidence
from glview.files.editlog import head_of, line_of
from glview.files.unsaved import Place

SHAPE = (40, 600)
IMAGE = Image("a", SHAPE, np.dtype(np.float32), None, path="a.fits")
VALUES = np.full(SHAPE, 0.25, np.float32)
PART = {"model": "m", "sha256": "ab", "boxes": [[0, 0, 9, 9]], "covered": 0.5}
BOX = (0, 0, 40, 600)


def document():
    picture = np.zeros(SHAPE, np.float32)
    return Document([], IMAGE, (picture, 1), sample_of(picture))


def kept(folder, told, step=(None, 7)):
    """The place of a log that names the file 7, which holds VALUES and `told` of them."""
    place = Place(folder, "log", 0, 0)
    entries = [head_of(IMAGE, (1, 2, 3)), {"at": 0, "step": Searched(BOX, *step)},
               {"found": {"file": place.confidence(7).name}}]
    place.log.write_bytes(b"".join(map(line_of, entries)))
    confidence.write(place.confidence(7), VALUES, told)
    return place


@pytest.mark.parametrize("told", [
    {"covered": 2}, {"covered": "x"}, {"provenance": 5}, {"boxes": 5}, {"boxes": [5]},
    {"boxes": [[0, 0, 41, 9]]}, {"boxes": [[0, 0, 0, 9]]}, {"boxes": [[-1, 0, 5, 9]]},
    {"boxes": [[0, 0, 0.5, 9]]}, {"boxes": [[0, 0, 5, 9, 9]]}, {"boxes": [[0, 0, 5, 9]] * 20_000},
    {"part": 5}, {"part": {}}, {"part": PART | {"model": 5}}, {"part": PART | {"sha256": None}},
    {"part": PART | {"boxes": [[0, 0, 9, 601]]}}, {"part": PART | {"covered": -1}},
], ids=lambda told: str(told)[:60])
def test_what_is_told_of_a_confidence_is_not_believed(tmp_path, told):
    found = recovering.look(kept(tmp_path, told), SHAPE)
    assert "damaged" in found.lost and not found.findings
    one = document()
    recovering.restore(one, found)
    assert one.detection.confidence is None and one.history.length == 1


def test_the_truth_is_believed(tmp_path):
    told = {"covered": 0.5, "boxes": [[0, 0, 9, 9]], "part": PART, "provenance": {"model": "m"}}
    found = recovering.look(kept(tmp_path, told), SHAPE)
    one = document()
    recovering.restore(one, found)
    assert np.array_equal(one.detection.confidence, VALUES) and not found.lost
    assert one.detection.part.boxes == ((0, 0, 9, 9),) and one.detection.coverage.has(8, 8)
    assert one.history.undo_bar and not one.history.redo_bar


@pytest.mark.parametrize("name", ["../a", "log-0-0-7", "log-0-0-07.conf", "log-1-0-7.conf", "7"])
def test_a_file_of_another_picture_is_not_read(tmp_path, name):
    place = kept(tmp_path, {})
    name = name.replace("/", "\\")
    entries = [head_of(IMAGE, None), {"found": {"file": name}}]
    place.log.write_bytes(b"".join(map(line_of, entries)))
    assert not recovering.look(place, SHAPE).findings


def test_more_confidences_than_memory_are_lost_but_the_last(tmp_path):
    place = kept(tmp_path, {}, (5, 7))
    confidence.write(place.confidence(5), VALUES, {})
    found = recovering.look(place, SHAPE, room=VALUES.nbytes)
    assert set(found.findings) == {7} and not found.lost
    assert set(recovering.look(place, SHAPE, room=VALUES.nbytes + 1).findings) == {5, 7}


TRUE = {"model": "m", "sha256": "a", "provenance": {}, "shown": True, "stamp": [1, 2, 3]}


def recorded(folder, told, rest=b""):
    """What is offered of a search that told so, of which one tile and `rest` are on disk."""
    place = Place(folder, "log", 0, 0)
    head = confidence.head(VALUES, TRUE | told)
    place.tiles.write_bytes(head + confidence.block(0, 0, VALUES[:9, :9]) + rest)
    return recording.look(place, SHAPE)


@pytest.mark.parametrize("told", [{"model": 5}, {"sha256": 5}, {"provenance": 5}, {"stamp": 5}],
                         ids=str)
def test_a_search_that_lies_is_not_offered(tmp_path, told):
    assert recorded(tmp_path, told) is None


@pytest.mark.parametrize("told", [{}, {"shown": None}], ids=str)
@pytest.mark.parametrize("bad", [
    {"box": [0, 0, 41, 1], "bytes": 0, "crc": 0}, {"box": [0, 0, 1], "bytes": 0},
    {"box": [0, 0, 1, 1], "bytes": -1, "crc": 0}, {"box": [0, 0, 1, 1], "bytes": "9"},
    {"box": [0, 0, 1, 1], "bytes": 1 << 60, "crc": 0}, {"blocks": 1}], ids=str)
def test_a_tile_that_lies_is_left_out_and_those_before_it_are_offered(tmp_path, told, bad):
    search = recorded(tmp_path, told, line_of(bad))
    assert search.finding.part.boxes == ((0, 0, 9, 9),)
    assert search.shown == (not told) and np.array_equal(search.finding.confidence[:9, :9],
                                                         VALUES[:9, :9])
