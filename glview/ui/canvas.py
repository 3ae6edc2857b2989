"""The image pane and the mask pane: one view, the same mouse, the same cursor."""

import math
from dataclasses import replace

from imgui_bundle import imgui

from glview.core.mask import EDIT_ADD, EDIT_DELETE
from glview.core.view import View, window
from glview.tools import tool_named
from glview.tools.pencil import Pencil
from glview.tools.pick import Pick, reach_at
from glview.tools.region import Region
from glview.ui.compare import editable_width, own_width
from glview.ui.faults import hatch
from glview.ui.numbers import Numbers
from glview.ui.outlines import COLOURS, draw_lines, draw_region
from glview.ui.states import draw_selected
from glview.ui.status import NOT_COUNTED, uncounted
from glview.ui.widgets import mark, wrapped

ZOOM_PER_NOTCH = 1.25
STILL = 3.0  # how far the mouse may move in a click, in the window's units
LARGER = 1.4  # letters that say why there is no picture
CROSS = imgui.IM_COL32(90, 220, 255, 255)


class Canvas:
    """Draws both panes and turns the mouse on them into changes of view, stretch and edits.

    The pictures themselves are drawn after all panes took their input (`Scene.draw`), and so is
    what lies over them (`marks`): nothing on screen ever shows another view than the rest.
    """

    def __init__(self):
        self.pencil, self.pick, self.region = Pencil(), Pick(), Region()
        self._dragging, self._pressed, self._went, self._looked = None, None, 0.0, False
        self._numbers = Numbers()
        self._laid_out, self._shown = [], None

    def draw(self, desk, name):
        """Fill the present ImGui window with the pane `name`, "image" or "mask"."""
        document = desk.workspace.document
        room, scale = imgui.get_content_region_avail(), imgui.get_io().display_framebuffer_scale
        size = max(16, int(room.y * scale.y)), max(16, int(room.x * scale.x))
        if document is None:
            if name == "image":
                _empty(desk)
            return
        self._follow(desk.workspace, document)
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
        held = imgui.is_item_active() or imgui.is_item_deactivated()  # the button may go up outside
        if imgui.is_mouse_pos_valid() and (held or imgui.is_item_hovered()):
            self._input(desk, document, seen, at, name)
        self._laid_out.append((name, size, corner, scale, imgui.get_window_draw_list()))

    def _follow(self, workspace, document):
        """The view stays from one picture to the next, but for one of which it lies off."""
        view = workspace.view
        if document.key is not self._shown and view != view.inside(document.image.shape):
            workspace.fit = True
        self._shown = document.key

    def _input(self, desk, document, seen, at, name):
        workspace, io = desk.workspace, imgui.get_io()
        pixel = math.floor(at[0]), math.floor(at[1])
        inside = _inside(pixel, document)
        if io.mouse_delta.x or io.mouse_delta.y or io.mouse_wheel:
            workspace.cursor = pixel if inside else None
        if io.mouse_wheel and imgui.is_item_hovered():
            workspace.fit = False
            workspace.view = workspace.view.zoomed(ZOOM_PER_NOTCH**io.mouse_wheel, at)
        if imgui.is_item_hovered() and imgui.is_mouse_clicked(imgui.MouseButton_.middle.value):
            workspace.fit = False
            workspace.view = View(*at, workspace.view.zoom).inside(document.image.shape)
        free = (document.whole and not document.readonly and seen.to_pane(*at)[1]
                < editable_width(workspace.compare, name, seen.size[1]))
        self._left(desk, document, seen, at, free)
        self._right(document)

    def _left(self, desk, document, seen, at, free):
        left, pixel = imgui.MouseButton_.left.value, (math.floor(at[0]), math.floor(at[1]))
        if imgui.is_item_activated() and imgui.is_mouse_clicked(left):
            self._press(desk, document, at, free)
        elif self._dragging == "hand" and imgui.is_mouse_dragging(left, 0.0):
            _pan(desk.workspace, document, seen)
        elif self._dragging == "pencil":
            self.pencil.drag(document, pixel, desk.workspace.brush)
        elif self._dragging in ("rectangle", "lasso"):
            self.region.drag(document, at)
        elif self._dragging is None and free and tool_named(desk.workspace.tool).kind == "pick":
            self._look(desk, document, pixel)
        if self._dragging:  # a lasso may end where it began
            mouse = imgui.get_io().mouse_pos
            self._went = max(self._went, math.dist(self._pressed, (mouse.x, mouse.y)))
        if self._dragging and not imgui.is_mouse_down(left):
            self._release(desk, document, pixel)

    def _press(self, desk, document, at, free):
        workspace, io = desk.workspace, imgui.get_io()
        tool, pixel = tool_named(workspace.tool), (math.floor(at[0]), math.floor(at[1]))
        self._dragging = tool.kind if free and not imgui.is_key_down(imgui.Key.space) else "hand"
        if self._dragging != tool.kind:
            workspace.refuses(document)  # tells why, if that is the reason
        self._pressed, self._went = (io.mouse_pos.x, io.mouse_pos.y), 0.0
        code = tool.code(io.key_alt, io.key_ctrl)
        if self._dragging == "pencil":
            self.pencil.press(document, pixel, workspace.brush, code, io.key_shift)
        elif self._dragging in ("rectangle", "lasso"):
            self.region.press(document, at, code, self._dragging == "lasso")
        elif self._dragging == "pick" and _inside(pixel, document):
            self.pick.click(document, pixel, reach_at(workspace.view.zoom), code == EDIT_DELETE,
                            desk.jobs, _teller(desk.workspace))

    def _release(self, desk, document, pixel):
        dragging, self._dragging = self._dragging, None
        still = self._went <= STILL
        self.pencil.release(document)
        if dragging in ("rectangle", "lasso") and still:
            if self.region.abandon():
                desk.workspace.told = "Drag to draw round what is meant"
        elif dragging in ("rectangle", "lasso"):
            self.region.release(desk.jobs, _teller(desk.workspace))
        elif dragging == "hand" and still and desk.workspace.tool == "hand":
            _select(desk, document, pixel)

    def abandon(self):
        """Give up the outline that is being drawn; True if there was one."""
        return self.region.abandon()

    def _look(self, desk, document, pixel):
        if _inside(pixel, document):
            tool = tool_named(desk.workspace.tool)
            remove = tool.code(imgui.get_io().key_alt, False) == EDIT_DELETE
            self.pick.look(document, pixel, reach_at(desk.workspace.view.zoom), remove, desk.jobs)
            self._looked = True

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
        looked, self._looked = self._looked, False
        if not looked:
            self.pick.forget()
        if self._dragging and not imgui.is_mouse_down(imgui.MouseButton_.left.value):
            self._dragging = None  # its pane went away meanwhile
            self.region.abandon()
            self.pencil.release(document)
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

        def to_screen(y, x):
            py, px = seen.to_pane(y, x)
            return corner.x + px / scale.x, corner.y + py / scale.y

        def rectangle(y0, x0, y1, x1, colour):
            ends = zip(to_screen(y0, x0), to_screen(y1, x1), strict=True)
            (left, right), (top, bottom) = (sorted(pair) for pair in ends)
            draw.add_rect((left, top), (right, bottom), colour)

        if name == "image" and desk.workspace.compare.whole != "previous":
            hatch(document, seen, place)
        own = own_width(desk.workspace.compare, name, seen.size[1])
        if seen.zoom >= 40 * scale.x and own:
            draw.push_clip_rect(corner, (corner.x + own / scale.x,
                                         corner.y + seen.size[0] / scale.y), True)
            self._numbers.draw(desk, document, seen, place, name)
            draw.pop_clip_rect()
        draw_selected(draw, to_screen, rectangle, desk.decider.outline(document))
        if self.region.document is document:
            draw_region(draw, to_screen, self.region)
        if self.pick.shown is not None:
            colour = COLOURS[EDIT_DELETE if self.pick.removes else EDIT_ADD]
            draw_lines(draw, to_screen, self.pick.shown.lines, colour)
        if desk.workspace.cursor is not None:
            self._cursor(desk.workspace, seen, place, rectangle)

    @staticmethod
    def _cursor(workspace, seen, place, rectangle):
        """The pixel under the cursor, or the brush; a frame round the spot if that is too small."""
        corner, scale, draw = place
        size = workspace.brush if tool_named(workspace.tool).kind == "pencil" else 1
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


