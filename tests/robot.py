"""A user for the tests: a mouse, a keyboard and eyes in front of a window that has no screen.

The program is the real one (`app.Desk` on `gl.context.Offscreen`); the robot only feeds Dear ImGui
the events that a window system would send, one frame after another, and looks at the pixels.
"""

import time

import numpy as np
import pytest
from imgui_bundle import imgui
from drawing import tell

from glview import library
from glview.app import Desk
from glview.core.view import fitted, window
from glview.gl.context import Offscreen
from glview.settings import Settings
from glview.ui import keys
from glview.workspace import Workspace

SIZE = (800, 600)
LEFT, RIGHT, MIDDLE = 0, 1, 2
KEYS_OF = {"Ctrl": imgui.Key.left_ctrl, "Shift": imgui.Key.left_shift, "Alt": imgui.Key.left_alt}

WRITERS = {"text": 0, "text_unformatted": 0, "text_disabled": 0, "selectable": 0, "text_colored": 1,
           "progress_bar": 2}


def _listening(write, heard, place):
    def spoken(*arguments):
        heard.extend(arguments[place : place + 1])
        return write(*arguments)

    return spoken


class Robot:
    """Opens `pictures` (arrays or paths) and sits down in front of the first one.

    ready: wait until everything of the first picture is known and drawn.  unsaved: the folder
    where edits are kept until they are saved, or None.
    """

    def __init__(self, *pictures, size=SIZE, ready=True, unsaved=None, **state):
        entries = [library.entry_of_array(one) if isinstance(one, np.ndarray)
                   else library.entry_for(one) for one in pictures]
        settings = Settings()
        settings.remember = lambda desk: None
        self.platform = Offscreen(size)
        self.io = imgui.get_io()
        self.workspace = Workspace(entries, **state)
        self.desk = Desk(self.platform, self.workspace, settings, unsaved)
        self.mouse = (1, 1)
        self.io.add_mouse_pos_event(*self.mouse)
        if entries and entries[0].document is not None:
            self.desk.finisher.start(entries[0].document)
        elif entries:
            self.desk.library.show(0)
        if ready:
            self.settle()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.desk.close()

    @property
    def document(self):
        return self.workspace.document

    @property
    def view(self):
        return self.workspace.view

    @property
    def places(self):
        return self.desk.screen.places

    # time passes

    def frame(self, count=1):
        """Draw `count` frames."""
        for _ in range(count):
            self.desk.frame()

    def pause(self, seconds=1.0):
        """Do nothing for so long, as Dear ImGui sees it: no double click, tooltips appear."""
        usual, self.io.delta_time = self.io.delta_time, seconds
        self.frame()
        self.io.delta_time = usual
        self.frame()

    def settle(self, seconds=60.0):
        """Draw frames until everything is loaded, counted, saved and shown."""
        assert self.desk.settle(seconds), f"still busy: {self.desk.jobs.busy}"

    def until(self, true, seconds=60.0):
        """Draw frames until `true()`; fails when that takes too long."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it did not happen in time"
            self.frame()
            time.sleep(0.002)

    # where things are

    def at(self, place, across=0.5, down=0.5):
        """A point of the window: itself, or a share of the way across and down a named item."""
        if not isinstance(place, str):
            return place
        assert place in self.places, f"{place} is not on screen: {sorted(self.places)}"
        x, y, width, height = self.places[place]
        return x + across * width, y + down * height

    def seen(self, pane="image"):
        """The Window (core.view) that a pane shows now."""
        width, height = self.places[pane][2:]
        return window(self.view, (round(height), round(width)), self.document.image.y_up)

    def tab(self, name):
        """The point of the window where the tab of a docked panel is."""
        panel = imgui.internal.find_window_by_name(name)
        bar = panel.dock_node.tab_bar
        left = bar.bar_rect.min.x
        for tab in bar.tabs:
            if imgui.internal.tab_bar_get_tab_name(bar, tab) == name:
                return left + tab.offset + tab.width / 2, bar.bar_rect.get_center().y
        raise AssertionError(f"{name} is docked nowhere")

    def of_pixel(self, y, x, pane="image"):
        """The point of the window where the middle of an image pixel is drawn in a pane."""
        py, px = self.seen(pane).to_pane(y + 0.5, x + 0.5)
        return self.places[pane][0] + px, self.places[pane][1] + py

    def under(self, point, pane="image"):
        """Image coordinates (y, x) of a point of the window over a pane."""
        left, top = self.places[pane][:2]
        return self.seen(pane).to_image(point[1] - top, point[0] - left)

    def under_mouse(self, pane="image"):
        """Image coordinates (y, x) that the mouse points at."""
        return self.under(self.mouse, pane)

    def overview(self):
        """The Window (core.view) that the overview shows."""
        size = round(self.places["overview"][3]), round(self.places["overview"][2])
        image = self.document.image
        return window(fitted(image.shape, size), size, image.y_up)

    def know(self, confidence):
        """Let the model have said this, (H, W) float32, of the whole frame."""
        tell(self.document, confidence)
        self.settle()

    def in_sight(self):
        """Names of the items that the next frame draws."""
        self.frame()
        return set(self.places)

    def show(self, name):
        """Scroll the thumbnails until one of them is in sight as a whole."""
        for _ in range(30):
            if name in self.in_sight():
                low = self.places[name][1] + self.places[name][3]
                if low <= self.places["objects"][1] + self.places["objects"][3]:
                    self.settle()
                    return
            self.wheel(-1, self.at("objects", 0.5, 0.5))
        raise AssertionError(f"{name} cannot be scrolled to")

    # the mouse

    def move(self, place, across=0.5, down=0.5):
        """Move the mouse there."""
        self.mouse = self.at(place, across, down)
        self.io.add_mouse_pos_event(*self.mouse)
        self.frame()

    def press(self, button=LEFT):
        """Push a button down and hold it."""
        self.io.add_mouse_button_event(button, True)
        self.frame()

    def release(self, button=LEFT):
        """Let a button go."""
        self.io.add_mouse_button_event(button, False)
        self.frame()

    def click(self, place, across=0.5, down=0.5, button=LEFT):
        """Move there and click; then wait longer than a double click takes."""
        self.move(place, across, down)
        self.frame()
        self.press(button)
        self.release(button)
        self.pause()

    def drag(self, start, end, button=LEFT, steps=4, look=lambda: None):
        """Drag from one point to another; `look()` is called after every frame of it."""
        self.move(start)
        self.frame()
        self.press(button)
        (x0, y0), (x1, y1) = self.at(start), self.at(end)
        for step in range(1, steps + 1):
            self.move((x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps))
            look()
        self.release(button)
        look()
        self.frame()

    def wheel(self, notches, place=None):
        """Turn the wheel, upwards if positive, over a place."""
        if place is not None:
            self.move(place)
        self.io.add_mouse_wheel_event(0, notches)
        self.frame()

    # the keyboard

    def hold(self, name, down=True):
        """Push a key down, or let it go; modifiers go by their own names."""
        if name in KEYS_OF:
            self.io.add_key_event(keys.MODIFIERS[name], down)
            self.io.add_key_event(KEYS_OF[name], down)
        else:
            self.io.add_key_event(keys.parse(name)[0], down)
        self.frame()

    def key(self, name, times=1):
        """Type a key by the name that `ui.actions` gives it, such as "Ctrl+Shift+Z"."""
        *modifiers, last = name.split("+") if len(name) > 1 else [name]
        for modifier in modifiers:
            self.hold(modifier)
        for _ in range(times):
            self.hold(last)
            self.hold(last, False)
        for modifier in reversed(modifiers):
            self.hold(modifier, False)

    def type(self, text):
        """Type letters into the field that has the focus."""
        for letter in text:
            self.io.add_input_character(ord(letter))
            self.frame()

    def write(self, place, text):
        """Put `text` in the place of what a field holds, and press Return."""
        self.click(place, across=0.3)
        self.key("Ctrl+A")
        self.key("Delete")
        self.type(text)
        self.key("Enter")
        self.frame(2)

    def choose(self, label, key):
        """Choose a line of a drop-down list by its key."""
        self.click(label, across=0.2)
        self.click(f"{label}:{key}", across=0.2)

    def command(self, menu, label):
        """Choose a line of a menu."""
        self.click(f"menu:{menu}")
        self.click(f"menu:{menu}:{label}", across=0.3)

    # the eyes

    def reads(self, words):
        """True if the interface writes a text that holds `words` in the next frame.

        Letters are no pixels that a test could read back: what the panels hand to Dear ImGui is
        listened to instead.
        """
        return any(words in text for text in self.texts())

    def texts(self):
        """Every text that the panels write in the next frame."""
        heard = []
        with pytest.MonkeyPatch.context() as patch:
            for name, place in WRITERS.items():
                patch.setattr(imgui, name, _listening(getattr(imgui, name), heard, place))
            self.frame()
        return heard

    def picture(self):
        """The whole window as it was drawn last: (height, width, 3) uint8, top row first."""
        width, height = self.platform.size
        data = self.platform.target.read(components=3, alignment=1)
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)[::-1]

    def part(self, name):
        """The pixels of the window where a named item is."""
        x, y, width, height = (round(edge) for edge in self.places[name])
        return self.picture()[y : y + height, x : x + width]

    def colour_of(self, y, x, pane="image"):
        """RGB drawn in the middle of an image pixel, as int."""
        px, py = self.of_pixel(y, x, pane)
        return self.picture()[int(py), int(px)].astype(int)

    def boxed(self, y, x, pane="image"):
        """True if the cursor's box, which is bluish, is drawn on the edges of an image pixel."""
        seen, (left, top) = self.seen(pane), self.places[pane][:2]
        shown, blue = self.picture().astype(int), []
        for edge in ((y + 1, x + 0.5), (y, x + 0.5), (y + 0.5, x), (y + 0.5, x + 1)):
            py, px = seen.to_pane(*edge)
            row, column = int(top + py), int(left + px)
            near = shown[row - 1 : row + 2, column - 1 : column + 2]
            blue.append((near[..., 2] - near[..., 0]).max())
        return min(blue) > 60

    def save_picture(self, path):
        """Write what is seen as a PNG, for the developer."""
        from PIL import Image

        Image.fromarray(np.ascontiguousarray(self.picture())).save(path)
