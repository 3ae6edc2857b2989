"""Menus, palette, help, header, notices, the question before closing, and panels that fail."""

import errno
import logging
import os

import numpy as np
import pytest
from imgui_bundle import imgui
from astropy.io import fits
from robot import Robot

import glview
from glview.core.view import View
from glview.library import mask_of
from glview.ui.actions import ACTIONS, MENUS, MOUSE


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.fits"
    hdu = fits.PrimaryHDU(np.random.default_rng(0).normal(100, 5, (50, 70)).astype(np.float32))
    hdu.header["OBSERVER"] = "Cecilia Payne"
    hdu.writeto(path)
    return path


@pytest.fixture
def robot(frame):
    with Robot(frame) as made:
        made.move("image")
        yield made


def window_open(title):
    """True if a window of that name was drawn in the last frame."""
    found = imgui.internal.find_window_by_name(title)
    return found is not None and found.active


DIALOGS = [("F1", "Keys and mouse"), ("Ctrl+Shift+P", "Commands"), ("Ctrl+H", "FITS header")]


@pytest.mark.parametrize(("key", "title"), DIALOGS)
def test_a_dialog_opens_and_escape_closes_it(robot, key, title):
    assert not window_open(title)
    robot.key("B")
    robot.key(key)
    robot.frame()
    assert window_open(title)
    robot.key("Escape")
    robot.frame()
    assert not window_open(title)
    assert robot.workspace.tool == "add", "Escape closed the dialog and nothing else"
    robot.key(key)
    robot.frame()
    assert window_open(title), "it opens again"


def test_escape_closes_a_list_and_nothing_else(robot):
    robot.key("B")
    for opened in ("Scale", "menu:File"):
        robot.click(opened, across=0.2)
        robot.key("I")
        robot.key("Escape")
        robot.frame()
        assert not imgui.is_popup_open("", imgui.PopupFlags_.any_popup.value)
        assert robot.workspace.tool == "add" and not robot.document.stretch.invert
    robot.key("Escape")
    assert robot.workspace.tool == "hand"


def test_the_help_lists_every_key(robot):
    robot.key("F1")
    robot.frame(2)
    texts = robot.texts()
    for action in ACTIONS:
        if action.keys:
            assert (f"{action.label}. {action.hint}" if action.hint else action.label) in texts
            assert any(action.keys[0] in text for text in texts)
    assert {words for _, words in MOUSE} <= set(texts)
    assert any(text.startswith("Pick. Click: add the bright object") for text in texts)


def test_about_says_what_to_cite(robot):
    robot.command("Help", "About glview")
    robot.frame(2)
    assert robot.reads(f"glview {glview.__version__}")
    assert robot.reads("Xu et al.") and robot.reads("Zhang & Bloom 2020")


def test_the_header_shows_the_cards(robot):
    robot.key("Ctrl+H")
    robot.frame()
    assert robot.reads("OBSERVER") and robot.reads("Cecilia Payne")


def test_the_palette_runs_what_is_typed(robot):
    robot.key("Ctrl+Shift+P")
    robot.frame(2)
    robot.type("invert col")
    robot.key("Enter")
    robot.frame(2)
    assert robot.document.stretch.invert
    assert not window_open("Commands")
    robot.key("Ctrl+Shift+P")
    robot.frame(2)
    robot.type("no such thing")
    robot.key("Enter")
    robot.frame(2)
    assert window_open("Commands") and robot.document.stretch.invert
    robot.key("Escape")
    robot.frame()
    assert not window_open("Commands")


def test_letters_in_the_palette_are_no_commands(robot):
    robot.key("Ctrl+Shift+P")
    robot.frame(2)
    for name in ("D", "B", "F"):
        robot.key(name)
    assert robot.desk.detector.running is None and robot.workspace.tool == "hand"


