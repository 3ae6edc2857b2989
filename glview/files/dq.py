"""CR_DQ: the mask as data-quality bits, in the way of the observatory that the image comes from.

CR_DQ is a copy of the image's own flags with our bits OR-ed in: no bit of others is ever cleared,
and their extension itself stays as it is.  A pixel of the model gets the bits of a cosmic ray; one
that was added by hand gets the bit for what the user flags, where the convention has one.
"""

import re
from dataclasses import dataclass, replace

import numpy as np

from glview.core.mask import EDIT_ADD
from glview.files import ReadError, fits
from glview.files.cards import card_text, history_text
from glview.files.commit import SaveError
from glview.files.header import scan
from glview.files.load import is_fits


class FlagsError(SaveError):
    """The flags that are asked for do not fit the file."""


@dataclass(frozen=True)
class Convention:
    """names: of the extensions that hold flags; dtype: of flags where the file has none.
    cosmic: bits of a cosmic ray; hand: of a pixel that the user flags, 0 if there is none of its
    own. of: what TELESCOP or INSTRUME starts with where only this convention is right."""

    names: tuple[str, ...]
    dtype: str
    cosmic: int
    hand: int = 0
    of: str = ""
    words: str = ""


CONVENTIONS = {
    "hst": Convention(("DQ",), "i2", 4096, 16384, "HST", "4096 CR of AstroDrizzle, 16384 user"),
    "wfc3": Convention(("DQ",), "i2", 4096, 32768, "WFC3", "4096 CR of AstroDrizzle, 32768 user"),
    "jwst": Convention(("DQ",), "u4", 4 | 1, 0, "JWST", "4 JUMP_DET, 1 DO_NOT_USE"),
    "banzai": Convention(("BPM",), "u1", 8, words="8 cosmic ray"),
    "decam": Convention(("MSK", "MASK", "DQM", "BPM"), "i2", 16, 0, "DECam", "16 cosmic ray"),
    "lsst": Convention(("MASK",), "i4", 0, words="2**MP_CR, from the header of the mask"),
    "plain": None,
}
"""Name -> Convention; None for no CR_DQ."""
CODES_SINCE = (3, 5)  # versions of DECam's Community Pipeline whose flags are numbers, not bits
_KINDS = ("u1", "i2", "u2", "i4", "u4")


class Flags:
    """The rows of CR_DQ, made where they are asked for.

    mask, edits: as saved; before: Image of the flags that are there, or None.  shape: (height,
    width); dtype: an integer.  cards: what the header says about the bits.
    """

    def __init__(self, mask, edits, before, bits, dtype):
        self.shape, self.dtype = mask.shape, np.dtype(dtype)
        self._mask, self._edits, self._before, self.cards = mask, edits, before, []
        unsigned = f"u{self.dtype.itemsize}"
        self._cosmic, self._hand = (np.array(one, unsigned) for one in bits)

    def any(self, box):
        """False if a box is certainly all 0."""
        known = self._before is None and hasattr(self._mask, "any")
        return not known or isinstance(self._mask, np.ndarray) or self._mask.any(box)

    def __getitem__(self, key):
        """`flags[y0:y1, x0:x1]`: integers of `dtype`."""
        masked = np.asarray(self._mask[key])
        found = np.where(masked, self._cosmic, 0).astype(self._cosmic.dtype)
        if self._edits is not None:
            found[masked & (np.asarray(self._edits[key]) == EDIT_ADD)] = self._hand
        if self._before is not None:
            there = self._there(key)
            found |= there.view(f"u{there.itemsize}")
        return found.view(self.dtype)

    def _there(self, key):
        try:
            return self._before[key]
        except (OSError, ReadError) as error:
            raise FlagsError(f"the flags in {self._before.name} cannot be read: {error}; choose "
                             "plain, for CR_MASK alone") from error


def flags_of(source, image, name, mask, edits):
    """(Flags or None, a sentence of warning or "") for a convention by name; None for "plain".

    source: the open file of the image.  Raises FlagsError if the convention is not known or does
    not fit the file.
    """
    convention, hdu, before, bits, copied = check(source, image, name)
    if convention is None:
        return None, ""
    flags = Flags(mask, edits, before, bits, _dtype(before, convention))
    flags.cards = [*_cards(name, convention, bits, hdu), *copied]
    names = " or ".join(convention.names)
    alone = f"{image.name} has no {names} of its own: CR_DQ holds the bits of the mask alone"
    return flags, alone if hdu is None else ""


def check(source, image, name):
    """(Convention or None, Hdu of the flags that are there or None, their Image or None, (bits of a
    cosmic ray, of a pixel added by hand), cards to copy); raises FlagsError as `flags_of`."""
    if name not in CONVENTIONS:
        raise FlagsError(f"there is no convention of flags {name!r}; there are "
                         f"{', '.join(CONVENTIONS)}")
    convention = CONVENTIONS[name]
    if convention is None:
        return None, None, None, (0, 0), []
    _check_origin(name, image)
    hdus = scan(source.fd).hdus if is_fits(source) else ()
    hdu = _flags_hdu(hdus, image, convention)
    before = None if hdu is None else _read(source, hdu, image)
    if name == "decam" and hdu is not None:
        _check_codes(source, hdus[0], hdu)
    cosmic, copied = convention.cosmic, []
    if name == "lsst":
        cosmic, copied = _planes_of(source, hdu)
    return convention, hdu, before, (cosmic, convention.hand or cosmic), copied


