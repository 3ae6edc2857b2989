"""Keys that are held, the divider and the preview, as a user meets them."""

import numpy as np
import pytest
from astropy.io import fits
from drawing import OVERLAY, is_colour
from robot import RIGHT, Robot

from glview.core.compare import KINDS, Compare
from glview.core.stretch import Stretch
from glview.core.view import View

SHAPE = (240, 300)
SIZE = (1100, 700)
RAY = np.s_[116:122, 146:152]
GREEN, BLUE = (0.25, 0.90, 0.35), (255, 0, 255)


def frame(level=100.0):
    """Flat but for one bright block, which the model finds."""
    pixels = np.full(SHAPE, level, np.float32)
    pixels[RAY] = 250
    return pixels


@pytest.fixture
def robot():
    with Robot(frame(60), frame(120), size=SIZE, overlay=OVERLAY) as made:
        for number in (0, 1):
            made.desk.library.show(number)
            made.settle()
            made.document.stretch = Stretch(limits="user", low=0.0, high=255.0)
        found = np.zeros(SHAPE, np.float32)
        found[RAY] = 0.9
        made.know(found)
        made.workspace.fit, made.workspace.view = False, View(119, 149, 8.0)
        made.settle()
        yield made


def shown(robot, y, x, pane="image"):
    return tuple(robot.colour_of(y, x, pane))


def grey(level):
    return (level,) * 3


def test_t_shows_the_image_without_its_mask_while_it_is_held(robot):
    assert shown(robot, 118, 148) == BLUE
    robot.hold("T")
    assert shown(robot, 118, 148) == grey(250), "in the frame of the key"
    assert shown(robot, 118, 148, "mask") == grey(255)
    assert robot.reads("without the mask")
    robot.frame(5)
    robot.hold("T", False)
    assert shown(robot, 118, 148) == BLUE, "in the frame of the key"
    assert not robot.reads("without the mask") and robot.workspace.overlay == OVERLAY


def test_shift_t_shows_the_mask_of_the_model_alone(robot):
    robot.document.edits.draw((118, 148), (118, 148), 1, 2)
    robot.document.edits.draw((125, 148), (125, 148), 1, 1)
    robot.settle()
    assert is_colour(robot.colour_of(125, 148), GREEN)
    edited = shown(robot, 118, 148), shown(robot, 118, 148, "mask")
    for name in ("Shift", "T"):
        robot.hold(name)
    assert shown(robot, 118, 148) == BLUE and shown(robot, 118, 148, "mask") == grey(255)
    assert shown(robot, 125, 148) == grey(120) and shown(robot, 125, 148, "mask") == grey(0)
    assert robot.reads("the model's mask, without edits")
    robot.hold("Shift", False)
    assert shown(robot, 118, 148) == BLUE, "until T comes up"
    robot.hold("T", False)
    assert (shown(robot, 118, 148), shown(robot, 118, 148, "mask")) == edited
    assert not robot.reads("without edits") and robot.document.edits.deleted == 1


def test_y_shows_the_previous_file_at_the_same_view(robot):
    view = robot.view
    robot.hold("Y")
    robot.settle()
    assert shown(robot, 100, 130) == grey(60) and shown(robot, 118, 148) == grey(250)
    assert shown(robot, 118, 148, "mask") != grey(255), "it has no mask"
    assert robot.reads("previous: array") and robot.view == view
    assert robot.workspace.current == 1
    robot.hold("Y", False)
    assert shown(robot, 100, 130) == grey(120) and shown(robot, 118, 148) == BLUE
    robot.hold("Y")
    assert shown(robot, 100, 130) == grey(60), "the second time in the frame of the key"
    robot.hold("Y", False)


def test_y_says_so_when_no_other_file_is_open():
    with Robot(frame(), size=SIZE) as robot:
        robot.hold("Y")
        assert robot.reads("no other file is open") and not robot.workspace.notices
        robot.hold("Y", False)
        assert not robot.reads("no other file is open")


def test_y_says_so_when_the_previous_file_is_too_small_to_be_seen():
    with Robot(np.ones((20, 30), np.float32), frame(), size=SIZE) as robot:
        robot.desk.library.show(1)
        robot.settle()
        robot.hold("Y")
        robot.settle()
        assert robot.reads("previous: array") and not robot.reads("it does not reach here")
        robot.workspace.fit, robot.workspace.view = False, View(200, 250, 20.0)
        robot.settle()
        assert robot.reads("previous: array: it does not reach here")
        robot.hold("Y", False)


def test_nothing_is_drawn_on_a_file_that_is_not_the_current_one(robot):
    robot.key("B")
    robot.hold("Y")
    robot.move(robot.of_pixel(100, 130))
    robot.press()
    robot.move(robot.of_pixel(101, 131))
    robot.release()
    robot.hold("Y", False)
    assert not robot.document.edits.any and not robot.workspace.entries[0].document.edits.any
    robot.click(robot.of_pixel(100, 130))
    assert robot.document.edits.added == 1


