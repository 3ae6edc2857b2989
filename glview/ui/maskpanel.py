"""The mask panel: threshold, dilation, overlay, tools, counts."""

from dataclasses import replace

from imgui_bundle import imgui

from glview.core.mask import MAX_DILATION
from glview.core.shares import percent
from glview.tools import TOOLS
from glview.ui.maskdrag import MaskDrag
from glview.ui.status import compiling_bar, counted, uncounted
from glview.ui.widgets import choice, count, faint, mark, tip, wrapped

TOOLS_IN_LINE = 4
SHAPES = {"square": "Square", "disk": "Disk", "diamond": "Diamond"}


class MaskPanel:
    """Remembers which slider is dragged, for one step of undo."""

    def __init__(self):
        self._drag = MaskDrag()

    def draw(self, desk):
        """Draw the panel; threshold and dilation become steps of the document's history."""
        document = desk.workspace.document
        if document is None:
            return
        self._drag.rescue(document)
        _counts(desk, document)
        imgui.push_item_width(-imgui.get_font_size() * 5.5)
        self._slide(desk, document, "Threshold", "threshold", imgui.slider_float, 0.0, 1.0, "%.3f")
        tip("Pixels whose confidence is above this are in the mask")
        _suggestion(desk, document)
        self._slide(desk, document, "Dilation", "dilation", imgui.slider_int, 0, MAX_DILATION)
        tip("Grow the model's mask by so many pixels")
        shape = choice(desk, "Shape", document.mask.shape, SHAPES)
        if shape != document.mask.shape:
            document.change(shape=shape)
        _overlay(desk)
        imgui.pop_item_width()
        _tools(desk)

    def _slide(self, desk, document, label, name, slider, *span):
        """One slider; it changes the mask while it moves and makes one step when let go."""
        changed, value = slider(label, getattr(document.mask, name), *span)
        mark(desk, label)
        if imgui.is_item_activated():
            self._drag.begin(document)
        if changed and self._drag.held:
            document.mask = replace(document.mask, **{name: min(max(value, span[0]), span[1])})
        if imgui.is_item_deactivated():
            self._drag.end()


def _suggestion(desk, document):
    """A button that proposes a threshold; it is a suggestion, and one step of undo."""
    imgui.begin_disabled(document.detection.confidence is None or document.detection.running)
    if imgui.small_button("Suggest threshold"):
        desk.reviewer.suggest(document)
    mark(desk, "Suggest threshold")
    tip("Where the confidence divides most clearly into rays and sky; look before you trust it")
    imgui.end_disabled()


def _overlay(desk):
    overlay = desk.workspace.overlay
    imgui.separator()
    _, shown = imgui.checkbox("On the image", overlay.shown)
    mark(desk, "On the image")
    imgui.same_line()
    _, outline = imgui.checkbox("Outline", overlay.outline)
    mark(desk, "Outline")
    _, opacity = imgui.slider_float("Opacity", overlay.opacity, 0.0, 1.0, "%.2f")
    mark(desk, "Opacity")
    _, colour = imgui.color_edit3("Color", list(overlay.colour),
                                  imgui.ColorEditFlags_.no_inputs.value)
    pane = choice(desk, "Pane", overlay.pane, {"mask": "Mask", "confidence": "Confidence"})
    tip("Mask pane: white found by the model, grey grown by dilation, green added, red deleted")
    desk.workspace.overlay = replace(overlay, shown=shown, outline=outline, opacity=opacity,
                                     colour=tuple(colour[:3]), pane=pane)


def _tools(desk):
    imgui.separator()
    workspace = desk.workspace
    for number, tool in enumerate(TOOLS):
        if number % TOOLS_IN_LINE:
            imgui.same_line()
        if imgui.radio_button(tool.label, workspace.tool == tool.name):
            workspace.tool = tool.name
        mark(desk, f"tool:{tool.name}")
        tip(f"{tool.tip} ({tool.key})")
    imgui.push_item_width(-imgui.get_font_size() * 5.5)
    _, size = imgui.slider_int("Brush", workspace.brush, 1, 30,
                               "%d pixel" if workspace.brush == 1 else "%d pixels")
    imgui.pop_item_width()
    workspace.brush = min(max(size, 1), 99)
    tip("[ and ] change it")


def _counts(desk, document):
    review = document.review
    added, deleted = document.edits.added, document.edits.deleted
    if review.objects is None and document.has_mask and desk.compiler.share is not None:
        compiling_bar(desk)
    elif review.objects is None:
        faint(uncounted(desk, document))
    else:
        total = document.image.shape[0] * document.image.shape[1]
        wrapped(f"{counted(desk.listing)}, {count(review.pixels, 'pixel')} "
                f"({percent(review.pixels / total)})")
    words = f"by hand: {added:,} added, {deleted:,} deleted" if added or deleted else ""
    imgui.text_disabled(words)  # its line is kept, or the first stroke moved all below
