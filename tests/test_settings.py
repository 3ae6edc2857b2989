"""What is remembered between two starts survives whatever is in the file."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from glview import opening
from glview.core.image import from_array
from glview.core.stretch import Stretch
from glview.session import Options, workspace_for
from glview.settings import FILE, Settings, folder
from glview.workspace import Entry, Overlay, Workspace


def load(tmp_path, text):
    path = tmp_path / "settings.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Settings.load(path)


def known(settings):
    return (settings.size, settings.stretch, settings.overlay, settings.brush)


DEFAULTS = known(Settings())


@pytest.mark.parametrize("text", [
    "", "{", "null", "[]", "7", '"text"', "[" * 100_000, b"\xff\xfe\x00", b"\0" * 50,
    '{"size": null, "stretch": null, "overlay": null, "brush": null}',
    '{"size": [1], "stretch": [], "overlay": "x", "brush": "3"}',
    '{"size": ["a", "b"], "brush": 2.5, "unknown": {"deep": [1, 2]}}',
    '{"size": [true, true], "brush": true}',
    '{"size": [1e400, 5.5], "brush": NaN}',
    '{"stretch": {"kind": "no such", "limits": "no such", "colormap": "no such"}}',
    '{"stretch": {"kind": 1, "limits": [], "colormap": null, "invert": 1, "clip": "yes"}}',
    '{"stretch": {"kind": ["log"], "colormap": {"a": 1}, "low": 5.0, "contrast": 9.0}}',
    '{"overlay": {"shown": 0, "opacity": NaN, "outline": null, "pane": "no such"}}',
    '{"overlay": {"opacity": Infinity, "colour": [1, 2], "pane": 4}}',
    '{"overlay": {"colour": [0.5, "a", 0.5]}}',
    '{"overlay": {"colour": [0.5, NaN, 0.5]}}',
    '{"overlay": {"colour": [0.5, 1e999, 0.5], "opacity": "0.5"}}',
])
def test_what_cannot_be_used_leaves_the_defaults(tmp_path, text):
    assert known(load(tmp_path, text)) == DEFAULTS


def test_a_file_that_is_not_there_or_not_a_file(tmp_path):
    assert known(Settings.load(tmp_path / "none.json")) == DEFAULTS
    assert known(Settings.load(tmp_path)) == DEFAULTS


def test_one_bad_value_does_not_cost_the_good_ones(tmp_path):
    held = {"size": [1234, 777], "brush": 7,
            "stretch": {"kind": "log", "limits": "no such", "colormap": "viridis", "invert": True},
            "overlay": {"opacity": 0.25, "colour": [0, 1, 0.5], "pane": "confidence", "shown": "?"}}
    found = load(tmp_path, json.dumps(held))
    assert (found.size, found.brush) == ((1234, 777), 7)
    assert found.stretch == Stretch("log", colormap="viridis", invert=True)
    assert found.overlay == Overlay(opacity=0.25, colour=(0.0, 1.0, 0.5), pane="confidence")


@pytest.mark.parametrize(("size", "kept"), [([1, 1], (640, 400)), ([-5, 10**9], (640, 16384)),
                                            ([16384, 900], (16384, 900))])
def test_a_window_is_neither_tiny_nor_larger_than_any_screen(tmp_path, size, kept):
    assert load(tmp_path, json.dumps({"size": size})).size == kept


def test_numbers_stay_in_their_ranges(tmp_path):
    found = load(tmp_path, '{"brush": 5000, "overlay": {"opacity": 7.0, "colour": [-1, 2, 0.5]}}')
    assert found.brush == 99
    assert found.overlay.opacity == 1.0 and found.overlay.colour == (0.0, 1.0, 0.5)
    assert load(tmp_path, '{"brush": -5}').brush == 1


def desk_with(stretch, overlay=None, brush=1, model="auto", size=(1600, 1000)):
    image = from_array(np.arange(12.0).reshape(3, 4))
    document = opening.document_of(opening.look_at((image,), image))
    document.stretch = stretch
    entry = Entry(None, "a", documents={(0, 0): document}, shown=(0, 0))
    workspace = Workspace([entry], overlay=overlay or Overlay(), brush=brush, model=model)
    return SimpleNamespace(workspace=workspace, platform=SimpleNamespace(usual_size=size))


def test_what_the_user_likes_comes_back(monkeypatch, tmp_path):
    monkeypatch.setenv("GLVIEW_CONFIG", str(tmp_path / "new" / "folder"))
    overlay = Overlay(False, (0.1, 0.2, 0.3), 0.4, True, "confidence")
    stretch = Stretch("asinh", "99.5", 0.0, 1.0, True, "heat", True, contrast=3.0, bias=0.1)
    Settings().remember(desk_with(stretch, overlay, 12, "ACS-WFC", (1111, 888)))
    found = Settings.load(folder() / FILE)
    assert found.stretch == replace(stretch, contrast=1.0, bias=0.5)
    assert found.overlay == overlay
    assert (found.size, found.brush) == ((1111, 888), 12)


def test_a_model_is_chosen_for_this_time_only(tmp_path, monkeypatch):
    monkeypatch.setenv("GLVIEW_CONFIG", str(tmp_path))
    Settings().remember(desk_with(Stretch(), model="decam"))
    found = Settings.load(folder() / FILE)
    assert workspace_for([], found, Options()).model == "auto"
    assert workspace_for([], found, Options(model="NRES")).model == "NRES"
    old = load(tmp_path, '{"model": "decam"}')
    assert workspace_for([], old, Options()).model == "auto", "from another version"


def test_limits_set_by_hand_are_of_one_frame_and_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("GLVIEW_CONFIG", str(tmp_path))
    settings = Settings()
    settings.remember(desk_with(Stretch("log", "user", 100.0, 200.0)))
    assert settings.stretch == Stretch("log")
    assert Settings.load(folder() / FILE).stretch == Stretch("log")
    assert load(tmp_path, '{"stretch": {"limits": "user"}}').stretch == Stretch()


def test_what_was_asked_for_once_is_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("GLVIEW_CONFIG", str(tmp_path))
    Settings().remember(desk_with(Stretch("sqrt", "99", colormap="cool")))
    settings = Settings.load(folder() / FILE)
    settings.for_this_run(size=(700, 500), kind="log", limits="minmax", colormap=None)
    assert settings.size == (700, 500)
    assert settings.stretch == Stretch("log", "minmax", colormap="cool"), "for every file of it"
    settings.remember(desk_with(settings.stretch, size=(700, 500)))
    found = Settings.load(folder() / FILE)
    assert known(found)[:2] == ((1600, 1000), Stretch("sqrt", "99", colormap="cool"))


def test_what_the_user_changed_after_it_was_asked_for_is_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("GLVIEW_CONFIG", str(tmp_path))
    settings = Settings()
    settings.for_this_run(size=(700, 500), kind="log", limits=None, colormap="b")
    settings.remember(desk_with(Stretch("log", "98", colormap="heat"), size=(900, 600)))
    found = Settings.load(folder() / FILE)
    assert found.stretch == Stretch("linear", "98", colormap="heat")
    assert found.size == (900, 600)


def test_without_a_picture_the_old_taste_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("GLVIEW_CONFIG", str(tmp_path))
    settings, desk = Settings(), desk_with(Stretch())
    settings.stretch, desk.workspace.entries = Stretch("sqrt"), []
    settings.remember(desk)
    assert Settings.load(folder() / FILE).stretch == Stretch("sqrt")


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    Settings().save(tmp_path / "file" / "settings.json")
    assert (tmp_path / "file").read_text() == "in the way"


def test_where_the_settings_are(monkeypatch, home, tmp_path):
    monkeypatch.setenv("GLVIEW_CONFIG", str(tmp_path / "here"))
    assert folder() == tmp_path / "here"
    monkeypatch.setenv("GLVIEW_CONFIG", "")
    assert folder() == Path(home / "config" / "glview")
