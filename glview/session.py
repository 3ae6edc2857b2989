"""One run of the program in a window, until it is closed."""

import os
import threading
import warnings
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glview import budget, library, opening
from glview.core.cancel import Cancelled
from glview.core.view import View, fitted
from glview.files import ReadError
from glview.settings import Settings, folder, unsaved_folder
from glview.statefile import age, imported, write_state
from glview.workspace import Workspace

FIRST_PICTURE_SECONDS = 0.8  # a file that takes longer to open does not hold the window back
TITLE = "glview"


class SessionError(Exception):
    """The run cannot do what was asked for; the message says why and what would help."""


@dataclass(frozen=True)
class Options:
    """What a run is asked for; None leaves it to what is remembered, or to the default.

    size: (width, height) of window or picture; screenshot: path of the PNG; pane: "image", "mask"
    or "all" of it; first: do not wait until it is sharp.  zoom: screen pixels per image pixel, 0.0
    fits; center: FITS pixel (x, y).  state: path of the JSON file for scripts.  memory, gpu_memory:
    bytes; cache: keep pyramids beside their files.  precision: as in Workspace.  mask_only, bits,
    method, dq: what is saved and where, as in Saving; bits: 0 for every bit.
    """

    size: tuple[int, int] | None = None
    detect: bool = False
    model: str | None = None
    threshold: float | None = None
    dilate: int | None = None
    scale: str | None = None
    limits: str | None = None
    cmap: str | None = None
    zoom: float | None = None
    center: tuple[float, float] | None = None
    zoomout: str | None = None
    screenshot: str | None = None
    first: bool = False
    pane: str = "all"
    state: str | None = None
    memory: int | None = None
    gpu_memory: int | None = None
    cache: bool = False
    mask_only: bool = False
    bits: int | None = None
    method: str | None = None
    dq: str | None = None
    precision: str = "float32"

    @property
    def saving(self):
        """What is asked for of workspace.Saving: name -> value, None for nothing."""
        kinds = {None: None, 0: "exact"}
        confidence = "none" if self.mask_only else kinds.get(self.bits, "rounded")
        return {"confidence": confidence, "bits": self.bits or None, "dq": self.dq,
                "method": self.method}

    @property
    def budget(self):
        """The Budget, the default one where nothing was asked for."""
        usual = budget.default()
        return budget.Budget(self.memory or usual.memory, self.gpu_memory or usual.gpu)


class FirstLook(threading.Thread):
    """Reads the first file while the graphics libraries are still being imported."""

    def __init__(self, entry):
        super().__init__(name="glview-first", daemon=True)
        self.entry, self.opened, self.error = entry, None, None
        self.coming = opening.Coming()
        self.start()

    def run(self):
        try:
            self.opened = opening.look_into(self.entry.path, self.entry.ext, self.coming,
                                            self.entry.side)
        except (ReadError, Cancelled) as error:
            self.error = error
        except Exception as error:  # whatever it is, it belongs to the thread that joins
            self.error = ReadError(f"{self.entry.path} cannot be read ({error!r})")

    def result(self):
        """What was read, waiting for it; raises files.ReadError, or Cancelled."""
        self.join()
        if self.error is not None:
            raise self.error
        return self.opened

    def part(self):
        """Wait until something of the file can be seen; raises as `result` does."""
        while self.is_alive() and self.coming.opened is None:
            self.join(0.02)
        if not self.is_alive():
            self.result()


def run_window(entries, options):
    """Open the window on `entries` and return when the user closes it.

    Raises SessionError, files.ReadError or gl.context.DisplayError.
    """
    first = first_look(entries)
    from glview.app import Desk  # the graphics libraries; the first file is being read meanwhile
    from glview.gl.context import Window

    settings = Settings.load(folder() / "settings.json")
    settings.for_this_run(size=options.size, kind=options.scale, limits=options.limits,
                          colormap=options.cmap, zoomout=options.zoomout, **options.saving)
    _refuse_at_once(first, entries)
    desk_of, workspace = [], workspace_for(entries, settings, options)
    window = Window(TITLE, settings.size, _layout_file(),
                    on_drop=lambda paths: desk_of[0].library.add(paths))
    desk = Desk(window, workspace, settings, unsaved_folder())
    desk_of.append(desk)
    desk.detector.ahead = True
    with closing(desk):
        show_first(desk, first)
        desk.run(_each_frame(desk, options))
    return desk


