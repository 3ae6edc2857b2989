"""The FITS extensions that hold a mask: their data and where they come from.

They are tile-compressed images (FITS 4.0, section 10) written by hand: astropy needs ten times as
long for the same bytes, because it compresses on one core at zlib's middle level.
"""

import mmap
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from isal import isal_zlib

from glview.files.cards import card_text, sum32, summed
from glview.files.header import BLOCK

TILE_ROWS = 64
TILE_BYTES = 4 << 20
HELD = 64 << 20  # bytes of compressed tiles that are kept in memory
NEAR, FAR = 25, 31  # wbits of gzip: what is repeated is sought within 512 bytes, within 32768
STORED = {  # type of the values -> (ZBITPIX, BZERO); CFITSIO compresses no longer integers
    "b1": (8, 0), "u1": (8, 0), "i2": (16, 0), "u2": (16, 1 << 15), "i4": (32, 0),
    "u4": (32, 1 << 31), "f4": (-32, 0), "f8": (-64, 0),
}
ORIGIN = (
    ("version", "GLVVERS", "glview that wrote this"),
    ("model", "CRMODEL", "detector"),
    ("weights_sha256", "CRWSHA", ""),
    ("threshold", "CRTHRESH", "mask = probability > this (float32)"),
    ("dilation", "CRDILATE", "radius by which the mask was grown"),
    ("shape", "CRSHAPE", "element it was grown by"),
    ("tiling", "CRTILING", "how the image was cut for the detector"),
    ("crop", "CRCROP", "side of its stamps in pixels"),
    ("added", "CRNADD", "pixels added by hand"),
    ("deleted", "CRNDEL", "pixels deleted by hand"),
    ("covered", "CRCOVER", "share of the frame that was searched"),
    ("searched", "CRBOXES", "sections of it that were searched"),
    ("plane", "CRPLANE", "plane of the cube, from 0"),
    ("floor", "CRFLOOR", "confidence below this was kept as 0"),
    ("regions", "CRREGION", "boxes that another model was asked for"),
    ("sums", "CRSUMS", "precision of the network's sums"),
    ("rounded", "CRROUND", "probability in multiples of this"),
    ("reviewed", "CRNREV", "objects that were judged, see CR_REVIEW"),
    ("dq", "CRDQ", "convention of the flags in CR_DQ"),
    ("cleaning", "CRCLEAN", "how CR_CLEANED was filled in"),
    ("save", "GLVSAVE", "names this saving"),
    ("look", "GLVLOOK", "how the image was displayed"),
    ("objects", "CRNOBJ", "objects of the mask as glview detect wrote it"),
    ("masked", "CRNPIX", "its masked pixels"),
    ("damaged", "CRNDAM", "parts of the image that could not be read"),
    ("notes", "CRNOTES", "what glview detect said of the search"),
    ("unseen", "CRUNSEEN", "written by glview detect, nobody has looked"),
    ("earlier", "CREARLY", "mask made for an earlier version of the image"),
    ("pixels", "CRIMSUM", "sum over pixels of the image, to know it again"),
)


def origin_cards(provenance, image):
    """Cards that say what made the mask and which HDU it belongs to.

    provenance: what is known of the names in `ORIGIN`; other keys are left out.
    image: (index, name, version) of the HDU.
    """
    known = {"version": "unknown"} | {k: v for k, v in provenance.items() if v is not None}
    if "threshold" in known:
        known["threshold"] = float(str(np.float32(known["threshold"])))
    cards = [card_text(key, known[name], comment) for name, key, comment in ORIGIN if name in known]
    index, name, version = image
    cards.append(card_text("CREXT", index, "HDU that this mask belongs to"))
    cards.append(card_text("CREXTNAM", name, "its EXTNAME"))
    cards.append(card_text("CREXTVER", version, "its EXTVER"))
    return cards


