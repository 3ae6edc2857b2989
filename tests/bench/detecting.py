"""Detection on 4 Mpx: glview against the `cosmic-conn` command, deepCR and astroscrappy."""

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from astropy.io import fits

from bench import report
from bench.machine import children, memory
from bench.programs import ProgramError, command, environment, glview
from glview.files import open_images
from glview.models.child import Child
from glview.models.remote import Detection

SIZE, MODEL = 4, "ground_imaging"
MODELS = ("ACS-WFC", MODEL)
LARGE = (25_000, 40_000)  # of a file that takes no room on the disk: all its pixels are 0
SECONDS = 10.0  # of tiles that their rate is taken from
STARTED = 3.0  # seconds after which a process in waiting has imported all it needs
FASTER = {"glview ground_imaging": 2.3, "glview ground_imaging, bfloat16": 4.0}
"""How many times less CPU time than the peer's command each is to take."""
PEER, MEMORY, TILE = "cosmic-conn command", 600.0, 1.5  # MB; seconds until the first tile
WARM = 1  # Mpx of the frame that is searched first, so that nothing is compiled or read later


START = """
import sys
import numpy as np
from astropy.io import fits
image = fits.getdata(sys.argv[1]).astype(np.float32)
"""
OURS = """
from glview import init_model
init_model({!r}, precision={!r}).detect_cr(image)
"""
ONE = ("env", "OMP_NUM_THREADS=1")  # threads that wait for each other use CPU time, too
SCRIPTS = {  # name -> (package, script), all on the same file
    "glview ground_imaging": ("cosmic_conn", OURS.format(MODEL, "float32")),
    "glview ground_imaging, bfloat16": ("cosmic_conn", OURS.format(MODEL, "bfloat16")),
    "glview ACS-WFC": ("glview", OURS.format("ACS-WFC", "float32")),
    "glview ACS-WFC, bfloat16": ("glview", OURS.format("ACS-WFC", "bfloat16")),
    "cosmic-conn command": ("cosmic_conn", ""),
    "deepCR ACS-WFC": ("deepCR", """
from deepCR import deepCR
deepCR("ACS-WFC").clean(image, binary=False, patch=1024)
"""),
    "astroscrappy": ("astroscrappy", "import astroscrappy; astroscrappy.detect_cosmics(image)"),
}


@dataclass(frozen=True)
class Run:
    """A whole process.  seconds and cpu: of it and its children; peak: MB of the largest."""

    seconds: float
    cpu: float
    peak: float


def measure(frames, options):
    """One table.  The programs take turns; their first runs, on a smaller frame, do not count."""
    repeats = 1 if options.quick else 3
    names, excuse = ["glview"], None
    _run(_lines(frames, WARM)["glview"], frames.folder)
    try:
        _run(_lines(frames, WARM)["cosmic-conn"], frames.folder)
        names.append("cosmic-conn")
    except (ProgramError, OSError) as error:
        excuse = f"The peer cannot run (pip install cosmic-conn torch): {error}"
    runs = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            runs[name].append(_run(_lines(frames, SIZE)[name], frames.folder))
    own = [_child(frames.path(SIZE)) for _ in range(repeats)]
    table = _table(runs, [taken for taken, _ in own])
    table.notes.append(excuse or _agreement(frames.path(SIZE), own[-1][1]))
    return [table, _models(frames, repeats), _gigapixel(frames.folder / "large.fits")]


def _lines(frames, size):
    """Name -> the command line that searches a frame of so many Mpx."""
    path, picture = frames.path(size), frames.folder / "detected.png"
    return {"glview": glview(path, "--detect", "--model", MODEL, "--size", "1280x800",
                             "--screenshot", picture),
            "cosmic-conn": [command("cosmic-conn") or "cosmic-conn", "-i", str(path), "-m", MODEL]}


def _run(line, folder):
    log = folder / "detect.log"
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(line, env=environment(folder), cwd=folder, stdout=output,
                                   stderr=output)
        peak, used = _watched(process)
        seconds = time.monotonic() - began
    if process.returncode:
        raise ProgramError(f"{line[0]} ended with exit code {process.returncode}:\n"
                           + log.read_text(errors="replace")[-2000:])
    return Run(seconds, used.ru_utime + used.ru_stime, peak)


def _watched(process):
    """Wait for the end: (largest resident size of any of its processes in MB, what it used).

    The size that wait4 tells is that of this process where it was larger, for fork copies it.
    """
    peak = 0.0
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return peak, used
        for one in (process.pid, *children(process.pid)):
            with contextlib.suppress(OSError, KeyError):  # it has just ended
                peak = max(peak, memory(one)[0])
        time.sleep(0.05)


def _child(path):
    """(seconds, confidence) of the detector's process, as the window starts it."""
    image = open_images(str(path))[0]
    detection, confidence = Detection(image, MODEL), np.zeros(image.shape, np.float32)
    try:
        while True:
            for event in detection.poll():
                if "tile" in event:
                    y0, x0, y1, x1 = event["tile"]
                    confidence[y0:y1, x0:x1] = event["values"]
                if "done" in event:
                    return event["seconds"], confidence
                if "error" in event:
                    raise ProgramError(event["error"])
            time.sleep(0.05)
    finally:
        detection.close()


