"""From a path to a Document: the part that workers do."""

import os
from dataclasses import dataclass, replace

from glview.core import pyramid, sample
from glview.core.image import Image
from glview.workspace import Document

PREVIEW = 1024


@dataclass(frozen=True)
class Opened:
    """A file that was looked into.  images: its pictures; image: the first one to show;
    stamp: tells later whether another program wrote to the file, None for an array."""

    images: tuple[Image, ...]
    image: Image
    preview: tuple
    sample: sample.Sample
    stamp: tuple | None = None


def look_into(path, ext=None):
    """Open a file far enough for a first picture; raises files.ReadError.

    Only the header and a thin sample of rows are read, and nothing heavy is imported for a plain
    FITS file, so that this can run before the window is up.
    """
    from glview.files import open_images
    from glview.files.source import stamp_of

    before = stamp_of(os.stat(path)) if os.path.exists(path) else None
    images = tuple(open_images(path, ext))
    return replace(look_at(images, images[0]), stamp=before)


def look_at(images, image):
    """The same for one picture of a file that is already open."""
    preview = sample.preview(image, PREVIEW)
    total = image.shape[0] * image.shape[1]
    return Opened(images, image, preview, sample.sample_of(preview[0], total))


def document_of(opened):
    """The Document of an opened file, without anything saved earlier."""
    return Document(opened.images, opened.image, opened.preview, opened.sample)


def reduce(image, cancelled):
    """The picture's pyramid and exact statistics; one pass over the whole file."""
    return pyramid.build(image, cancel=cancelled)


def with_statistics(known, statistics):
    """A Sample with the exact counts and extremes of a whole pass."""
    some = statistics.finite > 0
    return replace(known, count=known.total, exact=True, nan=statistics.nan,
                   posinf=statistics.posinf, neginf=statistics.neginf,
                   low=statistics.minimum if some else None,
                   high=statistics.maximum if some else None)


def sky(image):
    """(y, x) -> text of the position on the sky, or None; imports astropy."""
    from glview.files.wcs import sky

    return sky(image)
