"""The command line: exit codes, one line of words for every error, and never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

import glview
from glview import cli, opening, screenshot, session
from glview.gl.program import ShaderError
from glview.gl.textures import GLError
from glview.scene import Scene

ROOT = Path(__file__).parent.parent


def run(*arguments, timeout=60):
    """A process of its own, without a display, any warning of Python's an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "glview", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=timeout, cwd=ROOT.anchor)


@pytest.fixture
def said(capsys):
    """Run the command here; returns (exit code, lines on stderr)."""

    def command(*arguments):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr().err.splitlines()

    return command


@pytest.fixture
def started(monkeypatch):
    """What `main` would have started: a list of (how, entries, options)."""
    calls = []
    for module, how in ((session, "run_window"), (screenshot, "run_screenshot")):
        monkeypatch.setattr(
            module, how, lambda entries, options, how=how: calls.append((how, entries, options)))
    return calls


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, np.arange(1200, dtype=np.int16).reshape(30, 40))
    return path


# words


@pytest.mark.parametrize(("arguments", "words"), [
    (["--size", "big"], "size such as 1600x1000"), (["--size", "1600"], "'1600'"),
    (["--size", "0x100"], "size"), (["--size", "100x-5"], "size"), (["--size", "9x9x9"], "size"),
    (["--size", "99999x99999"], "size"), (["--size", "axb"], "size"),
    (["--zoom", "big"], "'fit' or a factor"), (["--zoom", "0"], "factor"),
    (["--zoom", "-2"], "factor"), (["--zoom", "nan"], "factor"), (["--zoom", "inf"], "factor"),
    (["--zoom", "1e9"], "factor"),
    (["--center", "5"], "position X,Y"), (["--center", "5,6,7"], "position"),
    (["--center", "a,b"], "position"), (["--center", ""], "position"),
    (["--center", "nan,nan"], "position"), (["--center", "inf,1"], "position"),
    (["--center", "1,1e300"], "position"),
    (["--threshold", "2"], "from 0 to 1"), (["--threshold", "-0.1"], "from 0 to 1"),
    (["--threshold", "nan"], "from 0 to 1"), (["--threshold", "high"], "from 0 to 1"),
    (["--dilate", "17"], "16"), (["--dilate", "-1"], "16"), (["--dilate", "1.5"], "int"),
    (["--scale", "cubic"], "asinh"), (["--limits", "50"], "zscale"), (["--limits", "user"], "99.5"),
    (["--cmap", "mud"], "viridis"), (["--pane", "left"], "image"),
    (["--no-such-option"], "--no-such-option"), (["--size"], "expected one argument"),
])
def test_wrong_values_are_told_in_words(said, started, frame, arguments, words):
    code, lines = said(frame, "--screenshot", "out.png", *arguments)
    assert code == 2 and not started
    assert words in lines[-1] and lines[-1].startswith("glview: error: ")


@pytest.mark.parametrize(("arguments", "words"), [
    (["--screenshot", "out.png"], "--screenshot needs a FILE"),
    (["frame.fits", "--pane", "image"], "--pane is for --screenshot"),
    (["frame.fits", "--screenshot", ""], "--screenshot needs the name"),
    (["frame.fits", "--screenshot", "out.jpg"], "--screenshot writes PNG"),
    (["a.fits", "b.fits", "--screenshot", "out.png"], "draws one FILE; 2 were given"),
    (["frame.fits", "--model", "nonsense"], "there is no model 'nonsense'"),
    (["frame.fits", "--model", "none.safetensors"], "there is no model 'none.safetensors'"),
    (["frame.fits", "--state", "/nonexistent/x"], "--state needs the name of a file"),
    (["frame.fits", "--state", "/"], "not '/'"),
    (["frame.fits", "--state", ""], "--state needs the name"),
])
def test_what_does_not_go_together_is_told_in_words(said, started, arguments, words):
    code, lines = said(*arguments)
    assert (code, len(lines)) == (2, 1) and not started
    assert lines[0].startswith("glview: ") and words in lines[0]


