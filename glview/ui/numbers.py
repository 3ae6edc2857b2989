"""Numbers in the pixels, when they are large enough: values, on the mask pane confidences."""

import math

import numpy as np
from imgui_bundle import imgui

LIGHT, DARK = imgui.IM_COL32(255, 255, 255, 255), imgui.IM_COL32(0, 0, 0, 130)


class Numbers:
    """Remembers the values of the last box, so that a still picture reads nothing."""

    def __init__(self):
        self._key, self._values = None, None

    def draw(self, desk, document, seen, place, name):
        """Write the numbers of pane `name`; place: its corner, the scale, the draw list."""
        corner, scale, draw = place
        shape = document.image.shape
        y0, x0, y1, x1 = seen.box
        y0, x0 = max(0, math.floor(y0)), max(0, math.floor(x0))
        y1, x1 = min(shape[0], math.ceil(y1)), min(shape[1], math.ceil(x1))
        if y0 >= y1 or x0 >= x1:
            return
        values = self._read(desk, document, (y0, x0, y1, x1), name)
        if values is None:
            return
        height, room = imgui.get_text_line_height(), seen.zoom / scale.x
        for y in range(y0, y1):
            for x in range(x0, x1):
                value = values[y - y0, x - x0]
                text = short(value) if name == "image" else f"{value:.3f}"
                py, px = seen.to_pane(y + 0.5, x + 0.5)
                width = imgui.calc_text_size(text).x
                if width > room:
                    continue  # it would run into its neighbours; the next zoom step shows it
                left = corner.x + px / scale.x - width / 2
                top = corner.y + py / scale.y - height / 2
                draw.add_rect_filled((left - 2, top), (left + width + 2, top + height), DARK, 3.0)
                draw.add_text((left, top), LIGHT, text)

    def _read(self, desk, document, box, name):
        y0, x0, y1, x1 = box
        if name == "mask":
            confidence = document.detection.confidence
            return None if confidence is None else confidence[y0:y1, x0:x1]
        key = (document.key, document.image.plane, box)
        if key != self._key:
            self._key, self._values = key, None
            desk.read_box(box, lambda values: self._keep(key, values))
        return self._values

    def _keep(self, key, values):
        if key == self._key:
            self._values = values


def short(value):
    """A number in at most about six characters."""
    if isinstance(value, np.integer):
        return str(value)
    if not np.isfinite(value):
        return str(float(value)).replace("nan", "NaN").replace("inf", "Inf")
    return f"{value:.0f}" if abs(value) >= 1000 and abs(value) < 1e6 else f"{value:.3g}"
