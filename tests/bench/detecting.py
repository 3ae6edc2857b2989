"""Detection on 4 Mpx: the window's picture and the first tiles of a gigapixel, with cosmic-conn's
own command; `networks` has the models by themselves."""

import os
import time

import numpy as np
from astropy.io import fits

from bench import networks, report
from bench.machine import children, memory
from bench.process import run
from bench.programs import ProgramError, glview
from glview.files import open_images
from glview.models.child import Child
from glview.models.remote import Detection

SIZE, MODEL = networks.SIZE, networks.MODEL
MODELS = ("ACS-WFC", MODEL)
LARGE = (25_000, 40_000)  # of a file that takes no room on the disk: all its pixels are 0
SECONDS = 10.0  # of tiles that their rate is taken from
STARTED = 3.0  # seconds after which a process in waiting has imported all it needs
TILE = 1.5  # seconds until the first tile
WARM = 1  # Mpx of the frame that is searched first, so that nothing is compiled or read later


def measure(frames, options):
    """One table.  The programs take turns; their first runs, on a smaller frame, do not count."""
    repeats = 1 if options.quick else 3
    names, excuse = ["glview"], None
    run(_lines(frames, WARM)["glview"], frames.folder)
    try:
        run(_lines(frames, WARM)["cosmic-conn"], frames.folder)
        names.append("cosmic-conn")
    except (ProgramError, OSError) as error:
        excuse = f"The peer cannot run (pip install cosmic-conn torch): {error}"
    runs = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            runs[name].append(run(_lines(frames, SIZE)[name], frames.folder))
    own = [_child(frames.path(SIZE)) for _ in range(repeats)]
    table = _table(runs, [taken for taken, _ in own])
    table.notes.append(excuse or _agreement(frames.path(SIZE), own[-1][1]))
    return [table, networks.table(frames, repeats), _gigapixel(frames.folder / "large.fits")]


def _lines(frames, size):
    """Name -> the command line that searches a frame of so many Mpx."""
    path, picture = frames.path(size), frames.folder / "detected.png"
    return {"glview": glview(path, "--detect", "--model", MODEL, "--size", "1280x800",
                             "--screenshot", picture),
            "cosmic-conn": networks.cosmic_conn(path)}


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
