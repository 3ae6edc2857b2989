"""The middle of the window: image pane and mask pane side by side, with a bar between them."""

from imgui_bundle import imgui

from glview.ui.compare import divider, labels
from glview.ui.widgets import mark

BAR = 6.0
NARROWEST = 0.05


def panes_panel(desk, canvas):
    """Draw both panes; the bar between them can be dragged, a double click halves the room."""
    workspace, room = desk.workspace, imgui.get_content_region_avail()
    bar = BAR * (imgui.get_style().font_scale_dpi or 1.0)
    if room.x < 4 * bar or room.y < bar:
        return
    left = round((room.x - bar) * workspace.split)
    _pane(desk, canvas, "image", left, room.y)
    imgui.same_line(0.0, 0.0)
    imgui.invisible_button("bar", (bar, room.y))
    mark(desk, "bar")
    if imgui.is_item_hovered() or imgui.is_item_active():
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew.value)
    if imgui.is_item_active():
        split = workspace.split + imgui.get_io().mouse_delta.x / room.x
        workspace.split = min(max(split, NARROWEST), 1.0 - NARROWEST)
    if imgui.is_item_hovered() and imgui.is_mouse_double_clicked(imgui.MouseButton_.left.value):
        workspace.split = 0.5
    imgui.same_line(0.0, 0.0)
    _pane(desk, canvas, "mask", room.x - bar - left, room.y)


def _pane(desk, canvas, name, width, height):
    flags = (imgui.WindowFlags_.no_scrollbar.value | imgui.WindowFlags_.no_scroll_with_mouse.value
             | imgui.WindowFlags_.no_move.value)
    if imgui.begin_child(name, (max(width, 1.0), height), 0, flags):
        corner, room = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail()
        if name == "image" and desk.workspace.document is not None:
            divider(desk)
        canvas.draw(desk, name)
        labels(desk, name, corner, (room.x, room.y))
    imgui.end_child()
