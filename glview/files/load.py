"""Find the mask that belongs to an image: in its file, or in the side file."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from glview.core.image import Image
from glview.files import ReadError, fits, open_with_source, reviewtable, shown_name
from glview.files.beside import side_files
from glview.files.extensions import is_of_earlier, provenance_of
from glview.files.fits import is_own, is_pending
from glview.files.header import FitsError, scan
from glview.files.source import open_source


@dataclass(frozen=True)
class SavedMask:
    """A mask as it lies on disk.

    mask: (height, width) bool. probability: (height, width) float32 or None.
    edits: (height, width) uint8 (0 none, 1 added, 2 deleted) or None.
    provenance: what is known of the names in `extensions.ORIGIN`; {} for a mask that another
        program wrote. where: the file it is in.
    review: {(y, x): "accepted" or "rejected"}, by a pixel of the object that was judged.
    date: when it was saved, in UTC as its header says, or "".
    """

    mask: np.ndarray
    probability: np.ndarray | None
    edits: np.ndarray | None
    provenance: dict = field(default_factory=dict)
    where: Path = Path()
    review: dict = field(default_factory=dict)
    date: str = ""

    @property
    def shape(self):
        return self.mask.shape

    def mask_rows(self, y0, y1):
        """Rows y0..y1 of the mask."""
        return self.mask[y0:y1]

    def probability_rows(self, y0, y1):
        """Rows y0..y1 of the probability."""
        return self.probability[y0:y1]

    def edits_rows(self, y0, y1):
        """Rows y0..y1 of the edits."""
        return self.edits[y0:y1]


@dataclass(frozen=True)
class StoredMask:
    """The same of a frame too large to be read as a whole: Images, read row by row.

    mask may be None, if only the probability is there. Reading raises ReadError.
    """

    shape: tuple[int, int]
    mask: Image | None
    probability: Image | None
    edits: Image | None
    provenance: dict
    where: Path
    review: dict = field(default_factory=dict)
    date: str = ""

    def mask_rows(self, y0, y1):
        """Rows y0..y1 of the mask: (y1 - y0, width) bool."""
        if self.mask is None:
            return self.probability_rows(y0, y1) > np.float32(0.5)
        return self.mask[y0:y1, :] > 0

    def probability_rows(self, y0, y1):
        """The same of the probability: float32, NaN kept."""
        return self.probability[y0:y1, :].astype(np.float32, copy=False)

    def edits_rows(self, y0, y1):
        """The same of the edits: uint8."""
        rows = self.edits[y0:y1, :]
        if rows.max(initial=0) > 2:
            name = shown_name(self.where)
            raise ReadError(f"{name}: CR_EDITS holds values that glview never writes")
        return rows


def load_mask(path, hdu=None, plane=None, source=None, side=None):
    """The SavedMask of an image, the newest if both its file and a side file hold one, or None.

    path: as for `open_images`. hdu: extension of the image; None is the one shown first.
    plane: only the mask of this plane of a cube; None is the one saved last. source: the file if it
        is open already, `Image.source`; a packed one is not unpacked again.
    side: the only file to look into, for a mask that lies in another folder.
    CR_MASK and CR_PROBABILITY of other programs count where no mask of glview's is.
    Raises ReadError if there is one that cannot be read or does not fit the image.
    """
    stored = stored_mask(path, hdu, plane, source, side)
    if stored is None and side is not None and not Path(side).is_file():
        raise ReadError(f"there is no file {side}")
    if stored is None:
        return None
    rows = 0, stored.shape[0]
    probability = None if stored.probability is None else stored.probability_rows(*rows)
    edits = None if stored.edits is None else stored.edits_rows(*rows)
    if stored.mask is None:
        found = probability > np.float32(0.5)
    else:
        found = stored.mask_rows(*rows)
    return SavedMask(found, probability, edits, stored.provenance, stored.where, stored.review,
                     stored.date)


def stored_mask(path, hdu=None, plane=None, source=None, side=None):
    """The same as a StoredMask: only headers are read."""
    if source is not None and source.packed:
        images = fits.read(source, hdu)
    else:
        source, images = open_with_source(path, hdu)
    image = images[0]
    found = []
    if side is None and image.path is not None and is_fits(source):
        hdus = scan(source.fd).hdus
        mine = [one for one in hdus if is_own(one) and belongs(one, hdus[image.hdu], hdus)]
        found.append((source, of_plane(mine, plane) or _foreign(hdus, image.shape)))
    for place in side_files(image.path) if side is None else [Path(side)]:
        if place.is_file():
            found.append((open_source(place), of_plane(_side_hdus(place, image.hdu), plane)))
    found = [(source, hdus) for source, hdus in found if hdus]
    if not found:
        return None
    return _stored(*max(found, key=lambda pair: _date(pair[1])), image)


def is_fits(source):
    """Whether an open source is a FITS file."""
    return source.read(0, 9) == b"SIMPLE  ="


def belongs(own, hdu, hdus):
    """Whether one of glview's extensions is about `hdu`: by name and version, if that is unique."""
    name, version = own.cards.get("CREXTNAM"), own.cards.get("CREXTVER")
    same = [one.index for one in hdus if name and (one.name, one.version) == (name, version)]
    index = same[0] if len(same) == 1 else own.cards.get("CREXT")
    return index == hdu.index