def test_the_wheel_over_a_dialog_does_not_zoom(robot):
    robot.key("F1")
    robot.frame(2)
    view = robot.view
    robot.wheel(3, (400, 300))
    robot.drag((400, 350), (430, 380))
    assert robot.view == view


@pytest.mark.parametrize("menu", MENUS)
def test_every_menu_opens_and_shows_its_lines_and_keys(robot, menu):
    robot.click(f"menu:{menu}")
    names = {f"menu:{menu}:{action.label}" for action in ACTIONS if action.menu == menu}
    assert names <= robot.in_sight()
    width, height = robot.platform.size
    for name in names:
        x, y, wide, tall = robot.places[name]
        assert 0 <= x and x + wide <= width and y + tall <= height


def test_a_line_of_a_menu_does_what_it_says(robot):
    robot.command("Display", "Invert the colour map")
    assert robot.document.stretch.invert
    robot.command("Tools", "Delete")
    assert robot.workspace.tool == "delete"
    robot.command("View", "Zoom in")
    assert not robot.workspace.fit
    robot.command("View", "Fit the window")
    assert robot.workspace.fit


def test_what_cannot_be_done_now_is_grey(robot):
    for menu, label in (("Edit", "Undo"), ("File", "Save mask")):
        robot.command(menu, label)
        robot.key("Escape")
    robot.settle()
    assert not robot.workspace.notices


def test_the_standard_layout_comes_back(robot):
    before = {name: robot.places[name] for name in ("image", "mask", "overview", "Threshold")}
    robot.drag(robot.at("bar"), (150, robot.at("bar")[1]))
    robot.frame(2)
    assert robot.places["image"][2] < before["image"][2] - 50
    assert robot.places["mask"][2] > before["mask"][2] + 50
    robot.command("View", "Standard layout")
    robot.frame(3)
    after = {name: robot.places[name] for name in before}
    for name, place in before.items():
        assert after[name] == pytest.approx(place, abs=20)
    assert robot.workspace.split == 0.5


# notices


def test_a_notice_can_be_closed(robot):
    robot.workspace.notify("First sentence, which is long: " + "a word and " * 40)
    robot.workspace.notify("Second sentence")
    robot.workspace.notify("Second sentence")
    robot.frame(3)
    assert robot.reads("First sentence") and len(robot.workspace.notices) == 2
    robot.click("notice:0")
    assert robot.workspace.notices == ["Second sentence"]
    robot.click("notice:0")
    assert not robot.workspace.notices
    assert not window_open("notices")


def test_many_notices_leave_room_for_work(robot):
    for number in range(60):
        robot.workspace.notify(f"Sentence {number}")
    robot.frame(3)
    box = imgui.internal.find_window_by_name("notices")
    assert box.pos.y + box.size.y < robot.platform.size[1] * 0.75
    for number in range(60)[::-1]:  # the newest is the first
        assert robot.reads(f"Sentence {number}")
        robot.click(f"notice:{number}")
    assert not robot.workspace.notices


def test_many_notices_are_closed_at_once(robot):
    for number in range(2):
        robot.workspace.notify(f"Sentence {number}")
    robot.frame(3)
    assert not robot.reads("Close all")
    robot.workspace.notify("Sentence 2")
    robot.frame(3)
    robot.click("notices:close")
    assert not robot.workspace.notices


@pytest.mark.parametrize("text", ["50 % of it %s %n", "caf\u00e9 \u4e2d\u6587", "a\udcffb",
                                  "x##y###z", "nul\0nul", ""])
def test_any_text_can_be_shown(robot, text):
    robot.workspace.notify(text)
    robot.document.detection.status = text
    robot.frame(3)
    assert robot.workspace.notices == [text]


@pytest.mark.parametrize("name", ["100%s%n.fits", "two ## hashes.fits", "caf\u00e9.fits"])
def test_any_file_name_can_be_shown(frame, name):
    path = frame.with_name(name)
    frame.rename(path)
    with Robot(path, path) as robot:
        robot.click(robot.tab("Files"))
        robot.click("file:1")
        robot.settle()
        assert robot.workspace.current == 1 and robot.document is not None
        assert not robot.workspace.notices


