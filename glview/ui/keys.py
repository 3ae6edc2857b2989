"""Keys by name: "Ctrl+Shift+Z" and what ImGui calls it."""

from imgui_bundle import imgui

MODIFIERS = {"Ctrl": imgui.Key.mod_ctrl, "Shift": imgui.Key.mod_shift, "Alt": imgui.Key.mod_alt}
NAMES = {
    "[": "left_bracket", "]": "right_bracket", "=": "equal", "-": "minus", "`": "grave_accent",
    "/": "slash", "Left": "left_arrow", "Right": "right_arrow", "Up": "up_arrow",
    "Down": "down_arrow", "PageUp": "page_up", "PageDown": "page_down",
    "Pad+": "keypad_add", "Pad-": "keypad_subtract",
}


def parse(name):
    """(key, modifiers) of a name such as "Ctrl+S"; raises AttributeError for an unknown key."""
    *held, last = name.split("+") if not name.endswith("+") else [*name[:-1].split("+")[:-1], "+"]
    if name.startswith("Pad"):
        held, last = [], name
    word = NAMES.get(last, f"_{last}" if last.isdigit() else last.lower())
    modifiers = sum(MODIFIERS[one].value for one in held)
    return getattr(imgui.Key, word), modifiers


def pressed(name):
    """True in the frame in which the key goes down with exactly these modifiers."""
    key, modifiers = parse(name)
    return imgui.get_io().key_mods == modifiers and imgui.is_key_pressed(key, False)


def repeated(name):
    """True when the key is held down long enough to count again, modifiers as for `pressed`."""
    key, modifiers = parse(name)
    return (imgui.get_io().key_mods == modifiers and imgui.is_key_pressed(key, True)
            and not imgui.is_key_pressed(key, False))
