"""Thumbnails of every object of the final mask, ranked; a click flies there."""

from imgui_bundle import imgui

from glview.ui.widgets import choice, count, mark

RANKS = {"area": "Area", "flux": "Flux", "confidence": "Confidence"}
SIDE = 84


def thumbnails_panel(desk):
    """Draw the panel; only the thumbnails in sight are made."""
    document = desk.workspace.document
    if document is None:
        return
    review = document.review
    total = 0 if review.objects is None else len(review.objects)
    imgui.align_text_to_frame_padding()
    imgui.text(f"{count(total, 'object')}, ranked by")
    imgui.same_line()
    imgui.push_item_width(imgui.get_font_size() * 8)
    desk.reviewer.rank(document, choice(desk, "##rank", review.rank, RANKS))
    imgui.pop_item_width()
    imgui.same_line()
    imgui.text_disabled("N next, P previous")
    imgui.begin_child("strip")
    if total:
        _grid(desk, document, review, total)
    imgui.end_child()
    mark(desk, "objects")


def _grid(desk, document, review, total):
    scale = imgui.get_style().font_scale_dpi or 1.0
    side, gap = SIDE * scale, imgui.get_style().item_spacing.x
    across = max(1, int((imgui.get_content_region_avail().x + gap) / (side + gap)))
    rows = -(-total // across)
    pitch = side + imgui.get_text_line_height() + 3 * gap
    first = int(imgui.get_scroll_y() / pitch)
    last = min(rows, first + int(imgui.get_window_height() / pitch) + 2)
    if review.selected >= 0 and desk.reviewer.take_scroll_request():
        imgui.set_scroll_y(max(0.0, (review.selected // across - 0.5) * pitch))
    imgui.set_cursor_pos_y(imgui.get_cursor_pos_y() + first * pitch)
    places = range(first * across, min(total, last * across))
    ready = desk.reviewer.thumbnails(document, [int(review.order[place]) for place in places])
    for place, corners in zip(places, ready, strict=True):
        if place % across:
            imgui.same_line()
        imgui.begin_group()
        _one(desk, review, place, corners, side)
        imgui.end_group()
    imgui.set_cursor_pos_y(rows * pitch)
    imgui.dummy((1, 1))


def _one(desk, review, place, corners, side):
    found = review.objects[review.order[place]]
    chosen = place == review.selected
    imgui.push_style_color(imgui.Col_.button, (1.0, 0.8, 0.25, 1.0) if chosen else (0, 0, 0, 0))
    if corners is None:
        clicked = imgui.button(f"...##{place}", (side, side))
    else:
        texture = imgui.ImTextureRef(desk.scene.thumbnails.texture.glo)
        pad = imgui.get_style().frame_padding
        clicked = imgui.image_button(f"##{place}", texture,
                                     (side - 2 * pad.x, side - 2 * pad.y), *corners)
    imgui.pop_style_color()
    mark(desk, f"thumbnail:{place}")
    if imgui.is_item_hovered():
        imgui.set_tooltip(describe(found))
    if clicked:
        desk.reviewer.select(desk.workspace.document, place)
    imgui.text_disabled(f"{place + 1}: {found['area']} px")


def describe(found):
    """A line on one object; positions are FITS pixels, which count from 1."""
    words = [f"x {found['cx'] + 1:.1f}  y {found['cy'] + 1:.1f}",
             f"area {count(found['area'], 'pixel')}"]
    if found["flux"] == found["flux"]:
        words.append(f"flux {found['flux']:.6g}, peak {found['peak']:.6g}")
    if found["max_confidence"] == found["max_confidence"]:
        words.append(f"confidence mean {found['mean_confidence']:.3f}, "
                     f"max {found['max_confidence']:.3f}")
    return "\n".join(words)
