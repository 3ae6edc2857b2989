"""Thumbnails of the objects in the order of the list, with what was said of each; a click flies
there."""

from imgui_bundle import imgui

from glview.core.objects import RANKS
from glview.core.verdicts import STATES
from glview.ui.states import COLOURS, WORDS, colour_of, sign
from glview.ui.status import counted, uncounted
from glview.ui.widgets import choice, count, mark, wrapped

LABELS = {"area": "Area", "flux": "Flux", "confidence": "Confidence"}
SIDE = 84
SIGN = 18


class ThumbnailsPanel:
    """Remembers what it was scrolled for."""

    def __init__(self):
        self._flights, self._place = -1, 0

    def draw(self, desk):
        """Draw the panel; only the thumbnails in sight are made."""
        document = desk.workspace.document
        if document is None:
            return
        _head(desk, document)
        imgui.begin_child("strip")
        if len(desk.listing.order):
            self._grid(desk, document)
        imgui.end_child()
        mark(desk, "objects")

    def _grid(self, desk, document):
        listing, style = desk.listing, imgui.get_style()
        side, gap = SIDE * (style.font_scale_dpi or 1.0), style.item_spacing.x
        total = len(listing.order)
        across = max(1, int((imgui.get_content_region_avail().x + gap) / (side + gap)))
        rows = -(-total // across)
        pitch = side + imgui.get_text_line_height() + 3 * gap
        first = min(int(imgui.get_scroll_y() / pitch), rows)
        was_seen = first <= self._place // across <= first + imgui.get_window_height() // pitch
        if self._flights != listing.flights or (self._place != listing.place and was_seen):
            imgui.set_scroll_y(max(0.0, (listing.place // across - 0.5) * pitch))
        self._flights, self._place = listing.flights, listing.place
        last = min(rows, first + int(imgui.get_window_height() / pitch) + 2)
        imgui.set_cursor_pos_y(imgui.get_cursor_pos_y() + first * pitch)
        places = range(first * across, min(total, last * across))
        numbers = [int(listing.order[place]) for place in places]
        boxes = [tuple(int(listing.rows[number][name]) for name in ("y0", "x0", "y1", "x1"))
                 for number in numbers]
        ready = desk.reviewer.pictures(document, boxes)
        for place, number, corners in zip(places, numbers, ready, strict=True):
            if place % across:
                imgui.same_line()
            imgui.begin_group()
            _one(desk, (place, number), corners, side)
            imgui.end_group()
        imgui.set_cursor_pos_y(rows * pitch)
        imgui.dummy((1, 1))


def _head(desk, document):
    listing = desk.listing
    if words := uncounted(desk, document):
        wrapped(words)
        return
    total, shown = len(listing.rows), len(listing.order)
    imgui.align_text_to_frame_padding()
    words = counted(listing) if shown == total else f"{shown:,} of {total:,} shown"
    imgui.text(f"{words}, by")
    imgui.same_line()
    imgui.set_next_item_width(imgui.get_font_size() * 7)
    _rank(desk, document, listing)
    done, of = listing.reviewed
    if of:
        imgui.same_line()
        words, margin = f"{done:,} of {of:,} reviewed", 4 * imgui.get_style().frame_padding.x
        imgui.progress_bar(done / of, (imgui.calc_text_size(words).x + margin, 0.0), words)
        mark(desk, "progress")


def _rank(desk, document, listing):
    """The measures that are asked for most; the table sorts by every column."""
    columns = {"area": "area", "flux": "flux", "confidence": "mean"}
    now = next((rank for rank in RANKS if listing.sort == (columns[rank], True)), "")
    words = LABELS if now else {"": f"{listing.sort[0]}, as the table"} | LABELS
    chosen = choice(desk, "##rank", now, words)
    if chosen != now and chosen:
        listing.sort = columns[chosen], True
        desk.reviewer.rank(document, chosen)


def _one(desk, where, corners, side):
    (place, number), listing = where, desk.listing
    row, state = listing.rows[number], STATES[listing.codes[number]]
    chosen = number == listing.selected
    imgui.push_style_color(imgui.Col_.button, (*COLOURS[state], 1.0) if chosen else (0, 0, 0, 0))
    if corners is None:
        clicked = imgui.button(f"...##{place}", (side, side))
    else:
        texture = imgui.ImTextureRef(desk.scene.thumbnails.texture.glo)
        pad = imgui.get_style().frame_padding
        clicked = imgui.image_button(f"##{place}", texture,
                                     (side - 2 * pad.x, side - 2 * pad.y), *corners)
    imgui.pop_style_color()
    mark(desk, f"thumbnail:{place}")
    if state:
        low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
        draw, size = imgui.get_window_draw_list(), SIGN * side / SIDE
        draw.add_rect(low, high, colour_of(state), rounding=3.0, thickness=2.0)
        sign(draw, state, (high.x - size - 3, low.y + 3), size)
    if imgui.is_item_hovered():
        imgui.set_tooltip(describe(row, state))
    if clicked:
        listing.select(desk.workspace.document, number)
    imgui.text_disabled(f"{row['id']}: {row['area']} px")


def describe(found, state):
    """Lines on one object; positions are FITS pixels, which count from 1."""
    words = [f"x {found['cx'] + 1:.1f}  y {found['cy'] + 1:.1f}",
             f"area {count(found['area'], 'pixel')}"]
    if found["flux"] == found["flux"]:
        words.append(f"flux {found['flux']:.6g}, peak {found['peak']:.6g}")
    if found["mean_confidence"] == found["mean_confidence"]:
        words.append(f"confidence mean {found['mean_confidence']:.3f}, "
                     f"max {found['max_confidence']:.3f}")
    return "\n".join([*words, WORDS[state]])
