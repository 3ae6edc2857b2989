"""What the entries of a log of edits must be, apart from their steps; see `files.editlog`.

A log is believed only after this, for what it says is done to the document: each check raises
ValueError.
"""

from collections.abc import Mapping

from glview.core import looks

MOST_BOXES = 10_000  # of what was searched; joined ones are as many as a frame has rows of tiles


def whole(value):
    """An int from 0 on."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")


def _list(value):
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list")


def _stamp(value):
    if value is not None:
        _numbers(value, 3)


def _shape(value):
    _numbers(value, 2)


def _numbers(value, count):
    _list(value)
    if len(value) != count or any(type(one) is not int for one in value):
        raise ValueError(f"{value!r} is not {count} numbers")


def _found(value):
    if not isinstance(value, dict) or not isinstance(value.get("provenance", {}), dict):
        raise ValueError("no detection")
    name, covered = value.get("file"), value.get("covered", 1.0)
    if not isinstance(name, str) or not name or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is no file of this folder")
    if type(covered) not in (int, float) or not 0 <= covered <= 1:
        raise ValueError(f"{covered!r} is no share")


def _look(value):
    if looks.from_text(value) is None:
        raise ValueError(f"{value!r} is no display")


def boxes_in(held, shape):
    """Boxes (y0, x0, y1, x1) of pixels inside a shape, as tuples."""
    _list(held)
    if len(held) > MOST_BOXES:
        raise ValueError("too many boxes")
    for box in held:
        _numbers(list(box), 4)
        if not (0 <= box[0] < box[2] <= shape[0] and 0 <= box[1] < box[3] <= shape[1]):
            raise ValueError("a box lies outside the picture")
    return tuple(map(tuple, held))


_CHECKS: Mapping = {"at": whole, "place": whole, "saved": whole, "saving": whole,
                    "stamp": _stamp, "shape": _shape, "found": _found, "line": _list, "look": _look}


_FORMS = [{"line", "place"}, {"at", "step"}, {"at", "more"}, {"place"},
          {"saved", "whole", "stamp"}, {"saving", "whole", "save"}, {"found"}, {"look"}]


def check_form(entry):
    """Raise ValueError unless the names of an entry go together; heads of later versions may."""
    if "glview" not in entry and set(entry) not in _FORMS:
        raise ValueError(f"{list(entry)} is no entry")


def check(name, value):
    """Raise ValueError if the value of that name cannot be in an entry, as JSON gives it."""
    _CHECKS.get(name, lambda value: None)(value)


def check_settings(made, said):
    """The same for the values of a frozen dataclass, which are of the types of its defaults."""
    for name, value in said.items():
        usual = type(getattr(made, name))
        default = type(getattr(type(made)(), name))
        if usual is not default and (usual, default) != (int, float):
            raise ValueError(f"{name} cannot be {value!r}")