def test_options_arrive_as_they_were_given(said, started, frame):
    code, lines = said(f"{frame}[0]", "--detect", "--model", "acs-wfc", "--threshold", "0.25",
                       "--dilate", "3", "--scale", "log", "--limits", "99.5", "--cmap", "heat",
                       "--zoom", "4", "--center", "512,300.5", "--size", "800X600",
                       "--screenshot", "out.png", "--pane", "mask", "--precision", "bfloat16")
    assert (code, lines) == (0, [])
    (how, entries, options), = started
    assert how == "run_screenshot"
    assert (entries[0].path, entries[0].ext) == (frame, "0")
    assert options == session.Options(
        size=(800, 600), detect=True, model="acs-wfc", threshold=0.25, dilate=3, scale="log",
        limits="99.5", cmap="heat", zoom=4.0, center=(512.0, 300.5), screenshot="out.png",
        pane="mask", precision="bfloat16")


def test_files_are_opened_in_a_window_in_their_order(said, started, frame):
    assert said(frame, "b.fits", "--ext", "SCI", "--zoom", "fit") == (0, [])
    (how, entries, options), = started
    assert how == "run_window" and options.zoom == 0.0
    assert [(entry.name, entry.ext) for entry in entries] == [("frame.fits", "SCI"),
                                                              ("b.fits", "SCI")]
    assert said() == (0, []) and started[1][1] == []


def test_the_demo_is_a_file_a_mask_can_be_saved_in(said, monkeypatch):
    seen = []
    monkeypatch.setattr(session, "run_window", lambda entries, options: seen.append(
        (entries[0].path, fits.getdata(entries[0].path).shape)))
    assert said("--demo") == (0, [])
    path, shape = seen[0]
    assert path.suffix == ".fits" and len(shape) == 2 and min(shape) > 100


@pytest.mark.parametrize(("error", "code"), [
    (session.SessionError("it did not work"), 1), (GLError("no memory left"), 1),
    (ShaderError("line 3"), 1), (KeyboardInterrupt(), 130)])
def test_exit_codes_of_a_run_that_fails(said, monkeypatch, frame, error, code):
    def fail(entries, options):
        raise error

    monkeypatch.setattr(session, "run_window", fail)
    words = [f"glview: {error}"] if code == 1 else []
    assert said(frame) == (code, words)


def make_bad_files(folder):
    """Name -> (path, words of the error) of what cannot be shown."""
    (folder / "empty.fits").touch()
    (folder / "text.fits").write_text("these are words\n" * 500)
    (folder / "page.fits").write_text("<!DOCTYPE html><html>404</html>")
    table = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1, 2])])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(folder / "tables.fits")
    whole = folder / "whole.fits"
    fits.writeto(whole, np.zeros((300, 300), np.float32))
    (folder / "cut.fits").write_bytes(whole.read_bytes()[:2000])
    np.save(folder / "words.npy", np.array(["a", "b"]))
    (folder / "inside").mkdir()
    return {"none.fits": "there is no file", "inside": "folder", "empty.fits": "empty (0 bytes)",
            "text.fits": "no image", "page.fits": "web page", "tables.fits": "no picture",
            "cut.fits": "next to nothing", "words.npy": "real numbers",
            "whole.fits[7]": "no extension 7", "whole.fits[SCI]": "no extension SCI"}


@pytest.mark.parametrize("how", ["window", "screenshot"])
def test_a_file_that_cannot_be_shown_is_one_line_and_exit_code_2(said, tmp_path, how):
    more = ["--screenshot", tmp_path / "out.png"] if how == "screenshot" else []
    for name, words in make_bad_files(tmp_path).items():
        code, lines = said(tmp_path / name, *more)
        assert (code, len(lines)) == (2, 1), (name, lines)
        assert lines[0].startswith("glview: ") and words in lines[0]
    code, lines = said("", *more)
    assert code == 2 and lines[0].startswith("glview: a name is empty: ")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("how", [[], ["--screenshot", "out.png"]])
