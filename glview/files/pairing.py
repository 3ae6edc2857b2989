"""A side file and its image: how it names the image, and where that is when it is opened."""

import os
import string
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from glview.files import ReadError, shown_name
from glview.files.beside import SIDE
from glview.files.cards import card_text
from glview.files.header import scan
from glview.files.source import open_source

PLAIN = string.punctuation.replace("%", "")  # what a path in a header keeps as it is


def cards(image, side):
    """GLVSIDE, the name of an image, and GLVPATH, its path: from the folder of the side file if it
    lies below that, else the whole one; other than printable ASCII as %XX."""
    real, folder = Path(os.path.realpath(image)), Path(os.path.realpath(side)).parent
    path = real.relative_to(folder) if real.is_relative_to(folder) else real
    return [card_text("GLVSIDE", shown_name(image)),
            card_text("GLVPATH", quote(os.fsencode(path), PLAIN))]


def image_of(path):
    """(Path of the image that a side file belongs to or None, why there is none or "").

    path: of any file; (None, "") for one that is no side file.  The image is looked for beside it,
    then where it was when the mask was made.
    """
    path = Path(path)
    if not path.name.endswith(SIDE):
        return None, ""
    try:
        known = _hdus(path)[0].cards
    except (ReadError, OSError):
        return None, ""
    if not isinstance(known.get("GLVSIDE"), str):
        return None, ""
    names = [path.name.removesuffix(SIDE), known["GLVSIDE"],
             os.fsdecode(unquote_to_bytes(str(known.get("GLVPATH", ""))))]
    for found in (path.parent / name for name in names if name and "\0" not in name):
        if found.is_file():
            return found, ""
    where = names[2] or known["GLVSIDE"]
    return None, (f"this is the mask of {where}, which is not there: put both into one folder to "
                  "see the image with it")


def extensions(side):
    """The set of numbers of the image's extensions that a side file holds masks of."""
    return {one.cards.get("CREXT") for one in _hdus(side)}


def _hdus(side):
    source = open_source(side)  # closed when it is dropped
    return scan(source.fd).hdus
