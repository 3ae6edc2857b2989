"""glview's networks and their peers on the same frame: CPU time for each pixel, and memory."""

import sys
from dataclasses import dataclass
from importlib.util import find_spec

from bench import report
from bench.process import run
from bench.programs import command

SIZE, MODEL, SHIPPED = 4, "ground_imaging", "ACS-WFC"
PEER, MEMORY = "cosmic-conn command", 600.0  # MB
ONE = ("env", "OMP_NUM_THREADS=1")  # threads that wait for each other use CPU time, too
START = """
import sys
import numpy as np
from astropy.io import fits
image = fits.getdata(sys.argv[1]).astype(np.float32)
"""


@dataclass(frozen=True)
class Row:
    """script: after START; "" for the peer's own command. needs: packages. times: how many times
    less CPU time than PEER it is to take, None where that is not asked for."""

    script: str
    needs: tuple[str, ...]
    times: float | None = None


def _ours(model, precision="float32"):
    return ("from glview import init_model\n"
            f"init_model({model!r}, precision={precision!r}).detect_cr(image)\n")


def _rows(folder):
    """Name -> Row; what is exported lies in the folder."""
    conn, plain = ("cosmic_conn",), ()
    as_onnx = folder / f"{SHIPPED}.toml"
    return {
        "glview ground_imaging": Row(_ours(MODEL), conn, 2.3),
        "glview ground_imaging, bfloat16": Row(_ours(MODEL, "bfloat16"), conn, 4.0),
        PEER: Row("", conn),
        "glview ACS-WFC": Row(_ours(SHIPPED), plain),
        "glview ACS-WFC, bfloat16": Row(_ours(SHIPPED, "bfloat16"), plain),
        "glview ACS-WFC, onnxruntime": Row(_ours(str(as_onnx)), ("onnx", "onnxruntime")),
        # matplotlib: it is imported there, but not asked for.
        "deepCR ACS-WFC": Row("from deepCR import deepCR\n"
                              'deepCR("ACS-WFC").clean(image, binary=False)\n',
                              ("deepCR", "matplotlib")),
        "astroscrappy": Row("import astroscrappy\nastroscrappy.detect_cosmics(image)\n",
                            ("astroscrappy",)),
    }


def cosmic_conn(path):
    """The line of the peer's own command."""
    return [command("cosmic-conn") or "cosmic-conn", "-i", str(path), "-m", MODEL]


def table(frames, repeats):
    """Whole processes that take turns, on one frame and one thread."""
    rows, absent = _rows(frames.folder), {}
    for name, row in list(rows.items()):
        lacks = [package for package in row.needs if not find_spec(package)]
        if lacks:
            absent[name] = lacks
            del rows[name]
    if "glview ACS-WFC, onnxruntime" in rows:
        from bench.exported import export

        export(SHIPPED, frames.folder)
    runs = {name: [] for name in rows}
    for _ in range(repeats):
        for name, row in rows.items():
            runs[name].append(run(_line(row, frames.path(SIZE)), frames.folder))
    made = _made(runs)
    made.notes += [line for name, row in rows.items() if row.times
                   for line in _targets(name, row.times, runs)]
    made.notes += [f"{name}: not measured, for {', '.join(lacks)} is not installed."
                   for name, lacks in absent.items()]
    return made


def _line(row, path):
    script = [sys.executable, "-c", START + row.script, str(path)]
    return [*ONE, *(script if row.script else cosmic_conn(path))]


def _made(runs):
    made = report.Table(
        f"Models on {SIZE} Mpx, whole process from start to result, one thread: median",
        ("program", "n", "us CPU / px", "seconds", "peak MB", "CPU, cosmic-conn's / this"))
    peer = [one.cpu for one in runs.get(PEER, ())]
    for name, held in runs.items():
        cpu = [one.cpu for one in held]
        made.add(name, len(held), f"{report.median(cpu) / (SIZE << 20) * 1e6:.2f}",
                 report.seconds([one.seconds for one in held]),
                 f"{max(one.peak for one in held):.0f}", report.ratio(peer, cpu))
    return made


def _targets(name, times, runs):
    """Sentences on the targets of one of glview's networks."""
    held = runs[name]
    if PEER in runs:
        cpu, theirs = (report.median([one.cpu for one in runs[key]]) for key in (name, PEER))
        limit = round(theirs / times, 2)
        yield (f"{name}: CPU time of the {PEER} / {times} "
               f"{report.against(cpu, limit, 's')} ({cpu:.1f} s, {theirs / cpu:.1f} x)")
    peak = max(one.peak for one in held)
    yield f"{name}: memory {report.against(peak, MEMORY, 'MB')} ({peak:.0f} MB)"