def without(hdus, images):
    """The HDUs that stay of a file where the masks of some images are put in anew.

    images: (number of the HDU, plane) of each.
    """
    replaced = [one for one in hdus if is_pending(one)]
    for number, plane in images:
        own = [one for one in hdus if is_own(one) and belongs(one, hdus[number], hdus)]
        replaced += of_plane(own, plane)
    return [one for one in hdus if one not in replaced]


def of_plane(hdus, plane):
    """Those of glview's extensions that are about one plane of a cube; all for None."""
    return [one for one in hdus if plane in (None, one.cards.get("CRPLANE", 0))]


def _side_hdus(side, index):
    source = open_source(side)
    try:
        hdus = scan(source.fd).hdus
    except FitsError as error:
        raise ReadError(f"{source.name}: {error}") from error
    return [one for one in hdus if is_own(one) and one.cards.get("CREXT") == index]


def _foreign(hdus, shape):
    """The last CR_MASK and CR_PROBABILITY of the image's shape that others wrote."""
    latest = {
        one.name.upper(): one
        for one in hdus
        if one.kind in fits.VIEWABLE and one.naxis[::-1] == shape and not is_own(one)
    }
    return [latest[name] for name in fits.MASKS[:2] if name in latest]


def _date(hdus):
    return max(str(one.cards.get("DATE", "")) for one in hdus)


def _stored(source, hdus, image):
    hdus = [one for one in hdus if str(one.cards.get("DATE", "")) == _date(hdus)] or hdus
    named = {one.name.upper(): one for one in hdus}
    mask, probability, edits = (
        _plane(source, named[name], image) if name in named else None for name in fits.MASKS)
    provenance = provenance_of(hdus[0].cards) if is_own(hdus[0]) else {}
    if mask is None and probability is None:
        raise ReadError(f"{source.name}: {hdus[0].name} is there, but the mask is missing")
    table = named.get("CR_REVIEW")
    review = {} if table is None else reviewtable.read(source, table, image.shape)
    return StoredMask(image.shape, mask, probability, edits, provenance, source.path, review,
                      _date(hdus))


def _plane(source, hdu, image):
    values = fits.read(source, hdu.index)[0]
    if values.shape != image.shape:
        size, wanted = ("{1} x {0}".format(*shape) for shape in (values.shape, image.shape))
        wrong = f"{hdu.name} in {source.name} is {size} pixels, the image {wanted}"
        why = "it belongs to another image"
        if is_of_earlier(hdu):
            why = ("it was made for an earlier version of the image; move that file away to go on "
                   "without it")
        raise ReadError(f"{wrong}: {why}")
    return values