def _inside(pixel, document):
    height, width = document.image.shape
    return 0 <= pixel[0] < height and 0 <= pixel[1] < width


def _teller(workspace):
    """What puts a sentence into the status line."""
    return lambda words: setattr(workspace, "told", words)


def _select(desk, document, pixel):
    """Select the object of the mask at a pixel, if there is one; the view stays."""
    number = desk.reviewer.at(document, *pixel) if _inside(pixel, document) else -1
    if number >= 0:
        document.review.selected = document.review.order.place(number)
    elif document.has_mask and uncounted(desk, document):
        desk.workspace.told = f"No object can be chosen: {NOT_COUNTED}"


def _pan(workspace, document, seen):
    io = imgui.get_io()
    scale = io.display_framebuffer_scale
    dy, dx = io.mouse_delta.y * scale.y / seen.zoom, io.mouse_delta.x * scale.x / seen.zoom
    if dy or dx:
        workspace.fit = False
        moved = workspace.view.moved(dy if document.image.y_up else -dy, -dx)
        workspace.view = moved.inside(document.image.shape)


def _empty(desk):
    entry = desk.workspace.entry if desk.workspace.entries else None
    if entry is None:
        imgui.text_disabled("Drop a FITS file here, or press Ctrl+O")
    elif entry.error:
        imgui.push_font(None, LARGER * imgui.get_style().font_size_base)
        wrapped(entry.error, (1.0, 0.55, 0.4))
        imgui.pop_font()
    else:
        imgui.text_disabled(f"opening {entry.name} ...")
        if entry.coming is not None and entry.coming.fraction is not None:
            imgui.progress_bar(entry.coming.fraction)
            imgui.text_disabled("Esc stops")
