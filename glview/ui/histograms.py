"""The histograms: pixel values with the limits on them, confidences with the threshold, areas."""

import math
from dataclasses import replace

import numpy as np
from imgui_bundle import imgui

from glview.core.shares import percent, progress
from glview.ui.maskdrag import MaskDrag
from glview.ui.plot import Plot
from glview.ui.widgets import count, tip

WHEEL = 1.25  # by how much a notch of the wheel narrows what is shown
MARGIN = 0.08  # of the width, shown beyond limits and values
LEAST = 40.0  # height of a plot


class Histograms:
    """The panel.  It remembers what part of the values it shows, and what is dragged."""

    def __init__(self):
        self._pixels, self._confidence, self._areas = map(Plot, ("pixels", "confidences", "areas"))
        self._shown = None  # (document's key, low, high) of a span chosen by the wheel, or held
        self._drag = MaskDrag()

    def draw(self, desk):
        """Draw the panel; limits become the user's, a new threshold is one step of the history."""
        document = desk.workspace.document
        if document is None:
            return
        self._drag.rescue(document)
        room, gap = imgui.get_content_region_avail(), imgui.get_style().item_spacing
        across = room.x > 2.5 * room.y
        line = imgui.get_text_line_height_with_spacing()
        if across:
            size = (room.x - 2 * gap.x) / 3, room.y - line - gap.y
        else:
            size = room.x, room.y / 3 - line - gap.y
        size = max(size[0], LEAST), max(size[1], LEAST)
        for part in (self._draw_pixels, self._draw_confidence, self._draw_areas):
            imgui.begin_group()
            part(desk, document, size)
            imgui.end_group()
            if across:
                imgui.same_line()

    def _draw_pixels(self, desk, document, size):
        limits, stretch = document.limits, document.stretch
        low, high = self._span(document, limits)
        found = desk.measurer.pixels(document, low, high)
        _title("Pixel values", found, "pixel", counted=desk.measurer.counted)
        heights = [] if found is None else found.counts
        value = self._pixels.draw(desk, size, heights, (low, high), limits, limits,
                                  (f"{low:.4g}", f"{high:.4g}"))
        _explain(self._pixels, found, "pixel")
        if self._pixels.held is not None:
            self._shown = document.key, low, high  # the ground must not move under a held line
        if value is not None:
            least = (high - low) / 1000
            ends = [min(value, limits[1] - least), limits[1]] if self._pixels.held == 0 else [
                limits[0], max(value, limits[0] + least)]
            document.stretch = replace(stretch, limits="user", low=ends[0], high=ends[1])
        self._zoom(document, (low, high))

    def _span(self, document, limits):
        """(low, high) of the values that are shown."""
        if self._shown is not None and self._shown[0] is document.key:
            return self._shown[1:]
        self._shown = None
        values = document.sample.values
        ends = [*limits]
        if len(values):
            ends += values[[int(0.001 * (len(values) - 1)), int(0.99 * (len(values) - 1))]].tolist()
        low, high = min(ends), max(ends)
        pad = MARGIN * (high - low)
        return low - pad, high + pad

    def _zoom(self, document, span):
        """The wheel narrows or widens the span about the mouse; a double click shows all again."""
        if not imgui.is_item_hovered():
            return
        notches = imgui.get_io().mouse_wheel
        if notches:
            at, factor = self._pixels.value_at(imgui.get_io().mouse_pos.x), WHEEL ** -notches
            low, high = (at + (end - at) * factor for end in span)
            if -math.inf < low < high < math.inf and high - low > 1e-6 * max(abs(low), abs(high)):
                self._shown = document.key, low, high
        if imgui.is_mouse_double_clicked(imgui.MouseButton_.left.value):
            self._shown = None

    def _draw_confidence(self, desk, document, size):
        found = desk.measurer.confidence(document)
        threshold = document.mask.threshold
        _title("Confidence", found, "pixel", "no detection yet", part=_part(document.detection))
        lines = () if document.detection.confidence is None else (threshold,)
        heights = [] if found is None else found.counts
        plot = self._confidence
        value = plot.draw(desk, size, heights, (0.0, 1.0), lines, (threshold, 1.0), ("0", "1"))
        if imgui.is_item_activated() and plot.held is not None:
            self._drag.begin(document)
        if value is not None and self._drag.held:
            document.mask = replace(document.mask, threshold=round(min(max(value, 0.0), 1.0), 4))
        if imgui.is_item_deactivated():
            self._drag.end()
        _explain(plot, found, "pixel", f"threshold {threshold:.3f}")

    def _draw_areas(self, desk, document, size):
        found = desk.measurer.areas(document)
        _title("Areas", found, "object", "no objects yet")
        heights = [] if found is None else found.counts
        ends = ("", "") if found is None else (f"{found.edges[0]:,}", f"{found.edges[-1]:,}")
        self._areas.draw(desk, size, heights, (0.0, max(len(heights), 1.0)), ends=ends)
        _explain(self._areas, found, "object")


def _part(detection):
    """What to say of the confidence of a frame that was searched in part."""
    if detection.gaps is not None:
        return " searched"
    return "" if detection.covered >= 1.0 else f", {percent(detection.covered)} searched"


def _title(words, found, what, missing="counting...", counted=None, part=""):
    """What the plot shows, and of how much; counted: how far counting all of it has come; part:
    what follows the number."""
    imgui.text_unformatted(words)
    imgui.same_line()
    if found is None:
        imgui.text_disabled(missing)
    elif found.exact:
        imgui.text_disabled(f"of {count(found.total, what)}{part}, log")
    else:
        more = "" if counted is None else f" (counting all, {progress(counted)})"
        imgui.text_disabled(f"sampled, {percent(found.looked / found.total)}{more}, log")


def _explain(plot, found, what, more=None):
    """Say how many values are in the bin under the mouse."""
    share = plot.bin_under_mouse
    if share is None or found is None:
        return
    k = min(max(int(share * len(found.counts)), 0), len(found.counts) - 1)
    low, high = found.edges[k], found.edges[k + 1]
    if np.issubdtype(found.edges.dtype, np.integer):
        last = k == len(found.counts) - 1
        high = high if last else high - 1
        words = f"area {low:,}" + (f" to {high:,}" if high > low else "")
    else:
        words = f"{low:.6g} to {high:.6g}"
    seen = "" if found.exact else " of those looked at"
    words += f"\n{count(int(found.counts[k]), what)}{seen}"
    tip(words if more is None else f"{words}\n{more}")
