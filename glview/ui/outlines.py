"""Outlines drawn over pictures: of some pixels, of a region that is being drawn."""

import numpy as np
from imgui_bundle import imgui

from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE

COLOURS = {
    EDIT_ADD: imgui.IM_COL32(90, 255, 110, 255),
    EDIT_DELETE: imgui.IM_COL32(255, 90, 80, 255),
    EDIT_NONE: imgui.IM_COL32(235, 235, 235, 255),
}
WORDS = {EDIT_ADD: "add", EDIT_DELETE: "delete", EDIT_NONE: "take back edits"}
SHADE = imgui.IM_COL32(0, 0, 0, 170)
MOST = 4000  # lines; of more there is only a frame


def edges_of(inside):
    """The lines between the pixels that are inside and those that are not.

    inside: (h, w) bool; what lies outside the array is not inside.
    Returns (n, 4) int64 (y0, x0, y1, x1) in pixels from the array's corner, each one pixel long.
    """
    padded = np.pad(inside, 1)
    y, x = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    level = np.stack([y, x, y, x + 1], 1)
    y, x = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    return np.concatenate([level, np.stack([y, x, y + 1, x], 1)])


def draw_pixels(draw, to_screen, place, inside, colour):
    """The outline of pixels.  to_screen: (y, x) of the image -> (x, y) of the window; place: (y, x)
    of the first pixel of `inside`, (h, w) bool."""
    lines = edges_of(inside)
    if len(lines) > MOST:
        height, width = inside.shape
        lines = np.array([(0, 0, 0, width), (0, 0, height, 0), (height, 0, height, width),
                          (0, width, height, width)])
    for y0, x0, y1, x1 in (lines + np.tile(place, 2)).tolist():
        draw.add_line(to_screen(y0, x0), to_screen(y1, x1), colour, 1.5)


def draw_region(draw, to_screen, region):
    """The outline of a tools.region.Region under way, and what it will do."""
    corners = region.outline
    if len(corners) < 2:
        return
    points = [imgui.ImVec2(*to_screen(y, x)) for y, x in corners]
    colour = COLOURS[region.value]
    draw.add_polyline([*points, points[0]], SHADE, 3.0, 0)
    draw.add_polyline([*points, points[0]], colour, 1.5, 0)
    words = WORDS[region.value]
    if not region.lasso:
        (y0, x0), (y1, x1) = corners[0], corners[2]
        words += f" {x1 - x0:,} x {y1 - y0:,}"
    size = imgui.calc_text_size(words)
    x, y = max(point.x for point in points) + 4, max(point.y for point in points) + 4
    draw.add_rect_filled((x - 2, y - 1), (x + size.x + 2, y + size.y + 1), SHADE, 3.0)
    draw.add_text((x, y), colour, words)
