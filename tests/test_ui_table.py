"""The table of objects: sorted, filtered, typed at; a click on a row flies there."""

import time

import numpy as np
import pytest
from drawing import OVERLAY
from robot import Robot

from glview.core.listing import Rules
from glview.ui.objecttable import COLUMNS

SHAPE = (160, 200)
SIZE = (1140, 700)  # thumbnails and table side by side
BOXES = ((10, 10, 20, 18, 0.9), (40, 60, 46, 70, 0.95), (0, 20, 5, 30, 0.8),
         (120, 150, 124, 160, 0.7), (60, 120, 63, 130, 0.85), (66, 197, 68, 200, 0.65))
STAR = (40, 76)  # 6 pixels beside the second


def scene():
    """(image, confidence); what an object holds grows as its confidence falls."""
    image, confidence = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    image += np.random.default_rng(0).normal(0, 1, SHAPE)
    for y0, x0, y1, x1, sure in BOXES:
        confidence[y0:y1, x0:x1], image[y0:y1, x0:x1] = sure, 100 / sure
    image[STAR] = 9000
    return image, confidence


@pytest.fixture
def robot():
    image, confidence = scene()
    with Robot(image, overlay=OVERLAY, size=SIZE) as made:
        made.know(confidence)
        yield made
        assert not made.workspace.notices


def listed(robot):
    """(y0, x0) of the rows in the order of the table."""
    robot.frame()
    listing = robot.desk.listing
    return [(int(row["y0"]), int(row["x0"])) for row in listing.rows[listing.order]]


def by(key, falling=False):
    return [box[:2] for box in sorted(BOXES, key=key, reverse=falling)]


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


KEYS = {"id": lambda box: -area(box), "x": lambda box: box[1] + box[3],
        "y": lambda box: box[0] + box[2], "area": area, "flux": lambda box: area(box) / box[4],
        "peak": lambda box: 1 / box[4], "mean": lambda box: box[4], "max": lambda box: box[4]}


def test_a_click_on_a_header_sorts_and_a_second_one_turns_it_round(robot):
    assert listed(robot) == by(area, falling=True)
    for column in KEYS:
        first_up = column in ("id", "x", "y")
        robot.click(f"header:{column}")
        assert listed(robot) == by(KEYS[column], falling=not first_up), column
        robot.click(f"header:{column}")
        assert listed(robot) == by(KEYS[column], falling=first_up), column


def test_the_thumbnails_and_n_follow_the_table(robot):
    robot.click("header:y")
    order = by(KEYS["y"])
    robot.move("image", 0.02, 0.02)
    for place in (*order, order[0]):
        robot.key("N")
        chosen = robot.desk.listing.rows[robot.desk.listing.selected]
        assert (chosen["y0"], chosen["x0"]) == place
    robot.click("thumbnail:2")
    chosen = robot.desk.listing.rows[robot.desk.listing.selected]
    assert (chosen["y0"], chosen["x0"]) == order[2]


def test_the_table_shows_what_the_list_beside_the_thumbnails_chose(robot):
    robot.choose("##rank", "flux")
    assert listed(robot) == by(KEYS["flux"], falling=True)
    robot.click("header:flux")
    assert listed(robot) == by(KEYS["flux"]), "the header knew what it was sorted by"


def test_a_row_tells_fits_positions_and_a_click_flies_there(robot):
    texts = robot.texts()
    assert "14.5" in texts and "15.5" in texts, "the middle of the first, counted from 1"
    rows = [name for name in robot.places if name.startswith("row:")]
    assert texts.count("to review") == len(rows) >= 4
    robot.click("row:1", across=0.5)
    assert (robot.view.y, robot.view.x) == (43.0, 65.0) and robot.view.zoom >= 4
    assert robot.desk.listing.selected == 1


def test_each_filter_by_itself(robot):
    assert len(listed(robot)) == 6
    robot.write("area >", "30")
    assert sorted(listed(robot)) == sorted(box[:2] for box in BOXES if area(box) > 30)
    assert robot.reads("4 of 6 shown")
    robot.write("area >", "0")
    robot.click("only:edge", across=0.1)
    assert sorted(listed(robot)) == [(0, 20), (66, 197)]
    robot.click("only:edge", across=0.1)
    robot.click("only:bright", across=0.1)
    robot.settle()
    assert listed(robot) == [(40, 60)]
    robot.click("only:bright", across=0.1)
    robot.key("1")
    robot.settle()
    robot.click("row:0", across=0.5)
    robot.click("only:in_view", across=0.1)
    robot.settle()
    assert (10, 10) in listed(robot) and len(listed(robot)) < 6
    robot.click("only:in_view", across=0.1)
    assert len(listed(robot)) == 6


def test_objects_can_be_listed_by_what_was_said(robot):
    robot.move("image", 0.02, 0.02)
    for key in ("N", "A", "X", "A"):
        robot.key(key)
        robot.settle()
    robot.choose("##said", "unreviewed")
    assert len(listed(robot)) == 3
    robot.key("A")
    assert len(listed(robot)) == 2
    robot.choose("##said", "accepted")
    assert len(listed(robot)) == 3
    robot.choose("##said", "rejected")
    assert listed(robot) == [(40, 60)]
    robot.choose("##said", "any")
    assert len(listed(robot)) == 6


