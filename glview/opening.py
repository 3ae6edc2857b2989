"""From a path to a Document: the part that workers do."""

import os
from dataclasses import dataclass, field, replace

from glview.core import sample
from glview.core.cancel import Cancelled
from glview.core.image import Image
from glview.core.pyramid import Pyramid, base_factor, build
from glview.core.shares import progress
from glview.core.stretch import Stretch
from glview.document import Document, Review

PREVIEW = 1024
LOOKS = 0.08  # share of a packed file between two looks at what was unpacked of it


@dataclass(frozen=True)
class Opened:
    """A file that was looked into.  images: its pictures; image: the first one to show;
    stamp: tells later whether another program wrote to the file, None for an array; sides: the
    same of its side files, see `files.beside.side_stamps`."""

    images: tuple[Image, ...]
    image: Image
    preview: tuple
    sample: sample.Sample
    stamp: tuple | None = None
    sides: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Left:
    """What is remembered of a picture that was closed, for when its file is opened again.

    name, hdu, plane, shape: of its image; stretch: as it was; review: a Review to begin with.
    """

    name: str
    hdu: int
    plane: int
    shape: tuple[int, int]
    stretch: Stretch
    review: Review

    @classmethod
    def of(cls, document):
        """What is to be remembered of a Document."""
        image, known = document.image, document.review
        review = Review(rank=known.rank, sought=known.chosen)
        return cls(image.name, image.hdu, image.plane, image.shape, document.stretch, review)

    def among(self, images):
        """The same picture among the images of its file, None if it is there no more."""
        alike = [image for image in images if image.name == self.name or image.hdu == self.hdu]
        if not alike:
            return None
        best = min(alike, key=lambda one: (one.name != self.name, one.hdu != self.hdu))
        return replace(best, plane=min(self.plane, best.planes - 1))


class Coming:
    """A packed file while it is being unpacked: written by the worker, looked at every frame.

    left: the picture that was shown of it before, or None.
    fraction: share of it that was unpacked, or None before that begins; opened: an Opened of what
    can be seen so far, or None; wake: called without arguments when either changed.
    """

    def __init__(self, left=None):
        self.fraction, self.opened, self.left = None, None, left
        self.wake = lambda: None
        self._stopped, self._looked = False, 0.0

    def __call__(self, fraction, pictures):
        """Take what `files.open_images` tells; raises Cancelled after `stop`."""
        if self._stopped:
            raise Cancelled
        self.fraction = fraction
        if fraction >= self._looked + LOOKS:
            images = pictures()
            if images:
                self.opened = look_at(images, self.known(images) or images[0])
                self._looked = fraction
        self.wake()

    def known(self, images):
        """The one of a file's images that was shown before, or None."""
        return None if self.left is None else self.left.among(images)

    def stop(self):
        """End the unpacking when it next tells how far it is.

        Returns an Opened of what can be seen, whose images' note says that it is a part; or None.
        """
        self._stopped, opened = True, self.opened
        if opened is None:
            return None
        note = (f"unpacking was stopped at {progress(self.fraction)} of the file: only that part "
                "is shown, and its mask cannot be changed; Ctrl+R reads all of it")
        images = tuple(replace(image, notes=(note,)) for image in opened.images)
        return replace(opened, images=images, image=replace(opened.image, notes=(note,)))


def look_into(path, ext=None, coming=None, side=None):
    """Open a file far enough for a first picture; raises files.ReadError, or Cancelled.

    coming: a Coming that is told of a packed file's parts, and that may know the picture to begin
    with.  side: the side file that its masks are in; else a picture that has a mask there is first.
    Only the header and a thin sample of rows are read, and nothing heavy is imported for a plain
    FITS file, so that this can run before the window is up.
    """
    from glview.files import open_images
    from glview.files.beside import side_stamps
    from glview.files.pairing import extensions, image_of
    from glview.files.recovery import recover
    from glview.files.source import stamp_of

    recovered = recover(path)  # first, for it changes the stamp
    told = tuple(filter(None, [recovered, image_of(side or path)[1]]))
    before = stamp_of(os.stat(path)) if os.path.exists(path) else None
    sides = side_stamps(path, *([side] if side else []))
    images = tuple(replace(image, stamp=before, side=side, notes=told + image.notes)
                   for image in open_images(path, ext, coming))
    masked = extensions(side) if side else ()
    known = None if coming is None else coming.known(images)
    first = known or next((image for image in images if image.hdu in masked), images[0])
    return replace(look_at(images, first), stamp=before, sides=sides)


def look_at(images, image):
    """The same for one picture of a file that is already open."""
    preview = sample.preview(image, PREVIEW)
    total = image.shape[0] * image.shape[1]
    return Opened(images, image, preview, sample.sample_of(preview[0], total))


def document_of(opened, most_bytes=None, whole=True):
    """The Document of an opened file, without anything saved earlier.

    most_bytes: what its reduced levels may take together; None does not bound them.  whole: False
    where the file is still being unpacked.
    """
    return Document(opened.images, opened.image, opened.preview, opened.sample,
                    pyramid_for(opened.image, most_bytes), whole)


def pyramid_for(image, most_bytes=None):
    """The empty Pyramid of an image, its levels within `most_bytes`."""
    if most_bytes is None:
        return Pyramid(image.shape)
    return Pyramid(image.shape, base_factor(image.shape, most_bytes))


def reduce(image, pyramid, first=None, progress=None, cancelled=None, cache=False):
    """Fill an image's pyramid: one pass over what is missing of the whole file.

    first, progress, cancelled: see `core.pyramid.build`.  cache: take it from beside the file if it
    was kept there, else keep it there.  Raises what `build` raises, or CacheError where it cannot
    be kept; the pyramid is filled all the same.
    """
    if not cache:
        build(image, pyramid, first, progress, cancelled)
        return
    from glview.files import cache as beside

    kept = beside.load(image)
    if kept is not None and kept.factor == pyramid.factor:
        pyramid.adopt(kept)
        if progress is not None:
            progress()
        return
    build(image, pyramid, first, progress, cancelled)
    beside.save(image, pyramid)


def with_statistics(known, statistics):
    """A Sample with the counts and extremes of a whole pass, and the values it took."""
    some = statistics.finite > 0
    count = statistics.finite + statistics.nan + statistics.posinf + statistics.neginf
    return replace(known, values=statistics.values, count=count, exact=count == known.total,
                   nan=statistics.nan, posinf=statistics.posinf, neginf=statistics.neginf,
                   low=statistics.minimum if some else None,
                   high=statistics.maximum if some else None)


def sky(image):
    """(y, x) -> text of the position on the sky, or None; imports astropy."""
    from glview.files.wcs import sky

    return sky(image)
