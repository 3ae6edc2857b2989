"""Two panes and one view: what mouse and keys do to it, seen in the pixels of each frame."""

import numpy as np
import pytest
from drawing import OVERLAY
from robot import MIDDLE, Robot

from glview.core.view import View, window

CENTRE = (120, 150)


def checkers(height=240, width=300):
    """Values that tell every pixel from its neighbours."""
    y, x = np.mgrid[:height, :width]
    return ((y * 7 + x * 13) % 256).astype(np.float32)


def scattered(shape, seed=3):
    """A confidence that is 1 in one pixel of twenty, 0 elsewhere."""
    return (np.random.default_rng(seed).random(shape) < 0.05).astype(np.float32)


@pytest.fixture
def robot():
    with Robot(checkers(), size=(1000, 700), overlay=OVERLAY) as made:
        made.know(scattered(made.document.image.shape))
        yield made


@pytest.fixture
def close(robot):
    """Zoomed in, so that the view can move, with the mouse over the image."""
    robot.workspace.fit = False
    robot.workspace.view = View(*CENTRE, 6.0)
    robot.settle()
    robot.move("image", 0.3, 0.6)
    return robot


def masked(robot, pane):
    """(height, width) bool: the pixels drawn as masked in a pane."""
    shown = robot.part(pane).astype(int)
    if pane == "mask":
        return (shown > 250).all(-1)
    return (shown[..., 0] > 250) & (shown[..., 1] < 5) & (shown[..., 2] > 250)


