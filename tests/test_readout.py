"""The line under the picture says exactly what the file holds."""

import time

import numpy as np
import pytest

from glview import opening
from glview.core.image import Image, from_array
from glview.core.mask import EDIT_ADD, EDIT_DELETE, MaskSettings
from glview.files import ReadError
from glview.jobs import Jobs
from glview.readout import Readout, exact

NEXT = np.nextafter(0.1, 1.0)


@pytest.fixture
def jobs():
    made = Jobs()
    yield made
    made.close()


def document_of(array):
    image = array if isinstance(array, Image) else from_array(array)
    return opening.document_of(opening.look_at((image,), image))


def read(jobs, readout, document, cursor):
    """The parts of the line, once the value has come."""
    until = time.monotonic() + 5
    readout.update(document, cursor)
    while jobs.busy:
        assert time.monotonic() < until
        jobs.collect()
        time.sleep(0.001)
    readout.update(document, cursor)
    return readout.text.split("   ") if readout.text else []


@pytest.mark.parametrize(("value", "text"), [
    (np.int32(2**31 - 1), "2147483647"), (np.int32(-(2**31)), "-2147483648"),
    (np.uint16(65535), "65535"), (np.int64(2**63 - 1), "9223372036854775807"),
    (np.uint8(0), "0"), (np.int64(2**53 + 1), "9007199254740993"),
    (np.float64(0.1), "0.1"), (np.float64(NEXT), "0.10000000000000002"),
    (np.float64(0.1 + 1e-17), "0.10000000000000002"), (np.float64(1 / 3), "0.3333333333333333"),
    (np.float32(0.1), "0.1"), (np.float32(1 / 3), "0.33333334"),
    (np.float32(9999999), "9999999.0"), (np.float64(16777217), "16777217.0"),
    (np.float32(1e-5), "1e-05"), (np.float64(-1.25e300), "-1.25e+300"), (np.float16(2), "2.0"),
    (np.float32(np.nan), "NaN"), (np.float64(np.nan), "NaN"), (np.float64(-np.nan), "NaN"),
    (np.float32(np.inf), "Inf"), (np.float64(-np.inf), "-Inf"), (np.float64(-0.0), "-0.0"),
])
def test_a_value_is_written_exactly(value, text):
    assert exact(value) == text
    if np.isfinite(value):
        assert value.dtype.type(exact(value)) == value


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_floats_come_back_bit_for_bit(dtype):
    random = np.random.default_rng(5)
    bits = random.integers(0, 256, 4000 * np.dtype(dtype).itemsize, np.uint8)
    values = bits.view(dtype)
    for value in values[np.isfinite(values)]:
        assert dtype(exact(value)) == value


@pytest.mark.parametrize(("array", "text"), [
    (np.array([[7, 2**31 - 1]], np.int32), "value 2147483647"),
    (np.array([[7, 65535]], ">u2"), "value 65535"),
    (np.array([[7, NEXT]]), "value 0.10000000000000002"),
    (np.array([[7, 0.1]], np.float32), "value 0.1"),
    (np.array([[7, np.nan]]), "value NaN"),
    (np.array([[7, -np.inf]], ">f4"), "value -Inf"),
])
def test_the_line_has_the_value_of_the_file(jobs, array, text):
    assert read(jobs, Readout(jobs), document_of(array), (0, 1))[2] == text


def test_fits_counts_from_one_with_x_first_and_the_array_from_zero_with_y_first(jobs):
    array = np.arange(60).reshape(6, 10)
    parts = read(jobs, Readout(jobs), document_of(array), (4, 7))
    assert parts == ["FITS 8, 5", "array [4, 7]", "value 47"]


