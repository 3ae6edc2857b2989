"""The mask panel and the pencils, judged by pixels and by `core.mask` for the whole frame."""

from dataclasses import replace

import numpy as np
import pytest
from drawing import OVERLAY
from robot import Robot
from scipy import ndimage

from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE, MaskSettings
from glview.core.view import View
from glview.gl.panes import PALETTE
from glview.library import mask_of

SHAPE = (60, 80)
BLOB = np.s_[28:32, 38:43]
ZOOM = 8.0
TALL = (800, 900)
MAGENTA, WHITE, BLACK, DILATED = (255, 0, 255), (255, 255, 255), (0, 0, 0), (158, 158, 158)
GREEN, RED = (tuple(round(255 * part) for part in colour)
              for colour in (PALETTE.added, PALETTE.deleted))


def confidences():
    """A blob of 0.9, a rim of 0.4 round it, a lone pixel of 0.6."""
    made = np.zeros(SHAPE, np.float32)
    made[26:34, 36:45] = 0.4
    made[BLOB] = 0.9
    made[40, 50] = 0.6
    return made


@pytest.fixture
def robot():
    image = np.random.default_rng(1).normal(100, 5, SHAPE).astype(np.float32)
    with Robot(image, size=TALL, overlay=OVERLAY, fit=False, view=View(30, 40, ZOOM)) as made:
        made.know(confidences())
        yield made


def is_drawn(robot, y, x, image, mask):
    """An image pixel has these colours in the two panes; None: any but the mask's."""
    found = [tuple(robot.colour_of(y, x, pane)) for pane in ("image", "mask")]
    if image is None:
        assert np.ptp(found[0]) == 0
    elif image == RED:  # the image shines through what was deleted
        assert found[0][0] > found[0][1] + 80 and found[0][1] == found[0][2]
    else:
        assert np.abs(np.subtract(found[0], image)).max() <= 1, found[0]
    assert np.abs(np.subtract(found[1], mask)).max() <= 1, found[1]


def final(robot):
    return mask_of(robot.document)


def paint(robot, start, end, **options):
    """Drag the pencil from the middle of one image pixel to another."""
    robot.drag(robot.of_pixel(*start), robot.of_pixel(*end), **options)


def test_the_mask_is_drawn_in_both_panes(robot):
    is_drawn(robot, 30, 40, MAGENTA, WHITE)
    is_drawn(robot, 27, 37, None, BLACK)
    is_drawn(robot, 40, 50, MAGENTA, WHITE)
    assert (final(robot) == (confidences() > 0.5)).all()
    assert robot.reads("2 objects, 21 pixels")


def test_dragging_the_threshold_is_one_step(robot):
    seen = []
    robot.drag(robot.at("Threshold", 0.5), robot.at("Threshold", 0.3), steps=6,
               look=lambda: seen.append(tuple(robot.colour_of(27, 37))))
    assert 0.2 < robot.document.mask.threshold < 0.4
    assert seen[0] != MAGENTA and seen[-1] == MAGENTA
    assert len(robot.document.history.done) == 1
    assert (final(robot) == (confidences() > robot.document.mask.threshold)).all()
    robot.settle()
    assert robot.reads("2 objects, 73 pixels")
    robot.key("Ctrl+Z")
    is_drawn(robot, 27, 37, None, BLACK)
    assert robot.document.mask == MaskSettings() and not robot.document.history.done
    robot.key("Ctrl+Shift+Z")
    is_drawn(robot, 27, 37, MAGENTA, WHITE)


def test_a_slider_whose_panel_goes_away_is_one_step(robot):
    robot.move("Threshold", 0.5)
    robot.frame()
    robot.press()
    robot.move("Threshold", 0.3)
    robot.key("Ctrl+B")
    robot.release()
    robot.key("Ctrl+B")
    robot.frame(2)
    assert robot.document.mask.threshold < 0.4 and len(robot.document.history.done) == 1
    robot.key("Ctrl+Z")
    assert robot.document.mask == MaskSettings()


def test_a_click_beside_the_sliders_is_no_step(robot):
    robot.click("Threshold", across=0.97)  # on its name
    robot.click("Threshold", across=0.5, down=1.15)
    assert not robot.document.history.done
    assert robot.document.mask == MaskSettings()


