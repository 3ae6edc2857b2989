"""The first look: which pixels it takes, how many it reads, what it counts."""

import threading

import numpy as np
import pytest

from glview.core.image import Image, from_array
from glview.core.sample import preview, sample_of


def counted(shape):
    """An Image whose pixel (y, x) is (y * 7 + x) % 8191, and the list of boxes read from it."""
    boxes, lock = [], threading.Lock()

    def read(plane, y0, y1, x0, x1):
        with lock:
            boxes.append((y0, y1, x0, x1))
        return (np.arange(y0, y1)[:, None] * 7 + np.arange(x0, x1)) % 8191

    return Image("counted", shape, np.dtype(np.int64), read), boxes


def pixels(boxes):
    return sum((y1 - y0) * (x1 - x0) for y0, y1, x0, x1 in boxes)


@pytest.mark.parametrize(
    ("shape", "size", "step"),
    [
        ((1, 1), 1024, 1),
        ((3, 2), 1024, 1),
        ((1024, 7), 1024, 1),
        ((1025, 7), 1024, 2),
        ((100, 90), 10, 10),
        ((101, 90), 10, 11),
        ((90, 1001), 100, 11),
        ((1, 1_000_000), 1024, 977),
        ((1_000_000, 1), 1024, 977),
        ((3, 5_000_000), 1024, 4883),
    ],
)
def test_preview_is_every_step_th_row_and_column(shape, size, step):
    image, boxes = counted(shape)
    picture, found = preview(image, size)
    assert found == step and picture.dtype == np.float32
    rows, columns = (np.arange(min(step // 2, (n - 1) // 2), n, step) for n in shape)
    np.testing.assert_array_equal(picture, (rows[:, None] * 7 + columns) % 8191)
    assert max(picture.shape) <= size and min(picture.shape) >= 1
    assert pixels(boxes) <= max(len(rows) * shape[1], 1)


def test_preview_of_a_large_frame_reads_only_its_rows():
    image, boxes = counted((40_000, 3000))
    picture, step = preview(image)
    assert step == 40 and picture.shape == (1000, 75)
    assert all(y1 - y0 == 1 for y0, y1, _, _ in boxes) and pixels(boxes) * step == 40_000 * 3000


def test_preview_of_a_very_long_row_reads_single_pixels():
    image, boxes = counted((2, 3_000_000_000))
    picture, _ = preview(image)
    assert picture.shape == (1, 1024) and pixels(boxes) == 1024


@pytest.mark.parametrize("shape", [(100_000, 100_000), (56_000, 57_000), (1_000_000, 40_000)])
def test_preview_of_the_largest_frames_reads_a_bounded_amount(shape):
    image, boxes = counted(shape)
    picture, step = preview(image)
    assert 100 << 20 < pixels(boxes) * 8 < 162 << 20
    assert picture.shape == tuple(-(-(n - step // 2) // step) for n in shape)
    assert step > -(-max(shape) // 1024) and picture[3, 5] == (
        (step // 2 + 3 * step) * 7 + step // 2 + 5 * step) % 8191


def test_a_damaged_row_is_nan_where_the_reader_can_say_so():
    def read(plane, y0, y1, x0, x1):
        if y0 <= 75 < y1:
            raise OSError("damaged tile")
        return np.ones((y1 - y0, x1 - x0))

    def fill(plane, y0, y1, x0, x1, out):
        out[:] = 1
        out[75 - y0, :20] = np.nan

    image = Image("damaged", (100, 90), np.dtype("f8"), read, fill=fill)
    picture, step = preview(image, 10)
    assert step == 10 and np.isnan(picture[7, :2]).all() and np.isnan(picture).sum() == 2
    assert np.isnan(preview(image)[0]).sum() == 20


def test_a_file_that_is_gone_is_not_tried_again():
    class GoneError(Exception):
        fatal = True

    def read(plane, y0, y1, x0, x1):
        raise GoneError

    with pytest.raises(GoneError):
        preview(Image("gone", (50, 50), np.dtype("f4"), read, fill=read))


@pytest.mark.parametrize("threads", [1, 3, 16])
def test_threads_do_not_change_the_preview(threads):
    image = from_array(np.random.default_rng(0).normal(size=(333, 217)))
    np.testing.assert_array_equal(preview(image, 64, threads)[0], preview(image, 64)[0])


def test_small_frame_is_its_own_preview_with_bad_pixels():
    array = np.array([[np.nan, np.inf], [-np.inf, 2.5]], ">f8")
    picture, step = preview(from_array(array))
    assert step == 1 and np.array_equal(picture, array, equal_nan=True)


@pytest.mark.parametrize("shape", [(50, 50), (5000, 50)])
def test_a_reading_error_reaches_the_caller(shape):
    def read(plane, y0, y1, x0, x1):
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        preview(Image("broken", shape, np.dtype(np.float32), read), threads=2)


def test_sample_counts_what_is_not_finite():
    values = np.array([[3.0, np.nan, 1.0], [np.inf, -np.inf, np.nan], [2.0, np.inf, -4.0]])
    sample = sample_of(values)
    assert sample.values.tolist() == [-4.0, 1.0, 2.0, 3.0] and sample.values.dtype == np.float32
    assert (sample.nan, sample.posinf, sample.neginf) == (2, 2, 1)
    assert (sample.count, sample.total, sample.exact) == (9, 9, True)
    assert (sample.low, sample.high) == (-4.0, 3.0)


def test_part_of_a_frame_knows_no_true_extremes():
    sample = sample_of(np.arange(10.0), total=1000)
    assert (sample.count, sample.total, sample.exact) == (10, 1000, False)
    assert sample.low is None and sample.high is None


@pytest.mark.parametrize("values", [[], [np.nan], np.full((4, 4), np.nan), [np.inf]])
def test_sample_without_a_finite_value(values):
    sample = sample_of(values)
    assert sample.values.shape == (0,) and sample.low is None and sample.high is None
    assert sample.nan + sample.posinf + sample.neginf == sample.count == np.size(values)
