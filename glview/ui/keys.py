"""Keys by name: "Ctrl+Shift+Z" and what ImGui calls it."""

from functools import cache

from imgui_bundle import imgui

MODIFIERS = {"Ctrl": imgui.Key.mod_ctrl, "Shift": imgui.Key.mod_shift, "Alt": imgui.Key.mod_alt}
TAPPED = "Space"  # counts when it comes up again, for held down it pans
TAP = 0.4  # seconds
NAMES = {
    "[": "left_bracket", "]": "right_bracket", "=": "equal", "-": "minus", "`": "grave_accent",
    "/": "slash", "Left": "left_arrow", "Right": "right_arrow", "Up": "up_arrow",
    "Down": "down_arrow", "PageUp": "page_up", "PageDown": "page_down",
    "Pad+": "keypad_add", "Pad-": "keypad_subtract",
}


@cache
def parse(name):
    """(key, modifiers) of a name such as "Ctrl+S"; raises AttributeError for an unknown key."""
    *held, last = name.split("+") if not name.endswith("+") else [*name[:-1].split("+")[:-1], "+"]
    if name.startswith("Pad"):
        held, last = [], name
    word = NAMES.get(last, f"_{last}" if last.isdigit() else last.lower())
    modifiers = sum(MODIFIERS[one].value for one in held)
    return getattr(imgui.Key, word), modifiers


class Keyboard:
    """Which keys went down in this frame, and which are held; `look` once a frame.

    holding: what a key that is held down stands for, kept by those who ask.

    A slow frame may see a key go down and its modifier go up at once, and ImGui does not tell the
    order.  Ctrl+Z typed fast must not become Z, so a modifier held a frame ago counts as held.
    """

    def __init__(self):
        self._before = self._modifiers = 0
        self._began = self._held = self.holding = ""
        self._down, self._tapped = -TAP, False  # when Space went down

    def look(self):
        """Take in the modifiers of this frame."""
        now = imgui.get_io().key_mods
        self._modifiers, self._before = now | self._before, now
        space = imgui.Key.space
        if imgui.is_key_pressed(space, False):
            self._down = imgui.get_time()
        if imgui.is_any_mouse_down() or self._modifiers:
            self._down = -TAP  # it is held for something else
        self._tapped = imgui.is_key_released(space) and imgui.get_time() - self._down < TAP

    def pressed(self, name, repeat=False):
        """True when the key of `name` goes down with exactly its modifiers.

        repeat: also when it is held down so long that it counts again.  A key repeats what it
        began: letting Ctrl go first does not turn a held Ctrl+Z into Z.
        """
        if name == TAPPED:
            return self._tapped
        key, modifiers = parse(name)
        if imgui.is_key_pressed(key, False):
            if self._modifiers != modifiers:
                return False
            self._began = name
            return True
        return repeat and self._began == name and imgui.is_key_pressed(key, True)

    def held(self, name):
        """True from when `pressed` is until the key comes up, whatever its modifiers do then.

        Of several such keys the last one counts.
        """
        if self.pressed(name):
            self._held = name
        return self._held == name and imgui.is_key_down(parse(name)[0])
