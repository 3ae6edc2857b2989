"""What glview remembers between two starts: taste, not work.  One JSON file and ImGui's layout."""

import json
import math
import os
from dataclasses import asdict, fields, replace
from pathlib import Path

from glview.arguments import BITS, DQ, METHODS
from glview.core.colormaps import COLORMAPS
from glview.core.limits import LIMITS
from glview.core.stretch import KINDS, ZOOMOUT, Stretch
from glview.workspace import Overlay, Saving

FILE, LOG, UNSAVED = "settings.json", "glview.log", "unsaved"
KEPT = ("kind", "limits", "colormap", "invert", "clip", "zoomout")
SAVED = ("confidence", "bits", "dq", "method")
WORDS = {  # what a setting may say; limits given by hand belong to the frame they were made for
    "kind": KINDS,
    "limits": [name for name in LIMITS if name != "user"],
    "colormap": COLORMAPS,
    "zoomout": ZOOMOUT,
    "pane": ("mask", "confidence"),
    "confidence": ("exact", "rounded", "none"),
    "dq": ("", *DQ),
    "method": METHODS,
}
SMALLEST, LARGEST = (640, 400), 16384  # of a window, pixels of a monitor of scale 1


def folder():
    """glview's folder for settings: $GLVIEW_CONFIG, or the system's place for such files."""
    if os.environ.get("GLVIEW_CONFIG"):
        return Path(os.environ["GLVIEW_CONFIG"])
    import platformdirs

    return Path(platformdirs.user_config_dir("glview", appauthor=False))


def state_folder():
    """glview's folder for what it must not forget: $GLVIEW_CONFIG, or the system's place."""
    if os.environ.get("GLVIEW_CONFIG"):
        return folder()
    import platformdirs

    return Path(platformdirs.user_state_dir("glview", appauthor=False))


def unsaved_folder():
    """Where edits are kept until they are saved."""
    return state_folder() / UNSAVED


def log_file():
    """Where failures are written down."""
    return state_folder() / LOG


class Settings:
    """size: of the window on a monitor of scale 1, (width, height); stretch, overlay: what new
    files start with; brush: pixels; saving: what a save writes.  A model is chosen for what is in
    view, so it is not one."""

    def __init__(self):
        self._asked, self._before = {}, {}
        self.size = (1600, 1000)
        self.stretch, self.overlay = Stretch(), Overlay()
        self.brush, self.saving = 1, Saving()

    @classmethod
    def load(cls, path):
        """The settings in `path`; defaults for what is missing, damaged or from another version."""
        made = cls()
        try:
            held = json.loads(Path(path).read_text())
        except (OSError, ValueError, RecursionError):
            return made
        if isinstance(held, dict):
            made._take(held)
        return made

    def _take(self, held):
        size = held.get("size")
        if isinstance(size, list) and [type(side) for side in size] == [int, int]:
            pairs = zip(size, SMALLEST, strict=True)
            self.size = tuple(min(max(side, least), LARGEST) for side, least in pairs)
        self.stretch = _updated(self.stretch, held.get("stretch"), KEPT)
        self.overlay = _updated(self.overlay, held.get("overlay"))
        saving = _updated(self.saving, held.get("saving"))
        self.saving = replace(saving, bits=min(max(saving.bits, BITS[0]), BITS[1]))
        if type(held.get("brush")) is int:
            self.brush = min(max(held["brush"], 1), 99)

    def for_this_run(self, **asked):
        """Take what the command line asks for, None for nothing: size, names of KEPT and SAVED.

        What the user leaves at that is not remembered, but what was remembered before.
        """
        self._asked = {name: value for name, value in asked.items() if value is not None}
        self._before = {name: self._held()[name] for name in self._asked}
        display = {name: value for name, value in self._asked.items() if name in KEPT}
        self.stretch = replace(self.stretch, **display)
        saving = {name: value for name, value in self._asked.items() if name in SAVED}
        self.saving = replace(self.saving, **saving)
        self.size = asked.get("size") or self.size

    def _held(self):
        return {"size": self.size, "brush": self.brush, **asdict(self.saving),
                **{name: getattr(self.stretch, name) for name in KEPT}}

    @property
    def usual(self):
        """The stretch of new files, or None if the command line asks for another one."""
        return None if self._asked.keys() & set(KEPT) else self.stretch

    def like(self, document):
        """Let new files start with the display of this Document; None changes nothing, and neither
        does a display that nobody chose in this run."""
        if document is not None and document.stretch is not document.usual:
            names = [name for name in KEPT if getattr(document.stretch, name) != "user"]
            kept = {name: getattr(document.stretch, name) for name in names}
            self.stretch = replace(self.stretch, **kept)

    def remember(self, desk):
        """Take over what the user likes from a running window and write it."""
        workspace = desk.workspace
        self.like(workspace.document)
        self.overlay, self.brush = workspace.overlay, workspace.brush
        self.saving = workspace.saving
        self.size = tuple(desk.platform.usual_size)
        self.save(folder() / FILE)

    def save(self, path):
        """Write to `path`; a folder that cannot be written is no reason to bother the user."""
        held = {name: self._before[name] if self._asked.get(name) == value else value
                for name, value in self._held().items()}
        held["stretch"] = {name: held.pop(name) for name in KEPT}
        held["saving"] = {name: held.pop(name) for name in SAVED}
        held["overlay"] = asdict(self.overlay)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(held, indent=1))
        except OSError:
            return


def _updated(default, held, names=None):
    """`default` with the values of `held` that can be used; all numbers in it are shares of 1."""
    if not isinstance(held, dict):
        return default
    changes = {}
    for name in names or [field.name for field in fields(default)]:
        value = _usable(held.get(name), getattr(default, name), WORDS.get(name))
        if value is not None:
            changes[name] = value
    return replace(default, **changes)


def _usable(value, default, words):
    """`value` as the type of `default`, or None: a word of `words`, a switch, shares of 1."""
    if isinstance(default, tuple):
        parts = value if isinstance(value, list) and len(value) == len(default) else [None]
        shares = tuple(_share(part) for part in parts)
        return None if None in shares else shares
    if isinstance(default, float):
        return _share(value)
    if words is not None:
        return value if isinstance(value, str) and value in words else None
    return value if type(value) is type(default) else None


def _share(value):
    """A number brought into [0, 1], or None if it is none."""
    if type(value) not in (int, float) or not math.isfinite(value):
        return None
    return float(min(max(value, 0.0), 1.0))
