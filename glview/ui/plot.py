"""A histogram as bars, with lines on it that can be dragged."""

import math

import numpy as np
from imgui_bundle import imgui

from glview.ui.widgets import mark

GROUND = imgui.IM_COL32(28, 30, 34, 255)
BAR = imgui.IM_COL32(92, 158, 199, 255)
PALE = imgui.IM_COL32(70, 84, 96, 255)
LINE = imgui.IM_COL32(255, 205, 60, 255)
SHADE, WORDS = imgui.IM_COL32(20, 22, 26, 170), imgui.IM_COL32(200, 205, 210, 255)
GRIP = 7.0  # how near a line the mouse takes hold of it
ROUND_LINE = imgui.MouseCursor_.resize_ew.value


class Plot:
    """One histogram's place on screen; remembers which line is held.

    Horizontally it shows `low` to `high` linearly, vertically 1 + log10 of the counts.
    """

    def __init__(self, name):
        self.name, self.held = name, None
        self._pressed, self._moved, self._off = 0.0, False, 0.0

    def draw(self, desk, size, heights, span, lines=(), lit=None, ends=("", "")):
        """Draw into the next `size` = (width, height) of the window.

        heights: (n,) counts >= 0 of bins of equal width; span: (low, high) of the first and the
        last edge; lines: positions of lines that can be dragged; lit: (low, high), bars between
        them are bright, None for all; ends: words at the feet of the first and the last bar.
        Returns the value that the held line is dragged to, or None.
        """
        corner = imgui.get_cursor_screen_pos()
        imgui.invisible_button(self.name, size)
        mark(desk, self.name)
        self._corner, self._size, self._span = corner, size, span
        draw = imgui.get_window_draw_list()
        draw.push_clip_rect(corner, (corner.x + size[0], corner.y + size[1]), True)
        draw.add_rect_filled(corner, (corner.x + size[0], corner.y + size[1]), GROUND, 3.0)
        self._bars(draw, np.asarray(heights), lit)
        self._ends(draw, ends)
        for value in lines:
            x = self.x_of(value)
            draw.add_line((x, corner.y), (x, corner.y + size[1]), LINE, 1.5)
            draw.add_triangle_filled((x - 4, corner.y), (x + 4, corner.y), (x, corner.y + 6), LINE)
        draw.pop_clip_rect()
        return self._drag(lines)

    def x_of(self, value):
        """Where a value is drawn, in the window; far outside the span just beyond its edge."""
        low, high = self._span
        share = min(max((value - low) / (high - low), -0.05), 1.05)
        return self._corner.x + share * self._size[0]

    def value_at(self, x):
        """The value drawn at x of the window."""
        low, high = self._span
        return low + (x - self._corner.x) / self._size[0] * (high - low)

    @property
    def bin_under_mouse(self):
        """Share of the way across, from 0 to 1, of a mouse that rests on the plot, or None."""
        if not imgui.is_item_hovered() or self.held is not None:
            return None
        return (imgui.get_io().mouse_pos.x - self._corner.x) / self._size[0]

    def _bars(self, draw, heights, lit):
        count, (width, height) = len(heights), self._size
        tall = np.where(heights > 0, 1 + np.log10(np.maximum(heights, 1)), 0.0)
        tall *= 0.92 * height / max(tall.max(initial=0.0), 1.0)
        low, high = self._span
        bottom, gap = self._corner.y + height, 1.0 if width > 6 * count else 0.0
        edges = (self._corner.x + np.rint(np.arange(count + 1) * width / max(count, 1))).tolist()
        for k in np.flatnonzero(tall).tolist():
            middle = low + (k + 0.5) / count * (high - low)
            bright = lit is None or lit[0] <= middle <= lit[1]
            draw.add_rect_filled((edges[k], bottom - tall[k]), (edges[k + 1] - gap, bottom),
                                 BAR if bright else PALE)

    def _ends(self, draw, ends):
        """Write where the plot begins and ends into its lower corners."""
        y = self._corner.y + self._size[1] - imgui.get_text_line_height() - 1
        for words, side in zip(ends, (0, 1), strict=True):
            wide = imgui.calc_text_size(words).x
            x = self._corner.x + 3 + side * (self._size[0] - wide - 6)
            if words:
                draw.add_rect_filled((x - 2, y), (x + wide + 2, y + imgui.get_text_line_height()),
                                     SHADE, 3.0)
                draw.add_text((x, y), WORDS, words)

    def _drag(self, lines):
        mouse = imgui.get_io().mouse_pos.x
        near = [abs(self.x_of(value) - mouse) for value in lines]
        grip = GRIP * (imgui.get_style().font_scale_dpi or 1.0)
        over = imgui.is_item_hovered() and near and min(near) <= grip
        if imgui.is_item_activated():
            self.held = int(np.argmin(near)) if over else None
            self._pressed, self._moved = mouse, False
            self._off = self.x_of(lines[self.held]) - mouse if over else 0.0
        if over or self.held is not None:
            imgui.set_mouse_cursor(ROUND_LINE)
        if not imgui.is_item_active():  # let go, perhaps while the plot was out of sight
            self.held = None
        if self.held is None:
            return None
        self._moved |= mouse != self._pressed
        value = self.value_at(mouse + self._off) if self._moved else math.nan
        return value if math.isfinite(value) else None
