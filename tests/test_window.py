"""The real window on a screen of its own, worked with as a person would: mouse, keyboard, eyes."""

import os
import re
import time
from contextlib import suppress

import numpy as np
import pytest
from astropy.io import fits
from screen import Program, Screen

OPTIONS = ("--size", "1000x700")
SLOW = {"astropy", "numba", "torch", "scipy", "PIL"}
ALWAYS = ("image", "mask", "overview", "Threshold", "objects", "menu:Help")  # at any window size


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """The X server of this file; a missing program is a failure, for then nothing was tested."""
    try:
        made = Screen(tmp_path_factory.mktemp("screen"))
    except FileNotFoundError as missing:
        pytest.fail(str(missing), pytrace=False)
    yield made
    made.close()


@pytest.fixture
def frame(tmp_path, sky):
    """A plain FITS frame with rays."""
    path = tmp_path / "frame.fits"
    fits.writeto(path, sky.image)
    return path


def test_a_missing_screen_is_a_clear_failure(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"Xvfb and xdotool not found.* xvfb and xdotool"):
        Screen(tmp_path)


def masked(program):
    """Share of the mask pane's pixels that are drawn as masked."""
    shown = program.part("mask")[2:-2, 2:-2]
    cursor = shown[..., 2] - shown[..., 0] > 60  # its box is bluish
    return ((shown > 100).any(-1) & ~cursor).mean()


def test_the_whole_job(screen, frame, tmp_path, sky):
    """Open, zoom, detect, paint, undo, save; the next start shows what was saved."""
    science = frame.read_bytes()
    with Program(screen, tmp_path, frame, *OPTIONS, "--model", "ACS-WFC") as program:
        state = program.wait(lambda state: state["file"] is not None)
        assert not SLOW & set(state["first_picture_packages"])
        assert {"imgui_bundle", "numpy"} <= set(state["first_picture_packages"])
        assert state["limits"][0] < np.median(sky.image) < state["limits"][1]
        assert program.part("image").std() > 20, "a picture, not a black window"
        assert masked(program) == 0

        program.move("image")
        zoom = program.wait()["view"]["zoom"]
        state = program.click("image", button="up", times=6)
        assert state["view"]["zoom"] == pytest.approx(zoom * 1.25**6, rel=1e-6)
        before = state["view"]
        x, y = program.at("image")
        state = program.drag((x, y), (x - 60, y + 30))
        assert state["view"]["x"] - before["x"] == pytest.approx(60 / before["zoom"], abs=0.6)
        assert state["view"]["y"] - before["y"] == pytest.approx(30 / before["zoom"], abs=0.6)

        state = program.key("f", "d", seconds=120, until=lambda state:
                            state.get("covered") == 1.0 and state["objects"])
        assert state["changed"] and not state["notices"]
        found, detected = state["pixels"], masked(program)
        assert detected > 0.0005
        assert found > 0.3 * sky.truth.sum()

        program.key("b", "bracketright", "bracketright")
        state = program.drag(program.of_pixel(40, 60), program.of_pixel(40, 120))
        assert state["added"] > 150 and state["deleted"] == 0
        state = program.wait(lambda state: state["pixels"] > found)
        added, painted = state["added"], masked(program)
        assert painted > detected
        program.key("ctrl+z", until=lambda state: state["added"] == 0 and state["pixels"] == found)
        assert masked(program) == pytest.approx(detected, abs=1e-5)
        state = program.key("ctrl+shift+z", until=lambda state: state["pixels"] > found)
        assert state["added"] == added
        pixels = state["pixels"]

        state = program.key("ctrl+s", until=lambda state: not state["changed"])
        assert "frame.fits" in state["told"] and not state["notices"]
        assert program.quit() == (0, "")
    assert frame.read_bytes().startswith(science)
    with fits.open(frame) as hdus:
        saved = hdus["CR_MASK"].data.astype(bool)
        assert saved.sum() == pixels and saved[40, 60:121].all()
        assert (hdus[0].data == sky.image).all()
    with Program(screen, tmp_path, frame, *OPTIONS) as program:
        state = program.wait(lambda state: state.get("pixels") == pixels)
        assert state["added"] == added and not state["changed"]
        green = program.part("mask")
        green = (green[..., 1] > 180) & (green[..., 0] < 100)
        assert green.any() and masked(program) == pytest.approx(painted, rel=0.2)
        assert program.quit() == (0, "")


