"""Frame times of the whole interface, drawn off screen by software OpenGL."""

import time
from dataclasses import dataclass, replace

from bench import report
from bench.programs import SIZE

SIZES = (4, 64)
ZOOMS = (("fit", None), ("1:1", 1.0), ("4x", 4.0))
PAN = 12.0  # screen pixels per frame: 720 a second at 60 frames
TARGET = 40
FIRST = 3  # frames of each kind that are not counted


@dataclass
class Times:
    """Milliseconds of each frame: by the clock, and of CPU in all threads."""

    wall: list[float]
    cpu: list[float]


def measure(frames, options):
    """One table: a row for every frame size, zoom and thing that the user changes."""
    count = 20 if options.quick else 60
    table = report.Table(
        f"Frame time at {SIZE[0]}x{SIZE[1]}, ms, n = {count}",
        ("frame, zoom, change", "median", "p95", "CPU median", "median target"))
    for size in SIZES:
        desk = _desk(frames.path(size), frames.confidence(size))
        try:
            for name, zoom in ZOOMS:
                _measure_zoom(desk, f"{size} Mpx {name}", zoom, count, table)
        finally:
            desk.close()
    table.notes += [
        "A frame: take results, run the interface, draw both panes, the overview and the panels,",
        "and wait for OpenGL.  After a change of the mask, objects are counted and tiles made by",
        "workers on the same cores meanwhile; CPU counts them and the driver's threads.",
        "'until sharp': from a change of the dilation until nothing but the true mask is drawn;",
        "zoomed out, that needs new tiles, and the frames before show the old ones.",
    ]
    return [table]


def _desk(path, confidence):
    """The interface with a file open and detected, settled."""
    from glview import library
    from glview.app import Desk
    from glview.gl.context import Offscreen
    from glview.settings import Settings
    from glview.workspace import Workspace

    desk = Desk(Offscreen(SIZE), Workspace([library.entry_for(str(path))]), Settings())
    desk.settings.remember = lambda desk: None
    desk.library.show(0)
    desk.settle()
    detection = desk.workspace.document.detection
    detection.confidence, detection.covered = confidence, 1.0
    detection.stamps.touch((0, 0, *confidence.shape))
    desk.settle()
    return desk


def _measure_zoom(desk, label, zoom, count, table):
    workspace, document = desk.workspace, desk.workspace.document
    workspace.fit = zoom is None
    if zoom:
        height, width = document.image.shape
        workspace.view = replace(workspace.view, zoom=zoom, y=height / 2, x=width / 2)
    desk.settle()
    for name, change in _changes(workspace, document).items():
        times = _frames(desk, change, count)
        wall = report.median(times.wall)
        table.add(f"{label}, {name}", f"{wall:.1f}", f"{report.percentile(times.wall, 95):.1f}",
                  f"{report.median(times.cpu):.1f}", report.against(wall, TARGET, "ms"))
        desk.settle()
    sharp = [_until_sharp(desk, document, radius) for radius in (1, 2, 3, 2, 3)]
    table.add(f"{label}, dilation until sharp", f"{report.median(sharp):.1f}",
              f"{report.percentile(sharp, 95):.1f}", "-", "")
    document.mask = replace(document.mask, dilation=0)
    desk.settle()


def _changes(workspace, document):
    """What the user does -> a function of the frame's number."""
    def stretch(number):
        document.stretch = replace(document.stretch, kind=("log", "asinh", "sqrt")[number % 3])

    def colours(number):
        names = ("grey", "viridis", "heat")
        document.stretch = replace(document.stretch, colormap=names[number % 3])

    def threshold(number):
        document.mask = replace(document.mask, threshold=0.3 + 0.005 * (number % 100))

    def dilation(number):
        document.mask = replace(document.mask, dilation=number % 4)

    def pan(number):
        # There and back, so that the view stays on the frame.
        step = PAN / workspace.view.zoom * (1 if number // 30 % 2 == 0 else -1)
        workspace.fit = False
        workspace.view = workspace.view.moved(step / 2, step)

    return {"nothing": lambda number: None, "panning": pan, "stretch": stretch,
            "colour map": colours, "threshold": threshold, "dilation": dilation}


def _frames(desk, change, count):
    times = Times([], [])
    for number in range(FIRST + count):
        change(number)
        wall, cpu = time.perf_counter(), time.process_time()
        desk.frame()
        desk.platform.ctx.finish()
        if number >= FIRST:
            times.wall.append(1e3 * (time.perf_counter() - wall))
            times.cpu.append(1e3 * (time.process_time() - cpu))
    return times


def _until_sharp(desk, document, radius):
    """Milliseconds from a new radius to a picture without stand-ins."""
    began = time.perf_counter()
    document.mask = replace(document.mask, dilation=radius)
    desk.frame()
    while not desk.scene.sharp:
        desk.frame()
    desk.platform.ctx.finish()
    taken = 1e3 * (time.perf_counter() - began)
    desk.settle()
    return taken
