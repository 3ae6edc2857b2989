"""Pieces that several panels share."""

from dataclasses import dataclass, field

from imgui_bundle import imgui


@dataclass
class Screen:
    """What is on screen beside the panels.  places: name -> (x, y, width, height) of the items
    drawn in the last frame; opened: names of open dialogs; typed: text in the command palette;
    scrolled: line of the file list that was brought into sight."""

    places: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    typed: str = ""
    scrolled: int = -1


def mark(desk, name):
    """Remember where the item just drawn is, for scripts that drive the window."""
    low, size = imgui.get_item_rect_min(), imgui.get_item_rect_size()
    desk.screen.places[name] = (low.x, low.y, size.x, size.y)


def choice(desk, label, current, labels):
    """A drop-down of `labels` (key -> words); returns the key chosen, `current` if none was."""
    chosen = current
    long = imgui.ComboFlags_.height_large.value
    if imgui.begin_combo(label, labels.get(current, current), long):
        for key, words in labels.items():
            if imgui.selectable(words, key == current)[0]:
                chosen = key
            mark(desk, f"{label}:{key}")
        imgui.end_combo()
    else:
        mark(desk, label)
    return chosen


def count(number, word):
    """ "1 pixel", "2,000 pixels"."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def tip(text):
    """Explain the item just drawn while the mouse rests on it."""
    imgui.set_item_tooltip(text)


def wrapped(text, colour=None):
    """A paragraph, in `colour` (RGB) if given.

    The text may hold anything a file's name or header does; ImGui takes only valid UTF-8.
    """
    safe = text.encode("utf-8", "replace").decode("utf-8")
    if colour is not None:
        imgui.push_style_color(imgui.Col_.text, (*colour, 1.0))
    imgui.push_text_wrap_pos(0.0)
    imgui.text_unformatted(safe)
    imgui.pop_text_wrap_pos()
    if colour is not None:
        imgui.pop_style_color()


def faint(text):
    """A paragraph in the colour of what counts less."""
    colour = imgui.get_style().color_(imgui.Col_.text_disabled.value)
    wrapped(text, (colour.x, colour.y, colour.z))