def sentence(provenance):
    """The same for people who read headers."""
    text = f"Cosmic rays found by {provenance.get('model') or 'hand'}"
    if provenance.get("regions"):
        text += f", inside {provenance['regions']}"
    if provenance.get("model") and provenance.get("threshold") is not None:
        text += f", probability > {np.float32(provenance['threshold'])!s}"
    if provenance.get("dilation"):
        text += f", grown by {provenance['dilation']} ({provenance.get('shape', 'square')})"
    if provenance.get("unseen"):
        return f"{text}; written by glview detect, not checked by eye."
    if provenance.get("earlier"):
        text += "; made for an earlier version of the image"
    added, deleted = provenance.get("added") or 0, provenance.get("deleted") or 0
    return f"{text}; {added} pixels added and {deleted} deleted by hand."


def provenance_of(cards):
    """What `origin_cards` wrote, back from a header: a dict with the same keys."""
    return {name: cards[key] for name, key, _ in ORIGIN if key in cards}


def is_of_earlier(hdu):
    """Whether an extension says that it was made for an earlier version of its image."""
    return hdu.cards.get("CREARLY") is True


def extension(name, version, values, cards, folder=None):
    """One whole HDU as three byte strings: header, table of the tiles, tiles.

    values: (height, width) of a type in `STORED`, kept bit for bit: an array, or anything with
    shape and dtype that is sliced in rows; if it has an any((y0, x0, y1, x1)), that is False only
    for a box that is all 0.
    It is sliced by several threads, a tile at a time. Single bytes are GZIP_1, all others GZIP_2
    (bytes shuffled). cards: what follows the structural cards. folder: where tiles may lie in a
    nameless file, if they are many; the last byte string is then a map of it.
    """
    height, width = values.shape
    lengths, heap = _tiles(values, folder)
    wide = _row_size(lengths) == 16
    table = np.stack([lengths, np.cumsum(lengths) - lengths], 1)
    table = table.astype(">i8" if wide else ">i4").tobytes()
    bitpix, zero = STORED[_kind(values)]
    structure = [
        card_text("XTENSION", "BINTABLE", "binary table that holds a compressed image"),
        card_text("BITPIX", 8),
        card_text("NAXIS", 2),
        card_text("NAXIS1", _row_size(lengths)),
        card_text("NAXIS2", len(lengths)),
        card_text("PCOUNT", int(lengths.sum())),
        card_text("GCOUNT", 1),
        card_text("TFIELDS", 1),
        card_text("TTYPE1", "COMPRESSED_DATA"),
        card_text("TFORM1", f"1{'Q' if wide else 'P'}B({lengths.max()})"),
        card_text("ZIMAGE", True, "this is a compressed image"),
        card_text("ZTENSION", "IMAGE"),
        card_text("ZBITPIX", bitpix),
        card_text("ZNAXIS", 2),
        card_text("ZNAXIS1", width),
        card_text("ZNAXIS2", height),
        card_text("ZPCOUNT", 0),
        card_text("ZGCOUNT", 1),
        card_text("ZTILE1", width),
        card_text("ZTILE2", _tile_rows(values)),
        card_text("ZCMPTYPE", "GZIP_1" if bitpix == 8 else "GZIP_2"),
        *([card_text("ZQUANTIZ", "NONE", "lossless")] if bitpix < 0 else []),
        *([card_text("BSCALE", 1), card_text("BZERO", zero)] if zero else []),
        card_text("EXTNAME", name),
        card_text("EXTVER", version),
    ]
    return summed([*structure, *cards], sum32(heap, sum32(table))), table, heap


def _kind(values):
    return values.dtype.newbyteorder("=").str[1:]