def suggested(header):
    """The convention that TELESCOP and INSTRUME ask for, or None."""
    said = [str(header.get(key, "")).strip().upper() for key in ("INSTRUME", "TELESCOP")]
    for text in said:
        for name, convention in CONVENTIONS.items():
            if convention is not None and convention.of and text.startswith(convention.of.upper()):
                return name
    return None


def _check_origin(name, image):
    """A bit of one camera means another thing in the flags of the next."""
    better = suggested(image.header)
    if better in (None, name) or name == "lsst":
        return
    camera = image.header.get("INSTRUME") or image.header.get("TELESCOP")
    raise FlagsError(f"{image.name} comes from {camera}, whose flags are not those of {name}: use "
                    f"{better}, or plain for CR_MASK alone")


def _flags_hdu(hdus, image, convention):
    """The flags that go with an image: of its EXTVER, or the only ones of the file; or None."""
    if not hdus:
        return None
    named = [one for one in hdus if _name(one) in convention.names and "GLVVERS" not in one.cards]
    mine = hdus[image.hdu]
    same = [one for one in named if one.version == mine.version]
    alone = sum(one.name == mine.name for one in hdus) == 1 and len(named) == 1
    return (same or (named if alone else [None]))[0]


def _name(hdu):
    return (hdu.name or str(hdu.cards.get("EXTTYPE", ""))).strip().upper()


def _read(source, hdu, image):
    """The flags as an Image of integers whose shape is the picture's."""
    where = f"{hdu.name or 'extension'} {hdu.index} in {source.name}"
    advice = "no flags can be added to it; choose plain, for CR_MASK alone"
    if hdu.kind == "empty":
        return _constant(hdu, image)
    if hdu.kind not in fits.VIEWABLE:
        raise FlagsError(f"{where} is a {hdu.kind}, not an image: {advice}")
    flags = fits.read(source, hdu.index)[0]
    if flags.shape != image.shape or flags.planes not in (1, image.planes):
        size, wanted = ("{1} x {0}".format(*one.shape) for one in (flags, image))
        raise FlagsError(f"{where} is {size} pixels, the image {wanted}: {advice}")
    if flags.dtype.newbyteorder("=").str[1:] not in _KINDS:
        raise FlagsError(f"{where} holds {flags.dtype}, not whole numbers of 8 to 32 bits: "
                         f"{advice}")
    return replace(flags, plane=image.plane if flags.planes > 1 else 0)


def _check_codes(source, primary, hdu):
    version = str(hdu.cards.get("PLVER", primary.cards.get("PLVER", "")))
    numbers = re.match(r"\s*V?([0-9]+)\.([0-9]+)", version)
    if numbers and tuple(map(int, numbers.groups())) >= CODES_SINCE:
        raise FlagsError(f"{hdu.name} in {source.name} is of pipeline {version}, which writes "
                        "numbers and not bits; choose plain, for CR_MASK alone")


def _constant(hdu, image):
    """Flags that are the same all over are written as PIXVALUE, without pixels."""
    value, dtype = hdu.cards.get("PIXVALUE", 0), np.dtype({8: "u1", 16: "i2"}.get(hdu.bitpix, "i4"))
    if type(value) is not int or not 0 <= value <= np.iinfo(dtype).max:
        raise FlagsError(f"{hdu.name} {hdu.index} has no pixels but PIXVALUE = {value!r}, which is "
                        "no flag; choose plain, for CR_MASK alone")

    def read(plane, y0, y1, x0, x1):
        return np.full((y1 - y0, x1 - x0), value, dtype)

    return replace(image, dtype=dtype, read=read, fill=None)


def _planes_of(source, hdu):
    """(bits of a cosmic ray, the header's MP_ cards): every file numbers its bits anew."""
    known = {} if hdu is None else {
        key: value for key, value in hdu.cards.items()
        if key.startswith("MP_") and type(value) is int and 0 <= value < 31}
    if "MP_CR" not in known:
        there = ", ".join(known) or "no such card"
        raise FlagsError(f"{source.name} has no MASK with MP_CR in its header (there is {there}): "
                        "nothing says which bit is a cosmic ray; choose plain, for CR_MASK alone")
    return 1 << known["MP_CR"], [card_text(key, value) for key, value in known.items()]


def _dtype(before, convention):
    """The type of the flags that are there, or the convention's where our bits need more room."""
    if before is None or before.dtype.itemsize < np.dtype(convention.dtype).itemsize:
        return convention.dtype
    return before.dtype


def _cards(name, convention, bits, hdu):
    cosmic, hand = bits
    cards = [card_text("CRDQBITS", cosmic, "OR-ed in where the model found a cosmic ray")]
    if hand != cosmic:
        cards.append(card_text("CRDQHAND", hand, "OR-ed in where a pixel was added by hand"))
    text = f"Bits of the convention {name!r} ({convention.words})"
    if hdu is None:
        return [*cards, history_text(f"{text}; the file holds no flags that they could join.")]
    cards += [card_text("CRDQNAME", _name(hdu), "extension that they were OR-ed with"),
              card_text("CRDQVER", hdu.version, "its EXTVER")]
    return [*cards, history_text(f"{text}, OR-ed with a copy of {_name(hdu)},{hdu.version}, which "
                                 "itself was not changed.")]
