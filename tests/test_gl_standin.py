"""What is shown of an image before it was read: as bright as what lies beside it."""

from dataclasses import replace

import numpy as np
import pytest
from drawing import Buffers, cells, document_of

from glview.core import pyramid as pyramids
from glview.core.view import Window
from glview.gl import standin
from glview.gl.tilestore import Tiles

SHAPE = (4096, 512)
HALF = SHAPE[0] // 16  # rows of the level of factor 8 that were read
WHOLE = Window(0.0, 0.0, 0.1, (410, 52), True)


@pytest.fixture
def document(monkeypatch):
    """Half of it was read; its pixels are about 100, the largest of 64 about 5000."""
    monkeypatch.setattr(pyramids, "BAND", 1 << 16)
    rng = np.random.default_rng(5)
    made = document_of(rng.normal(100, 5, SHAPE).astype(np.float32))
    made.stretch = replace(made.stretch, limits="zscale", zoomout="max")
    made.pyramid.mean[8][:HALF] = 100
    made.pyramid.max[8][:HALF] = rng.normal(5000, 50, (HALF, SHAPE[1] // 8))
    made.pyramid.finish({place: None for place in made.pyramid.missing()
                         if made.pyramid.box(place)[2] <= SHAPE[0] // 2})
    made.pyramid.collect()
    assert made.pyramid.covered == 0.5
    return made


@pytest.mark.parametrize("rule", ["max", "peaks"])
def test_what_was_not_read_lies_between_the_limits_of_what_was(gl, document, rule):
    document.stretch = replace(document.stretch, zoomout=rule)
    with gl:
        buffers = Buffers(gl)
        region = buffers.draw(document, [WHOLE])
        drawn = np.array(cells(buffers.regions.image, region))
    assert region.level == 3 and not buffers.regions.sharp
    low, high = document.limits_at(document.joining, 0)
    least, most = document.limits_at(document.joining, 3)
    assert low > 50 and high < 200 and least > 4000
    preview, step = document.preview
    rows = (np.arange(HALF, 2 * HALF) * 8 + 4) // step
    columns = (np.arange(SHAPE[1] // 8) * 8 + 4) // step
    known = (preview[np.ix_(rows, columns)] - low) / (high - low)
    np.testing.assert_allclose((drawn[HALF:] - least) / (most - least), known, atol=1e-3)
    assert (drawn[:HALF] > 4000).all()


def test_means_and_single_pixels_have_the_same_limits(document):
    document.stretch = replace(document.stretch, zoomout="mean")
    assert standin.scale(document, document.joining, 3) == standin.AS_IT_IS
    document.stretch = replace(document.stretch, zoomout="max")
    assert standin.scale(document, document.joining, 0) == standin.AS_IT_IS
    assert standin.scale(document, document.joining, 3) != standin.AS_IT_IS


def test_limits_that_the_user_sets_leave_the_preview_as_it_is(document):
    document.stretch = replace(document.stretch, limits="user", low=90.0, high=110.0)
    assert standin.scale(document, document.joining, 3) == standin.AS_IT_IS


def test_what_is_no_number_stays_so():
    values = np.array([[np.nan, np.inf, -np.inf, 3.0e38, 2.0]], np.float32)
    found = standin.scaled(values, (4.0, 1.0))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([[np.nan, np.inf, -np.inf, np.inf, 9.0]]))
    assert standin.scaled(values, standin.AS_IT_IS) is values


def test_each_brightness_is_a_picture_of_its_own(gl, document):
    with gl:
        store = Tiles(gl, 16)
        for scale in (standin.AS_IT_IS, (2.0, 1.0), standin.AS_IT_IS):
            found = np.frombuffer(store.preview(document, scale).read(), np.float32)
            assert np.array_equal(found, standin.scaled(document.preview[0], scale).ravel())
        assert store.nbytes == 2 * document.preview[0].nbytes
        store.forget(document)
        assert store.nbytes == 0