def test_a_threshold_can_be_typed(robot):
    robot.hold("Ctrl")
    robot.click("Threshold")
    robot.hold("Ctrl", False)
    robot.key("Ctrl+A")
    robot.type("0.7")
    robot.key("Enter")
    robot.frame(2)
    assert robot.document.mask.threshold == pytest.approx(0.7)
    assert len(robot.document.history.done) == 1
    is_drawn(robot, 40, 50, None, BLACK)


def test_dilation_grows_the_mask_at_once(robot):
    robot.drag(robot.at("Dilation", 0.04), robot.at("Dilation", 0.2))
    radius = robot.document.mask.dilation
    assert radius in (2, 3, 4) and len(robot.document.history.done) == 1
    square = ndimage.binary_dilation(confidences() > 0.5, np.ones((2 * radius + 1,) * 2))
    assert (final(robot) == square).all()
    is_drawn(robot, 27, 36, MAGENTA, DILATED)
    robot.choose("Shape", "diamond")
    cross = ndimage.binary_dilation(confidences() > 0.5, iterations=radius)
    assert (final(robot) == cross).all() and (cross != square).any()
    y, x = np.argwhere(square & ~cross)[0]
    is_drawn(robot, y, x, None, BLACK)
    robot.move("image")
    robot.key("Shift+]")
    assert robot.document.mask.dilation == radius + 1
    robot.key("Ctrl+Z", times=3)
    assert robot.document.mask == MaskSettings()


def test_the_overlay_can_be_hidden_faded_and_outlined(robot):
    is_drawn(robot, 29, 40, MAGENTA, WHITE)
    robot.click("Outline", across=0.1)
    is_drawn(robot, 29, 40, None, WHITE)  # inside
    x, y = robot.of_pixel(28, 40)  # the lowest row
    lower_edge = robot.picture()[int(y + ZOOM / 2) - 3 : int(y + ZOOM / 2) + 3, int(x)]
    assert (lower_edge == MAGENTA).all(1).any()
    robot.move("image", 0.1, 0.1)
    robot.key("O")
    robot.key("M")
    is_drawn(robot, 29, 40, None, WHITE)
    robot.click("On the image", across=0.1)
    robot.drag(robot.at("Opacity", 0.6), robot.at("Opacity", 0.35))
    opacity = robot.workspace.overlay.opacity
    assert 0.3 < opacity < 0.7
    faded = robot.colour_of(29, 40)
    robot.key("M")
    grey = robot.colour_of(29, 40)
    assert np.abs(faded - (grey * (1 - opacity) + np.array(MAGENTA) * opacity)).max() <= 2
    assert not robot.document.history.done, "a look is no change of the mask"


def test_the_mask_pane_can_show_the_confidence(robot):
    robot.move("image", 0.1, 0.1)
    robot.key("C")
    robot.frame()
    assert np.abs(robot.colour_of(30, 40, "mask") - 0.9 * 255).max() <= 1
    assert np.abs(robot.colour_of(27, 37, "mask") - 0.4 * 255).max() <= 1
    robot.choose("Pane", "mask")
    is_drawn(robot, 30, 40, MAGENTA, WHITE)


def test_the_pencil_adds_in_green_in_the_frame_of_the_event(robot):
    robot.key("B")
    seen = []
    below = robot.places["Threshold"]
    paint(robot, (20, 30), (20, 38), steps=8,
          look=lambda: seen.append(robot.document.edits.added))
    assert seen[:4] == [2, 3, 4, 5]
    added = np.zeros(SHAPE, bool)
    added[20, 30:39] = True
    assert (robot.document.edits.plane[:, :] == np.where(added, EDIT_ADD, EDIT_NONE)).all()
    assert (final(robot) == ((confidences() > 0.5) | added)).all()
    robot.move("image", 0.1, 0.1)
    is_drawn(robot, 20, 34, GREEN, GREEN)
    assert len(robot.document.history.done) == 1
    robot.settle()
    assert robot.reads("by hand: 9 added, 0 deleted") and robot.reads("3 objects, 30 pixels")
    assert robot.places["Threshold"] == below, "it stays where it was"
    assert robot.view == View(30, 40, ZOOM), "a pencil does not pan"


