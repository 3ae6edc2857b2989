"""Commands of the menus View and Display."""

from dataclasses import replace

from glview.core.stretch import ZOOMOUT
from glview.core.view import View
from glview.ui.action import Action, always

ZOOM_STEP = 2.0**0.5


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


def _stretch(**changes):
    def run(desk):
        document = desk.workspace.document
        values = {name: value(document.stretch) for name, value in changes.items()}
        document.stretch = replace(document.stretch, **values)

    return run


def _after(name, names):
    return names[(names.index(name) + 1) % len(names)]


def _bare(desk):
    desk.workspace.bare = not desk.workspace.bare


VIEW = (
    Action("View", "Fit the window", ("F", "`"), _fit, checked=lambda desk: desk.workspace.fit),
    Action("View", "One to one", ("1",), _one_to_one),
    Action("View", "Zoom in", ("=", "Shift+=", "Pad+", "Z"), _zoom(ZOOM_STEP), repeat=True),
    Action("View", "Zoom out", ("-", "Pad-", "Shift+Z"), _zoom(1 / ZOOM_STEP), repeat=True),
    Action("View", "Cursor left", ("Left", "H"), _step(0, -1), repeat=True),
    Action("View", "Cursor down", ("Down", "J"), _step(-1, 0), repeat=True),
    Action("View", "Cursor up", ("Up", "K"), _step(1, 0), repeat=True),
    Action("View", "Cursor right", ("Right", "L"), _step(0, 1), repeat=True),
    Action("View", "Only the pictures", ("Ctrl+B",), _bare, always,
           checked=lambda desk: desk.workspace.bare),
    Action("View", "Standard layout", (), lambda desk: desk.layout.reset(), always),
)
DISPLAY = (
    Action("Display", "Invert the colour map", ("I",), _stretch(invert=lambda s: not s.invert),
           checked=lambda desk: bool(desk.workspace.document
                                     and desk.workspace.document.stretch.invert)),
    Action("Display", "Reset contrast and bias", ("Shift+R",),
           _stretch(contrast=lambda s: 1.0, bias=lambda s: 0.5)),
    Action("Display", "Zoomed out: next rule", ("Shift+X",),
           _stretch(zoomout=lambda s: _after(s.zoomout, tuple(ZOOMOUT)))),
    *(Action("Display", f"Zoomed out: {label.lower()}", (), _stretch(zoomout=lambda s, to=name: to),
             checked=lambda desk, name=name: bool(
                 desk.workspace.document and desk.workspace.document.stretch.zoomout == name))
      for name, label in ZOOMOUT.items()),
    Action("Display", "ZScale limits", ("S",), _stretch(limits=lambda s: "zscale")),
    Action("Display", "Min Max limits", ("Shift+S",), _stretch(limits=lambda s: "minmax")),
)
