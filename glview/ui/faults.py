"""Parts of the picture that cannot be read: hatched on the panes, listed in the display panel."""

import math

import numpy as np
from imgui_bundle import imgui

from glview.core.view import View
from glview.ui.widgets import count, mark, tip, wrapped

COLOUR = imgui.IM_COL32(255, 90, 60, 210)
WORDS = (1.0, 0.55, 0.4)
GAP = 9.0  # screen pixels between two lines
LEAST = 4.0  # screen pixels that a side has at least, or nobody saw it in a gigapixel
FEW = 200  # faults in sight that are hatched one by one
LISTED = 100


def hatch(document, seen, place):
    """Draw lines over each fault that a pane shows.

    seen: the pane's Window; place: (corner, scale, draw list) of it.
    """
    corner, scale, draw = place
    boxes = _on_screen(faults(document), seen) / (scale.x, scale.y, scale.x, scale.y)
    alone = (boxes[:, 2:] - boxes[:, :2] >= 3 * GAP).all(1) | (len(boxes) <= FEW)
    for left, top, right, bottom in [*boxes[alone].tolist(), *_joined(boxes[~alone])]:
        low, high = (corner.x + left, corner.y + top), (corner.x + right, corner.y + bottom)
        draw.push_clip_rect(low, high, True)
        _lines(draw, low, high)
        draw.pop_clip_rect()


def _on_screen(found, seen):
    """(n, 4) left, top, right, bottom of the faults in sight, screen pixels from the pane's
    corner; cut at its edges, and no side is shorter than LEAST."""
    y0, x0, y1, x1 = np.array([fault.box for fault in found], float).reshape(-1, 4).T
    (py, px), (qy, qx) = seen.to_pane(y0, x0), seen.to_pane(y1, x1)
    ends = np.sort([[px, py], [qx, qy]], 0)
    room = np.array(seen.size[::-1], float)[:, None]
    more = np.maximum(0.0, LEAST - (ends[1] - ends[0])) / 2
    low, high = np.maximum(0.0, ends[0] - more), np.minimum(room, ends[1] + more)
    return np.concatenate([low, high]).T[(low < high).all(0)]


def _joined(boxes):
    """Rectangles of whole squares of a grid of GAP that cover very many boxes, as few as come by
    joining runs of squares that lie below each other."""
    if not len(boxes):
        return
    (left, top), (right, bottom) = (np.floor(boxes[:, :2].T / GAP).astype(int),
                                    np.ceil(boxes[:, 2:].T / GAP).astype(int))
    grid = np.zeros((bottom.max() + 1, right.max() + 1), int)
    for y, x, step in ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)):
        np.add.at(grid, (y, x), step)
    begun = {}
    for y, row in enumerate(grid.cumsum(0).cumsum(1) > 0):  # the last one is empty
        edges = np.flatnonzero(np.diff(row, prepend=False, append=False)).tolist()
        runs = list(zip(edges[::2], edges[1::2], strict=True))
        for x0, x1 in begun.keys() - set(runs):
            yield x0 * GAP, begun.pop((x0, x1)) * GAP, x1 * GAP, y * GAP
        begun = {run: begun.get(run, y) for run in runs}


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