# the question before closing


def paint(robot):
    robot.workspace.fit, robot.workspace.view = False, View(25, 35, 3.0)
    robot.key("B")
    robot.frame()
    robot.drag(robot.of_pixel(20, 30), robot.of_pixel(20, 40))
    return mask_of(robot.document)


def test_quitting_without_changes_asks_nothing(robot):
    robot.key("Ctrl+Q")
    assert robot.desk.done


def test_unsaved_changes_are_asked_about_and_can_be_gone_on_with(robot):
    final = paint(robot)
    robot.key("Ctrl+Q")
    robot.frame(2)
    assert not robot.desk.done and window_open("Unsaved changes")
    assert robot.reads("frame.fits")
    robot.click("unsaved:stay")
    assert not robot.desk.done and not window_open("Unsaved changes")
    robot.click(robot.of_pixel(40, 30))
    assert mask_of(robot.document).sum() == final.sum() + 1, "one can go on working"


def test_unsaved_changes_can_be_discarded(robot, frame):
    before = frame.read_bytes()
    paint(robot)
    robot.key("Ctrl+Q")
    robot.frame(2)
    robot.click("unsaved:discard")
    assert robot.desk.done and frame.read_bytes() == before


def test_unsaved_changes_can_be_saved(robot, frame):
    final = paint(robot)
    robot.key("Ctrl+Q")
    robot.frame(2)
    robot.click("unsaved:save")
    robot.until(lambda: robot.desk.done)
    assert (fits.getdata(frame, "CR_MASK").astype(bool) == final).all()


def test_a_save_that_fails_does_not_end_the_program(robot, frame, monkeypatch):
    def refuse(*names, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    paint(robot)
    monkeypatch.setattr(os, "replace", refuse)
    robot.key("Ctrl+Q")
    robot.frame(2)
    robot.click("unsaved:save")
    robot.settle()
    assert not robot.desk.done and robot.document.changed
    assert any("NOT SAVED" in notice for notice in robot.workspace.notices)


def test_keys_do_nothing_behind_the_question(robot):
    final = paint(robot)
    robot.key("Ctrl+Q")
    robot.frame(2)
    robot.key("Ctrl+Z")
    robot.key("I")
    robot.drag((60, 300), (100, 340))
    assert (mask_of(robot.document) == final).all() and not robot.document.stretch.invert
    robot.key("Escape")
    robot.frame(2)
    assert not robot.desk.done


# panels that fail


class BrokenError(Exception):
    """What a test's panel raises."""


@pytest.mark.parametrize("stage", ["plain", "inside a child", "inside a tree of styles"])
def test_a_panel_that_raises_costs_a_frame_and_becomes_a_notice(robot, stage, caplog):
    whole = robot.desk.layout.panels["Objects"]

    def broken(desk):
        if stage == "inside a child":
            imgui.begin_child("half done")
        elif stage == "inside a tree of styles":
            imgui.push_style_color(imgui.Col_.text, (1, 0, 0, 1))
            imgui.begin_group()
            imgui.push_item_width(10)
        raise BrokenError("no such column")

    robot.workspace.cursor = None
    robot.frame(2)
    before = robot.part("image").copy()
    robot.desk.layout.panels["Objects"] = broken
    with caplog.at_level(logging.CRITICAL, "glview"):
        robot.frame(5)
    robot.desk.layout.panels["Objects"] = whole
    (notice,) = robot.workspace.notices
    assert "no such column" in notice
    robot.frame(2)
    robot.click("notice:0")
    robot.workspace.cursor = None
    robot.frame(2)
    assert (robot.part("image") == before).all(), "the interface is whole again"
    paint(robot)
    assert robot.document.edits.added == 11
    robot.settle()
    assert robot.reads("1 object, ")
