"""Where the user looks: points stay under the cursor, panes snap to whole screen pixels."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glview.core.view import ZOOM_MAX, ZOOM_MIN, View, Window, fitted, level_for, window

places = st.floats(-1e5, 1e5)
zooms = st.floats(1 / 64, 256)
sizes = st.tuples(st.integers(1, 2000), st.integers(1, 3000))


def on_screen(view, size, y, x):
    """Screen offsets of an image point from the pane's centre, by the definition of a View."""
    return (y - view.y) * view.zoom, (x - view.x) * view.zoom


@settings(deadline=None)
@given(places, places, zooms, st.floats(0.01, 100), places, places)
def test_zooming_keeps_the_point_under_the_cursor(y, x, zoom, factor, at_y, at_x):
    before = View(y, x, zoom)
    after = before.zoomed(factor, (at_y, at_x))
    assert after.zoom == pytest.approx(min(max(zoom * factor, ZOOM_MIN), ZOOM_MAX))
    was, now = (on_screen(view, None, at_y, at_x) for view in (before, after))
    assert now == pytest.approx(was, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(places, places, zooms, sizes, st.booleans(), st.floats(0, 1), st.floats(0, 1))
def test_the_wheel_keeps_the_pixel_under_the_mouse(y, x, zoom, size, y_up, py, px):
    view, mouse = View(y, x, zoom), (py * size[0], px * size[1])
    at = window(view, size, y_up).to_image(*mouse)
    moved = window(view.zoomed(1.25, at), size, y_up).to_pane(*at)
    assert moved == pytest.approx(mouse, abs=1.2 + 1e-6)  # both windows snap, by half a pixel each


@settings(deadline=None)
@given(places, places, zooms, sizes, st.booleans())
def test_a_window_is_the_view_moved_by_half_a_screen_pixel_at_most(y, x, zoom, size, y_up):
    seen = window(View(y, x, zoom), size, y_up)
    centre = seen.to_image(size[0] / 2, size[1] / 2)
    assert abs(centre[0] - y) * zoom <= 0.5 + 1e-4
    assert abs(centre[1] - x) * zoom <= 0.5 + 1e-4
    for corner in (seen.y0, seen.x0):
        assert corner * zoom == pytest.approx(round(corner * zoom), abs=1e-3)


@pytest.mark.parametrize("zoom", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("y_up", [True, False])
def test_image_pixels_cover_whole_screen_pixels(zoom, y_up):
    size = (101, 64)
    seen = window(View(10.3, -4.77, zoom), size, y_up)
    edges = [seen.to_pane(n, n) for n in range(5)]
    for py, px in edges:
        assert py == pytest.approx(round(py), abs=1e-9)
        assert px == pytest.approx(round(px), abs=1e-9)
    assert abs(edges[1][0] - edges[0][0]) == pytest.approx(zoom)


@settings(deadline=None)
@given(places, places, zooms, sizes, st.booleans(), st.floats(-9, 5000), st.floats(-9, 5000))
def test_pane_and_image_are_each_others_inverse(y, x, zoom, size, y_up, py, px):
    seen = window(View(y, x, zoom), size, y_up)
    assert seen.to_pane(*seen.to_image(py, px)) == pytest.approx((py, px), abs=1e-3)


def test_the_first_row_is_at_the_bottom_when_rows_go_up():
    up, down = (Window(0.0, 0.0, 2.0, (100, 200), y_up) for y_up in (True, False))
    assert up.to_pane(0, 0) == (100, 0) and down.to_pane(0, 0) == (0, 0)
    assert up.to_image(98, 3) == (1.0, 1.5) and down.to_image(98, 3) == (49.0, 1.5)
    assert up.box == down.box == (0.0, 0.0, 50.0, 100.0)


@settings(deadline=None)
@given(st.integers(1, 10**5), st.integers(1, 10**5), sizes)
def test_a_fitted_view_shows_all_and_touches_two_edges(height, width, size):
    view = fitted((height, width), size)
    assert (view.y, view.x) == (height / 2, width / 2)
    tall, wide = height * view.zoom, width * view.zoom
    if ZOOM_MIN < view.zoom < ZOOM_MAX:
        assert tall <= size[0] * (1 + 1e-9) and wide <= size[1] * (1 + 1e-9)
        assert math.isclose(tall, size[0]) or math.isclose(wide, size[1])


def test_a_centre_outside_the_image_comes_back_to_its_edge():
    assert View(-3, 500, 2).inside((100, 200)) == View(0, 200, 2)
    assert View(40, 50, 2).inside((100, 200)) == View(40, 50, 2)
    assert View(1, 2, 3).moved(10, -1) == View(11, 1, 3)


@settings(deadline=None)
@given(st.floats(ZOOM_MIN, ZOOM_MAX))
def test_a_level_has_cells_of_half_to_one_screen_pixel(zoom):
    level = level_for(zoom)
    cell = 2**level * zoom
    assert level >= 0
    assert cell <= 1 + 1e-8 or level == 0
    assert cell > 0.5 or zoom > 1


@pytest.mark.parametrize(("zoom", "level"), [(2, 0), (1, 0), (0.51, 0), (0.5, 1), (0.25, 2),
                                             (0.26, 1), (1 / 4096, 12)])
def test_levels_of_certain_zooms(zoom, level):
    assert level_for(zoom) == level


@pytest.mark.parametrize(("shape", "size"), [((1, 1_000_000), (300, 150)),
                                             ((100_000, 100_000), (16, 900))])
def test_the_whole_of_a_huge_image_fits_a_small_pane(shape, size):
    view = fitted(shape, size)
    assert all(length * view.zoom <= room * (1 + 1e-12)
               for length, room in zip(shape, size, strict=True))
    nearer = view.zoomed(1.25, (0.0, 0.0))
    assert nearer.zoom == pytest.approx(1.25 * view.zoom)
    assert view.zoomed(0.8, (0.0, 0.0)).zoom == view.zoom
