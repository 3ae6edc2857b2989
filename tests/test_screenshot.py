"""`glview --screenshot` waits for the pixels; with --first it takes what stands in for them."""

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from glview.jobs import Feed

SHAPE = 1200, 1400  # of which the first look takes each second pixel of each second row


@pytest.fixture
def late(monkeypatch):
    """No tile arrives in the first twenty frames, on however quick a machine."""
    take, asked = Feed.take, []

    def taken(feed):
        asked.append(feed)
        return take(feed) if len(asked) > 20 else None

    monkeypatch.setattr(Feed, "take", taken)


@pytest.fixture
def picture(typed, late):
    """Runs glview --screenshot on the test's frame: the red of the image pane, row 0 lowest.

    The left half of the frame is bright but for what the first look finds, the right half is
    bright; the edge between them is the middle of what is drawn.
    """
    frame = np.full(SHAPE, 200, np.float32)
    frame[1::2, 1:700:2] = 0
    fits.writeto("frame.fits", frame)

    def drawn(zoom, *words):
        done = typed("frame.fits", "--screenshot", "out.png", "--pane", "image", "--size", "40x30",
                     "--zoom", zoom, "--center", "700.5,600.5", "--limits", "minmax", *words)
        assert done == (0, [], [])
        return np.asarray(Image.open("out.png"))[::-1, :, 0].astype(int)

    return drawn


def test_each_pixel_of_the_file_is_in_it(picture):
    wanted = np.full((30, 40), 255)
    y, x = 600 - 15, 700 - 20  # pixels of the frame under the lowest row and the first column
    wanted[(y + 1) % 2 :: 2, (x + 1) % 2 : 20 : 2] = 0
    assert (picture(1) == wanted).all()


def test_so_is_each_where_many_share_a_pixel_of_the_screen(picture):
    found = picture(0.5)
    assert np.abs(found[:, :20] - 0.75 * 255).max() <= 1, "the mean of 200, 200, 200 and 0"
    assert (found[:, 20:] == 255).all()


@pytest.mark.parametrize("zoom", [1, 0.5])
def test_the_first_picture_is_what_the_first_look_found(picture, zoom):
    found = picture(zoom, "--first")
    assert not found[:, :20].any() and (found[:, 20:] == 255).all()
