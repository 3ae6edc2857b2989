"""The overview: the whole frame, and the rectangle of what the panes show, to be dragged."""

from imgui_bundle import imgui

from glview.core.view import View, fitted, window

FRAME = imgui.IM_COL32(80, 255, 120, 255)
UNSEARCHED = imgui.IM_COL32(0, 0, 30, 150)


class Overview:
    """The panel; its rectangle is drawn by `marks`, after the panes took their input."""

    def __init__(self):
        self._laid_out = None

    def draw(self, desk):
        """Draw the picture; a click or a drag in it moves the view there."""
        document, workspace = desk.workspace.document, desk.workspace
        room, scale = imgui.get_content_region_avail(), imgui.get_io().display_framebuffer_scale
        size = max(16, int(room.y * scale.y)), max(16, int(room.x * scale.x))
        if document is None or min(room.x, room.y) < 8:
            return
        corner = imgui.get_cursor_screen_pos()
        texture = desk.scene.pane("overview", size)
        logical = (size[1] / scale.x, size[0] / scale.y)
        imgui.image(imgui.ImTextureRef(texture.glo), logical, (0, 1), (1, 0))
        imgui.set_cursor_screen_pos(corner)
        imgui.invisible_button("overview", logical)
        desk.screen.places["overview"] = (corner.x, corner.y, *logical)
        whole = window(fitted(document.image.shape, size), size, document.image.y_up)
        if imgui.is_item_active():
            mouse = imgui.get_io().mouse_pos
            at = whole.to_image((mouse.y + 0.5 - corner.y) * scale.y,
                                 (mouse.x + 0.5 - corner.x) * scale.x)
            workspace.fit = False
            workspace.view = View(*at, workspace.view.zoom).inside(document.image.shape)
        self._laid_out = whole, corner, scale, imgui.get_window_draw_list()

    def marks(self, desk, seen):
        """Draw what a detection has not been over, and the rectangle of `seen`, the Window of a
        pane in this frame, or None."""
        laid_out, self._laid_out = self._laid_out, None
        if laid_out is None or seen is None:
            return
        whole, corner, scale, draw = laid_out
        (py, px), (qy, qx) = whole.to_pane(*seen.box[:2]), whole.to_pane(*seen.box[2:])
        draw.push_clip_rect(corner, (corner.x + whole.size[1] / scale.x,
                                     corner.y + whole.size[0] / scale.y))
        _unsearched(desk.workspace.document, laid_out)
        low = corner.x + min(px, qx) / scale.x, corner.y + min(py, qy) / scale.y
        high = corner.x + max(px, qx) / scale.x, corner.y + max(py, qy) / scale.y
        draw.add_rect(low, (max(high[0], low[0] + 3), max(high[1], low[1] + 3)), FRAME)
        draw.pop_clip_rect()


def _unsearched(document, place):
    """Darken what no detection has been over, as far as that is known."""
    whole, corner, scale, draw = place
    gaps = document.detection.gaps
    for y0, x0, y1, x1 in gaps.missing() if gaps is not None else ():
        (py, px), (qy, qx) = whole.to_pane(y0, x0), whole.to_pane(y1, x1)
        draw.add_rect_filled((corner.x + min(px, qx) / scale.x, corner.y + min(py, qy) / scale.y),
                             (corner.x + max(px, qx) / scale.x, corner.y + max(py, qy) / scale.y),
                             UNSEARCHED)
