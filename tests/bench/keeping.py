"""What it costs a frame that edits are kept against a crash."""

import time
from dataclasses import replace

from bench import report
from bench.programs import SIZE

MEGAPIXELS, FRAMES = 64, 240
LONGEST = 16  # ms that keeping may add to any frame
BRUSH = 99


def measure(frames, options):
    """One table: a row for every thing that the user does."""
    count = FRAMES // 4 if options.quick else FRAMES
    table = report.Table(
        f"What keeping edits adds to a frame of {MEGAPIXELS} Mpx, ms, n = {count}",
        ("while", "median", "p99", "longest", "target"))
    desk = _desk(frames)
    try:
        for name, change in _changes(desk, frames.confidence(MEGAPIXELS)).items():
            times = _added(desk, change, count)
            table.add(name, f"{report.median(times):.3f}", f"{report.percentile(times, 99):.2f}",
                      f"{max(times):.2f}", report.against(max(times), LONGEST, "ms"))
    finally:
        desk.autosave.drop()
        desk.close()
    table.notes.append("Wall time of what compares and hands on in the window's thread; another "
                       "thread writes.")
    return [table]


def _desk(frames):
    from glview import library
    from glview.app import Desk
    from glview.gl.context import Offscreen
    from glview.settings import Settings
    from glview.workspace import Workspace

    workspace = Workspace([library.entry_for(str(frames.path(MEGAPIXELS)))])
    desk = Desk(Offscreen(SIZE), workspace, Settings(), frames.folder / "unsaved")
    desk.settings.remember = lambda desk: None
    desk.library.show(0)
    desk.settle()
    return desk


def _changes(desk, confidence):
    """What the user does -> a function of the frame's number."""
    from glview.tools.pencil import Pencil

    document, pencil = desk.workspace.document, Pencil()
    side = document.image.shape[0]

    def draw(number):
        at = number * 40 % side, number * 30 % side
        if number % 20 == 0:
            pencil.press(document, at, BRUSH, 1)
        pencil.drag(document, at, BRUSH)

    def clear(number):
        desk.undo() if number % 2 else desk.redo()

    def threshold(number):
        before = document.mask
        document.settle(before, replace(before, threshold=0.3 + 0.001 * number))

    def find(number):
        if number % 60 == 0:
            document.detection.confidence = confidence
            document.detection.stamps.touch((0, 0, *document.image.shape))

    def save(number):
        if number % 60 == 0:
            desk.library.save(beside=True)

    return {"nothing is done": lambda number: None, "drawing": draw, "undo and redo": clear,
            "the threshold moves": threshold, "a detection ends": find, "saving": save}


def _added(desk, change, count):
    """Milliseconds that autosave took in each of so many frames."""
    update, times = desk.autosave.update, []

    def timed():
        began = time.perf_counter()
        update()
        times.append(1e3 * (time.perf_counter() - began))

    desk.autosave.update = timed
    for number in range(count):
        change(number)
        desk.frame()
    desk.autosave.update = update
    desk.settle()
    return times
