"""The display panel: scale, limits, colour map, contrast."""

import math
from dataclasses import replace

from imgui_bundle import imgui

from glview.core.colormaps import COLORMAPS
from glview.core.limits import LIMITS
from glview.core.shares import percent
from glview.core.stretch import LABELS, ZOOMOUT
from glview.ui.faults import faults_list
from glview.ui.widgets import choice, mark, tip, wrapped


def display_panel(desk):
    """Draw the panel; changes go to the current document's stretch."""
    document = desk.workspace.document
    if document is None:
        return
    old = stretch = document.stretch
    imgui.push_item_width(-imgui.get_font_size() * 5.5)
    if document.image.planes > 1:
        _slice(desk, document)
    stretch = replace(stretch, kind=choice(desk, "Scale", stretch.kind, LABELS))
    stretch = _limits(desk, document, stretch)
    maps = {name: name for name in COLORMAPS}
    stretch = replace(stretch, colormap=choice(desk, "Color", stretch.colormap, maps))
    stretch = _contrast(stretch)
    stretch = replace(stretch, zoomout=choice(desk, "Zoomed out", stretch.zoomout, ZOOMOUT))
    tip("What a screen pixel shows of the pixels under it: their mean; the largest, so that no "
        "bright pixel is hidden; or the mean with the peaks that stand out 5 sigma (Shift+X)")
    imgui.pop_item_width()
    _counts(document)
    faults_list(desk, document)
    if stretch != old:
        document.stretch = stretch


def _limits(desk, document, stretch):
    chosen = choice(desk, "Limits", stretch.limits, LIMITS)
    low, high = document.limits
    if chosen == "user" and stretch.limits != "user":
        stretch = replace(stretch, low=low, high=high)
    stretch = replace(stretch, limits=chosen)
    lowered, new_low = imgui.input_float("Low", low, format="%.6g")
    mark(desk, "Low")
    raised, new_high = imgui.input_float("High", high, format="%.6g")
    mark(desk, "High")
    # What was not typed keeps its own precision: the field's is that of a float.
    low, high = new_low if lowered else low, new_high if raised else high
    if (lowered or raised) and -math.inf < low < high < math.inf:
        stretch = replace(stretch, limits="user", low=low, high=high)
    elif lowered or raised:
        desk.workspace.told = f"Low {low:.6g} must be below High {high:.6g}: not changed"
    _, clip = imgui.checkbox("3-sigma clip", stretch.clip)
    mark(desk, "3-sigma clip")
    tip("Take the limits from what a 3-sigma clip leaves of the pixels")
    imgui.same_line()
    _, invert = imgui.checkbox("Invert", stretch.invert)
    mark(desk, "Invert")
    return replace(stretch, clip=clip, invert=invert)


def _contrast(stretch):
    # Only of a slider that moved: it makes any number a float32.
    moved, contrast = imgui.slider_float("Contrast", stretch.contrast, 0.05, 10.0, "%.2f",
                                         imgui.SliderFlags_.logarithmic.value)
    if moved:
        stretch = replace(stretch, contrast=contrast)
    moved, bias = imgui.slider_float("Bias", stretch.bias, 0.0, 1.0, "%.2f")
    if moved:
        stretch = replace(stretch, bias=bias)
    tip("Right drag on a picture changes both")
    if imgui.small_button("Reset contrast and bias"):
        stretch = replace(stretch, contrast=1.0, bias=0.5)
    return stretch


def _slice(desk, document):
    image = document.image
    changed, plane = imgui.slider_int("Slice", image.plane + 1, 1, image.planes)
    mark(desk, "Slice")
    if changed and plane - 1 != image.plane:
        desk.library.show_image(image, min(max(plane - 1, 0), image.planes - 1))


def _counts(document):
    sample = document.sample
    words = "" if sample.exact else f" (sampled, {percent(sample.count / sample.total)})"
    imgui.separator()
    low, high = sample.low, sample.high
    if low is None and len(sample.values):
        low, high = sample.values[0], sample.values[-1]
    if low is not None:
        imgui.text_disabled(f"Min {low:.6g}  Max {high:.6g}{words}")
    used = len(sample.values)
    automatic = document.stretch.limits not in ("minmax", "user")
    if automatic and sample.exact and 0 < used < sample.count:
        imgui.text_disabled(f"Limits from {percent(used / sample.count)} of the pixels")
    nan = sample.nan if document.whole else 0  # most of them are pixels that were never read
    bad = (("NaN", nan), ("+Inf", sample.posinf), ("-Inf", sample.neginf))
    found = "  ".join(f"{name} {count:,}" for name, count in bad if count)
    none = "No NaN, no Inf" if document.whole else "NaN: not counted before all is unpacked"
    imgui.text_disabled(f"{found or none}{words}")
    for note in document.image.notes:
        wrapped(note, (1.0, 0.75, 0.3))