def _agreement(path, confidence):
    """A sentence on whether the two found the same."""
    with fits.open(path.parent / "cosmic_conn_output" / f"CR_{path.name}") as hdus:
        theirs = np.asarray(hdus["CR_PROBABILITY"].data)
    ours, peer = confidence > 0.5, theirs > 0.5
    return (f"At 0.5: glview masks {ours.sum()} pixels, cosmic-conn {peer.sum()}; "
            f"{(ours != peer).sum()} of {ours.size} differ.")


def _table(runs, own):
    table = report.Table(
        f"Detection of {SIZE} Mpx with {MODEL}, whole process, seconds: median (range)",
        ("program", "n", "seconds", "CPU s", "peak MB", "peer / glview"))
    ours = [run.seconds for run in runs["glview"]]
    for name, held in runs.items():
        times = [run.seconds for run in held]
        table.add(name, len(held), report.seconds(times),
                  f"{report.median([run.cpu for run in held]):.1f}",
                  f"{max(run.peak for run in held):.0f}",
                  report.ratio(times, ours) if name != "glview" else "")
    table.add("glview, the network alone", len(own), report.seconds(own), "-", "-", "")
    table.notes.append("glview: --detect --screenshot; cosmic-conn: its command, crop 1024.")
    return table


def _models(frames, repeats):
    """CPU time for each pixel, and memory, of networks and peers: whole processes, taking turns."""
    found = {name: script for name, (package, script) in SCRIPTS.items() if find_spec(package)}
    lines = {name: [*ONE, sys.executable, "-c", START + script, str(frames.path(SIZE))]
             for name, script in found.items()}
    if "cosmic-conn command" in lines:
        lines["cosmic-conn command"] = [*ONE, *_lines(frames, SIZE)["cosmic-conn"]]
    runs = {name: [] for name in lines}
    for _ in range(repeats):
        for name, line in lines.items():
            runs[name].append(_run(line, frames.folder))
    table = report.Table(
        f"Models on {SIZE} Mpx, whole process from start to result, one thread: median",
        ("program", "n", "us CPU / px", "seconds", "peak MB", "CPU, peer / glview"))
    pixels = SIZE << 20
    ours = [run.cpu for run in runs.get("glview ground_imaging", ())]
    table.notes += [line for name, times in FASTER.items() if name in runs
                    for line in _targets(name, times, runs[name], runs.get(PEER, ()))]
    for name, held in runs.items():
        cpu = [run.cpu for run in held]
        table.add(name, len(held), f"{report.median(cpu) / pixels * 1e6:.2f}",
                  report.seconds([run.seconds for run in held]),
                  f"{max(run.peak for run in held):.0f}", report.ratio(cpu, ours))
    missing = [name for name in SCRIPTS if name not in found]
    if missing:
        table.notes.append(f"Not installed: {', '.join(missing)}.")
    return table


def _targets(name, times, runs, peer):
    """Sentences on the targets of one of glview's networks."""
    if peer:
        cpu, theirs = (report.median([run.cpu for run in held]) for held in (runs, peer))
        limit = round(theirs / times, 2)
        yield (f"{name}: CPU time of the {PEER} / {times} "
               f"{report.against(cpu, limit, 's')} ({cpu:.1f} s, {theirs / cpu:.1f} x)")
    peak = max(run.peak for run in runs)
    yield f"{name}: memory {report.against(peak, MEMORY, 'MB')} ({peak:.0f} MB)"


def _gigapixel(path):
    """Times until the first tile of a gigapixel, and the memory of both processes."""
    header = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", LARGE[1]),
                          ("NAXIS2", LARGE[0])]).tostring().encode()
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 4 * LARGE[0] * LARGE[1])
    table = report.Table(
        f"Detection of {LARGE[0] * LARGE[1] // 10**6} Mpx, seconds from its start, n = 1",
        ("model", "model ready", "level known", "first tile", "Mpx / s", "peak MB, child",
         "grown MB, parent"))
    image = open_images(str(path))[0]
    for name in MODELS:
        table.add(name, *_begun(image, name))
        warm = _begun(image, name, spare=True)
        table.add(f"{name}, process in waiting", *warm)
        table.notes.append(f"{name}: its first tile, with a process in waiting: "
                           f"{report.against(float(warm[2]), TILE, 's')}")
    table.notes.append("Begun in the middle; the sky's level and the statistics are from samples.")
    return table


def _begun(image, name, spare=False):
    """One row: until the model was ready, the sky known, a tile there; tiles a second; memory.

    spare: with a process that has started before, as a window keeps one.
    """
    child = Child() if spare else None
    time.sleep(STARTED if spare else 0.0)
    before, began, times, pixels = memory(os.getpid())[1], time.monotonic(), {}, 0
    request = {"centre": [side / 2 for side in image.shape]}
    detection = Detection(image, name, request, None, child)
    try:
        while "tile" not in times or time.monotonic() < times["tile"] + SECONDS:
            for event in detection.poll():
                if "error" in event:
                    raise ProgramError(event["error"])
                times |= {key: time.monotonic() for key in event.keys() - times.keys()}
                pixels += event["values"].size if "values" in event else 0
            time.sleep(0.01)
        (peak,) = (memory(one)[0] for one in children(os.getpid()))
        grown = memory(os.getpid())[1] - before
    finally:
        detection.close()
        while detection.running:
            time.sleep(0.01)
    marks = (f"{times[key] - began:.2f}" for key in ("ready", "progress", "tile"))
    return *marks, f"{pixels / 1e6 / SECONDS:.1f}", f"{peak:.0f}", f"{grown:.0f}"
