"""An Image gives exact values of any box, and float32 for the screen."""

from dataclasses import replace

import numpy as np
import pytest

from glview.core.image import Fault, Image, from_array

EXACT = {
    "int32": np.array([[2**31 - 1, -(2**31), 0]], np.int32),
    "uint16": np.array([[65535, 0, 32768]], np.uint16),
    "int64": np.array([[2**63 - 1, 2**53 + 1, -1]], np.int64),
    "float64": np.array([[0.1 + 1e-17, 1e300, np.nan]], np.float64),
    "big": np.array([[1.5, -2.25, np.inf]], ">f8"),
    "bool": np.array([[True, False, True]]),
}


@pytest.mark.parametrize("array", EXACT.values(), ids=EXACT)
def test_values_are_exact_and_native(array):
    image = from_array(array)
    found = image[0:1, 0:3]
    assert found.dtype == image.dtype and found.dtype.isnative and found.dtype.kind in "iuf"
    assert found.tobytes() == array.astype(image.dtype).tobytes()


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(None), slice(None)),
        (slice(1, 3), slice(2, 4)),
        (slice(-2, None), slice(None, -1)),
        (slice(3, 1), slice(0, 5)),
        (slice(2, 99), slice(-99, 2)),
        (slice(7, 9), slice(4, 4)),
    ],
)
def test_slices_are_clipped_as_numpy_does(rows, columns):
    array = np.arange(20).reshape(4, 5)
    found = from_array(array)[rows, columns]
    assert found.shape == array[rows, columns].shape
    assert (found == array[rows, columns]).all()


def test_a_reader_is_only_asked_for_boxes_in_order():
    asked = []
    image = Image("a", (4, 5), np.dtype("f4"), lambda *box: asked.append(box))
    image[3:1, 4:2], image[-3:, 2:99]
    assert asked == [(0, 3, 3, 4, 4), (0, 1, 4, 2, 5)]


def test_a_step_in_a_slice_is_refused():
    with pytest.raises(IndexError, match="step 1"):
        from_array(np.zeros((4, 5)))[::2, :]


def test_what_is_read_is_a_copy():
    array = np.zeros((2, 2))
    from_array(array)[0:2, 0:2][:] = 5
    assert not array.any()


def test_float32_for_the_screen():
    values = np.array([[1e300, -1e300, np.nan, 0.1]])
    found = from_array(values).read32(0, 1, 0, 4)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    assert found[0, 0] == np.inf and found[0, 1] == -np.inf and np.isnan(found[0, 2])
    assert found[0, 3] == np.float32(0.1)


@pytest.mark.parametrize("kind", ["f4", ">f8", "i2", "u1"])
def test_float32_into_an_array_of_the_caller(kind):
    array = np.arange(20).reshape(4, 5).astype(kind)
    out = np.full((2, 3), -1, np.float32)
    assert from_array(array).read32(1, 3, 2, 5, out=out) is out
    assert (out == array[1:3, 2:5]).all()
    assert from_array(np.array([[1e300]])).read32(0, 1, 0, 1, out=out[:1, :1])[0, 0] == np.inf


def test_an_image_that_can_fill_is_not_read():
    def fill(plane, y0, y1, x0, x1, out):
        out[:] = (np.arange(y0, y1)[:, None] * 10 + np.arange(x0, x1)) + 100 * plane

    image = Image("filled", (4, 5), np.dtype("f4"), None, plane=2, fill=fill)
    out = np.empty((2, 3), np.float32)
    assert image.read32(1, 3, 2, 5, out) is out
    assert out.tolist() == [[212, 213, 214], [222, 223, 224]]
    new = image.read32(1, 3, 2, 5)
    assert new is not out and new.dtype == np.float32 and (new == out).all()


def test_faults_are_shared_by_what_shows_the_same_file():
    image = Image("a", (4, 5), np.dtype("f4"), None)
    other = replace(image, plane=1)
    image.faults.append(Fault(0, (0, 0, 2, 5), "damaged"))
    assert other.faults == image.faults and not Image("b", (4, 5), np.dtype("f4"), None).faults


def test_a_signalling_nan_is_a_nan_like_any_other():
    values = np.array([[0x7FF0000000000001]], np.uint64).view(np.float64)
    assert np.isnan(from_array(values).read32(0, 1, 0, 1)).all()


def test_the_planes_of_a_cube():
    cube = np.arange(24).reshape(2, 3, 4)
    image = from_array(cube)
    assert image.planes == 2 and image.shape == (3, 4)
    assert (image[0:3, 0:4] == cube[0]).all()
    second = Image(image.name, image.shape, image.dtype, image.read, planes=2, plane=1)
    assert (second[0:3, 0:4] == cube[1]).all()
    assert (second.read32(1, 2, 1, 3) == cube[1, 1:2, 1:3]).all()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(5),
        np.zeros((0, 4)),
        np.zeros((2, 0, 4)),
        np.zeros((1, 2, 3, 4)),
        np.zeros((2, 2), complex),
        np.array([["a"]]),
        np.array([[None]]),
        np.zeros((2, 2), [("a", "f4")]),
        7,
    ],
)
def test_what_is_no_image_is_refused_in_words(array):
    with pytest.raises(ValueError, match="glview shows"):
        from_array(array)