def show(image, mask=None):
    """Open the window on an array or a file; returns the corrected mask when it is closed.

    image: (H, W) array of real numbers (a cube's first axis counts planes), or the path of a file.
    mask: (H, W) bool or a confidence in [0, 1] to start from; None starts empty, or from what was
        saved with the file.
    Returns (H, W) bool; warns if the window ended because the display was lost.  Raises ValueError
    for an array that is no image, and for a mask of another shape or with values outside [0, 1];
    files.ReadError; gl.context.DisplayError without a display.
    """
    if isinstance(image, str | bytes | os.PathLike):
        entry = library.entry_for(image)
        library.fill(entry, opening.look_into(entry.path, entry.ext, side=entry.side))
    else:
        entry = library.entry_of_array(image)
    if mask is not None:
        _begin_with(entry.document, np.array(mask, np.float32))
    from glview.gl.frame import LostError

    try:
        run_window([entry], Options())
    except LostError as error:  # what was done until then belongs to the caller
        warnings.warn(f"{error}; the mask is returned as it was", RuntimeWarning, stacklevel=2)
    return library.mask_of(entry.document)


def _begin_with(document, confidence):
    """Take a caller's mask or confidence for what a model would have found."""
    shape = tuple(document.image.shape)
    if confidence.shape != shape:
        raise ValueError(f"the mask is {confidence.shape}, the image {shape}")
    if np.nanmin(confidence) < 0 or np.nanmax(confidence) > 1:
        raise ValueError("a mask is bool, or a confidence from 0 to 1")
    document.detection.confidence, document.detection.covered = confidence, 1.0
    document.detection.stamps.touch((0, 0, *shape))


def first_look(entries):
    """Begin to read the first of the entries; None if there is none or it is open already."""
    return FirstLook(entries[0]) if entries and entries[0].document is None else None


def _refuse_at_once(first, entries):
    """A single file that cannot be opened is told in the shell, before any window."""
    if first is not None:
        first.join(FIRST_PICTURE_SECONDS)
        if first.error is not None and len(entries) == 1:
            raise first.error


def workspace_for(entries, settings, options):
    """The state at the start."""
    return Workspace(entries, overlay=settings.overlay, brush=settings.brush,
                     model=options.model or "auto", budget=options.budget,
                     cache=options.cache, saving=settings.saving, precision=options.precision)


def _layout_file():
    place = folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return place / "layout.ini"


def show_first(desk, first):
    """Hand the first file over, at once if it is there already."""
    if first is None:
        document = desk.workspace.document
        if document is not None:
            desk.finisher.start(document)
        return
    desk.library.receive(desk.workspace.entries[0], first)


def look(desk, options):
    """Apply the options that say how to look at the document, as soon as there is one."""
    document = desk.workspace.document
    changes = {"kind": options.scale, "limits": options.limits, "colormap": options.cmap,
               "zoomout": options.zoomout}
    changes = {name: value for name, value in changes.items() if value}
    if changes:  # else it is still the one that nobody chose, and gives way to one that was saved
        document.stretch = replace(document.stretch, **changes)
    _look_at(desk.workspace, document, options)


def work(desk, options):
    """Apply the options that change the mask; after what was saved earlier has been shown."""
    document = desk.workspace.document
    settings = {"threshold": options.threshold, "dilation": options.dilate}
    document.change(**{k: v for k, v in settings.items() if v is not None})
    if options.detect:
        desk.detector.start(document)
    elif options.model:
        desk.detector.expect()


def off_frame(document, options):
    """A sentence if the middle that is asked for lies off the image, or ""."""
    height, width = document.image.shape
    x, y = options.center or (1, 1)
    if 0.5 <= x <= width + 0.5 and 0.5 <= y <= height + 0.5:
        return ""
    return (f"--center {x:g},{y:g} lies off {document.image.name}, whose pixels go from 1,1 to "
            f"{width},{height}")


def _look_at(workspace, document, options):
    if options.zoom is None and options.center is None:
        return
    if wrong := off_frame(document, options):
        workspace.notify(wrong)
        return
    view = fitted(document.image.shape, (800, 800))
    x, y = options.center or (view.x + 0.5, view.y + 0.5)  # FITS pixels, the first is (1, 1)
    zoom = options.zoom or 1.0
    workspace.fit = options.zoom == 0 or (options.zoom is None and options.center is None)
    workspace.view = View(y - 0.5, x - 0.5, zoom)


def _each_frame(desk, options):
    """What happens after every frame: the late options, the title, the state for scripts."""
    late = [look, work]
    title, first = [None], []

    def each(desk):
        document = desk.workspace.document
        if document is not None:
            if options.state and not first and desk.frames > 1:
                desk.platform.ctx.finish()
                first.extend((age(), imported()))
            known = not (desk.autosave.looking(document) or desk.finisher.restoring(document))
            if late and (late[0] is look or known):
                late.pop(0)(desk, options)
        _set_title(desk, title)
        if options.state:
            desk.guard(lambda: write_state(desk, Path(options.state), first))

    return each


def _set_title(desk, told):
    entry = desk.workspace.entry if desk.workspace.entries else None
    mark = "* " if entry is not None and entry.document and entry.document.changed else ""
    kind = " (read-only)" if entry is not None and entry.document \
        and entry.document.barred else ""
    title = f"{mark}{entry.name}{kind} - {TITLE}" if entry is not None else TITLE
    if title != told[0]:
        told[0] = title
        desk.platform.set_title(title)
