"""The `glview` command: the window and the picture; its first word may name another command."""

import argparse
import gzip
import os
import sys
import tempfile
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import glview
from glview.arguments import UsageError, add_precision, add_saving, named, share
from glview.budget import LEAST, LEAST_GPU, parse_size, words_of

COMMANDS = {
    "detect": ("glview.batch.command", "find the cosmic rays of many frames, without a window"),
    "score": ("glview.score.command", "compare a map or mask with the truth"),
}
"""First word -> (module with `main(arguments)`, what it does). A file of that name is ./detect."""

KEYS = """
in the window:
  wheel zooms about the cursor, drag pans, right drag changes contrast and bias,
  middle click centres; F fit, 1 one to one, Tab next file, D detect, N / P next and
  previous object, A accept, X reject it, B add, E delete, [ ] brush, Ctrl+Z undo,
  Ctrl+S save, F1 all keys

examples:
  glview frame.fits                        look at it, press D to detect, Ctrl+S to save
  glview 'mosaic.fits[SCI]' --scale log    a certain extension
  glview frame.fits --detect --screenshot out.png --zoom 4 --center 512,300

other commands, each with its own --help:
""" + "".join(f"  glview {name:8} {what}\n" for name, (_, what) in COMMANDS.items()) + """
a file that is really called detect or score is opened by ./detect, ./score
"""


FARTHEST = 1e9  # pixels; no image is as wide


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


def parser():
    """The argument parser; its defaults are those of the window."""
    from glview.core.colormaps import COLORMAPS
    from glview.core.limits import LIMITS
    from glview.core.stretch import KINDS, ZOOMOUT
    from glview.models.registry import MODELS, PRECISIONS

    made = argparse.ArgumentParser(
        prog="glview", epilog=KEYS, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Find, check and correct cosmic rays in astronomical images.")
    add = made.add_argument
    add("files", nargs="*", metavar="FILE",
        help="FITS (.fits .fit .fts .fz), .npy, TIFF, PNG, also as .gz .bz2 .xz; FILE[SCI] or "
             "FILE[2] chooses an extension")
    add("--ext", metavar="NAME|N", help="extension to show, by EXTNAME or number")
    add("--detect", action="store_true", help="detect cosmic rays at once")
    add("--model", metavar="NAME",
        help=f"auto (default), {', '.join(MODELS)}, two of them as a+b, or the path of a weights "
             "file or .toml")
    add_precision(add, PRECISIONS)
    add("--threshold", type=named(share, "number from 0 to 1"), metavar="T",
        help="mask what the model gives more confidence than this")
    add("--dilate", type=int, choices=range(17), metavar="N", help="grow the mask by N pixels")
    add("--scale", choices=KINDS, metavar="NAME", help=", ".join(KINDS))
    add("--limits", choices=[name for name in LIMITS if name != "user"], metavar="NAME",
        help="zscale (default), minmax, or per cent: 99.5 ... 90")
    add("--cmap", choices=tuple(COLORMAPS), metavar="NAME", help=", ".join(COLORMAPS))
    add("--zoomout", choices=tuple(ZOOMOUT), metavar="NAME",
        help="what a screen pixel shows of many image pixels: mean (default), max, or peaks: the "
             "mean, but bright pixels kept; masks always show")
    add("--zoom", type=named(_zoom, "'fit' or a factor"), metavar="fit|Z",
        help="screen pixels per image pixel")
    add("--center", type=named(_centre, "position X,Y"), metavar="X,Y",
        help="FITS pixel in the middle of the view; the first pixel is 1,1")
    add("--size", type=named(_size, "size such as 1600x1000"), metavar="WxH",
        help="size of the window or the picture")
    add("--screenshot", metavar="OUT.png", help="write a picture and stop; needs no display")
    add("--first", action="store_true",
        help="with --screenshot: take the first picture, do not wait until it is sharp")
    add("--pane", choices=("image", "mask", "all"), default="all",
        help="with --screenshot: one pane alone, or the whole window (default)")
    add("--memory", type=named(parse_size, words_of(LEAST)), metavar="SIZE",
        help="what glview may keep of images and masks in memory (default: a quarter of it); less "
             "gives coarser pictures, not errors")
    add("--gpu-memory", type=named(lambda text: parse_size(text, LEAST_GPU), words_of(LEAST_GPU)),
        metavar="SIZE",
        help="what tiles may take on the graphics card (default: 512M)")
    add("--cache", action="store_true",
        help="keep the reduced picture beside the file, so that it need not be read whole again")
    add_saving(add)
    add("--demo", action="store_true", help="open a copy of a frame that comes with glview")
    add("--state", metavar="FILE",
        help="write the window's state as JSON after every frame, for scripts that drive it")
    add("--version", action="version", version=f"glview {glview.__version__}")
    return made


def main(argv=None):
    """Run the command; returns the exit code: 0, 1 if the work failed, 2 for bad input."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words and words[0] in COMMANDS:
        return _command(words)
    options = parser().parse_args(words)
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


def _command(words):
    try:
        return import_module(COMMANDS[words[0]][0]).main(words[1:])
    except KeyboardInterrupt:
        return 130


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

    if "" in names:  # from a variable of the shell that was never set
        raise UsageError("a name is empty: name a file, or none for a window to drop files on")
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
    if options.first and (options.detect or not options.screenshot):
        raise UsageError("--first is for --screenshot without --detect")
    if options.mask_only and options.bits is not None:
        raise UsageError("--mask-only saves no confidence: leave --bits out")
    for name in ("dq", "bits", "mask_only", "method"):
        if options.screenshot and getattr(options, name) not in (None, False):
            raise UsageError(f"--{name.replace('_', '-')} is for what is saved, and --screenshot "
                             "saves no mask: leave it out")
    _check_model(options.model or "auto")
    _check_place("--state", options.state)
    _check_place("--screenshot", options.screenshot)
    entries = [library.entry_for(name, options.ext) for name in names]
    wanted = {field.name for field in fields(session.Options)}
    asked = session.Options(**{k: v for k, v in vars(options).items() if k in wanted})
    if asked.screenshot:
        from glview.screenshot import run_screenshot

        run_screenshot(entries, asked)
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


def _check_place(option, name):
    if name is None:
        return
    path = Path(name)
    if not name or path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{option} needs the name of a file in a folder that can be written, "
                         f"not {name!r}")


def demo_frame(folder):
    """A copy in `folder` of the frame that comes with glview, so that a mask can be saved in it."""
    packed = Path(__file__).parent / "data" / "demo.fits.gz"
    copy = Path(folder) / "demo.fits"
    copy.write_bytes(gzip.decompress(packed.read_bytes()))
    return copy