def test_the_pencil_deletes_in_red_and_edits_win(robot):
    robot.click("tool:delete", across=0.1)
    paint(robot, (28, 38), (28, 42))
    robot.move("image", 0.1, 0.1)
    is_drawn(robot, 28, 40, RED, RED)
    assert not final(robot)[28, 38:43].any() and final(robot)[29, 38:43].all()
    robot.key("Shift+]", times=3)
    robot.document.change(threshold=0.01)
    robot.frame()
    is_drawn(robot, 28, 40, RED, RED)
    assert not final(robot)[28, 38:43].any()
    robot.settle()
    is_drawn(robot, 23, 33, MAGENTA, DILATED)  # by 3, at the rim's corner


def test_the_eraser_gives_pixels_back_to_the_model(robot):
    robot.key("E")
    paint(robot, (28, 38), (28, 42))
    robot.key("R")
    paint(robot, (28, 40), (28, 42))
    robot.move("image", 0.1, 0.1)
    assert final(robot)[28, 38:43].tolist() == [False, False, True, True, True]
    is_drawn(robot, 28, 41, MAGENTA, WHITE)
    robot.key("Ctrl+Z")
    is_drawn(robot, 28, 41, RED, RED)


def test_the_brush_grows_and_shrinks(robot):
    robot.key("B")
    robot.key("]", times=4)
    assert robot.workspace.brush == 5
    paint(robot, (15, 30), (15, 30))
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    round_one = (y - 15) ** 2 + (x - 30) ** 2 <= 2.5**2
    assert ((robot.document.edits.plane[:, :] == EDIT_ADD) == round_one).all()
    robot.key("[", times=9)
    assert robot.workspace.brush == 1


def test_shift_draws_a_straight_line_and_alt_the_inverse(robot):
    robot.key("B")
    robot.click(robot.of_pixel(15, 30))
    robot.hold("Shift")
    robot.click(robot.of_pixel(15, 50))
    robot.hold("Shift", False)
    row = robot.document.edits.plane[15:16, :]
    assert np.flatnonzero(row == EDIT_ADD).tolist() == [*range(30, 51)]
    robot.hold("Alt")
    paint(robot, (15, 40), (15, 44))
    robot.hold("Alt", False)
    row = robot.document.edits.plane[15:16, :]
    assert np.flatnonzero(row == EDIT_DELETE).tolist() == [*range(40, 45)]
    assert len(robot.document.history.done) == 3


def test_space_pans_while_a_pencil_is_chosen(robot):
    robot.key("B")
    robot.hold("Space")
    start = robot.at("image")
    robot.drag(start, (start[0] + 40, start[1] + 24))
    robot.hold("Space", False)
    assert (robot.view.y, robot.view.x) == (33.0, 35.0)
    assert not robot.document.edits.any and robot.workspace.tool == "add"
    paint(robot, (25, 30), (25, 33))
    assert robot.document.edits.added == 4


@pytest.mark.parametrize("name", ["Invert", "Outline", "tool:delete", "Detect"])
def test_keys_do_not_press_the_button_that_was_clicked_last(robot, name):
    if name == "Detect":
        robot.move(name)
        robot.press()
        robot.move("image")  # let go elsewhere: not a click
        robot.release()
    else:
        robot.click(name, across=0.1)
    state = robot.document.stretch, robot.workspace.overlay
    robot.move("image")
    robot.key("Left")
    robot.key("Down")
    robot.key("B")
    start, view = robot.at("image"), robot.view
    for _ in range(2):
        robot.hold("Alt")
        robot.hold("Alt", False)  # alone, it opens no menu
        robot.hold("Space")
        robot.drag(start, (start[0] + 16, start[1]))
        robot.hold("Space", False)
        robot.key("Enter")
    assert (robot.document.stretch, robot.workspace.overlay) == state
    assert robot.view.x == pytest.approx(view.x - 4) and robot.workspace.tool == "add"
    assert robot.desk.detector.running is None and not robot.document.edits.any


def test_painting_goes_on_outside_the_image_and_the_pane(robot):
    robot.workspace.view = View(4, 4, ZOOM)
    robot.key("B")
    left, bottom = robot.of_pixel(3, 3), robot.of_pixel(-8, -3)
    robot.drag(left, bottom, steps=6)
    robot.drag(robot.of_pixel(2, 6), (5, 2), steps=3)
    added = robot.document.edits.plane[:, :] == EDIT_ADD
    assert added[3, 3] and added[0].any() and added[2, 6]
    assert len(robot.document.history.done) == 2
    robot.key("Ctrl+Z", times=2)
    assert not robot.document.edits.any and robot.document.edits.added == 0
    assert not robot.workspace.notices


