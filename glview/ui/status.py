"""The status line: what is under the cursor, and what the program is doing."""

from imgui_bundle import imgui

from glview.budget import size_text
from glview.ui.compare import words as compared
from glview.ui.widgets import mark


def status_line(desk):
    """Draw the line at the foot of the window."""
    workspace = desk.workspace
    document = workspace.document
    if document is not None:
        imgui.text_unformatted(desk.readout.text)
        mark(desk, "readout")
    used = imgui.calc_text_size(desk.readout.text).x if document is not None else 0.0
    end = imgui.get_window_width() - 2 * imgui.get_style().window_padding.x
    words = doing(desk, document)
    while words:  # what does not fit beside the read-out is left out, the last first
        text = "   ".join(words)
        start = end - imgui.calc_text_size(text).x
        if start > used + imgui.get_font_size():
            imgui.same_line(start)
            imgui.text_disabled(text)
            return
        words.pop()


def doing(desk, document):
    """What is going on, the most important first."""
    words = [desk.workspace.told, compared(desk.workspace), desk.busy_words]
    words.append(_loading(desk, document))
    if document is not None:
        words.append(f"zoom {desk.workspace.view.zoom:.4g}")
        if desk.workspace.view.zoom < 1:
            words.append(f"zoomed out: {document.stretch.zoomout}, mask max")
    budget = desk.workspace.budget
    words.append(f"{size_text(desk.held_bytes)} of {size_text(budget.memory)}")
    words.append(f"GPU {size_text(desk.scene.tiles.nbytes)} of {size_text(budget.gpu)}")
    return list(filter(None, words))


def _loading(desk, document):
    """How much of the picture is still to come."""
    pending = desk.feed.pending
    tiles = f"{pending} tile{'' if pending == 1 else 's'} pending" if pending else ""
    if document is None or document.pyramid.complete or not document.whole:
        return tiles
    return f"read {document.pyramid.covered:.0%}, {tiles}".removesuffix(", ")