def test_right_of_a_divider_that_shows_another_file_nothing_is_edited(robot):
    robot.workspace.compare = Compare(divided=True, at=0.5, other="previous")
    robot.settle()
    middle = int(robot.under(robot.at("divider"))[1])
    first = robot.workspace.entries[0].document
    for tool in ("B", "W"):
        robot.move(robot.of_pixel(118, middle + 3))
        robot.key(tool)
        robot.click(robot.of_pixel(118, middle + 3))
        robot.settle()
        assert not robot.document.edits.any and not first.edits.any, tool
    robot.key("B")
    robot.click(robot.of_pixel(100, middle - 3))
    assert robot.document.edits.added == 1, "left of it is the current file"
    robot.click(robot.of_pixel(100, middle + 3, "mask"))
    assert robot.document.edits.added == 2, "the mask pane is not divided"
    robot.workspace.compare = Compare(divided=True, at=0.5, other="model")
    robot.click(robot.of_pixel(101, middle + 3))
    assert robot.document.edits.added == 3, "that is the same file"


def test_what_a_click_would_take_is_not_shown_on_another_file(robot, monkeypatch):
    robot.move(robot.of_pixel(118, 148))
    robot.key("W")
    robot.settle()
    pick = robot.desk.layout.canvas.pick
    assert pick.shown is not None
    robot.hold("Y")
    robot.frame()
    assert pick.shown is None
    robot.hold("Y", False)
    robot.settle()
    assert pick.shown is not None
    monkeypatch.setattr(robot.desk.jobs, "start", lambda *job: None)  # no answer comes
    robot.workspace.current = 0
    robot.frame()
    assert pick.shown is None


@pytest.mark.parametrize("first", ["Ctrl", "Y"])
def test_redo_is_no_comparison_whichever_key_comes_up_first(robot, first):
    robot.hold("Ctrl")
    robot.hold("Y")
    second = "Y" if first == "Ctrl" else "Ctrl"
    for name in (first, second):
        robot.hold(name, False)
        assert robot.workspace.compare == Compare()


def test_of_two_keys_the_last_one_counts(robot):
    robot.hold("T")
    robot.hold("Y")
    assert robot.workspace.compare.held == "previous"
    robot.hold("T", False)
    assert robot.workspace.compare.held == "previous"
    robot.hold("T")
    assert robot.workspace.compare.held == "image"
    robot.hold("Y", False)
    robot.hold("T", False)
    assert robot.workspace.compare.held == ""


def test_other_keys_work_while_one_is_held(robot):
    robot.hold("T")
    robot.key("Z")
    assert robot.view.zoom > 8 and robot.workspace.compare.held == "image"
    robot.hold("T", False)


def test_a_field_that_takes_letters_takes_these_too(robot):
    robot.key("Ctrl+Shift+P")
    robot.frame(2)
    robot.hold("T")
    assert robot.workspace.compare.held == ""
    robot.hold("T", False)
    robot.key("Escape")
    robot.frame(3)
    robot.hold("T")
    assert robot.workspace.compare.held == "image"
    robot.hold("T", False)


def test_the_menu_holds_it_until_it_is_chosen_again_or_the_key_was_held(robot):
    label = f"Hold: {KINDS['image']}"
    for _ in range(2):
        robot.command("Compare", label)
        robot.frame(5)
        assert shown(robot, 118, 148) == grey(250)
        robot.command("Compare", label)
        robot.frame(2)
        assert shown(robot, 118, 148) == BLUE
    robot.command("Compare", label)
    robot.key("T")
    assert robot.workspace.compare == Compare() and shown(robot, 118, 148) == BLUE


def test_u_fills_the_masked_pixels_and_follows_threshold_and_strokes(robot):
    robot.move((5, 5))
    robot.key("U")
    robot.settle()
    assert shown(robot, 118, 148) == grey(120) and shown(robot, 118, 148, "mask") == grey(255)
    assert robot.reads("CR-cleaned preview")
    robot.document.change(threshold=0.95)
    robot.settle()
    assert shown(robot, 118, 148) == grey(250)
    robot.document.change(threshold=0.5)
    robot.document.edits.draw((118, 148), (118, 148), 1, 2)
    robot.settle()
    assert shown(robot, 118, 148) == grey(250) and shown(robot, 119, 148) == grey(120)
    robot.hold("T")
    assert shown(robot, 119, 148) == grey(250), "the image as it is"
    robot.hold("T", False)
    robot.key("U")
    assert shown(robot, 119, 148) == BLUE and not robot.reads("CR-cleaned preview")


def test_the_preview_says_when_there_is_nothing_to_be_seen():
    tall = np.zeros((5000, 200), np.float32)
    with Robot(tall, size=SIZE) as robot:
        robot.key("U")
        assert robot.reads("CR-cleaned preview: no mask yet")
        robot.know(tall)
        assert robot.view.zoom < 1 / 8 and robot.reads("zoom in beyond 1:8 to see it")
        robot.key("1")
        robot.settle()
        assert robot.reads("CR-cleaned preview") and not robot.reads("zoom in")