def test_undo_and_redo_take_every_step_in_turn(robot):
    robot.key("B")
    states = [final(robot)]

    def step(action):
        action()
        states.append(final(robot))

    step(lambda: paint(robot, (15, 30), (22, 36)))
    step(lambda: robot.key("Shift+]"))
    step(lambda: paint(robot, (35, 30), (35, 50)))
    step(lambda: robot.drag(robot.at("Threshold", 0.5), robot.at("Threshold", 0.3)))
    robot.key("E")
    robot.key("]", times=3)
    step(lambda: paint(robot, (30, 36), (30, 44)))
    assert len({state.tobytes() for state in states}) == 6
    for expected in states[-2::-1]:
        robot.key("Ctrl+Z")
        assert (final(robot) == expected).all()
    robot.key("Ctrl+Z")
    assert (final(robot) == states[0]).all()
    for expected in states[1:]:
        robot.key("Ctrl+Shift+Z")
        assert (final(robot) == expected).all()
    robot.key("Ctrl+Z")
    robot.key("Ctrl+Y")
    assert (final(robot) == states[-1]).all()
    robot.key("Ctrl+Z", times=2)
    paint(robot, (12, 30), (12, 34))
    assert not robot.document.history.undone, "a new step forgets what was undone"


def test_all_edits_can_be_taken_back_as_one_step(robot):
    robot.key("B")
    paint(robot, (15, 30), (22, 36))
    before = final(robot)
    robot.command("Edit", "Take back all edits")
    assert (final(robot) == (confidences() > 0.5)).all()
    robot.move("image")
    robot.key("Ctrl+Z")
    assert (final(robot) == before).all()


def test_escape_drops_the_tool(robot):
    robot.key("B")
    robot.key("Escape")
    assert robot.workspace.tool == "hand"
    paint(robot, (30, 40), (30, 45))
    assert not robot.document.edits.any


def test_a_hand_mask_needs_no_model():
    image = np.zeros((30, 30), np.float32)
    image[::2] = 1
    with Robot(image, overlay=OVERLAY, fit=False, view=View(15, 15, 10.0)) as robot:
        robot.key("B")
        paint(robot, (10, 10), (10, 14))
        robot.settle()
        assert final(robot).sum() == 5 and robot.document.changed
        assert robot.reads("1 object, 5 pixels")


@pytest.mark.parametrize("y_up", [True, False])
def test_what_is_painted_is_what_is_under_the_mouse(y_up):
    """On each pane, for pictures whose rows go up (FITS) and down (PNG)."""
    with Robot(np.eye(64, dtype=np.float32), overlay=OVERLAY) as robot:
        document = robot.document
        document.image = replace(document.image, y_up=y_up)
        robot.workspace.fit, robot.workspace.view = False, View(32, 32, 11.0)
        robot.key("B")
        robot.settle()
        for number, pane in enumerate(("image", "mask")):
            robot.click(robot.of_pixel(30 + 3 * number, 28, pane))
        assert np.argwhere(document.edits.plane[:, :]).tolist() == [[30, 28], [33, 28]]
        robot.move("image", 0.1, 0.1)
        is_drawn(robot, 30, 28, GREEN, GREEN)
        is_drawn(robot, 33, 28, GREEN, GREEN)


def test_a_threshold_is_suggested_as_one_step_of_undo():
    rng = np.random.default_rng(8)
    confidence = np.where(rng.random((80, 90)) < 0.03, rng.uniform(0.9, 0.999, (80, 90)),
                          rng.uniform(1e-4, 0.01, (80, 90))).astype(np.float32)
    with Robot(np.zeros((80, 90), np.float32)) as robot:
        robot.click("Suggest threshold")
        robot.settle()
        assert robot.document.mask.threshold == 0.5 and not robot.workspace.told, "no confidence"
        robot.document.detection.confidence = confidence
        robot.document.detection.stamps.touch((0, 0, 80, 90))
        robot.settle()
        robot.click("Suggest threshold")
        robot.settle()
        found = robot.document.mask.threshold
        assert 0.01 < found < 0.9 and found != 0.5 and f"{found:.3f}" in robot.workspace.told
        assert robot.document.review.pixels == np.count_nonzero(confidence > 0.5)
        robot.key("Ctrl+Z")
        assert robot.document.mask.threshold == 0.5
