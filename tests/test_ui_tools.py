"""Pick, rectangle, lasso and the hand's click, by the mouse, judged by the mask and by pixels."""

import numpy as np
import pytest
from drawing import OVERLAY
from robot import Robot

from glview.core.mask import EDIT_ADD, EDIT_DELETE
from glview.core.view import View
from glview.library import entry_of_array, mask_of

SHAPE = (120, 160)
RAY = [(40 + k // 2, 50 + k) for k in range(12)]
GREEN, RED = 1, 0  # the colour that stands out of grey


@pytest.fixture
def robot():
    image = np.random.default_rng(1).normal(100, 5, SHAPE).astype(np.float32)
    for y, x in RAY:
        image[y, x] = 900
    with Robot(image, size=(1000, 900), overlay=OVERLAY, fit=False,
               view=View(60, 80, 5.0)) as made:
        yield made
        assert not made.desk.faults


def edited(robot):
    plane = robot.document.edits.plane[:, :]
    return {(int(y), int(x)): int(plane[y, x]) for y, x in np.argwhere(plane)}


def shows(robot, colour, pane="image"):
    """How many pixels of a pane are green or red."""
    shown = robot.part(pane).astype(int)
    others = np.delete(shown, colour, -1).max(-1)
    return int((shown[..., colour] - others > 50).sum())


def pull(robot, *pixels, look=lambda: None, key=None):
    """Drag from pixel to pixel, perhaps with a key held."""
    if key:
        robot.hold(key)
    robot.move(robot.of_pixel(*pixels[0]))
    robot.frame()
    robot.press()
    for pixel in pixels[1:]:
        robot.move(robot.of_pixel(*pixel))
    look()
    robot.release()
    if key:
        robot.hold(key, False)
    robot.settle()


def test_one_click_picks_a_ray_and_alt_click_takes_it_out(robot):
    robot.move("image", 0.1, 0.1)
    robot.key("W")
    robot.move(robot.of_pixel(43, 56))
    robot.settle()
    assert shows(robot, GREEN) > 60 and shows(robot, GREEN, "mask") > 60, "what it would take"
    robot.click(robot.of_pixel(43, 56))
    robot.settle()
    assert edited(robot) == dict.fromkeys(RAY, EDIT_ADD)
    assert robot.workspace.told == "12 pixels added"
    robot.hold("Alt")
    robot.move(robot.of_pixel(41, 53))
    robot.settle()
    assert shows(robot, RED) > 60
    robot.click(robot.of_pixel(41, 53))
    robot.hold("Alt", False)
    robot.settle()
    assert edited(robot) == dict.fromkeys(RAY, EDIT_DELETE) and not mask_of(robot.document).any()
    robot.key("Ctrl+Z", times=2)
    assert not edited(robot)


def test_a_click_on_sky_says_so_and_leaving_the_pane_hides_the_outline(robot):
    robot.click("tool:pick", across=0.2)
    robot.click(robot.of_pixel(90, 100))
    robot.settle()
    assert robot.reads("Nothing stands out here") and not robot.document.history.done
    robot.move(robot.of_pixel(43, 56))
    robot.settle()
    assert shows(robot, GREEN) > 60
    robot.move("Threshold")
    robot.frame()
    assert not shows(robot, GREEN)


def test_a_rectangle_is_drawn_while_it_is_dragged_and_fills_on_release(robot):
    robot.move("image", 0.1, 0.1)
    robot.key("Q")
    seen = []
    pull(robot, (60, 70), (75, 90), look=lambda: seen.append((shows(robot, GREEN), edited(robot))))
    assert seen[0][0] > 300 and not seen[0][1]
    assert edited(robot) == {(y, x): EDIT_ADD for y in range(60, 76) for x in range(70, 91)}
    pull(robot, (65, 75), (70, 85), key="Alt",
         look=lambda: seen.append(shows(robot, RED)))
    assert seen[1] > 100 and edited(robot)[65, 75] == EDIT_DELETE
    pull(robot, (66, 60), (90, 120), key="Ctrl")
    assert {y for y, _ in edited(robot)} == set(range(60, 66))
    assert len(robot.document.history.done) == 3
    robot.key("Ctrl+Z", times=3)
    assert not edited(robot)


def test_a_lasso_takes_what_it_goes_round(robot):
    robot.move("image", 0.1, 0.1)
    robot.key("Shift+L")
    angles = np.linspace(0, 2 * np.pi, 40)
    pull(robot, *((80 + 9 * np.cos(a), 90 + 14 * np.sin(a)) for a in angles))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    away = ((y - 80) / 9) ** 2 + ((x - 90) / 14) ** 2
    mask = mask_of(robot.document)
    assert mask[away < 0.85].all() and not mask[away > 1.15].any()
    assert len(robot.document.history.done) == 1


@pytest.mark.parametrize("key", ["Q", "Shift+L"])
def test_escape_gives_an_outline_up_and_keeps_the_tool(robot, key):
    robot.move("image", 0.1, 0.1)
    robot.key(key)
    tool = robot.workspace.tool
    pull(robot, (60, 70), (60, 90), (75, 90), look=lambda: robot.key("Escape"))
    assert not edited(robot) and robot.workspace.tool == tool
    robot.key("Escape")
    assert robot.workspace.tool == "hand"


def test_a_click_without_a_drag_draws_no_region(robot):
    robot.move("image", 0.1, 0.1)
    robot.key("Q")
    robot.click(robot.of_pixel(60, 70))
    assert not edited(robot) and robot.reads("Drag to draw round")


def test_a_click_of_the_hand_selects_the_object_there(robot):
    confidence = np.zeros(SHAPE, np.float32)
    confidence[60:63, 70:75] = confidence[90, 100] = 0.9
    robot.know(confidence)
    view = robot.view
    for y, x, area in ((90, 100, 1), (61, 72, 15)):
        robot.click(robot.of_pixel(y, x))
        assert robot.desk.reviewer.selected(robot.document)["area"] == area
        assert robot.view == view, "the view stays where it is"
    robot.click(robot.of_pixel(30, 30))
    assert robot.desk.reviewer.selected(robot.document)["area"] == 15, "sky selects nothing else"
    robot.drag(robot.of_pixel(90, 100), robot.of_pixel(80, 90))
    assert robot.desk.reviewer.selected(robot.document)["area"] == 15, "a drag is no click"
    assert robot.view != view


def test_tools_have_buttons_and_menu_lines(robot):
    for name in ("pick", "rectangle", "lasso", "hand"):
        robot.click(f"tool:{name}", across=0.15)
        assert robot.workspace.tool == name
    robot.command("Tools", "Lasso")
    assert robot.workspace.tool == "lasso"


def test_space_pans_whatever_tool_is_chosen(robot):
    view = robot.view
    robot.move("image", 0.1, 0.1)
    robot.key("Q")
    robot.hold("Space")
    robot.drag(robot.of_pixel(60, 80), robot.of_pixel(60, 90))
    robot.hold("Space", False)
    assert robot.view.x == pytest.approx(view.x - 10, abs=0.5) and not edited(robot)


@pytest.mark.parametrize("end", ["mask", "Threshold", "objects"])
def test_a_stroke_that_ends_outside_its_pane_goes_no_further(robot, end):
    robot.move("image", 0.1, 0.1)
    robot.key("B")
    robot.drag(robot.of_pixel(60, 70), robot.at(end, 0.2, 0.5))
    (y, x), drawn = robot.under_mouse(), edited(robot)
    steps = [(pixel[0] - 60.5) * (x - 70.5) - (pixel[1] - 70.5) * (y - 60.5) for pixel in drawn]
    reach = max(abs(x - 70.5), abs(y - 60.5))
    assert drawn and np.abs(steps).max() <= 1.6 * reach, "it is one straight line"
    robot.move(robot.of_pixel(100, 60))
    robot.frame(2)
    assert edited(robot) == drawn, "the mouse comes back with no button held"


def test_a_rectangle_may_end_over_the_other_pane(robot):
    robot.move("image", 0.1, 0.1)
    robot.key("Q")
    pull(robot, (60, 70), (80, 120))
    assert set(edited(robot)) == {(y, x) for y in range(60, 81) for x in range(70, 121)}
    robot.key("Ctrl+Z")
    robot.drag(robot.of_pixel(60, 70, "mask"), robot.of_pixel(62, 80, "image"))
    robot.settle()
    left = int(robot.under_mouse("mask")[1])
    assert left < 20 and {x for _, x in edited(robot)} == set(range(left, 71))


def test_files_that_change_in_the_middle_of_a_drag_end_it(robot):
    robot.move("image", 0.1, 0.1)
    robot.key("Q")
    robot.move(robot.of_pixel(60, 70))
    robot.press()
    robot.move(robot.of_pixel(70, 80))
    document = robot.document
    robot.workspace.entries.append(entry_of_array(np.zeros(SHAPE, np.float32)))
    robot.workspace.current = 1
    robot.frame(2)
    robot.release()
    robot.settle()
    assert not document.edits.any and not robot.document.edits.any
    robot.move("image", 0.2, 0.2)
    assert robot.workspace.cursor is not None
