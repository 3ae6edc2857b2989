"""What the user sees of a comparison beside the pictures: its name, and the divider."""

from dataclasses import replace

from imgui_bundle import imgui

from glview.comparing import previous
from glview.core.compare import KINDS
from glview.core.pyramid import RAW_LEVELS
from glview.ui.widgets import mark

GRIP = 9.0  # width of what takes the mouse, in the window's units
LINE, SHADE = imgui.IM_COL32(255, 205, 60, 255), imgui.IM_COL32(0, 0, 0, 150)
OTHER_FILES = ("previous",)  # kinds that show another file
OTHER_VALUES = ("cleaned", *OTHER_FILES)  # kinds that show other values than the file's own


def words(workspace):
    """What is compared, for the status line; "" if nothing is."""
    compare = workspace.compare
    if workspace.document is None:
        return ""
    if compare.whole:
        return named(workspace, compare.whole)
    if compare.right:
        return f"right of the divider: {named(workspace, compare.right)}"
    return ""


def named(workspace, kind):
    """The name of one of KINDS, and why it shows nothing new if it does not."""
    document = workspace.document
    if kind == "previous":
        other = previous(workspace)
        if other is None:
            return "no other file is open"
        beyond = "" if _reaches(other, document.seen) else ": it does not reach here"
        return f"previous: {other.image.name}{beyond}"
    if kind == "cleaned" and not document.has_mask:
        return f"{KINDS[kind]}: no mask yet"
    if kind == "cleaned" and document.level >= RAW_LEVELS:
        return f"{KINDS[kind]}: zoom in beyond 1:{1 << RAW_LEVELS} to see it"
    return KINDS[kind]


def _reaches(document, box):
    """True if a box (y0, x0, y1, x1), image coordinates, or None, may show some of a document."""
    height, width = document.image.shape
    return box is None or (box[0] < height and box[1] < width and box[2] > 0 and box[3] > 0)


def own_width(compare, name, width):
    """How many of the `width` columns of a pane, from its left edge, show the document's own values
    and not another file's or what masked pixels are filled with."""
    return _width_without(OTHER_VALUES if name == "image" else OTHER_FILES, compare, name, width)


def editable_width(compare, name, width):
    """How many columns, likewise, show the document's own file: what is not seen is not edited."""
    return _width_without(OTHER_FILES, compare, name, width)


def _width_without(kinds, compare, name, width):
    if compare.whole in kinds:
        return 0
    return compare.column(width) if name == "image" and compare.right in kinds else width


def divider(desk):
    """Let the mouse take the divider; to be called where the image pane begins, before it.

    A right click offers what can be shown right of it.
    """
    workspace, compare = desk.workspace, desk.workspace.compare
    if not compare.right:
        return
    start, room = imgui.get_cursor_pos(), imgui.get_content_region_avail()
    left, grip = imgui.get_cursor_screen_pos().x, GRIP * (imgui.get_style().font_scale_dpi or 1.0)
    imgui.set_cursor_pos((start.x + compare.at * room.x - grip / 2, start.y))
    buttons = imgui.ButtonFlags_
    imgui.invisible_button("divider", (grip, max(room.y, 1.0)), buttons.mouse_button_left.value
                           | buttons.mouse_button_right.value)
    mark(desk, "divider")
    if imgui.is_item_hovered() or imgui.is_item_active():
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew.value)
    mouse = imgui.get_io().mouse_pos.x
    if imgui.is_item_active() and imgui.is_mouse_dragging(imgui.MouseButton_.left.value, 0.0):
        at = min(max((mouse + 0.5 - left) / room.x, 0.0), 1.0)
        workspace.compare = replace(compare, at=at)
    if imgui.begin_popup_context_item("right of the divider"):
        _offer(desk)
        imgui.end_popup()
    imgui.set_cursor_pos(start)


def _offer(desk):
    workspace = desk.workspace
    for kind, label in KINDS.items():
        if imgui.menu_item(label, "", workspace.compare.right == kind)[0]:
            workspace.compare = replace(workspace.compare, other=kind, cleaned=False)
        mark(desk, f"divider:{kind}")


def labels(desk, name, corner, size):
    """Name what the pane `name` shows; to be called when it was laid out.

    corner: its upper left one; size: (width, height), in the window's units.
    """
    workspace, compare = desk.workspace, desk.workspace.compare
    if workspace.document is None:
        return
    draw = imgui.get_window_draw_list()
    if compare.whole and (name == "image" or compare.whole in ("model", "previous")):
        _label(draw, corner.x + 4, corner.y + 4, named(workspace, compare.whole))
    elif name == "image" and compare.right:
        scale = imgui.get_io().display_framebuffer_scale.x
        x = corner.x + compare.column(max(16, int(size[0] * scale))) / scale  # as the pane is drawn
        draw.add_line((x, corner.y), (x, corner.y + size[1]), LINE)
        draw.push_clip_rect((x, corner.y), (corner.x + size[0], corner.y + size[1]), True)
        _label(draw, x + 4, corner.y + 4, named(workspace, compare.right))
        draw.pop_clip_rect()


def _label(draw, x, y, text):
    size = imgui.calc_text_size(text)
    draw.add_rect_filled((x, y), (x + size.x + 8, y + size.y + 4), SHADE, 3.0)
    draw.add_text((x + 4, y + 2), LINE, text)