def test_a_reader_that_fails_in_an_unforeseen_way_is_one_line(said, monkeypatch, frame, how):
    def broken(path, ext, coming, side):
        raise RuntimeError("never thought of")

    monkeypatch.setattr(opening, "look_into", broken)
    code, lines = said(frame, *how)
    assert (code, len(lines)) == (2, 1)
    assert str(frame) in lines[0] and "never thought of" in lines[0]


def test_a_picture_that_cannot_be_drawn_is_not_written(said, monkeypatch, frame, tmp_path):
    def refuse(scene, workspace):
        raise GLError("no memory left")

    monkeypatch.setattr(Scene, "draw", refuse)
    code, lines = said(frame, "--screenshot", tmp_path / "out.png", "--size", "80x60")
    assert (code, len(lines)) == (1, 1) and "no memory left" in lines[0]
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("name", ["detect", "score"])
def test_the_first_word_may_be_a_command_and_a_file_of_that_name_is_still_opened(
    said, started, frame, name, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    frame.rename(tmp_path / name)
    code, lines = said(name)
    assert code == 2 and lines[-1].startswith(f"glview {name}: error: ") and not started
    assert said(f"./{name}") == said("--zoom", "fit", name) == (0, [])
    assert [entries[0].path.name for _, entries, _ in started] == [name, name]


@pytest.mark.parametrize("name", ["detect", "score"])
def test_a_command_has_its_own_help(name, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0 and text.startswith(f"usage: glview {name} ")
    assert "--json" in text and "--screenshot" not in text and "examples:" in text


# processes


def test_a_process_of_its_own_tells_of_a_missing_file():
    done = run("/no/such/frame.fits")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "glview: there is no file /no/such/frame.fits\n"


def test_help_and_version():
    done = run("--help")
    assert done.returncode == 0 and not done.stderr
    for word in ("--detect", "--screenshot", "Ctrl+S", "FILE[SCI]", "viridis", "glview detect",
                 "glview score", "./detect"):
        assert word in done.stdout
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"glview {glview.__version__}\n")


def test_without_a_display_a_window_is_refused_in_words(frame):
    done = run(frame)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("glview: ") and "display" in done.stderr.lower()


def test_a_screenshot_needs_no_display(gl, frame, tmp_path):
    out = tmp_path / "out.png"
    done = run(frame, "--screenshot", out, "--pane", "image", "--size", "80x60", "--zoom", "2",
               "--limits", "minmax", "--center", "20.5,15.5")
    assert (done.returncode, done.stderr) == (0, "")
    pixels = np.asarray(Image.open(out))
    assert pixels.shape[:2] == (60, 80)
    grey = pixels[::-1, :, 0].reshape(30, 2, 40, 2)  # row 0 of FITS is the lowest on screen
    expected = np.arange(1200).reshape(30, 40) / 1199 * 255
    assert np.abs(grey - expected[:, None, :, None]).max() <= 1
    wide = tmp_path / "wide.fits"
    fits.writeto(wide, np.tile(np.arange(24000, dtype=np.int16), (600, 1)))
    done = run(wide, "--screenshot", out, "--pane", "image", "--size", "12000x300", "--zoom",
               "0.51", "--limits", "minmax")
    assert (done.returncode, done.stderr) == (0, "")
    row = np.asarray(Image.open(out))[150, :, 0].astype(int)
    assert row[0] <= 10 and row[-1] >= 250 and (np.diff(row) >= 0).all()
    done = run(frame, "--screenshot", tmp_path / "no" / "folder" / "out.png", "--size", "80x60")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "in a folder that can be written" in done.stderr
