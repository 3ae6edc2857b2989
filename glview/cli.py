"""The `glview` command."""

import argparse
import gzip
import os
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import glview

KEYS = """
in the window:
  wheel zooms about the cursor, drag pans, right drag changes contrast and bias,
  middle click centres; F fit, 1 one to one, Tab next file, D detect, N / P next and
  previous object, B add, E delete, [ ] brush, Ctrl+Z undo, Ctrl+S save, F1 all keys

examples:
  glview frame.fits                        look at it, press D to detect, Ctrl+S to save
  glview 'mosaic.fits[SCI]' --scale log    a certain extension
  glview frame.fits --detect --screenshot out.png --zoom 4 --center 512,300
"""


FARTHEST = 1e9  # pixels; no image is as wide


class UsageError(Exception):
    """The command line asks for something that does not go together."""


def _size(text):
    width, _, height = text.lower().partition("x")
    size = int(width), int(height)
    if not all(16 <= side <= 16384 for side in size):
        raise ValueError(text)
    return size


def _zoom(text):
    """A zoom factor; 0.0 stands for fit."""
    zoom = 0.0 if text == "fit" else float(text)
    if text != "fit" and not 1 / 4096 <= zoom <= 256:
        raise ValueError(text)
    return zoom


def _centre(text):
    x, y = (float(part) for part in text.split(","))
    if not (abs(x) <= FARTHEST and abs(y) <= FARTHEST):
        raise ValueError(text)
    return x, y


def _share(text):
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


def _named(convert, words):
    """argparse names a value's type in its error; give it words."""
    convert.__name__ = words
    return convert


def parser():
    """The argument parser; its defaults are those of the window."""
    from glview.core.colormaps import COLORMAPS
    from glview.core.limits import LIMITS
    from glview.core.stretch import KINDS

    made = argparse.ArgumentParser(
        prog="glview", epilog=KEYS, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Find, check and correct cosmic rays in astronomical images.")
    add = made.add_argument
    add("files", nargs="*", metavar="FILE",
        help="FITS (.fits .fit .fts .fz, also .gz), .npy, TIFF, PNG; FILE[SCI] or FILE[2] "
             "chooses an extension")
    add("--ext", metavar="NAME|N", help="extension to show, by EXTNAME or number")
    add("--detect", action="store_true", help="detect cosmic rays at once")
    add("--model", metavar="NAME", help="auto (default), ground_imaging, NRES, HST_ACS_WFC, "
                                        "ACS-WFC, or the path of a weights file")
    add("--threshold", type=_named(_share, "number from 0 to 1"), metavar="T",
        help="mask what the model gives more confidence than this")
    add("--dilate", type=int, choices=range(17), metavar="N", help="grow the mask by N pixels")
    add("--scale", choices=KINDS, metavar="NAME", help=", ".join(KINDS))
    add("--limits", choices=[name for name in LIMITS if name != "user"], metavar="NAME",
        help="zscale (default), minmax, or per cent: 99.5 ... 90")
    add("--cmap", choices=tuple(COLORMAPS), metavar="NAME", help=", ".join(COLORMAPS))
    add("--zoom", type=_named(_zoom, "'fit' or a factor"), metavar="fit|Z",
        help="screen pixels per image pixel")
    add("--center", type=_named(_centre, "position X,Y"), metavar="X,Y",
        help="FITS pixel in the middle of the view; the first pixel is 1,1")
    add("--size", type=_named(_size, "size such as 1600x1000"), metavar="WxH",
        help="size of the window or the picture")
    add("--screenshot", metavar="OUT.png", help="write a picture and stop; needs no display")
    add("--pane", choices=("image", "mask", "all"), default="all",
        help="with --screenshot: one pane alone, or the whole window (default)")
    add("--demo", action="store_true", help="open a copy of a frame that comes with glview")
    add("--state", metavar="FILE",
        help="write the window's state as JSON after every frame, for scripts that drive it")
    add("--version", action="version", version=f"glview {glview.__version__}")
    return made


def main(argv=None):
    """Run the command; returns the exit code: 0, 1 if the work failed, 2 for bad input."""
    made = parser()
    options = made.parse_args(argv)
    from glview.files import ReadError

    try:
        _run(options)
    except (ReadError, UsageError) as error:
        print(f"glview: {error}", file=sys.stderr)
        return 2
    except _failures() as error:
        print(f"glview: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _failures():
    """Errors that say themselves what happened; looked up only when there is one."""
    from glview.gl.context import DisplayError
    from glview.gl.program import ShaderError
    from glview.gl.textures import GLError
    from glview.session import SessionError

    return DisplayError, GLError, SessionError, ShaderError


def _run(options):
    with tempfile.TemporaryDirectory(prefix="glview-demo-") as folder:
        names = [str(demo_frame(folder))] if options.demo else []
        _show([*names, *options.files], options)


def _show(names, options):
    from glview import library, session

    if options.screenshot == "":
        raise UsageError("--screenshot needs the name of a file to write")
    if options.screenshot and not names:
        raise UsageError("--screenshot needs a FILE or --demo")
    if options.screenshot and len(names) > 1:
        raise UsageError(f"--screenshot draws one FILE; {len(names)} were given")
    if options.screenshot and not options.screenshot.lower().endswith(".png"):
        raise UsageError(f"--screenshot writes PNG: give it a name that ends in .png, "
                         f"not {options.screenshot!r}")
    if options.pane != "all" and not options.screenshot:
        raise UsageError("--pane is for --screenshot")
    _check_model(options.model or "auto")
    _check_state(options.state)
    entries = [library.entry_for(name, options.ext) for name in names]
    wanted = {field.name for field in fields(session.Options)}
    asked = session.Options(**{k: v for k, v in vars(options).items() if k in wanted})
    if asked.screenshot:
        session.run_screenshot(entries, asked)
    else:
        session.run_window(entries, asked)


def _check_model(name):
    from glview.models import registry

    if name == "auto" or Path(name).is_file():
        return
    try:
        registry.lookup(name)
    except registry.ModelError as error:
        raise UsageError(str(error)) from error


def _check_state(name):
    if name is None:
        return
    path = Path(name)
    if not name or path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"--state needs the name of a file in a folder that can be written, "
                         f"not {name!r}")


def demo_frame(folder):
    """A copy in `folder` of the frame that comes with glview, so that a mask can be saved in it."""
    packed = Path(__file__).parent / "data" / "demo.fits.gz"
    copy = Path(folder) / "demo.fits"
    copy.write_bytes(gzip.decompress(packed.read_bytes()))
    return copy