def test_resizing_and_quitting_with_unsaved_changes(screen, frame, tmp_path):
    before = frame.read_bytes()
    with Program(screen, tmp_path, frame, *OPTIONS) as program:
        program.wait(lambda state: state["file"] is not None)
        for width, height in ((700, 500), (1300, 900)):
            screen.xdo("windowsize", "--sync", program.window, width, height)
            state = program.wait(lambda state, width=width, height=height: (
                width - 50 < right(state) <= width and height - 50 < bottom(state) <= height))
            assert program.picture().shape == (height, width, 3)
            assert program.part("image").std() > 20 and program.part("Threshold").std() > 5
            assert state["view"]["zoom"] > 0.3
        program.move("image")
        program.key("b")
        program.drag(program.at("image", 0.4, 0.5), program.at("image", 0.6, 0.5))
        state = program.key("ctrl+q", until=lambda state: "unsaved:stay" in state["places"])
        state = program.click("unsaved:stay")
        assert "unsaved:stay" not in state["places"] and state["changed"]
        screen.ask_to_close(program.window)
        state = program.wait(lambda state: "unsaved:discard" in state["places"])
        program.move("unsaved:discard")
        time.sleep(0.1)
        screen.xdo("click", 1)
        assert program.ended() == (0, "")
    assert frame.read_bytes() == before


def bottom(state):
    return max(state["places"][name][1] + state["places"][name][3] for name in ALWAYS)


def right(state):
    return max(state["places"][name][0] + state["places"][name][2] for name in ALWAYS)


def test_the_window_and_its_panels_come_back_as_they_were(screen, frame, tmp_path, home):
    """Over three starts, also on a monitor of twice the usual scale."""
    screen.set_resources("Xft.dpi:\t192\n")
    (home / "config" / "glview").mkdir()
    (home / "config" / "glview" / "settings.json").write_text('{"size": [650, 410]}')
    try:
        seen = []
        for _ in range(3):
            with Program(screen, tmp_path, frame) as one:
                state = one.wait(lambda state: state["file"] is not None)
                seen.append((one.picture().shape, state["places"]["image"]))
                if len(seen) == 1:  # the panels' edge, dragged
                    x, y, _, height = state["places"]["overview"]
                    one.drag((x - 3, y + height / 2), (x - 103, y + height / 2))
                    moved = one.wait()["places"]["image"]
                assert one.quit() == (0, "")
        assert [shape for shape, _ in seen] == [(820, 1300, 3)] * 3
        assert seen[1][1] == seen[2][1] == moved != seen[0][1]
    finally:
        screen.set_resources("")


def test_a_panel_that_an_old_layout_does_not_know_is_docked(screen, frame, tmp_path, home):
    kept = home / "config" / "glview" / "layout.ini"
    for start in range(2):
        with Program(screen, tmp_path, frame, *OPTIONS) as one:
            one.wait(lambda state: state["file"] is not None)
            assert one.quit() == (0, "")
        sections = dict(part.split("]\n", 1) for part in kept.read_text().split("[Window][")[1:])
        docks = {name: re.search("DockId=(0x[0-9A-F]+)", sections[name])[1]
                 for name in ("Loupe", "Display", "Object table", "Objects")}
        assert docks["Loupe"] == docks["Display"]
        if not start:
            for name in ("Loupe", "Object table"):
                text = kept.read_text()
                begin = text.index(f"[Window][{name}]")
                kept.write_text(text[:begin] + text[text.index("[", begin + 10 + len(name)) :])
            assert "Loupe" not in kept.read_text()
    assert docks["Object table"] == docks["Objects"]


def test_an_idle_window_uses_no_processor_time(screen, frame, tmp_path):
    with Program(screen, tmp_path, frame, *OPTIONS) as program:
        program.wait(lambda state: state["file"] is not None)
        program.click("image", button="up", times=3)
        program.wait()
        time.sleep(1.0)  # tooltips and the last frames after an event
        frames, used = program.state["frame"], program.cpu_seconds()
        time.sleep(2.0)
        assert program.cpu_seconds() - used < 0.1
        assert program.state["frame"] == frames
        assert program.quit() == (0, "")


