"""`glview detect`: its options, and one run of it."""

import os
import re
import signal
import sys
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from glview import arguments
from glview.arguments import UsageError, named
from glview.batch.plan import Request, plan
from glview.core.mask import MAX_DILATION, SHAPES
from glview.models import registry

WORDS = """
A FILE may be a folder (every FITS, .npy and TIFF file below it, packed ones too; a PNG only where
you name it itself), a pattern in quotes, and may end in [EXT].  Without --ext, every extension
named SCI is searched, or else every image that is no error, weight or quality map; a cube is
searched plane by plane.

Each result is a file of its own, NAME.glview.fits, beside the image or in the folder of -o, where
folders below a folder that is searched, or of files of one name, are kept.  It has the extensions
CR_MASK and CR_PROBABILITY; `glview DIR/*.glview.fits` shows results with their images.  It is
written beside and then renamed, so it is whole or not there.  What is done already, by the same
weights with the same settings and later than the image was changed, is skipped; what was saved at
the window, or by a script, is left alone.

exit status: 0 all done, 1 some failed, 2 wrong usage, 130 interrupted

examples:
  glview detect night/ -o masks/ --json night.jsonl
  glview detect 'night/*.fits' --model ground_imaging --threshold 0.4 --dilate 1
  glview detect night/ -o masks/ --shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT
  glview detect night/ -o masks/ --scheduler tcp://head:8786
"""


def parser():
    """The argument parser."""
    made = arguments.parser("detect", "Find the cosmic rays of many frames.", WORDS)
    add = made.add_argument
    add("files", nargs="+", metavar="FILE|DIR|GLOB", help="what to search")
    add("-o", "--output", metavar="DIR", help="folder for the results; it is made if need be")
    add("--in-place", action="store_true",
        help="save into the image's own file, where that can take extensions")
    _add_settings(add)
    add("--device", default="auto", type=named(_device, "device: auto, cpu, cuda or cuda:N"),
        metavar="NAME", help="auto (default), cpu, cuda or cuda:N")
    arguments.add_precision(add, registry.PRECISIONS)
    add("--jobs", type=named(arguments.count, "whole number from 1"), default=1, metavar="N",
        help="frames searched at a time (default 1; the processor's cores are shared out)")
    add("--overwrite", action="store_true", help="do again what is done, or saved by hand")
    add("--shard", type=named(_shard, "part such as 1/8"), default=(1, 1), metavar="I/N",
        help="only the I-th of N parts of the sorted files; the first is 1/N")
    add("--scheduler", type=named(_address, "address such as tcp://head:8786"),
        metavar="tcp://HOST:PORT", help="let the workers of a Dask cluster do it")
    arguments.add_json(add, "a line of JSON for each image")
    return made


def _add_settings(add):
    add("--model", default="auto", metavar="NAME",
        help=f"auto (default: by the header of each image), {', '.join(registry.MODELS)}; a+b for "
             "the mean of two, a+b:vote for what both find; or the path of a weights file or .toml")
    add("--ext", metavar="NAME|N", help="search this extension only")
    add("--threshold", type=named(arguments.share, "number from 0 to 1"), metavar="T",
        help="mask what has more confidence than this (default: what the model suggests)")
    add("--dilate", type=int, choices=range(MAX_DILATION + 1), default=0, metavar="N",
        help="grow the mask by N pixels")
    add("--shape", choices=SHAPES, default="square", help="of that growth (default square)")
    add("--mask-only", action="store_true", help="save CR_MASK alone")
    add("--probability", action="store_true", help="save CR_PROBABILITY alone")
    add("--bits", type=int, choices=range(1, 24), metavar="N",
        help="keep the confidence in multiples of 2**-N, N from 1 to 23 (default: every bit); with "
             "10 it takes a small part of the space, and no pixel of the mask changes")
    arguments.add_dq(add)


def _device(text):
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", text):
        raise ValueError(text)
    return text


def _address(text):
    if not re.fullmatch(r"[a-z]+://.+:[0-9]+", text):
        raise ValueError(text)
    return text


def _shard(text):
    part, parts = (int(number) for number in text.split("/"))
    if not 1 <= part <= parts:
        raise ValueError(text)
    return part, parts


