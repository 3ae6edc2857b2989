"""A file that another program changed or removed since it was opened: what is still saved of its
image's mask."""

from dataclasses import replace

import numpy as np

from glview.core.image import Image
from glview.files import ReadError, locate, open_images, shown_name
from glview.files.commit import ChangedError, stamp_if_there

ADVICE = "open it again, so that the mask fits the image"


def check(path, since):
    """Raise `error` unless a file, perhaps with `[SCI]` behind it, has the stamp `since`, or that
    is None.  Raises OSError where it cannot be told."""
    place = locate(path, None)[0]
    now = since if since is None else stamp_if_there(place)
    if now != since:
        raise error(shown_name(place), now is None)


def error(name, removed=False):
    """The ChangedError about a file."""
    if removed:
        return ChangedError(f"{name} was removed since it was opened", "the mask was not saved",
                            removed=True)
    return ChangedError(f"{name} was changed by another program since it was opened", ADVICE)


def described(path, key, content):
    """The Image that a Content was made for, as far as it is known without it: its place and shape.

    key: as of `save.save_masks`. None if the number of its extension cannot be told.
    """
    place, ext = locate(path, key[0] if isinstance(key, tuple) else key)
    try:
        number = open_images(place, ext)[0].hdu
    except (ReadError, OSError):
        number = 0 if ext is None else int(ext) if str(ext).isdecimal() else None
    if number is None:
        return None
    shape = np.shape(content.probability if content.mask is None else content.mask)
    return Image(shown_name(place), shape, np.dtype(np.float32), None, place, number)


def of_earlier(content):
    """What is saved of a Content whose image is in the file no more: flags need those of the file,
    and whoever reads it later is told."""
    return replace(content, dq=None, provenance={**(content.provenance or {}), "earlier": True})


def without_flags(contents):
    """A sentence for the user about the flags that are not saved of such Contents, or ""."""
    if all(content.dq in (None, "plain") for content in contents):
        return ""
    return "CR_DQ is left out, for it needs the flags of the file."


def sentence(error, side):
    """What the user is told of a save that a ChangedError sent into a side file."""
    look = "" if error.removed else ", look whether it still belongs to the image"
    return f"{error.why}: the mask is in {shown_name(side)}{look}."
