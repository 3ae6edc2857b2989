"""Commands of the menus Tools and Mask."""

from dataclasses import replace

from glview.core.mask import MAX_DILATION
from glview.tools import TOOLS as TOOL_ROWS
from glview.ui.action import Action, always, is_whole


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


def _escape(desk):
    if desk.screen.opened:
        return  # the dialogs close by themselves
    if desk.layout.canvas.abandon() or desk.library.stop_opening():
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


def _detect(desk):
    desk.detector.start(desk.workspace.document)


TOOLS = (
    *(Action("Tools", tool.label, (tool.key,), _tool(tool.name), hint=tool.tip,
             checked=lambda desk, name=tool.name: desk.workspace.tool == name)
      for tool in TOOL_ROWS),
)
MASK = (
    Action("Mask", "Detect", ("D",), _detect,
           lambda desk: is_whole(desk) and desk.detector.running is None),
    Action("Mask", "Detect in view again with the chosen model", ("Ctrl+D",),
           lambda desk: desk.detector.again(desk.workspace.document),
           lambda desk: is_whole(desk) and desk.detector.running is None),
    Action("Mask", "Continue detection", (),
           lambda desk: desk.detector.start(desk.workspace.document, resume=True),
           lambda desk: (desk.workspace.document is not None
                         and desk.detector.can_continue(desk.workspace.document))),
    Action("Mask", "Cancel / drop the tool", ("Escape",), _escape, always),
    Action("Mask", "Show the mask on the image", ("M",), _overlay(shown=True),
           checked=lambda desk: desk.workspace.overlay.shown),
    Action("Mask", "Outline only", ("O",), _overlay(outline=True),
           checked=lambda desk: desk.workspace.overlay.outline),
    Action("Mask", "Confidence in the mask pane", ("C",), _pane,
           checked=lambda desk: desk.workspace.overlay.pane == "confidence"),
    Action("Mask", "More dilation", ("Shift+]",), _dilation(+1), repeat=True),
    Action("Mask", "Less dilation", ("Shift+[",), _dilation(-1), repeat=True),
)