def main(words):
    """Run `glview detect`; returns the exit code."""
    options = parser().parse_args(words)
    try:
        request = _request(options)
        items = plan(options.files, options.ext, options.output, options.shard)
        for folder in {item.output.parent for item in items} if options.output else ():
            _make_folder(folder)
        with _lines(options.json) as lines, interrupts(not options.scheduler) as stop:
            return _run(items, request, options, lines, stop)
    except UsageError as error:
        arguments.say(f"glview detect: {error}", sys.stderr)
        return 2


@contextmanager
def interrupts(gently):
    """An Event that Ctrl+C or Slurm's SIGTERM sets; the second time, or if not gently, they raise
    KeyboardInterrupt.
    """
    stop = threading.Event()

    def told(number, frame):
        if stop.is_set() or not gently:
            raise KeyboardInterrupt
        stop.set()

    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, told)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _request(options):
    if options.in_place and options.output is not None:
        raise UsageError("--in-place and -o do not go together: either saves elsewhere")
    if options.mask_only and options.probability:
        raise UsageError("--mask-only and --probability do not go together: without both, both "
                         "are saved")
    if options.probability and options.dq not in (None, "plain"):
        raise UsageError("--dq needs the mask: leave --probability out")
    if options.in_place and options.probability:
        raise UsageError("--in-place saves the mask too: leave --probability out")
    if options.scheduler and options.jobs > 1:
        raise UsageError("--jobs is for this computer; a cluster has as many as it has workers")
    if options.device.startswith("cuda") and not options.scheduler:
        _check_device(options.device)
    model = _model(options.model)
    keep = ["CR_MASK"] * (not options.probability) + ["CR_PROBABILITY"] * (not options.mask_only)
    _make_folder(options.output)
    return Request(model, options.threshold, options.dilate, options.shape, tuple(keep),
                   options.in_place, options.device, options.precision,
                   options.overwrite, options.dq, options.bits)


def _model(name):
    """The name as every worker understands it."""
    if Path(name).is_file():
        return os.path.abspath(name)
    if name != "auto":
        try:
            registry.lookup(name)
        except registry.ModelError as error:
            raise UsageError(str(error)) from error
    return name


def _check_device(name):
    """Told once, and not for each file."""
    from glview.models.detector import place_of

    try:
        place_of(name)
    except registry.ModelError as error:
        raise UsageError(f"--device {name}: {error}") from error


def _make_folder(folder):
    if folder is None:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"-o {folder} is a file: give the results a folder") from error
    except OSError as error:
        raise UsageError(f"-o {folder}: {error.strerror}") from error


def _lines(name):
    """The file for the lines of JSON, as a context; None for none."""
    if name is None:
        return nullcontext()
    if name == "-":
        return nullcontext(sys.stdout)
    try:
        return open(name, "w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--json {name}: {error.strerror}") from error


def _run(items, request, options, lines, stop):
    from glview.batch.report import Report
    from glview.batch.rows import FAILED

    table = sys.stderr if options.json == "-" else sys.stdout
    report = Report(items, table, lines, bar=sys.stderr.isatty())
    began = time.perf_counter()
    try:
        for row in _rows(items, request, options, report, stop):
            report.add(row)
    except KeyboardInterrupt:
        stop.set()
    report.close(time.perf_counter() - began, stop.is_set())
    return 130 if stop.is_set() else 1 if report.counts[FAILED] else 0


def _rows(items, request, options, report, stop):
    """The rows of this run, on this computer or on a cluster."""
    if options.scheduler:
        return _cluster().run_on_cluster(items, request, options.scheduler)
    from glview.batch.line import run
    from glview.batch.pool import Models
    from glview.batch.work import Work

    # Both are read by torch when it is imported; the user's own setting wins.  Threads that spin
    # while they wait take the cores that reading and writing need, and other programs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if options.jobs > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, _cores() // options.jobs)))
    work = Work(request, Models(request.device, request.precision), stop=stop)

    def tick():
        with suppress(RuntimeError):  # a search began or ended while they were added up
            report.tick(sum(work.progress.values()))

    return run(work, items, options.jobs, tick if sys.stderr.isatty() else None)


def _cluster():
    try:
        from glview.batch import cluster
    except ModuleNotFoundError as error:
        raise UsageError(f"--scheduler needs the package {error.name}: "
                         "pip install 'glview[cluster]'") from error
    return cluster


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
