"""FITS images: which HDUs are pictures, and their pixels without astropy."""

import math
from collections import ChainMap, Counter
from dataclasses import dataclass, replace

import numpy as np

from glview.core.image import Image
from glview.core.shares import progress
from glview.files.header import FitsError, scan
from glview.files.raster import Raster, Scaling, copy

MASKS = ("CR_MASK", "CR_PROBABILITY", "CR_EDITS")  # whoever wrote them
OWN = (*MASKS, "CR_DQ", "CR_CLEANED", "CR_REVIEW")
PENDING, TOKEN = "GLV_PENDING", "GLVTOKEN"  # what stands in a file while a mask is saved into it
VIEWABLE = ("image", "compressed")
FEWEST_ROWS = 0.01  # below this share of the rows the header is wrong rather than the file cut off

# What tells camera and exposure, taken from the primary header where an extension lacks it.
IDENTITY = (
    "TELESCOP INSTRUME DETECTOR CAMERA CCDNAME APERTURE FILTER FILTER1 FILTER2 OBJECT TARGNAME "
    "EXPTIME DATE-OBS ROOTNAME ORIGIN SITEID INSTRID OBSTYPE"
).split()
_PRIMARY_ONLY = (
    "SIMPLE BITPIX NAXIS EXTEND GROUPS PCOUNT GCOUNT BSCALE BZERO BLANK CHECKSUM DATASUM EXTNAME "
    "EXTVER EXTLEVEL COMMENT HISTORY INHERIT DATAMIN DATAMAX"
).split()


def read(source, ext=None):
    """The viewable images of a FITS source. Raises FitsError with the file's name in front."""
    try:
        found = scan(source.fd)
        chosen = select(found, ext)
        return _images(source, found, chosen)
    except FitsError as error:
        raise FitsError(f"{source.name}: {error}") from error


def select(found, ext=None):
    """The HDUs to show: all pictures but glview's own, or those that `ext` names.

    found: a Scan; ext: None, a number, a name (case and blanks do not count) or "NAME,VERSION".
    Raises FitsError that lists what is there.
    """
    hits = [hdu for hdu in found.hdus if ext is None or matches(hdu, ext)]
    there = ", ".join(f"{hdu.index} {hdu.name or hdu.kind}" for hdu in found.hdus[:20])
    there += ", ..." if len(found.hdus) > 20 else ""
    because = f" ({found.problem})" if found.problem else ""
    if not hits:
        raise FitsError(f"there is no extension {ext}; the file has: {there}{because}")
    pictures = [hdu for hdu in hits if hdu.kind in VIEWABLE and not is_pending(hdu)]
    if not pictures and ext is not None:
        raise FitsError(f"extension {ext} holds no picture but is of kind {hits[0].kind!r}")
    if not pictures:
        raise FitsError(f"the file holds no picture; it has: {there}{because}")
    science = [hdu for hdu in pictures if hdu.name.upper() not in MASKS and not is_own(hdu)]
    return (science or pictures) if ext is None else pictures


def is_own(hdu):
    """Whether glview wrote this extension."""
    return hdu.name.upper() in OWN and "GLVVERS" in hdu.cards


def is_pending(hdu):
    """Whether an extension is what an unfinished save of glview's left."""
    return hdu.name == PENDING and TOKEN in hdu.cards


def matches(hdu, ext):
    """Whether `ext` (a number, "SCI" or "SCI,2") means this HDU."""
    text = str(ext).strip().upper()
    name, _, version = (part.strip() for part in text.rpartition(","))
    if text.isdecimal():
        return hdu.index == int(text)
    if name and version.isdecimal():
        return hdu.name.upper() == name and hdu.version == int(version)
    return hdu.name.upper() == text


def _images(source, found, chosen):
    images, refused, known = [], [], Primary(found.hdus[0])
    names = _names(source, found)
    for hdu in chosen:
        try:
            images.append(_image(source, found, hdu, names[hdu.index], known.inherited(hdu)))
        except FitsError as error:
            refused.append(f"HDU {hdu.index}: {error}")
    if not images:
        raise FitsError(refused[0])
    return [replace(image, notes=image.notes + tuple(refused)) for image in images]


def _image(source, found, hdu, name, header):
    width, height = hdu.naxis[0], math.prod(hdu.naxis[1:2])
    planes = math.prod(hdu.naxis[2:])
    if hdu.kind == "compressed":
        from glview.files.fitscomp import open_tiles

        physical, read, fill, faults = open_tiles(source, hdu)
        turned, notes = None, ()
    else:
        raster, notes = _raster(source, found.size, hdu, width, height * planes)
        physical, read, fill = raster.physical, raster.planes(height), raster.fills(height)
        turned, faults = raster.turned(height), []
    if hdu.cards.get("SIMPLE") is False:
        notes += ("the header says SIMPLE = F: this file may not follow the FITS standard",)
    if found.problem and hdu.complete:
        notes += (found.problem,)
    return Image(
        name=name,
        shape=(height, width),
        dtype=physical,
        read=read,
        path=source.path,
        hdu=hdu.index,
        header=header,
        planes=planes,
        notes=source.notes + notes,
        fill=fill,
        fill_turned=turned,
        faults=faults,
        kept=lambda: getattr(source.shared.get("tiles"), "held", 0),
        source=source,
    )


