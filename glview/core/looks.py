"""How a picture is displayed as a line of text, for the header of what is saved with it."""

import json
from dataclasses import asdict

from glview.core.colormaps import COLORMAPS
from glview.core.limits import LIMITS
from glview.core.stretch import KINDS, ZOOMOUT, Stretch

MOST = 3.4e38  # of any number: what a float of the GPU can hold
_WORDS = {"kind": KINDS, "limits": LIMITS, "colormap": COLORMAPS, "zoomout": ZOOMOUT}


def to_text(stretch):
    """A Stretch as JSON: what is not as it is by default.

    One with a number that is NaN or larger than MOST makes a text that `from_text` refuses.
    """
    usual = asdict(Stretch())
    changes = {name: value for name, value in asdict(stretch).items() if value != usual[name]}
    return json.dumps(changes, sort_keys=True)


def from_text(text):
    """The Stretch that `to_text` made a text of; None for a text that cannot be one."""
    try:
        held = json.loads(text)
        known = asdict(Stretch())
        fits = all(_is_like(name, value, known[name]) for name, value in held.items())
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        return None
    return Stretch(**held) if fits else None


def _is_like(name, value, usual):
    """Whether a value can be that of a field of Stretch; usual: its default."""
    if name in _WORDS:
        return isinstance(value, str) and value in _WORDS[name]
    if isinstance(usual, bool):
        return isinstance(value, bool)
    return type(value) in (int, float) and abs(value) <= MOST
