"""`python -m bench`."""

import argparse
import os
import sys
import tempfile
import textwrap
from importlib import import_module
from pathlib import Path

from bench import machine
from bench.frames import Frames
from bench.programs import ProgramError

SECTIONS = ("starting", "drawing", "counting", "objects", "detecting", "batch", "gigapixel",
            "saving", "keeping", "sharing", "gpu")
WIDTH = 100


def main():
    """Run the sections that were asked for; the exit code is 1 if one could not be measured."""
    options = _options()
    if not sys.platform.startswith("linux"):
        print("bench: it needs Linux (/proc, Xvfb)", file=sys.stderr)
        return 2
    # Before a context is made in this process; the programs get it in their environment.
    os.environ["LIBGL_ALWAYS_SOFTWARE"] = "1"
    print(*machine.describe(), sep="\n", flush=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="glview-bench-") as folder:
        os.environ["GLVIEW_CONFIG"] = str(Path(folder) / "config")
        frames = Frames(Path(folder))
        for name in options.only:
            failed += not _section(name, frames, options)
    return 1 if failed else 0


def _options():
    made = argparse.ArgumentParser(prog="bench", description="times and memory, with peers")
    made.add_argument("--quick", action="store_true", help="few repeats")
    made.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, metavar="SECTION",
                      help=", ".join(SECTIONS))
    made.add_argument("--repeats", type=int, metavar="N", help="starts of each program (5)")
    made.add_argument("--big", metavar="DIR",
                      help="folder for the mosaics of `gigapixel`, 6 GB; they are kept there, and "
                           "found by the next run (a folder that is removed)")
    options = made.parse_args()
    options.repeats = options.repeats or (2 if options.quick else 5)
    return options


def _section(name, frames, options):
    """Measure and print; False if it was not possible, which is told."""
    watch = machine.Watch()
    try:
        for table in import_module(f"bench.{name}").measure(frames, options):
            print(f"\n{table}", flush=True)
    except ProgramError as error:
        print(f"\n{name}: not measured.\n{error}", file=sys.stderr, flush=True)
        return False
    print(textwrap.indent(textwrap.fill(watch.words(), WIDTH), "  "), flush=True)
    return True


sys.exit(main())
