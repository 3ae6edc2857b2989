"""The image pane and the mask pane: one view, the same mouse, the same cursor."""

import math
from dataclasses import replace

from imgui_bundle import imgui

from glview.core.view import View, window
from glview.tools import tool_named
from glview.tools.pencil import Pencil
from glview.ui.faults import hatch
from glview.ui.numbers import Numbers
from glview.ui.widgets import mark

ZOOM_PER_NOTCH = 1.25
CROSS = imgui.IM_COL32(90, 220, 255, 255)
SELECTED = imgui.IM_COL32(255, 205, 60, 255)


class Canvas:
    """Draws both panes and turns the mouse on them into changes of view, stretch and edits.

    The pictures themselves are drawn after all panes took their input (`Scene.draw`), and so is
    what lies over them (`marks`): nothing on screen ever shows another view than the rest.
    """

    def __init__(self):
        self.pencil = Pencil()
        self._dragging = None
        self._numbers = Numbers()
        self._laid_out = []

    def draw(self, desk, name):
        """Fill the present ImGui window with the pane `name`, "image" or "mask"."""
        document = desk.workspace.document
        room, scale = imgui.get_content_region_avail(), imgui.get_io().display_framebuffer_scale
        size = max(16, int(room.y * scale.y)), max(16, int(room.x * scale.x))
        if document is None:
            _empty(desk)
            return
        corner = imgui.get_cursor_screen_pos()
        texture = desk.scene.pane(name, size)
        logical = (size[1] / scale.x, size[0] / scale.y)
        imgui.image(imgui.ImTextureRef(texture.glo), logical, (0, 1), (1, 0))
        imgui.set_cursor_screen_pos(corner)
        buttons = imgui.ButtonFlags_
        imgui.invisible_button(name, logical, buttons.mouse_button_left.value
                               | buttons.mouse_button_right.value
                               | buttons.mouse_button_middle.value)
        mark(desk, name)
        seen = window(desk.workspace.view, size, document.image.y_up)
        mouse = imgui.get_io().mouse_pos
        at = seen.to_image((mouse.y + 0.5 - corner.y) * scale.y,
                             (mouse.x + 0.5 - corner.x) * scale.x)
        if imgui.is_item_hovered() or imgui.is_item_active():
            self._input(desk, document, seen, at)
        self._laid_out.append((name, size, corner, scale, imgui.get_window_draw_list()))

    def _input(self, desk, document, seen, at):
        workspace, io = desk.workspace, imgui.get_io()
        pixel = math.floor(at[0]), math.floor(at[1])
        height, width = document.image.shape
        inside = 0 <= pixel[0] < height and 0 <= pixel[1] < width
        if io.mouse_delta.x or io.mouse_delta.y or io.mouse_wheel:
            workspace.cursor = pixel if inside else None
        if io.mouse_wheel and imgui.is_item_hovered():
            workspace.fit = False
            workspace.view = workspace.view.zoomed(ZOOM_PER_NOTCH**io.mouse_wheel, at)
        if imgui.is_item_hovered() and imgui.is_mouse_clicked(imgui.MouseButton_.middle.value):
            workspace.fit = False
            workspace.view = View(*at, workspace.view.zoom).inside(document.image.shape)
        self._left(desk, document, seen, pixel)
        self._right(document)

    def _left(self, desk, document, seen, pixel):
        workspace, io = desk.workspace, imgui.get_io()
        left = imgui.MouseButton_.left.value
        tool = tool_named(workspace.tool)
        if imgui.is_item_activated() and imgui.is_mouse_clicked(left):
            hand = tool.edit is None or not document.whole or imgui.is_key_down(imgui.Key.space)
            self._dragging = "pan" if hand else "pencil"
            if not hand:
                edit = tool.inverse if io.key_alt else tool.edit
                self.pencil.press(document, pixel, workspace.brush, edit, io.key_shift)
        elif self._dragging == "pan" and imgui.is_mouse_dragging(left, 0.0):
            scale = io.display_framebuffer_scale
            dy, dx = io.mouse_delta.y * scale.y / seen.zoom, io.mouse_delta.x * scale.x / seen.zoom
            if dy or dx:
                workspace.fit = False
                moved = workspace.view.moved(dy if document.image.y_up else -dy, -dx)
                workspace.view = moved.inside(document.image.shape)
        elif self._dragging == "pencil":
            self.pencil.drag(document, pixel, workspace.brush)
        if self._dragging and not imgui.is_mouse_down(left):
            self.finish(document)

    def finish(self, document):
        """End the drag that is under way."""
        self.pencil.release(document)
        self._dragging = None

    @staticmethod
    def _right(document):
        right = imgui.MouseButton_.right.value
        if not (imgui.is_item_active() and imgui.is_mouse_dragging(right, 1.0)):
            return
        delta, size = imgui.get_io().mouse_delta, imgui.get_item_rect_size()
        stretch = document.stretch
        bias = min(max(stretch.bias + delta.x / size.x, 0.0), 1.0)
        contrast = min(max(stretch.contrast * 10.0 ** (2 * delta.y / size.y), 0.05), 10.0)
        document.stretch = replace(stretch, bias=bias, contrast=contrast)

    # what is drawn over the pictures

    def marks(self, desk):
        """Draw over the panes of this frame; to be called when all of them took their input.

        Returns the Window of a pane, or None.
        """
        panes, self._laid_out = self._laid_out, []
        document, seen = desk.workspace.document, None
        if document is None:
            return None
        for name, size, corner, scale, draw in panes:
            seen = window(desk.workspace.view, size, document.image.y_up)
            draw.push_clip_rect(corner, (corner.x + size[1] / scale.x,
                                         corner.y + size[0] / scale.y))
            self._marks(desk, document, seen, (corner, scale, draw), name)
            draw.pop_clip_rect()
        return seen

    def _marks(self, desk, document, seen, place, name):
        corner, scale, draw = place

        def rectangle(y0, x0, y1, x1, colour):
            (py, px), (qy, qx) = seen.to_pane(y0, x0), seen.to_pane(y1, x1)
            draw.add_rect((corner.x + min(px, qx) / scale.x, corner.y + min(py, qy) / scale.y),
                          (corner.x + max(px, qx) / scale.x, corner.y + max(py, qy) / scale.y),
                          colour)

        if name == "image":
            hatch(document, seen, place)
        if seen.zoom >= 40 * scale.x:
            self._numbers.draw(desk, document, seen, place, name)
        chosen = desk.reviewer.selected(document)
        if chosen is not None:
            pad = 2
            rectangle(chosen["y0"] - pad, chosen["x0"] - pad, chosen["y1"] + pad,
                      chosen["x1"] + pad, SELECTED)
        if desk.workspace.cursor is not None:
            self._cursor(desk.workspace, seen, place, rectangle)

    @staticmethod
    def _cursor(workspace, seen, place, rectangle):
        """The pixel under the cursor, or the brush; a frame round the spot if that is too small."""
        corner, scale, draw = place
        size = workspace.brush if workspace.tool != "hand" else 1
        y, x = workspace.cursor
        y0, x0 = y - (size - 1) // 2, x - (size - 1) // 2
        if seen.zoom * size < 4:
            reach = 5 / seen.zoom
            rectangle(y + 0.5 - reach, x + 0.5 - reach, y + 0.5 + reach, x + 0.5 + reach, CROSS)
        elif size < 3:
            rectangle(y0, x0, y0 + size, x0 + size, CROSS)
        else:
            py, px = seen.to_pane(y0 + size / 2, x0 + size / 2)
            draw.add_circle((corner.x + px / scale.x, corner.y + py / scale.y),
                            size / 2 * seen.zoom / scale.x, CROSS)


def _empty(desk):
    entry = desk.workspace.entry if desk.workspace.entries else None
    if entry is None:
        imgui.text_disabled("Drop a FITS file here, or press Ctrl+O")
    elif entry.error:
        imgui.push_text_wrap_pos(0.0)
        imgui.text_colored((1.0, 0.55, 0.4, 1.0), entry.error)
        imgui.pop_text_wrap_pos()
    else:
        imgui.text_disabled(f"opening {entry.name} ...")
        if entry.coming is not None and entry.coming.fraction is not None:
            imgui.progress_bar(entry.coming.fraction)
            imgui.text_disabled("Esc stops")