def test_a_sleeping_window_tells_of_a_file_that_changed(screen, frame, tmp_path):
    with Program(screen, tmp_path, frame, *OPTIONS) as program:
        before = program.wait(lambda state: state["file"] is not None)
        assert before["notices"] == []
        time.sleep(1.5)  # it sleeps, and nothing will wake it but the file
        os.utime(frame, ns=(5, 5))
        told = program.wait(lambda state: state["notices"])["notices"]
        assert "changed by another program" in told[0] and "Ctrl+R" in told[0]
        assert program.quit() == (0, "")


def test_broken_files_among_good_ones(screen, frame, tmp_path):
    broken = tmp_path / "broken.fits"
    broken.write_bytes(b"SIMPLE  =                    T" + b" " * 500)
    with Program(screen, tmp_path, broken, frame, tmp_path / "missing.fits", *OPTIONS) as program:
        state = program.wait(lambda state: state["frame"] > 3)
        assert state["file"] is None
        assert program.picture().std() > 5, "not a black window"
        program.move((300, 300))
        program.key("Tab", until=lambda state: state["file"] is not None)
        assert program.part("image").std() > 20
        program.key("Tab", until=lambda state: state["file"] is None)
        assert program.quit() == (0, "")


def test_show_returns_the_corrected_mask(screen, tmp_path):
    """`glview.show` on an array: the window opens, the user paints, and the mask comes back."""
    code = """if True:
        import numpy as np, glview
        image = np.random.default_rng(0).normal(100, 5, (60, 80)).astype("f4")
        mask = np.zeros((60, 80), bool)
        mask[10:20, 10:20] = True
        np.save("mask.npy", glview.show(image, mask=mask))
    """
    with Program(screen, tmp_path, code=code) as program:
        program.wait(lambda state: state["file"] is not None)
        program.move("image")
        program.key("b", until=lambda state: state["tool"] != "hand")
        state = program.drag(program.of_pixel(40, 30), program.of_pixel(40, 60))
        assert state["added"] == 31
        assert program.quit() == (0, "")
    mask = np.load(tmp_path / "mask.npy")
    assert mask.shape == (60, 80) and mask.dtype == bool
    assert mask[10:20, 10:20].all()
    mask[10:20, 10:20] = False
    assert mask.sum() == 31 and mask[40, 30:61].all()


def test_the_window_closes_at_once_while_a_file_is_being_opened(screen, frame, tmp_path):
    """The second file is read for ever; the work on the first is not held up by it."""
    code = f"""if True:
        import time
        from glview import library, opening, session
        look_into = opening.look_into
        def slow(path, *more):
            if path.name == "slow.fits":
                time.sleep(1000)
            return look_into(path, *more)
        opening.look_into = slow
        entries = [library.entry_for(name) for name in ("{frame}", "slow.fits")]
        session.run_window(entries, session.Options())
    """
    with Program(screen, tmp_path, code=code) as program:
        program.wait(lambda state: state["file"] is not None)
        program.move("image")
        screen.xdo("key", "Tab")
        time.sleep(0.5)
        assert program.state["file"] is None and not program.state["settled"]
        assert program.quit() == (0, "")  # and not in 1000 seconds


RESETTING = """if True:
    import ctypes, sys
    import numpy as np
    from pathlib import Path
    import imgui_bundle, glfw
    from glview import library, opening, renewing, session
    from glview.gl.context import DisplayError

    def answer():
        try:
            Path("reset").unlink()
        except FileNotFoundError:
            return 0
        glfw.make_context_current(None)  # nothing is drawn from now on
        renewing.TOLD += "."
        if Path("dead").exists():
            glfw.create_window = lambda *_: None
        return 0x8253

    tell, find = ctypes.CFUNCTYPE(ctypes.c_uint)(answer), glfw.get_proc_address
    where = ctypes.cast(tell, ctypes.c_void_p).value
    glfw.get_proc_address = lambda name: where if "ResetStatus" in name else find(name)
    renewing.PATIENCE = 0.5
    entry = library.entry_for("frame.fits")
    library.fill(entry, opening.look_into(entry.path, entry.ext))
    session._begin_with(entry.document, np.load("confidence.npy"))
    try:
        session.run_window([entry], session.Options(size=(1000, 700)))
    except DisplayError as error:
        sys.exit(str(error))
"""