def test_typing_a_number_or_a_place_flies_there(robot):
    robot.key("Ctrl+F")
    robot.frame(2)
    robot.type("5")
    assert robot.desk.listing.rows[robot.desk.listing.selected]["id"] == 5
    robot.write("Find", "62, 42")
    chosen = robot.desk.listing.rows[robot.desk.listing.selected]
    assert (chosen["y0"], chosen["x0"]) == (40, 60)
    before = robot.places["area >"]
    for nonsense, words in (("77", "There is no object 77"), ("abc", "neither"), ("-1", "-1"),
                            ("nan", "neither"), ("inf, nan", "neither")):
        robot.write("Find", nonsense)
        assert words in robot.workspace.told, nonsense
        assert robot.desk.listing.rows[robot.desk.listing.selected]["x0"] == 60, nonsense
        robot.frame()
        assert robot.places["area >"] == before, "nothing is pushed aside"
    assert desk_moves_nothing(robot)


def test_a_position_is_flown_to_also_where_there_is_no_object(robot):
    robot.write("Find", "3")
    assert robot.desk.listing.selected >= 0
    robot.write("Find", "180, 75")
    assert (robot.view.x, robot.view.y) == (179.5, 74.5) and robot.view.zoom >= 8
    assert robot.workspace.cursor == (74, 179) and robot.desk.listing.selected == -1
    robot.write("Find", "165.4 42.6")
    assert (robot.view.x, robot.view.y) == (164.9, 42.1)
    assert robot.workspace.cursor == (42, 164) and not robot.workspace.told
    robot.write("Find", "61, 46")
    chosen = robot.desk.listing.rows[robot.desk.listing.selected]
    assert (chosen["y0"], chosen["x0"]) == (40, 60), "the object there"
    assert (robot.view.x, robot.view.y) == (60.5, 45.5), "but the place that was asked for"


@pytest.mark.parametrize(("text", "pixel"), [("900, 75", (74, 199)), ("-5 -6", (0, 0)),
                                             ("20, 1e9", (159, 19))])
def test_a_position_off_the_frame_is_told_and_the_nearest_pixel_shown(robot, text, pixel):
    robot.write("Find", text)
    assert robot.workspace.cursor == pixel
    y, x = pixel
    assert abs(robot.view.y - y) <= 1 and abs(robot.view.x - x) <= 1
    assert f"off the frame; the nearest pixel is {x + 1}, {y + 1}" in robot.workspace.told


def test_what_was_typed_before_is_replaced(robot):
    for number in (2, 4):
        robot.key("Ctrl+F")
        robot.frame(2)
        robot.type(str(number))
        robot.key("Enter")
        robot.frame(2)
        assert robot.desk.listing.rows[robot.desk.listing.selected]["id"] == number


def test_one_number_names_an_object_everywhere(robot):
    robot.click("header:x")
    robot.settle()
    robot.click("header:x")
    robot.frame(2)
    listing = robot.desk.listing
    shown = [text.split(":") for text in robot.texts() if text.endswith(" px")]
    assert shown and all(int(listing.rows["area"][int(number) - 1]) == int(words.split()[0])
                         for number, words in shown)


def test_what_was_rejected_keeps_a_number_to_be_found_by(robot):
    robot.move("image", 0.02, 0.02)
    for key in ("N", "A", "X"):
        robot.key(key)
        robot.settle()
    assert sorted(robot.desk.listing.rows["id"]) == [1, 2, 3, 4, 5, 6]
    robot.write("Find", "2")
    chosen = robot.desk.listing.rows[robot.desk.listing.selected]
    assert (chosen["y0"], chosen["x0"]) == (40, 60)


def desk_moves_nothing(robot):
    """Letters typed into the field are no commands."""
    before = robot.workspace.tool, robot.document.history.last
    robot.write("Find", "BEX")
    return (robot.workspace.tool, robot.document.history.last) == before


def test_the_table_is_empty_without_a_mask_and_follows_the_file():
    image, confidence = scene()
    with Robot(image, np.zeros((30, 30), np.float32), size=SIZE) as robot:
        robot.key("N")
        assert not listed(robot) and not robot.workspace.notices
        robot.know(confidence)
        assert len(listed(robot)) == 6
        robot.key("Tab")
        robot.settle()
        assert not listed(robot)
        robot.key("Tab")
        robot.settle()
        assert len(listed(robot)) == 6 and not robot.workspace.notices


def test_a_hundred_thousand_objects_cost_only_the_rows_in_sight():
    confidence = np.zeros((2000, 1800), np.float32)
    confidence[2::6, 2::6] = np.random.default_rng(0).uniform(0.6, 1, (333, 300))
    with Robot(np.zeros((2000, 1800), np.float32), size=SIZE) as robot:
        robot.know(confidence)
        assert len(listed(robot)) == 99_900
        robot.click("header:mean")
        assert len(robot.desk.listing.order) == 99_900
        names = [name for name in robot.in_sight() if name.startswith(("row:", "thumbnail:"))]
        assert 0 < len(names) < 60
        robot.key("P")
        robot.settle()
        assert "row:99899" in robot.in_sight() and "thumbnail:99899" in robot.in_sight()
        began, listing = time.perf_counter(), robot.desk.listing
        for _ in range(100):
            listing.update(robot.document)
        still = (time.perf_counter() - began) / 100
        listing.rules = Rules(above=0, edge=True)
        robot.frame()
        assert len(listing.order) == 0
        assert still < 0.02, "a list that does not change is not sorted again"


def test_every_column_has_a_header(robot):
    assert {f"header:{name}" for name in COLUMNS} <= set(robot.places)
