"""What lies behind the panels: the window's own colour, once, unless a panel floats."""

import numpy as np
import pytest
from imgui_bundle import imgui
from robot import Robot

SKY = np.random.default_rng(4).normal(100, 5, (60, 80)).astype(np.float32)


@pytest.fixture
def robot():
    with Robot(SKY, size=(1000, 700)) as made:
        yield made


def ground():
    colour = imgui.get_style().color_(imgui.Col_.window_bg.value)
    return np.round(255 * np.array([colour.x, colour.y, colour.z]))


def foot(robot, name):
    """The pixels at the lower end of a panel, where nothing stands in it."""
    panel = imgui.internal.find_window_by_name(name)
    x, y = round(panel.pos.x + panel.size.x / 2), round(panel.pos.y + panel.size.y) - 12
    return robot.picture()[y : y + 6, x : x + 6]


def test_a_docked_panel_has_the_colour_of_the_window(robot):
    assert abs(foot(robot, "Detection") - ground()).max() <= 1


def test_a_panel_that_floats_covers_what_is_under_it(robot):
    left, top, width, height = robot.places["image"]
    before = robot.picture()[round(top + height / 2), round(left + width / 2)]
    assert abs(before - ground()).max() > 20, "the picture is no ground"
    imgui.internal.dock_builder_dock_window("Detection", 0)
    robot.frame(2)
    panel = imgui.internal.find_window_by_name("Detection")
    assert panel.dock_node is None
    imgui.internal.set_window_pos(panel, (left, top))
    imgui.internal.set_window_size(panel, (width, height))
    robot.frame(3)
    assert abs(foot(robot, "Detection") - ground()).max() <= 1


def test_panels_that_float_together_cover_what_is_under_them(robot):
    left, top, width, height = robot.places["image"]
    node = imgui.internal.dock_builder_add_node(0, 0)
    imgui.internal.dock_builder_set_node_pos(node, (left, top))
    imgui.internal.dock_builder_set_node_size(node, (width, height))
    for name in ("Detection", "Files"):
        imgui.internal.dock_builder_dock_window(name, node)
    imgui.internal.dock_builder_finish(node)
    robot.frame(3)
    assert imgui.internal.find_window_by_name("Detection").dock_node.is_floating_node()
    assert abs(foot(robot, "Detection") - ground()).max() <= 1


def test_nothing_is_filled_with_the_grounds_colour_but_the_bars():
    with Robot(SKY, size=(1000, 700)):
        colour, bar = imgui.get_color_u32(imgui.Col_.window_bg.value), imgui.get_frame_height()
        for drawn in imgui.get_draw_data().cmd_lists:
            ends = [vertex.pos.y for vertex in drawn.vtx_buffer if vertex.col == colour]
            assert max(ends, default=0) - min(ends, default=0) <= bar + 2
