"""The loupe: the pixels round the cursor magnified, with the mask's edge and two cuts through them.

Values come from the file, read by a worker; what was read last is shown until then.
"""

from typing import NamedTuple

import numpy as np
from imgui_bundle import imgui

from glview.core import colormaps
from glview.core.blocks import box_round
from glview.core.mask import FinalMask
from glview.core.outline import edges_of
from glview.core.stretch import contrast_bias, grey
from glview.gl.panes import PALETTE, nan_colour
from glview.ui.numbers import short
from glview.ui.widgets import mark, tip

CELL = 8.0  # screen pixels of an image pixel, to begin with
SMALLEST, LARGEST = 4.0, 32.0
STRIP = 6.0  # cells' worth of room for a cut
AHEAD = 32  # pixels read beyond what is seen, so that a small move needs no reading
CROSS = imgui.IM_COL32(255, 255, 255, 150)
CUT = imgui.IM_COL32(150, 160, 170, 255)


class Patch(NamedTuple):
    """box: (y0, x0, y1, x1) of the image; values: (h, w) float32; masked: (h, w) bool."""

    box: tuple[int, int, int, int]
    values: np.ndarray
    masked: np.ndarray


class Loupe:
    """The panel.  It remembers the pixels that were read last."""

    def __init__(self):
        self._cell = CELL
        self._asked = self._key = self._held = None

    def draw(self, desk):
        """Draw the panel; the wheel changes the magnification."""
        document = desk.workspace.document
        at = None if document is None else _looked_at(desk, document)
        if at is None:
            imgui.text_disabled("Point at the picture, or choose an object")
            return
        scale = imgui.get_style().font_scale_dpi or 1.0
        room, line = imgui.get_content_region_avail(), imgui.get_text_line_height_with_spacing()
        cell = round(self._cell * scale)
        strip = STRIP * CELL * scale
        half = int(max(2, (min(room.x, room.y - 2 * line) - strip) / cell - 1) // 2)
        self._fetch(desk, document, at, half)
        held = self._held if self._key is not None and self._key[0] is document.key else None
        corner, side = imgui.get_cursor_screen_pos(), (2 * half + 1) * cell
        imgui.invisible_button("loupe", (side, side))
        mark(desk, "loupe")
        if held is not None:
            view = _Cells(held, at, half, (corner.x, corner.y), cell, document.image.y_up)
            if imgui.is_item_hovered():
                self._hover(view)
            _draw(desk, document, view, strip)
            imgui.set_cursor_screen_pos((corner.x, corner.y + side + strip))
            imgui.text_unformatted(_words(view))

    def _hover(self, view):
        notches = imgui.get_io().mouse_wheel
        self._cell = min(max(self._cell * 1.25**notches, SMALLEST), LARGEST)
        y, x = view.pixel_at(imgui.get_io().mouse_pos)
        value = view.value(y, x)
        if value is not None:
            tip(f"FITS {x + 1}, {y + 1}: {short(value)}")

    def _fetch(self, desk, document, at, half):
        """Ask for the pixels round `at`, unless they are there or on their way."""
        key, need = (document.key, document.mask_key), box_round(at, half, document.image.shape)
        if self._asked is not None and self._asked[0] == key and _holds(self._asked[1], need):
            return
        if desk.jobs.has("loupe"):
            return  # a slow disk would else have one reading for every pixel that the mouse went by
        image, box = document.image, box_round(at, half + AHEAD, document.image.shape)
        self._asked = key, box
        mask = FinalMask(document.detection.confidence, document.mask, document.edits.plane.copy())

        def work(cancelled):
            y0, x0, y1, x1 = box
            return Patch(box, image.read32(y0, y1, x0, x1), mask[y0:y1, x0:x1])

        def done(patch):
            self._key, self._held = key, patch

        desk.jobs.start("loupe", work, done, desk.finisher.read_failed)


class _Cells:
    """Where the pixels round `at`, 2 * half + 1 a side, are drawn, and what is known of them."""

    def __init__(self, patch, at, half, corner, cell, y_up):
        self.patch, self.at, self.half = patch, at, half
        self.corner, self.cell, self.y_up = corner, cell, y_up

    @property
    def side(self):
        return (2 * self.half + 1) * self.cell

    def place(self, y, x):
        """(x, y) of the window where the image point (y, x) is drawn."""
        down = self.at[0] + self.half + 1 - y if self.y_up else y - (self.at[0] - self.half)
        return (self.corner[0] + (x - (self.at[1] - self.half)) * self.cell,
                self.corner[1] + down * self.cell)

    def pixel_at(self, mouse):
        """The image pixel (y, x) drawn at a point of the window."""
        down = int((mouse.y - self.corner[1]) // self.cell)
        y = self.at[0] + self.half - down if self.y_up else self.at[0] - self.half + down
        return y, self.at[1] - self.half + int((mouse.x - self.corner[0]) // self.cell)

    def value(self, y, x):
        """The value of an image pixel, None where it is not known."""
        y0, x0, y1, x1 = self.patch.box
        return self.patch.values[y - y0, x - x0] if y0 <= y < y1 and x0 <= x < x1 else None

    def seen(self):
        """((y, x) of the first pixel, values, masked) of what is known and in sight."""
        box = self.patch.box
        y0, x0 = max(box[0], self.at[0] - self.half), max(box[1], self.at[1] - self.half)
        y1 = min(box[2], self.at[0] + self.half + 1)
        x1 = min(box[3], self.at[1] + self.half + 1)
        part = np.s_[y0 - box[0] : max(y0, y1) - box[0], x0 - box[1] : max(x0, x1) - box[1]]
        return (y0, x0), self.patch.values[part], self.patch.masked[part]


def _draw(desk, document, view, strip):
    draw, colour = imgui.get_window_draw_list(), _packed(desk.workspace.overlay.colour)
    (y0, x0), values, masked = view.seen()
    if not values.size:
        return
    for (i, j), rgb in np.ndenumerate(_colours(document, values)):
        left, top = view.place(y0 + i + view.y_up, x0 + j)
        draw.add_rect_filled((left, top), (left + view.cell, top + view.cell), int(rgb))
    if desk.workspace.overlay.shown:
        for a, b, c, d in (edges_of(masked) + np.tile((y0, x0), 2)).tolist():
            draw.add_line(view.place(a, b), view.place(c, d), colour, 2.0)
    _cross(draw, view)
    _cuts(draw, view, strip, colour)


def _cross(draw, view):
    """Lines to the pixel in the middle, and its frame."""
    (y, x), side = view.at, view.side
    (left, a), (right, b) = view.place(y, x), view.place(y + 1, x + 1)
    top, bottom = min(a, b), max(a, b)
    draw.add_rect((left, top), (right, bottom), CROSS)
    cx, cy, (x0, y0) = (left + right) / 2, (top + bottom) / 2, view.corner
    for start, end in (((x0, cy), (left, cy)), ((right, cy), (x0 + side, cy)),
                       ((cx, y0), (cx, top)), ((cx, bottom), (cx, y0 + side))):
        draw.add_line(start, end, CROSS)


def _cuts(draw, view, strip, colour):
    """The row through the middle below the pixels, the column to the right of them."""
    (y0, x0), values, masked = view.seen()
    i, j = view.at[0] - y0, view.at[1] - x0
    if not (0 <= i < values.shape[0] and 0 <= j < values.shape[1]):
        return
    (left, top), side, cell = view.corner, view.side, view.cell
    for k, long in _bars(values[i], strip - 4):
        x, foot = view.place(0, x0 + k)[0], top + side + strip
        draw.add_rect_filled((x, foot - long), (x + cell - 1, foot),
                             colour if masked[i, k] else CUT)
    for k, long in _bars(values[:, j], strip - 4):
        y, foot = view.place(y0 + k + view.y_up, 0)[1], left + side + 2
        draw.add_rect_filled((foot, y), (foot + long, y + cell - 1),
                             colour if masked[k, j] else CUT)


def _bars(cut, room):
    """(place, length) of the finite values of a cut: the least is short, the largest `room`."""
    low, high = _ends(cut)
    return [(k, room * max((float(cut[k]) - low) / (high - low), 0.03))
            for k in np.flatnonzero(np.isfinite(cut)).tolist()]


def _words(view):
    """The value in the middle, and from where to where the cuts reach."""
    (y0, x0), values, _ = view.seen()
    (y, x), value = view.at, view.value(*view.at)
    if value is None:
        return "..."
    row, column = (_ends(cut) for cut in (values[y - y0], values[:, x - x0]))
    parts = [f"FITS {x + 1}, {y + 1}: {short(value)}"]
    parts += [f"{name} {short(np.float64(low))} to {short(np.float64(high))}"
              for name, (low, high) in (("row", row), ("column", column))]
    return "\n".join([parts[0], ",  ".join(parts[1:])])


def _looked_at(desk, document):
    """The pixel in the middle: under the cursor, else of the selected object; None without both."""
    cursor, shape = desk.workspace.cursor, document.image.shape
    chosen = desk.reviewer.selected(document)
    if cursor is None and chosen is not None:
        cursor = int(chosen["cy"] + 0.5), int(chosen["cx"] + 0.5)
    inside = cursor is not None and 0 <= cursor[0] < shape[0] and 0 <= cursor[1] < shape[1]
    return cursor if inside else None


def _colours(document, values):
    """(h, w) uint32 colours of values, as the image pane draws them at full size."""
    stretch, (low, high) = document.stretch, document.limits_at(document.joining, 0)
    even = stretch.kind == "histogram"
    table = document.table_at(document.joining, 0) if even else None
    level = grey(values, stretch.kind, low, high, table)
    finite = np.isfinite(level)
    level = contrast_bias(np.where(finite, level, 0.0), stretch.contrast, stretch.bias)
    colours = colormaps.table(stretch.colormap, stretch.invert).view(np.uint32)[:, 0]
    made = colours[np.floor(level * 255 + 0.5).astype(np.intp)]
    made[np.isnan(values)] = _packed(nan_colour(document))
    made[np.isinf(values)] = _packed(PALETTE.infinite)
    return made


def _packed(rgb):
    """A colour, RGB in [0, 1], as Dear ImGui has it."""
    return imgui.IM_COL32(*(round(255 * part) for part in rgb[:3]), 255)


def _ends(values):
    """(low, high) of the finite values, high > low."""
    finite = values[np.isfinite(values)].astype(np.float64)
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return low, high if high > low else low + 1.0


def _holds(box, need):
    return (box[0] <= need[0] and box[1] <= need[1] and need[2] <= box[2] and need[3] <= box[3])
