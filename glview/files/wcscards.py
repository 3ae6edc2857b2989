"""The WCS of an image as header cards for what is saved with it."""

import math
import re

from glview.files.cards import card_text

_AXIS = "(?:CTYPE|CUNIT|CNAME|CRVAL|CRPIX|CDELT|CROTA|CRDER|CSYER)[12]"
_LINEAR = re.compile(f"({_AXIS}|(?:CD|PC)[12]_[12])([A-Z]?)")
_WCS = re.compile(
    f"({_LINEAR.pattern}|(P[VS][12]_[0-9]+|WCSNAME|LONPOLE|LATPOLE|RADESYS|EQUINOX)[A-Z]?"
    "|MJD-OBS|(A|B|AP|BP)_([0-9]_[0-9]|ORDER|DMAX))"
)
_TEXT = re.compile("(CTYPE|CUNIT|CNAME|WCSNAME|RADESYS|PS[12]_)")
_RENAMED = {"EPOCH": "EQUINOX", "RADECSYS": "RADESYS"}  # names that the standard gave up
_DEFAULTS = {"CTYPE": "", "CRVAL": 0.0, "CRPIX": 0.0}


def wcs_cards(header):
    """Cards of the celestial WCS of the first two axes: linear, PV, PS and SIP terms, alternates.

    header: keyword -> value. Values that the standard does not allow are dropped, and what it takes
    for granted is written out. WCSAXES is left out, for there are two axes. A WCS by tables (-TAB)
    points to other extensions and gives no cards.
    """
    if any("-TAB" in str(header.get(key, "")) for key in ("CTYPE1", "CTYPE2")):
        return []
    renamed = {new: header[old] for old, new in _RENAMED.items() if old in header}
    known = {key: value for key, value in (renamed | dict(header)).items()
             if _WCS.fullmatch(key) and _is_allowed(key, value)}
    linear = [found for key in known if (found := _LINEAR.fullmatch(key))]
    for letter in dict.fromkeys(found[2] for found in linear):
        known = _whole(known, [found[1] for found in linear if found[2] == letter], letter)
    return [card_text(key, value) for key, value in known.items()]


def _is_allowed(key, value):
    if isinstance(value, str) or _TEXT.match(key):
        return isinstance(value, str) and bool(_TEXT.match(key))
    if isinstance(value, bool) or not math.isfinite(value):
        return False
    return value >= 0 or not key.startswith(("CRDER", "CSYER"))


def _whole(known, names, letter):
    """The cards, where the linear part of one WCS (its names, without their letter) is now what
    every reader understands: nothing where its scale is 0, else one matrix, the one that counts,
    and all places."""
    matrices = {name[:2] for name in names if "_" in name}
    flat = [name for name in names if name.startswith("CDELT") and not known[name + letter]]
    if flat and matrices != {"CD"}:
        return _without(known, names, letter)
    if "PC" in matrices:
        flat = [name for name in names if re.match("CD._|CROTA", name)]
    defaults = {f"{name}{n}{letter}": value for name, value in _DEFAULTS.items() for n in (1, 2)}
    return defaults | _without(known, flat, letter)


def _without(known, names, letter):
    unwanted = {name + letter for name in names}
    return {key: value for key, value in known.items() if key not in unwanted}