def _names(source, found):
    """What the user calls the picture in each HDU: one alone, but for glview's, by the file."""
    pictures = [hdu for hdu in found.hdus if hdu.kind in VIEWABLE]
    alone = [hdu.index for hdu in pictures if len(pictures) == 1 or not is_own(hdu)]
    same = Counter(hdu.name.upper() for hdu in found.hdus)
    labels = [hdu.name if same[hdu.name.upper()] == 1 else f"{hdu.name},{hdu.version}"
              for hdu in found.hdus]
    names = [f"{source.name}[{label if hdu.name else hdu.index}]"
             for hdu, label in zip(found.hdus, labels, strict=True)]
    return [source.name if alone == [number] else name for number, name in enumerate(names)]


class Primary:
    """The first header of a file, whose cards hold for other HDUs too."""

    def __init__(self, hdu):
        self._identity = {key: hdu.cards[key] for key in IDENTITY if key in hdu.cards}
        self._all = {
            key: value
            for key, value in hdu.cards.items()
            if key not in _PRIMARY_ONLY and not (key.startswith("NAXIS") and key[5:].isdecimal())
        }

    def inherited(self, hdu):
        """The cards of an HDU and, below them, those of the primary HDU that hold for it too.

        INHERIT = T gives all but the ones that describe the primary's own data; without that card
        only those that name camera and exposure, which many cameras write into the primary alone.
        A view: ten thousand extensions share what they inherit.
        """
        if hdu.index == 0 or hdu.cards.get("INHERIT") is False:
            return hdu.cards
        below = self._all if hdu.cards.get("INHERIT") is True else self._identity
        return ChainMap(hdu.cards, below)


@dataclass(frozen=True)
class Scaled:
    """Physical value = bzero + bscale x stored, blank becomes NaN; in float64, rounded once.

    Called as convert(raw, out): raw (n, m) as stored, out (n, m) float32 or float64.
    """

    bscale: float
    bzero: float
    blank: int | None

    def __call__(self, raw, out):
        with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN is "invalid"
            values = raw.astype(np.float64)
            if self.bscale != 1:
                values *= self.bscale
            if self.bzero != 0:
                values += self.bzero
            np.copyto(out, values, casting="same_kind")
        if self.blank is not None:
            out[raw == self.blank] = np.nan


@dataclass(frozen=True)
class Flipped:
    """Integers of the other signedness, stored with half their range subtracted: flip the top bit.

    Called as convert(raw, out): raw (n, m) as stored, out (n, m) of the physical integer type.
    """

    def __call__(self, raw, out):
        same = out.view(raw.dtype.newbyteorder("="))
        np.copyto(same, raw)
        bits = out.view(f"u{out.itemsize}")
        np.bitwise_xor(bits, bits.dtype.type(1 << (8 * out.itemsize - 1)), out=bits)


def types(bitpix, bscale=1.0, bzero=0.0, blank=None):
    """(stored, physical, convert) of a FITS image; convert is None where the values are as stored.

    stored: big-endian dtype. physical: native; integers stay integers unless scaled or blank, then
    float32 up to 16 bits and float64 above, the same choice that astropy makes.
    """
    size = abs(bitpix) // 8
    stored = np.dtype(f">{'f' if bitpix < 0 else 'u' if bitpix == 8 else 'i'}{size}")
    plain = stored.newbyteorder("=")
    if bscale == 1 and bzero == 0 and blank is None:
        return stored, plain, None
    if bitpix < 0:
        return stored, plain, None if (bscale, bzero) == (1, 0) else Scaled(bscale, bzero, None)
    half = -128 if bitpix == 8 else 1 << (bitpix - 1)
    if bscale == 1 and bzero == half and blank is None:
        return stored, np.dtype(f"{'i' if bitpix == 8 else 'u'}{size}"), Flipped()
    physical = np.dtype(np.float32 if size <= 2 else np.float64)
    return stored, physical, Scaled(bscale, bzero, blank)


def _raster(source, size, hdu, width, rows):
    stored, physical, convert = types(hdu.bitpix, hdu.bscale, hdu.bzero, hdu.blank)
    here = min(max(size - hdu.data_offset, 0) // (width * stored.itemsize), rows)
    notes = ()
    if here < rows:
        if here < FEWEST_ROWS * rows:
            claims = f"the header claims {' x '.join(map(str, hdu.naxis))} pixels"
            raise FitsError(f"{claims}, but next to nothing of that is in the file")
        notes = (f"file is truncated: {progress(here / rows)} of the rows are here",)
    fill = np.nan if physical.kind == "f" else 0
    scaling = Scaling(hdu.bscale, hdu.bzero, hdu.blank if hdu.bitpix > 0 else None)
    return Raster(source, hdu.data_offset, stored, physical, width, here, fill, convert or copy,
                  scaling), notes