def _tile_rows(values):
    """Rows of a tile: a power of two, so that tiles end where those of a sparse plane do."""
    height, width = values.shape
    most = max(1, min(TILE_ROWS, TILE_BYTES // (width * values.dtype.itemsize)))
    return min(height, 1 << (most.bit_length() - 1))


def _tiles(values, folder):
    """(lengths (n,) int64, all of them padded to whole blocks) of the compressed tiles; those that
    are all 0 share one byte string for each height."""
    (height, width), rows, blank = values.shape, _tile_rows(values), {}
    wbits = NEAR if values.dtype.itemsize == 1 else FAR

    def packed(top):
        bottom = min(top + rows, height)
        if _holds(values, top, bottom):
            return _packed(_bytes_of(values, top, bottom), wbits)
        if bottom - top not in blank:
            zeros = np.zeros((bottom - top, width), values.dtype)
            blank[bottom - top] = _packed(_bytes_of(zeros, 0, bottom - top), wbits)
        return blank[bottom - top]

    heap, lengths = _Heap(folder), []
    threads = min(os.cpu_count() or 1, 8)
    with ThreadPoolExecutor(threads) as pool, heap:
        for first in range(0, height, 4 * threads * rows):  # so many wait to be written at most
            some = range(first, min(height, first + 4 * threads * rows), rows)
            for tile in pool.map(packed, some):
                lengths.append(len(tile))
                heap.add(tile)
        lengths = np.array(lengths, np.int64)
        return lengths, heap.whole(-(_row_size(lengths) * len(lengths) + heap.size) % BLOCK)


def _row_size(lengths):
    """Bytes of a row of the table: long pointers where short ones do not reach."""
    return 16 if lengths.sum() >= 1 << 31 else 8


class _Heap:
    """Byte strings one after the other: in memory while they are few, else in a nameless file."""

    def __init__(self, folder):
        self.size, self._folder, self._parts, self._file = 0, folder, [], None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._file is not None:
            self._file.close()

    def add(self, data):
        self.size += len(data)
        if self._file is not None:
            self._file.write(data)
            return
        self._parts.append(data)
        if self.size > HELD:
            self._file = tempfile.TemporaryFile(dir=self._folder)
            self._file.writelines(self._parts)
            self._parts.clear()

    def whole(self, padding):
        """All of it and so many zeros, as bytes or as a map of the file, which outlives it."""
        self.add(bytes(padding))
        if self._file is None:
            return b"".join(self._parts)
        self._file.flush()
        return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)


def _holds(values, top, bottom):
    """False if all bytes of these rows are 0 (-0.0 and NaN are not)."""
    if not isinstance(values, np.ndarray):
        box = (top, 0, bottom, values.shape[1])
        return not hasattr(values, "any") or values.any(box)
    return bool(np.ascontiguousarray(values[top:bottom]).view(bool).any())


def _bytes_of(values, top, bottom):
    """The bytes of these rows as they are compressed: (n,) uint8.

    Those of larger values are sorted by significance, as GZIP_2 wants: first all first bytes.
    """
    if values.dtype.itemsize == 1:
        return np.ascontiguousarray(values[top:bottom, :]).view(np.uint8).reshape(-1)
    if hasattr(values, "entries"):
        return _sparse_bytes(values, top, bottom)
    size = values.dtype.itemsize
    rows = np.ascontiguousarray(values[top:bottom, :], values.dtype.newbyteorder(">"))
    found = rows.view(np.uint8).reshape(-1, size).T.reshape(-1)
    if values.dtype.kind == "u":
        found[: len(found) // size] ^= 0x80  # as BZERO says
    return found


def _sparse_bytes(values, top, bottom):
    """The same of a Plane of float32, or of what has its `entries`."""
    width = values.shape[1]
    pointers, columns, found = values.entries((top, 0, bottom, width))
    places = np.repeat(np.arange(bottom - top) * width, np.diff(pointers)) + columns
    data = np.zeros((4, (bottom - top) * width), np.uint8)
    data[:, places] = found.astype(">f4").view(np.uint8).reshape(-1, 4).T
    return data.reshape(-1)


def _packed(data, wbits):
    """gzip of the bytes of a tile; isal is many times faster than zlib on runs, which masks are.

    wbits: NEAR for a mask, where what is repeated lies next to it, so that it takes fewer bits to
    say how far away that is; or FAR.
    """
    packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, wbits)
    return packer.compress(data) + packer.flush()
