"""The status line: what is under the cursor, and what the program is doing."""

from imgui_bundle import imgui

from glview.budget import size_text
from glview.ui.compare import words as compared
from glview.ui.widgets import mark


def status_line(desk):
    """Draw the line at the foot of the window."""
    document = desk.workspace.document
    gap, end = imgui.get_font_size(), imgui.get_window_width()
    end -= 2 * imgui.get_style().window_padding.x
    words, left = doing(desk, document), "" if document is None else desk.readout.text
    if desk.workspace.told and _wide(left) + gap >= end - _wide(desk.workspace.told):
        left, words = desk.workspace.told, words[1:]  # what was done goes before what is there
    imgui.text_unformatted(left)
    mark(desk, "readout")
    while words:  # what does not fit beside that is left out, the last first
        start = end - _wide("   ".join(words))
        if start > _wide(left) + gap:
            imgui.same_line(start)
            imgui.text_disabled("   ".join(words))
            return
        words.pop()


def _wide(text):
    return imgui.calc_text_size(text).x


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