def due(robot, pane):
    """(what of the pane must be drawn as masked under the present view, where that is certain)."""
    found, size = scattered(robot.document.image.shape) > 0.5, robot.part(pane).shape
    y, x = robot.seen(pane).to_image(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    rows, columns = np.floor(y).astype(int), np.floor(x).astype(int)
    inside = np.logical_and.outer((rows >= 0) & (rows < found.shape[0]),
                                  (columns >= 0) & (columns < found.shape[1]))
    # The cursor's box hides some; and an edge that lies on the middle of a screen pixel may go
    # either way.
    certain = np.logical_and.outer(np.abs(y - np.rint(y)) > 1e-3, np.abs(x - np.rint(x)) > 1e-3)
    cursor = robot.workspace.cursor
    if cursor is not None:
        reach = max(2.0, 7 / robot.view.zoom)
        near = np.logical_and.outer(np.abs(y - cursor[0] - 0.5) < reach,
                                    np.abs(x - cursor[1] - 0.5) < reach)
        certain &= ~near
    return found.take(rows, 0, mode="clip").take(columns, 1, mode="clip") & inside, certain


def same_field(robot):
    """In the frame on screen both panes show the mask where the one view says."""
    for pane in ("image", "mask"):
        wanted, certain = due(robot, pane)
        assert wanted.sum() > 500
        inner = np.s_[1:-1, 1:-1]  # the window's frame lies on the outermost pixels
        disagree = ((masked(robot, pane) != wanted) & certain)[inner]
        assert not disagree.any(), f"{disagree.sum()} pixels of the {pane} pane differ"


def test_a_picture_opens_stretched_and_whole(robot):
    assert robot.workspace.fit
    low, high = robot.document.limits
    shown = robot.part("image")
    seen = robot.seen("image")
    for y, x in ((0, 0), (0, 299), (239, 0), (239, 299)):
        py, px = seen.to_pane(y + 0.5, x + 0.5)
        assert 0 <= py < shown.shape[0] and 0 <= px < shown.shape[1]
    assert min(240 * seen.zoom / shown.shape[0], 300 * seen.zoom / shown.shape[1]) > 0.5
    assert max(240 * seen.zoom / shown.shape[0], 300 * seen.zoom / shown.shape[1]) > 0.99
    assert low < 20 and high > 235  # zscale of evenly spread values


def test_a_pixel_has_the_grey_of_its_value(close):
    values, (low, high) = checkers(), close.document.limits
    found = scattered(values.shape)
    for y, x in ((CENTRE[0], CENTRE[1] + 3), (CENTRE[0] - 9, CENTRE[1] + 9)):
        assert not found[y, x]
        grey = np.clip((values[y, x] - low) / (high - low), 0, 1) * 255
        assert np.abs(close.colour_of(y, x) - grey).max() <= 1.5


def test_the_first_row_is_at_the_bottom(robot):
    assert robot.of_pixel(0, 0)[1] > robot.of_pixel(239, 0)[1]
    assert robot.of_pixel(0, 0)[0] < robot.of_pixel(0, 299)[0]


@pytest.mark.parametrize("pane", ["image", "mask"])
def test_the_wheel_zooms_about_the_cursor_and_both_panes_agree_in_every_frame(close, pane):
    close.move(pane, 0.3, 0.6)
    zoom, before = close.view.zoom, close.under_mouse(pane)
    for notches in (1, 1, -1, 3, 0.5, -3):
        close.wheel(notches)
        same_field(close)
    close.frame()
    same_field(close)
    assert close.view.zoom == pytest.approx(zoom * 1.25**1.5)
    # The picture lies on whole screen pixels: half a one may be missing before and after.
    assert close.under_mouse(pane) == pytest.approx(before, abs=0.5 / zoom + 0.5 / close.view.zoom)


@pytest.mark.parametrize("pane", ["image", "mask"])
def test_a_drag_pans_and_both_panes_agree_in_every_frame(close, pane):
    start = close.at(pane, 0.5, 0.5)
    held = close.under(start, pane)
    end = (start[0] + 61, start[1] - 35)
    close.drag(start, end, look=lambda: same_field(close))
    assert close.under(end, pane) == pytest.approx(held, abs=1.01 / 6)
    assert close.view.zoom == 6.0


def test_the_middle_button_centres(close):
    y, x = CENTRE[0] + 20, CENTRE[1] + 20
    close.click(close.of_pixel(y, x), button=MIDDLE)
    assert (close.view.y, close.view.x) == pytest.approx((y + 0.5, x + 0.5), abs=0.17)
    same_field(close)


def test_the_view_cannot_be_dragged_off_the_image(close):
    for _ in range(6):
        close.drag(close.at("image", 0.1, 0.5), close.at("image", 0.95, 0.5))
    assert close.view.x == 0.0
    same_field(close)


@pytest.mark.parametrize(
    ("names", "up", "right"),
    [(("Left", "H"), 0, -1), (("Right", "L"), 0, 1), (("Up", "K"), 1, 0), (("Down", "J"), -1, 0)],
)
def test_arrows_and_hjkl_move_the_cursor_one_pixel(close, names, up, right):
    for name in names:
        y, x = close.workspace.cursor
        close.key(name)
        assert close.workspace.cursor == (y + up, x + right)
        close.settle()
        assert f"FITS {x + right + 1}, {y + up + 1} " in close.desk.readout.text
        assert close.boxed(y + up, x + right)


def test_the_view_follows_the_cursor(close):
    x, (_, x0, _, x1) = close.workspace.cursor[1], close.seen().box
    close.key("Right", times=int(x1 - x) + 5)
    assert close.workspace.cursor[1] == x + int(x1 - x) + 5
    assert close.seen().box[1] > x0
    assert close.seen().box[3] >= close.workspace.cursor[1]


def test_fit_and_one_to_one(close):
    at = close.workspace.cursor
    close.key("1")
    assert close.view == View(at[0] + 0.5, at[1] + 0.5, 1.0)
    close.key("F")
    assert close.workspace.fit
    close.frame()
    assert close.seen().box[0] <= 0 and close.seen().box[3] >= 300
    same_field(close)
    for name in ("=", "Z"):
        zoom = close.view.zoom
        close.key(name)
        assert close.view.zoom == pytest.approx(zoom * 2**0.5)
    for name in ("-", "Shift+Z"):
        zoom = close.view.zoom
        close.key(name)
        assert close.view.zoom == pytest.approx(zoom / 2**0.5)


def test_the_overview_moves_the_view(close):
    close.drag(close.at("overview", 0.5, 0.5), close.at("overview", 0.56, 0.3),
               look=lambda: same_field(close))
    assert close.view.x > CENTRE[1] + 5
    assert close.view.y > CENTRE[0] + 40
    assert close.view.zoom == 6.0


def test_the_overview_shows_where_the_view_is(close):
    close.frame()
    whole, (y0, x0, y1, x1) = close.overview(), close.seen().box
    (py, px), (qy, qx) = whole.to_pane(y1, x0), whole.to_pane(y0, x1)
    shown = close.part("overview").astype(int)
    green = (shown[..., 1] > 200) & (shown[..., 0] < 120) & (shown[..., 2] < 160)
    rows, columns = np.nonzero(green)
    found = rows.min(), columns.min(), rows.max(), columns.max()
    assert found == pytest.approx((py, px, qy, qx), abs=2)


def test_numbers_are_written_in_large_pixels(robot):
    values = checkers()
    robot.workspace.fit = False
    robot.workspace.view = View(100.5, 100.5, 44.0)
    robot.settle()
    robot.frame(2)
    with_numbers = robot.part("image").astype(int)
    robot.workspace.view = View(100.5, 100.5, 39.0)
    robot.settle()
    plain = robot.part("image").astype(int)
    assert colours_in_pixels(robot, with_numbers, 44.0) > 0.9
    assert colours_in_pixels(robot, plain, 39.0) < 0.1
    assert values[100, 100] == robot.document.image[100:101, 100:101][0, 0]


def colours_in_pixels(robot, shown, zoom):
    """Share of the whole image pixels in the pane that hold more than one grey."""
    seen = window(View(100.5, 100.5, zoom), shown.shape[:2], True)
    several = []
    for y in range(97, 104):
        for x in range(98, 103):
            py, px = seen.to_pane(y + 0.5, x + 0.5)
            cell = shown[int(py) - 10 : int(py) + 10, int(px) - 14 : int(px) + 14]
            several.append(np.ptp(cell[..., 1]) > 40)
    return np.mean(several)


def test_the_marks_stay_on_their_pixels_while_the_view_moves(close):
    """The cursor's box is drawn by another part than the picture; both must use the same view."""
    close.move("mask", 0.5, 0.5)
    for notches in (2, 1, -1):
        close.wheel(notches)
        y, x = close.workspace.cursor
        for pane in ("image", "mask"):
            assert close.boxed(y, x, pane), pane