def test_the_value_belongs_to_the_pixel_under_the_cursor(jobs):
    readout, document = Readout(jobs), document_of(np.arange(60).reshape(6, 10))
    readout.update(document, (0, 0))
    assert "value ..." in readout.text
    readout.update(document, (5, 9))
    assert "value ..." in readout.text
    assert read(jobs, readout, document, (5, 9))[2] == "value 59"
    assert read(jobs, readout, document, (0, 3))[2] == "value 3"
    other = document_of(np.full((6, 10), 8))
    assert read(jobs, readout, other, (0, 3))[2] == "value 8"


def test_why_a_pixel_is_in_the_mask(jobs):
    document, readout = document_of(np.zeros((9, 9), np.int16)), Readout(jobs)
    confidence = np.zeros((9, 9), np.float32)
    confidence[4, 4], confidence[8, 8] = 0.875, 0.25
    document.detection.confidence = confidence
    document.mask = MaskSettings(0.5, 1, "diamond")
    document.edits.draw((0, 0), (0, 0), 1, EDIT_ADD)
    document.edits.draw((4, 5), (4, 5), 1, EDIT_DELETE)
    found = {place: read(jobs, readout, document, place)[3:]
             for place in ((4, 4), (3, 4), (3, 3), (0, 0), (4, 5), (8, 8))}
    assert found == {
        (4, 4): ["confidence 0.8750", "model"], (3, 4): ["confidence 0.0000", "dilated"],
        (3, 3): ["confidence 0.0000", "not masked"], (0, 0): ["confidence 0.0000", "added by hand"],
        (4, 5): ["confidence 0.0000", "deleted by hand"],
        (8, 8): ["confidence 0.2500", "not masked"]}
    document.mask = MaskSettings(0.1)
    assert read(jobs, readout, document, (8, 8))[4] == "model"


def test_a_mask_by_hand_needs_no_confidence(jobs):
    document = document_of(np.zeros((3, 3), np.int16))
    assert len(read(jobs, Readout(jobs), document, (1, 1))) == 3
    document.edits.draw((1, 1), (1, 1), 1, EDIT_ADD)
    assert read(jobs, Readout(jobs), document, (1, 1))[3:] == ["added by hand"]
    assert read(jobs, Readout(jobs), document, (0, 0))[3:] == ["not masked"]


def test_a_confidence_that_is_no_number_says_so(jobs):
    document = document_of(np.zeros((3, 3), np.int16))
    document.detection.confidence = np.full((3, 3), np.nan, np.float32)
    assert read(jobs, Readout(jobs), document, (1, 1))[3:] == ["confidence NaN", "not masked"]


def test_the_sky_is_told_where_it_is_known(jobs):
    document, readout = document_of(np.zeros((3, 3), np.int16)), Readout(jobs)
    document.sky = lambda y, x: f"sky of {y} {x}" if y else None
    assert read(jobs, readout, document, (1, 2))[3:] == ["sky of 1 2"]
    assert read(jobs, readout, document, (0, 2)) == ["FITS 3, 1", "array [0, 2]", "value 0"]


@pytest.mark.parametrize("cursor", [None, (-1, 0), (3, 0), (0, 4), (0, -1), (99, 99)])
def test_off_the_picture_there_is_nothing_to_say(jobs, cursor):
    document, readout = document_of(np.zeros((3, 4), np.int16)), Readout(jobs)
    document.detection.confidence = np.zeros((3, 4), np.float32)
    assert read(jobs, readout, document, (2, 3))
    assert read(jobs, readout, document, cursor) == []
    assert read(jobs, readout, None, (0, 0)) == []


def test_a_pixel_that_cannot_be_read_says_why(jobs):
    def broken(plane, y0, y1, x0, x1):
        if x1 - x0 == 1:
            raise ReadError("frame.fits became shorter")
        return np.zeros((y1 - y0, x1 - x0), np.float32)

    document = document_of(Image("a", (3, 4), np.dtype("f4"), broken))
    parts = read(jobs, Readout(jobs), document, (1, 1))
    assert parts[2] == "value cannot be read (frame.fits became shorter)"
