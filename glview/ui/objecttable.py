"""The table of objects: a click on a header sorts it, filters thin it, a click on a row flies."""

from dataclasses import replace

from imgui_bundle import imgui

from glview.core.listing import SAID
from glview.core.verdicts import STATES
from glview.ui.states import COLOURS, WORDS
from glview.ui.status import uncounted
from glview.ui.widgets import choice, faint, mark, tip

NAME = "Object table"
COLUMNS = {  # name in core.listing -> header, width in letters, text of a row
    "id": ("id", 3, lambda row: str(row["id"])),
    "x": ("x", 5, lambda row: f"{row['cx'] + 1:.1f}"),
    "y": ("y", 5, lambda row: f"{row['cy'] + 1:.1f}"),
    "area": ("area", 4, lambda row: str(row["area"])),
    "flux": ("flux", 6, lambda row: _number(row["flux"], ".6g")),
    "peak": ("peak", 5, lambda row: _number(row["peak"], ".6g")),
    "mean": ("mean", 4, lambda row: _number(row["mean_confidence"], ".3f")),
    "max": ("max", 4, lambda row: _number(row["max_confidence"], ".3f")),
    "state": ("state", 7, lambda row: ""),
}
RISING = ("id", "x", "y", "state")  # what a first click sorts from the smallest up
SAID_WORDS = {said: said.capitalize() for said in SAID} | {"any": "Any state"}


class ObjectTable:
    """Remembers what was typed, and what it was scrolled and sorted for."""

    def __init__(self):
        self._text = ""
        self._focus, self._flights, self._place, self._sort = False, -1, 0, None

    def ask(self):
        """Bring the table to the front, ready to type an id or a place."""
        imgui.set_window_focus(NAME)
        self._focus = True

    def draw(self, desk):
        """Draw the panel; only the rows in sight cost anything."""
        document, listing = desk.workspace.document, desk.listing
        if document is None:
            return
        self._find(desk, document)
        _rules(desk, listing)
        kinds = imgui.TableFlags_
        flags = (kinds.sortable | kinds.scroll_y | kinds.row_bg | kinds.borders_inner_v
                 | kinds.resizable | kinds.no_saved_settings | kinds.sizing_stretch_prop)
        if imgui.begin_table("rows", len(COLUMNS), flags.value):
            imgui.table_setup_scroll_freeze(0, 1)
            _headers(desk)
            self._sorted(listing)
            self._rows(desk, document)
            imgui.end_table()
        mark(desk, "table")

    def _find(self, desk, document):
        imgui.set_next_item_width(imgui.get_font_size() * 7)
        if self._focus:
            imgui.set_keyboard_focus_here()
            self._focus = False
        typed, self._text = imgui.input_text_with_hint("##find", "id, or x, y", self._text,
                                                       imgui.InputTextFlags_.auto_select_all.value)
        mark(desk, "Find")
        tip("Type an object's number, or a FITS position x, y, to fly there (Ctrl+F)")
        if typed:
            desk.workspace.told = desk.listing.go(document, self._text)

    def _sorted(self, listing):
        """Take over a click on a header, or show what it was sorted by elsewhere."""
        specs, names = imgui.table_get_sort_specs(), list(COLUMNS)
        down = imgui.SortDirection.descending
        if self._sort != listing.sort:
            column, falling = self._sort = listing.sort
            direction = down if falling else imgui.SortDirection.ascending
            imgui.internal.table_set_column_sort_direction(names.index(column), direction, False)
        elif specs is not None and specs.specs_dirty and specs.specs_count:
            spec = specs.get_specs(0)
            listing.sort = self._sort = (names[spec.column_index],
                                         spec.get_sort_direction() == down)
            specs.specs_dirty = False

    def _rows(self, desk, document):
        listing = desk.listing
        if self._flights != listing.flights or (self._place != listing.place
                                                and _in_sight(self._place)):
            _scroll_to(listing.place)
        self._flights, self._place = listing.flights, listing.place
        clipper = imgui.ListClipper()
        clipper.begin(len(listing.order))
        while clipper.step():
            for place in range(clipper.display_start, clipper.display_end):
                _row(desk, document, int(listing.order[place]), place)
        clipper.end()


