"""What glview remembers between two starts: taste, not work.  One JSON file and ImGui's layout."""

import json
import os
from dataclasses import asdict, fields, replace
from pathlib import Path

from glview.core.stretch import Stretch
from glview.workspace import Overlay

FILE = "settings.json"
KEPT = ("kind", "limits", "colormap", "invert", "clip")


def folder():
    """glview's folder for settings: $GLVIEW_CONFIG, or the system's place for such files."""
    if os.environ.get("GLVIEW_CONFIG"):
        return Path(os.environ["GLVIEW_CONFIG"])
    import platformdirs

    return Path(platformdirs.user_config_dir("glview", appauthor=False))


class Settings:
    """size: of the window, (width, height); stretch, overlay: what new files start with;
    brush: pixels; model: name."""

    def __init__(self):
        self.size = (1600, 1000)
        self.stretch, self.overlay = Stretch(), Overlay()
        self.brush, self.model = 1, "auto"

    @classmethod
    def load(cls, path):
        """The settings in `path`; defaults for what is missing, damaged or from another version."""
        made = cls()
        try:
            held = json.loads(Path(path).read_text())
        except (OSError, ValueError):
            return made
        if isinstance(held, dict):
            made._take(held)
        return made

    def _take(self, held):
        size = held.get("size")
        if isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) for n in size):
            self.size = max(640, size[0]), max(400, size[1])
        self.stretch = _updated(self.stretch, held.get("stretch"), KEPT)
        self.overlay = _updated(self.overlay, held.get("overlay"))
        if isinstance(held.get("brush"), int):
            self.brush = min(max(held["brush"], 1), 99)
        if isinstance(held.get("model"), str):
            self.model = held["model"]

    def remember(self, desk):
        """Take over what the user likes from a running window and write it."""
        document, workspace = desk.workspace.document, desk.workspace
        if document is not None:
            self.stretch = replace(document.stretch, contrast=1.0, bias=0.5)
        self.overlay, self.brush, self.model = workspace.overlay, workspace.brush, workspace.model
        self.size = tuple(desk.platform.size)
        self.save(folder() / FILE)

    def save(self, path):
        """Write to `path`; a folder that cannot be written is no reason to bother the user."""
        held = {"size": self.size, "brush": self.brush, "model": self.model,
                "stretch": {name: getattr(self.stretch, name) for name in KEPT},
                "overlay": asdict(self.overlay)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(held, indent=1))
        except OSError:
            return


def _updated(default, held, names=None):
    """`default` with the values of `held` that have the default's type."""
    if not isinstance(held, dict):
        return default
    changes = {}
    for field in fields(default):
        value, old = held.get(field.name), getattr(default, field.name)
        if isinstance(old, tuple) and isinstance(value, list) and len(value) == len(old):
            value = tuple(float(v) for v in value if isinstance(v, int | float))
            if len(value) != len(old):
                continue
        if (names is None or field.name in names) and type(value) is type(old):
            changes[field.name] = value
    return replace(default, **changes)
