"""The status line: what is under the cursor, and what the program is doing."""

from imgui_bundle import imgui

from glview.budget import size_text
from glview.core.shares import progress
from glview.ui.compare import words as compared
from glview.ui.widgets import count, mark

NOT_COUNTED = "the objects are not counted yet"


def status_line(desk):
    """Draw the line at the foot of the window."""
    document = desk.workspace.document
    if desk.workspace.told.endswith(NOT_COUNTED) and not uncounted(desk, document):
        desk.workspace.told = ""  # it holds no longer
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
            if words[0] == desk.workspace.told:
                imgui.text_unformatted(words.pop(0))
                imgui.same_line(0, _wide("   "))
            imgui.text_disabled("   ".join(words))
            return
        words.pop()


def _wide(text):
    return imgui.calc_text_size(text).x


def uncounted(desk, document):
    """Why nothing is known of the objects of a document yet; "" once they are counted."""
    if document is None or document.review.objects is not None:
        return ""
    if not document.has_mask:
        waits = "no mask yet: it is being searched" if document.detection.running else ""
        return document.readonly or waits or "no mask yet; D detects"
    if desk.reviewer.failed(document):
        return "the objects cannot be counted, see the notice"
    return desk.compiler.words or "counting..."


def counted(listing):
    """ "711 objects, 10 rejected": those of the mask, and those that are in it no longer."""
    words = count(listing.reviewed[1] - listing.rejected, "object")
    return f"{words}, {listing.rejected:,} rejected" if listing.rejected else words


def compiling_bar(desk):
    """How far the compiling is, in a line of text; draw it only while there is something of it."""
    share, height = desk.compiler.share or 0.0, imgui.get_text_line_height()
    imgui.push_style_var(imgui.StyleVar_.frame_padding, (0.0, 0.0))
    imgui.progress_bar(share, (-1.0, height), f"compiling: {progress(share)}")
    imgui.pop_style_var()
    mark(desk, "compiling")


def doing(desk, document):
    """What is going on, the most important first."""
    words = [desk.workspace.told, compared(desk.workspace), desk.busy_words,
             desk.compiler.words]
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
    return f"read {progress(document.pyramid.covered)}, {tiles}".removesuffix(", ")