def _rules(desk, listing):
    """The filters, side by side where there is room."""
    rules, unit = listing.rules, imgui.get_font_size()
    _beside(9 * unit)
    imgui.text("area >")
    imgui.same_line()
    imgui.set_next_item_width(3.2 * unit)
    _, above = imgui.input_int("##above", rules.above, 0, 0)
    mark(desk, "area >")
    _beside(8 * unit)
    imgui.set_next_item_width(7 * unit)
    said = choice(desk, "##said", rules.said, SAID_WORDS)
    switches = {}
    for name, label, words in (
        ("in_view", "in view", "Only objects in view; N and P leave the view as it is"),
        ("edge", "edge", "Only objects that touch the frame's edge"),
        ("bright", "near a star", "Only objects within 10 pixels of a pixel that is brighter than "
                                  "99.9 % of the frame and not masked"),
    ):
        _beside(imgui.calc_text_size(label).x + 2.5 * unit)
        _, switches[name] = imgui.checkbox(label, getattr(rules, name))
        mark(desk, f"only:{name}")
        tip(words)
    listing.rules = replace(rules, above=max(0, above), said=said, **switches)
    if len(listing.order) < len(listing.rows):
        words = f"{len(listing.order):,} of {len(listing.rows):,} shown"
    else:
        words = uncounted(desk, desk.workspace.document)
    if words:
        _beside(imgui.calc_text_size(words).x + unit)
        faint(words)


def _beside(width):
    """Go on in the same line if that has room for `width` more."""
    used = imgui.get_item_rect_max().x - imgui.get_window_pos().x
    if used + width < imgui.get_window_width():
        imgui.same_line()


def _headers(desk):
    letter = imgui.get_font_size() * 0.62
    kinds = imgui.TableColumnFlags_
    for name, (header, width, _) in COLUMNS.items():
        first = kinds.prefer_sort_ascending if name in RISING else kinds.prefer_sort_descending
        if name == "area":
            first |= kinds.default_sort
        imgui.table_setup_column(header, first.value, width * letter)
    imgui.table_next_row(imgui.TableRowFlags_.headers.value)
    for column, (name, (header, _, _)) in enumerate(COLUMNS.items()):
        if imgui.table_set_column_index(column):
            imgui.table_header(header)
            mark(desk, f"header:{name}")


def _row(desk, document, number, place):
    listing = desk.listing
    row, state = listing.rows[number], STATES[listing.codes[number]]
    imgui.table_next_row()
    for column, (name, (_, _, text)) in enumerate(COLUMNS.items()):
        imgui.table_set_column_index(column)
        if column == 0:
            flags = imgui.SelectableFlags_.span_all_columns.value
            label = f"{text(row)}##{place}"
            if imgui.selectable(label, number == listing.selected, flags)[0]:
                listing.select(document, number)
            mark(desk, f"row:{place}")
        elif name == "state":
            imgui.text_colored((*COLOURS[state], 1.0), WORDS[state])
        else:
            imgui.text_unformatted(text(row))


def _scroll_to(place):
    """Bring a row into sight, if it is not."""
    if not _in_sight(place):
        height, room = _sizes()
        imgui.set_scroll_y(max(0.0, place * height - room / 2))


def _in_sight(place):
    (height, room), now = _sizes(), imgui.get_scroll_y()
    return now <= place * height <= now + room - height


def _sizes():
    """(height of a row, room for rows under the headers)."""
    height = imgui.get_text_line_height() + 2 * imgui.get_style().cell_padding.y
    return height, imgui.get_window_height() - height


def _number(value, form):
    return format(value, form) if value == value else "-"
