"""Parts of the picture that cannot be read: hatched on the panes, listed in the display panel."""

import math

from imgui_bundle import imgui

from glview.core.view import View
from glview.ui.widgets import count, mark, tip, wrapped

COLOUR = imgui.IM_COL32(255, 90, 60, 210)
WORDS = (1.0, 0.55, 0.4)
GAP = 9.0  # screen pixels between two lines
LISTED = 100


def hatch(document, seen, place):
    """Draw lines over each fault that a pane shows.

    seen: the pane's Window; place: (corner, scale, draw list) of it.
    """
    corner, scale, draw = place
    height, width = seen.size
    for fault in faults(document):
        y0, x0, y1, x1 = fault.box
        (py, px), (qy, qx) = seen.to_pane(y0, x0), seen.to_pane(y1, x1)
        left, right = max(0.0, min(px, qx)), min(float(width), max(px, qx))
        top, bottom = max(0.0, min(py, qy)), min(float(height), max(py, qy))
        if left >= right or top >= bottom:
            continue
        low = corner.x + left / scale.x, corner.y + top / scale.y
        high = corner.x + right / scale.x, corner.y + bottom / scale.y
        draw.push_clip_rect(low, high, True)
        _lines(draw, low, (max(high[0], low[0] + 2), max(high[1], low[1] + 2)))
        draw.pop_clip_rect()


def _lines(draw, low, high):
    """Diagonals across a rectangle; they lie on one grid, so neighbours join."""
    draw.add_rect(low, high, COLOUR)
    tall = high[1] - low[1]
    first = math.floor((low[0] - tall - low[1]) / GAP)
    last = math.ceil((high[0] - low[1]) / GAP)
    for number in range(first, last + 1):
        x = number * GAP + low[1]
        draw.add_line((x, low[1]), (x + tall, high[1]), COLOUR)


def faults(document):
    """Those of the plane that is shown."""
    plane = document.image.plane
    return [fault for fault in tuple(document.image.faults) if fault.plane == plane]


def faults_list(desk, document):
    """A line for each fault; a click flies there."""
    found = faults(document)
    if not found:
        return
    wrapped(f"{count(len(found), 'part')} of the picture cannot be read (hatched)", WORDS)
    opened = imgui.tree_node("Damaged parts")
    mark(desk, "Damaged parts")
    if not opened:
        return
    for number, fault in enumerate(found[:LISTED]):
        y0, x0, y1, x1 = fault.box
        words = f"x {x0 + 1}..{x1}  y {y0 + 1}..{y1}"  # FITS pixels
        if imgui.selectable(f"{words}##fault{number}", False)[0]:
            workspace = desk.workspace
            workspace.fit = False
            workspace.view = View((y0 + y1) / 2, (x0 + x1) / 2, workspace.view.zoom)
        mark(desk, f"fault:{number}")
        tip(fault.why)
    imgui.tree_pop()