@pytest.fixture
def resetting(frame, tmp_path, sky):
    """Code of a window with a detection, whose driver has a reset when there is a file "reset"."""
    np.save(tmp_path / "confidence.npy", sky.truth.astype(np.float32))
    return RESETTING


def reset(screen, program, folder, words):
    """Have the driver reset, and look at the window; returns its state when it is there again, and
    at its foot it says these words."""
    (folder / "reset").touch()
    program.move("overview", 0.5, 0.1)
    old, end = program.window, time.monotonic() + 30
    while program.window == old and time.monotonic() < end:
        with suppress(AssertionError):  # one went while xdotool looked at it
            found = screen.xdo("search", "--onlyvisible", "--pid", program.process.pid).split()
            program.window = next(iter(set(found) - {old}), old)
    assert program.window != old
    return program.wait(lambda state: state["told"].endswith(words))


def geometry(program):
    words = program.screen.xdo("getwindowgeometry", "--shell", program.window).split()
    return {word for word in words if not word.startswith("WINDOW")}


def test_a_reset_of_the_graphics_driver_costs_no_work(screen, resetting, tmp_path):
    with Program(screen, tmp_path, code=resetting) as program:
        program.wait(lambda state: state["file"] is not None)
        screen.xdo("windowmove", "--sync", program.window, 150, 90)
        program.move("image")
        program.key("b", "bracketright")
        state = program.drag(program.of_pixel(40, 60), program.of_pixel(40, 120))
        added, pixels = state["added"], program.wait(lambda state: state["objects"])["pixels"]
        program.move("overview", 0.5, 0.1)
        place = geometry(program)
        before = program.wait()
        title = screen.xdo("getwindowname", program.window)
        shown = program.picture()[: int(before["places"]["readout"][1])]
        assert added > 100 and masked(program) > 0.0005 and title.startswith("* frame.fits")
        for dots in (".", ".."):
            state = reset(screen, program, tmp_path, "nothing was lost" + dots)
            assert not state["notices"]
            assert geometry(program) == place and {"X=150", "Y=90"} <= place
            assert screen.xdo("getwindowname", program.window) == title
            # A thumbnail may lie elsewhere in its texture, and its colours be rounded elsewhere.
            assert abs(program.picture()[: len(shown)] - shown).max() <= 1
            assert state["places"] == before["places"] and state["view"] == before["view"]
            assert (state["added"], state["pixels"]) == (added, pixels)
        program.move("image")
        program.key("ctrl+z", until=lambda state: state["added"] == 0)
        state = program.key("ctrl+shift+z", until=lambda state: state["added"] == added)
        program.key("ctrl+s", until=lambda state: not state["changed"])
        assert program.quit() == (0, "")
    with fits.open(tmp_path / "frame.fits") as hdus:
        assert hdus["CR_MASK"].data.astype(bool).sum() == pixels


def test_a_driver_that_stays_dead_ends_it_in_a_sentence(screen, resetting, tmp_path):
    with Program(screen, tmp_path, code=resetting) as program:
        program.wait(lambda state: state["file"] is not None)
        program.move("image")
        program.key("b")
        state = program.drag(program.of_pixel(40, 60), program.of_pixel(40, 120))
        added = state["added"]
        assert added > 50
        (tmp_path / "dead").touch()
        (tmp_path / "reset").touch()
        program.move("overview")
        code, words = program.ended()
    assert code == 1 and words.count("\n") == 1
    assert words.startswith("the graphics driver was reset, and no window")
    assert "frame.fits is kept, and offered when you open it again" in words
    with Program(screen, tmp_path, tmp_path / "frame.fits", *OPTIONS) as program:
        program.wait(lambda state: "restore:restore" in state["places"])
        program.click("restore:restore")
        program.wait(lambda state: state["added"] == added and state["objects"])
        program.key("ctrl+s", until=lambda state: not state["changed"])
        assert program.quit() == (0, "")
