"""Walk the headers of a FITS file by hand: pure Python, no astropy, nothing believed.

The limits keep a file that lies from costing more than a moment: sizes are Python integers compared
with the size of the file, and nothing is allocated by what a header says.
Structure after the FITS standard 4.0, sections 3, 4 and 7; tile compression, section 10.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from glview.files import ReadError

BLOCK = 2880
CARD = 80
MAX_AXES = 999
MAX_HDUS = 10_000
MAX_BLOCKS = 2000
MAX_TEXT = 64 << 20  # bytes of all headers of a file; as Python objects they take several times it
BITPIX = (8, 16, 32, 64, -32, -64)

_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([EeDd][+-]?[0-9]+)?")
_STRING = re.compile(r"'((?:[^']|'')*)'")
_IMAGES = ("IMAGE", "IUEIMAGE")
_TABLES = ("BINTABLE", "A3DTABLE", "TABLE")


class FitsError(ReadError):
    """The FITS file is not what it says; the message gives the card or the place."""


@dataclass(frozen=True)
class Hdu:
    """One header and where its data is.

    kind: "image", "compressed" (a tile-compressed image), "empty" (an image without pixels),
        "table", "groups" or "other".
    naxis: lengths of the axes in FITS order (NAXIS1 first); of the image inside if compressed.
    data_size: bytes of data without the padding. complete: the file holds all of them.
    cards: keyword -> value, the first of each; COMMENT and HISTORY are joined lines.
    """

    index: int
    name: str
    version: int
    kind: str
    naxis: tuple[int, ...]
    bitpix: int
    header_offset: int
    data_offset: int
    data_size: int
    complete: bool
    bscale: float = 1.0
    bzero: float = 0.0
    blank: int | None = None
    cards: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def end(self):
        """Where the next header starts: data and padding counted."""
        return self.data_offset + -(-self.data_size // BLOCK) * BLOCK


@dataclass(frozen=True)
class Scan:
    """All HDUs that could be read; problem says why the walk ended before the file did, or ""."""

    hdus: tuple[Hdu, ...]
    size: int
    problem: str = ""


def walk(file):
    """The HDUs of a file (a descriptor or a path), as far as they can be read.

    Raises FitsError if not even the first header is there.
    """
    if isinstance(file, int):
        return list(scan(file).hdus)
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return list(scan(fd).hdus)
    finally:
        os.close(fd)


def scan(fd):
    """Walk all HDUs of an open file. Raises FitsError if the first header cannot be used."""
    size = os.fstat(fd).st_size
    hdus, offset, text, problem = [], 0, 0, ""
    while offset < size and not problem:
        if len(hdus) == MAX_HDUS or text >= MAX_TEXT:
            problem = f"only the first {len(hdus)} HDUs are read"
            break
        try:
            hdus.append(_read_hdu(fd, offset, len(hdus), size))
        except FitsError as error:
            if not hdus:
                raise
            problem = f"what follows HDU {len(hdus) - 1} is not read: {error}"
            break
        offset, text = hdus[-1].end, text + hdus[-1].data_offset - offset
        if not hdus[-1].complete:
            problem = f"the file ends inside HDU {len(hdus) - 1}"
    if not hdus:
        raise FitsError("the file is empty")
    return Scan(tuple(hdus), size, problem)


def read_header(fd, offset):
    """Text of the header at `offset`, up to its END card, and where its data starts.

    Raises FitsError if no END card comes within MAX_BLOCKS blocks or before the end of the file.
    """
    data, step = b"", 4
    while len(data) < MAX_BLOCKS * BLOCK:
        more = os.pread(fd, step * BLOCK, offset + len(data))
        if not data and not more.startswith((b"SIMPLE  ", b"XTENSION")):
            raise FitsError(f"no FITS header at byte {offset}")
        start = len(data) - len(data) % CARD
        data += more
        end = _find_end(data, start)
        if end >= 0:
            return data[:end].decode("latin-1"), offset + -(-(end + CARD) // BLOCK) * BLOCK
        if len(more) < step * BLOCK:
            raise FitsError(f"the header at byte {offset} is cut off: it has no END card")
        step = 64
    raise FitsError(f"the header at byte {offset} has no END card in {MAX_BLOCKS} blocks")


def _find_end(data, start):
    """Where the END card begins, from `start` (a multiple of CARD) on, or -1."""
    place = data.find(b"END     ", start)
    while place >= 0 and place % CARD:
        place = data.find(b"END     ", place + 1)
    return place


def parse_cards(text):
    """Cards (80 characters each, without END) to keyword -> value.

    Values are bool, int, float or str; what is none of them stays as the text it is. Lower-case
    keywords are raised, HIERARCH ones lose that word, CONTINUE is joined.
    """
    cards, lines, last = {}, {}, ""
    for start in range(0, len(text), CARD):
        card = text[start : start + CARD]
        key = card[:8].rstrip().upper()
        if key in ("COMMENT", "HISTORY"):
            lines.setdefault(key, []).append(card[8:].rstrip())
            cards.setdefault(key, "")
        elif key == "CONTINUE" and str(cards.get(last, ""))[-1:] == "&":
            cards[last] = cards[last][:-1] + str(parse_value(card[8:]))
        elif key == "HIERARCH" and "=" in card[9:]:
            last, _, value = card[9:].partition("=")
            last = last.strip().upper()
            cards.setdefault(last, parse_value(value))
        elif key and card[8:9] == "=":
            last = key
            cards.setdefault(key, parse_value(card[9:]))
    return cards | {key: "\n".join(said) for key, said in lines.items()}


def parse_value(text):
    """The value of a card from what follows its `=`, the comment dropped."""
    text = text.strip()
    string = _STRING.match(text)
    if string:
        return string[1].replace("''", "'").rstrip()
    text = text.partition("/")[0].strip()
    if text in ("T", "F"):
        return text == "T"
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text.upper().replace("D", "E"))
    return text


def _read_hdu(fd, offset, index, size):
    text, data_offset = read_header(fd, offset)
    cards = parse_cards(text)
    if ("SIMPLE" if index == 0 else "XTENSION") not in cards:
        raise FitsError(f"no FITS header at byte {offset}")
    bitpix, naxis = _bitpix(cards, "BITPIX"), _axes(cards, "NAXIS")
    kind = _kind(cards, index, naxis)
    data_size = _data_size(cards, kind, bitpix, naxis)
    if kind == "compressed":
        bitpix, naxis = _bitpix(cards, "ZBITPIX"), _axes(cards, "ZNAXIS")
        kind = kind if naxis and math.prod(naxis) else "empty"
    scaling = _scaling(cards, bitpix) if kind in ("image", "compressed") else {}
    name = str(cards.get("EXTNAME", "")).strip() or ("" if index else "PRIMARY")
    version = cards.get("EXTVER")
    return Hdu(
        index=index,
        name=name,
        version=version if type(version) is int else 1,
        kind=kind,
        naxis=naxis,
        bitpix=bitpix,
        header_offset=offset,
        data_offset=data_offset,
        data_size=data_size,
        complete=data_offset + data_size <= size,
        cards=cards,
        **scaling,
    )


def _kind(cards, index, naxis):
    xtension = str(cards.get("XTENSION", "")).strip().upper()
    if index and xtension in _TABLES:
        return "compressed" if cards.get("ZIMAGE") is True else "table"
    if index and xtension not in _IMAGES:
        return "other"
    if cards.get("GROUPS") is True and naxis[:1] == (0,):
        return "groups"
    return "image" if naxis and math.prod(naxis) else "empty"


def _integer(cards, key, default=None):
    value = cards.get(key, default)
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        said = "is missing" if value is None else f"is {value!r}, not a whole number"
        raise FitsError(f"the header card {key} {said}")
    return value


def _bitpix(cards, key):
    value = _integer(cards, key)
    if value not in BITPIX:
        raise FitsError(f"the header says {key} = {value}; FITS knows 8, 16, 32, 64, -32, -64")
    return value


def _axes(cards, key):
    count = _integer(cards, key, 0 if "SIMPLE" in cards else None)
    if not 0 <= count <= MAX_AXES:
        raise FitsError(f"the header says {key} = {count}; FITS allows 0 to {MAX_AXES}")
    axes = tuple(_integer(cards, f"{key}{axis}") for axis in range(1, count + 1))
    if any(length < 0 for length in axes):
        raise FitsError(f"the header gives an axis of negative length: {axes}")
    return axes


def _data_size(cards, kind, bitpix, naxis):
    pcount, gcount = _integer(cards, "PCOUNT", 0), _integer(cards, "GCOUNT", 1)
    if pcount < 0 or gcount < 0 or (kind == "image" and gcount < 1):
        raise FitsError(f"the header says PCOUNT = {pcount}, GCOUNT = {gcount}: impossible")
    lengths = naxis[1:] if kind == "groups" else naxis
    items = math.prod(lengths) if lengths else 0
    return abs(bitpix) // 8 * gcount * (pcount + items)


def _scaling(cards, bitpix):
    values = {}
    for key, default in (("BSCALE", 1.0), ("BZERO", 0.0)):
        value = cards.get(key, default)
        if type(value) not in (int, float) or not math.isfinite(value):
            raise FitsError(f"the header card {key} is {value!r}, not a number")
        values[key.lower()] = value
    blank = cards.get("BLANK", cards.get("ZBLANK"))
    if bitpix > 0 and type(blank) is int:
        low = 0 if bitpix == 8 else -(1 << (bitpix - 1))
        values["blank"] = blank if low <= blank < low + (1 << bitpix) else None
    return values
