"""Outlines drawn over pictures: of some pixels, of a region that is being drawn."""

from imgui_bundle import imgui

from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE

COLOURS = {
    EDIT_ADD: imgui.IM_COL32(90, 255, 110, 255),
    EDIT_DELETE: imgui.IM_COL32(255, 90, 80, 255),
    EDIT_NONE: imgui.IM_COL32(235, 235, 235, 255),
}
WORDS = {EDIT_ADD: "add", EDIT_DELETE: "delete", EDIT_NONE: "take back edits"}
SHADE = imgui.IM_COL32(0, 0, 0, 170)


def draw_lines(draw, to_screen, lines, colour):
    """Draw lines, (n, 4) as from `core.outline.outline_of`.  to_screen: (y, x) of the image ->
    (x, y) of the window."""
    for y0, x0, y1, x1 in lines.tolist():
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