def columns(robot):
    """(of the ray's middle row: is it drawn as masked) along the image pane."""
    row = round(robot.of_pixel(118, 148)[1] - robot.places["image"][1])
    return is_colour(robot.part("image")[row : row + 1], OVERLAY.colour)[0]


def divides_at(robot):
    """True if the ray is masked left of the divider, and nowhere right of it."""
    width = round(robot.places["image"][2])
    column = robot.workspace.compare.column(width)
    masked, left = columns(robot), robot.places["image"][0]
    x0, x1 = (round(robot.of_pixel(118, x)[0] - 4 - left) for x in (146, 152))
    inside = np.zeros(width, bool)
    inside[x0 : min(x1, column)] = True
    inside[column - 2 : column + 2] = masked[column - 2 : column + 2]  # the line lies there
    return np.array_equal(masked[1:-1], inside[1:-1])


def test_the_divider_is_dragged_with_the_mouse(robot):
    robot.move((5, 5))
    robot.key("Shift+U")
    assert robot.workspace.compare.divided and robot.reads("right of the divider: without the mask")
    view = robot.view
    for x in (149.2, 147.0, 151.5, 140.0, 160.0):
        robot.move("divider")
        robot.press()
        robot.move((robot.of_pixel(0, x)[0], robot.at("image", 0.5, 0.7)[1]))
        assert abs(robot.at("divider")[0] - robot.mouse[0]) < 600
        robot.frame()
        robot.release()
        robot.move((5, 5))
        robot.frame(2)
        assert abs(robot.at("divider")[0] - robot.of_pixel(0, x)[0]) <= 1
        assert divides_at(robot), x
    assert robot.view == view and not robot.document.history.done, "the picture was not dragged"
    robot.move("divider")
    robot.press()
    robot.move((2000, 300))
    robot.release()
    assert robot.workspace.compare.at == 1.0
    robot.key("Shift+U")
    robot.frame()
    assert "divider" not in robot.places and robot.workspace.compare.right == ""


def test_the_divider_moves_by_keys_and_the_next_comparison_comes_by_one(robot):
    robot.key("Shift+U")
    robot.key("Ctrl+Left", 3)
    assert robot.workspace.compare.at == pytest.approx(0.44)
    robot.key("Ctrl+Right", 60)
    assert robot.workspace.compare.at == 1.0
    seen = []
    for _ in KINDS:
        seen.append(robot.workspace.compare.right)
        robot.key("Ctrl+U")
    assert seen == list(KINDS) and robot.workspace.compare.right == "image"
    assert robot.workspace.cursor is None, "the cursor did not go along"


def test_a_right_click_on_the_divider_offers_what_it_can_show(robot):
    robot.key("Shift+U")
    robot.frame()
    robot.click("divider", button=RIGHT)
    robot.frame(2)
    robot.click("divider:previous", across=0.3)
    robot.settle()
    assert robot.workspace.compare.right == "previous"
    robot.move((5, 5))
    robot.frame()
    x = robot.under((robot.at("divider")[0], 300))[1]
    assert shown(robot, 100, int(x) - 3) == grey(120)
    assert shown(robot, 100, int(x) + 3) == grey(60)
    assert robot.document.stretch == Stretch(limits="user", low=0.0, high=255.0)


def test_numbers_in_the_pixels_are_only_of_what_is_shown(robot, monkeypatch):
    drawn = []
    numbers = robot.desk.layout.canvas._numbers
    monkeypatch.setattr(numbers, "draw", lambda desk, document, seen, place, name:
                        drawn.append(name))
    robot.workspace.view = View(119, 149, 60.0)

    def names():
        drawn.clear()
        robot.frame()
        return drawn[:]

    assert names() == ["image", "mask"]
    robot.workspace.compare = Compare(cleaned=True)
    assert names() == ["mask"]
    robot.workspace.compare = Compare(held="previous")
    robot.desk.layout._keyboard.holding = ""
    assert names() == []
    robot.workspace.compare = Compare(held="model")
    assert names() == ["image", "mask"]


def test_the_cleaned_image_is_saved_when_that_is_asked_for_and_never_else(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, frame().astype(np.int16))
    with Robot(path, size=SIZE) as robot:
        found = np.zeros(SHAPE, np.float32)
        found[RAY] = 0.9
        robot.know(found)
        robot.command("File", "Save CR-cleaned image with the mask")
        robot.settle()
        assert robot.workspace.told.startswith("Saved the mask and the CR-cleaned image in frame")
        with fits.open(path) as saved:
            assert saved["CR_CLEANED"].data.dtype.name == "float32"
            assert (saved["CR_CLEANED"].data == 100).all() and (saved[0].data == frame()).all()
            assert saved["CR_MASK"].data.sum() == 36
        robot.key("U")
        robot.document.change(dilation=1)
        robot.key("Ctrl+S")
        robot.settle()
        assert robot.workspace.told.startswith("Saved the mask in frame")
        with fits.open(path) as saved:
            assert "CR_CLEANED" not in saved, "it would not be that of the mask"
