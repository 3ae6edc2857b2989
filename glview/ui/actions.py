"""Everything the user can do by name: one row gives the menu entry, the key and the palette entry.

`desk` is the running application; actions call its methods or change its workspace.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from glview.core.history import History, Stroke
from glview.core.mask import MAX_DILATION
from glview.core.stretch import ZOOMOUT
from glview.core.view import View
from glview.tools import TOOLS

ZOOM_STEP = 2.0**0.5


@dataclass(frozen=True)
class Action:
    """run, enabled, checked: functions of the desk; checked None: not a switch.

    keys: the first is shown in the menu.  repeat: holding the key repeats it.
    """

    menu: str
    label: str
    keys: tuple[str, ...]
    run: Callable[[Any], None]
    enabled: Callable[[Any], bool] = lambda desk: desk.workspace.document is not None
    checked: Callable[[Any], bool] | None = None
    repeat: bool = False


def _always(desk):
    return True


def _zoom(factor):
    def run(desk):
        workspace = desk.workspace
        workspace.fit = False
        workspace.view = workspace.view.zoomed(factor, (workspace.view.y, workspace.view.x))

    return run


def _fit(desk):
    desk.workspace.fit = True


def _one_to_one(desk):
    view = desk.workspace.view
    at = desk.workspace.cursor or (view.y - 0.5, view.x - 0.5)
    desk.workspace.fit = False
    desk.workspace.view = View(at[0] + 0.5, at[1] + 0.5, 1.0)


def _step(up, right):
    """Move the cursor one pixel on screen; the view follows when it would leave."""
    def run(desk):
        workspace, image = desk.workspace, desk.workspace.document.image
        if desk.workspace.document.seen is None:  # nothing was drawn yet
            return
        at = workspace.cursor or (int(workspace.view.y), int(workspace.view.x))
        y = min(max(at[0] + (up if image.y_up else -up), 0), image.shape[0] - 1)
        x = min(max(at[1] + right, 0), image.shape[1] - 1)
        workspace.cursor = y, x
        y0, x0, y1, x1 = desk.workspace.document.seen
        if not (y0 <= y < y1 - 1 and x0 <= x < x1 - 1):
            workspace.fit = False
            workspace.view = workspace.view.moved(y - at[0], x - at[1]).inside(image.shape)

    return run


def _brush(change):
    def run(desk):
        size = desk.workspace.brush + change
        desk.workspace.brush = min(max(size, 1), 99)

    return run


def _tool(name):
    def run(desk):
        desk.workspace.tool = name

    return run


def _overlay(**toggles):
    def run(desk):
        overlay = desk.workspace.overlay
        changed = {name: not getattr(overlay, name) for name in toggles}
        desk.workspace.overlay = replace(overlay, **changed)

    return run


def _pane(desk):
    overlay = desk.workspace.overlay
    other = "mask" if overlay.pane == "confidence" else "confidence"
    desk.workspace.overlay = replace(overlay, pane=other)


def _stretch(**changes):
    def run(desk):
        document = desk.workspace.document
        values = {name: value(document.stretch) for name, value in changes.items()}
        document.stretch = replace(document.stretch, **values)

    return run


def _after(name, names):
    return names[(names.index(name) + 1) % len(names)]


def _escape(desk):
    if desk.screen.opened:
        return  # the dialogs close by themselves
    if desk.library.stop_opening():
        return
    if desk.detector.running is not None:
        desk.detector.cancel()
    else:
        desk.workspace.tool = "hand"


def _dilation(change):
    def run(desk):
        document = desk.workspace.document
        document.change(dilation=min(max(document.mask.dilation + change, 0), MAX_DILATION))

    return run


def _clear_edits(desk):
    document = desk.workspace.document
    patches = document.edits.cleared()
    if patches:
        document.history.record(Stroke(tuple(patches)))


def _detect(desk):
    desk.detector.start(desk.workspace.document)


def _object(change):
    def run(desk):
        desk.reviewer.step(desk.workspace.document, change)

    return run


def _open(dialog):
    def run(desk):
        desk.screen.opened.add(dialog)

    return run


def _history(desk):
    return desk.workspace.document.history if desk.workspace.document else History()


def _has_mask(desk):
    return desk.workspace.document is not None and desk.workspace.document.has_mask


def _is_whole(desk):
    return desk.workspace.document is not None and desk.workspace.document.whole


def _has_objects(desk):
    document = desk.workspace.document
    objects = None if document is None else document.review.objects
    return objects is not None and len(objects) > 0


def _bare(desk):
    desk.workspace.bare = not desk.workspace.bare


def _many(desk):
    return len(desk.workspace.entries) > 1


ACTIONS = (
    Action("File", "Open...", ("Ctrl+O",),
           lambda desk: desk.layout.files.ask(desk.workspace), _always),
    Action("File", "Save mask", ("Ctrl+S",), lambda desk: desk.library.save(),
           _has_mask),
    Action("File", "Save mask beside the file", ("Ctrl+Shift+S",),
           lambda desk: desk.library.save(beside=True), _has_mask),
    Action("File", "Read the file again", ("Ctrl+R",), lambda desk: desk.library.reload(),
           lambda desk: bool(desk.workspace.entries)),
    Action("File", "Next file", ("Tab",), lambda desk: desk.library.step(+1), _many),
    Action("File", "Previous file", ("Shift+Tab",), lambda desk: desk.library.step(-1), _many),
    Action("File", "Quit", ("Ctrl+Q",), lambda desk: desk.quit(), _always),
    Action("Edit", "Undo", ("Ctrl+Z",), lambda desk: desk.undo(),
           lambda desk: bool(_history(desk).done), repeat=True),
    Action("Edit", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), lambda desk: desk.redo(),
           lambda desk: bool(_history(desk).undone), repeat=True),
    Action("Edit", "Take back all edits", (), _clear_edits),
    Action("Edit", "Smaller brush", ("[",), _brush(-1), _always, repeat=True),
    Action("Edit", "Larger brush", ("]",), _brush(+1), _always, repeat=True),
    *(Action("Tools", tool.label, (tool.key,), _tool(tool.name),
             checked=lambda desk, name=tool.name: desk.workspace.tool == name) for tool in TOOLS),
    Action("View", "Fit the window", ("F", "`"), _fit, checked=lambda desk: desk.workspace.fit),
    Action("View", "One to one", ("1",), _one_to_one),
    Action("View", "Zoom in", ("=", "Shift+=", "Pad+", "Z"), _zoom(ZOOM_STEP), repeat=True),
    Action("View", "Zoom out", ("-", "Pad-", "Shift+Z"), _zoom(1 / ZOOM_STEP), repeat=True),
    Action("View", "Cursor left", ("Left", "H"), _step(0, -1), repeat=True),
    Action("View", "Cursor down", ("Down", "J"), _step(-1, 0), repeat=True),
    Action("View", "Cursor up", ("Up", "K"), _step(1, 0), repeat=True),
    Action("View", "Cursor right", ("Right", "L"), _step(0, 1), repeat=True),
    Action("View", "Only the pictures", ("Ctrl+B",), _bare, _always,
           checked=lambda desk: desk.workspace.bare),
    Action("View", "Standard layout", (), lambda desk: desk.layout.reset(), _always),
    Action("Display", "Invert the colour map", ("I",), _stretch(invert=lambda s: not s.invert),
           checked=lambda desk: bool(desk.workspace.document
                                     and desk.workspace.document.stretch.invert)),
    Action("Display", "Reset contrast and bias", ("Shift+R",),
           _stretch(contrast=lambda s: 1.0, bias=lambda s: 0.5)),
    Action("Display", "Zoomed out: next rule", ("X",),
           _stretch(zoomout=lambda s: _after(s.zoomout, tuple(ZOOMOUT)))),
    *(Action("Display", f"Zoomed out: {label.lower()}", (), _stretch(zoomout=lambda s, to=name: to),
             checked=lambda desk, name=name: bool(
                 desk.workspace.document and desk.workspace.document.stretch.zoomout == name))
      for name, label in ZOOMOUT.items()),
    Action("Display", "ZScale limits", ("S",), _stretch(limits=lambda s: "zscale")),
    Action("Display", "Min Max limits", ("Shift+S",), _stretch(limits=lambda s: "minmax")),
    Action("Mask", "Detect", ("D",), _detect,
           lambda desk: _is_whole(desk) and desk.detector.running is None),
    Action("Mask", "Continue detection", (),
           lambda desk: desk.detector.start(desk.workspace.document, resume=True),
           lambda desk: (desk.workspace.document is not None
                         and desk.detector.can_continue(desk.workspace.document))),
    Action("Mask", "Cancel / drop the tool", ("Escape",), _escape, _always),
    Action("Mask", "Show the mask on the image", ("M",), _overlay(shown=True),
           checked=lambda desk: desk.workspace.overlay.shown),
    Action("Mask", "Outline only", ("O",), _overlay(outline=True),
           checked=lambda desk: desk.workspace.overlay.outline),
    Action("Mask", "Confidence in the mask pane", ("C",), _pane,
           checked=lambda desk: desk.workspace.overlay.pane == "confidence"),
    Action("Mask", "More dilation", ("Shift+]",), _dilation(+1), repeat=True),
    Action("Mask", "Less dilation", ("Shift+[",), _dilation(-1), repeat=True),
    Action("Objects", "Next object", ("N",), _object(+1), _has_objects,
           repeat=True),
    Action("Objects", "Previous object", ("P",), _object(-1), _has_objects,
           repeat=True),
    Action("Help", "Commands...", ("Ctrl+Shift+P",), _open("palette"), _always),
    Action("Help", "Keys and mouse", ("F1", "Shift+/"), _open("help"), _always),
    Action("Help", "FITS header", ("Ctrl+H",), _open("header")),
    Action("Help", "About glview", (), _open("about"), _always),
)
MENUS = tuple(dict.fromkeys(action.menu for action in ACTIONS))
MOUSE = (
    ("Wheel", "Zoom about the cursor"),
    ("Left drag", "Pan, or draw with the pencil that is chosen"),
    ("Space + drag", "Pan while a pencil is chosen"),
    ("Middle click", "Centre the view there"),
    ("Right drag", "Bias (left, right) and contrast (up, down)"),
    ("Shift + click", "Straight pencil line from the last point"),
    ("Alt + drag", "The other pencil: delete instead of add, and the reverse"),
)


def press_keys(desk, keyboard):
    """Run the actions whose keys went down in this frame, or are held and repeat."""
    for action in ACTIONS:
        if any(keyboard.pressed(name, action.repeat) for name in action.keys):
            desk.workspace.told = ""
            if action.enabled(desk):
                action.run(desk)
            else:
                desk.workspace.told = f"{action.label}: nothing to do that with"
