"""The FITS extensions that hold a mask: their data, their WCS and where they come from.

They are tile-compressed images (FITS 4.0, section 10) written by hand: astropy needs ten times as
long for the same bytes, because it compresses on one core at zlib's middle level.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from isal import igzip

from glview.core.plane import Plane
from glview.files.cards import card_text, summed
from glview.files.header import BLOCK

TILE_ROWS = 64
TILE_BYTES = 4 << 20
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
    ("plane", "CRPLANE", "plane of the cube, from 0"),
    ("floor", "CRFLOOR", "confidence below this was kept as 0"),
)
_AXIS = "(CTYPE|CUNIT|CNAME|CRVAL|CRPIX|CDELT|CROTA|CRDER|CSYER)[12]"
_WCS = re.compile(
    rf"({_AXIS}|(CD|PC)[12]_[12]|P[VS][12]_[0-9]+|WCSAXES|WCSNAME|LONPOLE|LATPOLE|RADESYS|EQUINOX)"
    "[A-Z]?|RADECSYS|EPOCH|MJD-OBS|(A|B|AP|BP)_([0-9]_[0-9]|ORDER|DMAX)"
)
_WCS_TEXT = re.compile("(CTYPE|CUNIT|CNAME|WCSNAME|RADESYS|RADECSYS|PS[12]_)")


def wcs_cards(header):
    """Cards of the celestial WCS of the first two axes: linear, PV, PS and SIP terms, alternates.

    header: keyword -> value. Values of the wrong type are dropped. A WCS by tables (-TAB) points to
    other extensions and gives no cards.
    """
    if any("-TAB" in str(header.get(key, "")) for key in ("CTYPE1", "CTYPE2")):
        return []
    cards = []
    for key, value in header.items():
        if not _WCS.fullmatch(key) or isinstance(value, bool):
            continue
        if isinstance(value, str) != bool(_WCS_TEXT.match(key)):
            continue
        if key.startswith("WCSAXES"):
            value = min(value, 2)
        cards.append(card_text(key, value))
    return cards


def origin_cards(provenance, image):
    """Cards that say what made the mask and which HDU it belongs to.

    provenance: any of version, model, weights_sha256, threshold, dilation, shape, tiling, added,
    deleted, crop, plane, floor; other keys are left out. image: (index, name, version) of the HDU.
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
    if provenance.get("threshold") is not None:
        text += f", probability > {np.float32(provenance['threshold'])!s}"
    if provenance.get("dilation"):
        text += f", grown by {provenance['dilation']} ({provenance.get('shape', 'square')})"
    added, deleted = provenance.get("added") or 0, provenance.get("deleted") or 0
    return f"{text}; {added} pixels added and {deleted} deleted by hand."


def provenance_of(cards):
    """What `origin_cards` wrote, back from a header: a dict with the same keys."""
    return {name: cards[key] for name, key, _ in ORIGIN if key in cards}


def extension(name, version, values, cards):
    """One whole HDU, header and data, as two byte strings.

    values: (height, width) bool, uint8 (GZIP_1) or float32 (GZIP_2: bytes shuffled; lossless): an
    array, or anything with shape and dtype that is sliced in rows, and whose any((y0, x0, y1, x1))
    is False only for a box that is all 0; it is sliced by several threads, a tile at a time.
    cards: what follows the structural cards.
    """
    height, width = values.shape
    tiles = _tiles(values)
    lengths = np.array([len(tile) for tile in tiles], np.int64)
    wide = lengths.sum() >= 1 << 31
    table = np.stack([lengths, np.cumsum(lengths) - lengths], 1)
    table = table.astype(">i8" if wide else ">i4").tobytes()
    padding = bytes(-(len(table) + int(lengths.sum())) % BLOCK)
    body = b"".join([table, *tiles, padding])
    structure = [
        card_text("XTENSION", "BINTABLE", "binary table that holds a compressed image"),
        card_text("BITPIX", 8),
        card_text("NAXIS", 2),
        card_text("NAXIS1", 16 if wide else 8),
        card_text("NAXIS2", len(tiles)),
        card_text("PCOUNT", int(lengths.sum())),
        card_text("GCOUNT", 1),
        card_text("TFIELDS", 1),
        card_text("TTYPE1", "COMPRESSED_DATA"),
        card_text("TFORM1", f"1{'Q' if wide else 'P'}B({lengths.max()})"),
        card_text("ZIMAGE", True, "this is a compressed image"),
        card_text("ZTENSION", "IMAGE"),
        card_text("ZBITPIX", 8 if values.dtype.itemsize == 1 else -32),
        card_text("ZNAXIS", 2),
        card_text("ZNAXIS1", width),
        card_text("ZNAXIS2", height),
        card_text("ZPCOUNT", 0),
        card_text("ZGCOUNT", 1),
        card_text("ZTILE1", width),
        card_text("ZTILE2", _tile_rows(values)),
        card_text("ZCMPTYPE", "GZIP_1" if values.dtype.itemsize == 1 else "GZIP_2"),
        *([] if values.dtype.itemsize == 1 else [card_text("ZQUANTIZ", "NONE", "lossless")]),
        card_text("EXTNAME", name),
        card_text("EXTVER", version),
    ]
    return summed([*structure, *cards], body), body


def _tile_rows(values):
    """Rows of a tile: a power of two, so that tiles end where those of a sparse plane do."""
    height, width = values.shape
    most = max(1, min(TILE_ROWS, TILE_BYTES // (width * values.dtype.itemsize)))
    return min(height, 1 << (most.bit_length() - 1))


def _tiles(values):
    """The compressed tiles; those that are all 0 share one byte string for each height."""
    (height, width), rows, blank = values.shape, _tile_rows(values), {}

    def packed(top):
        bottom = min(top + rows, height)
        if _holds(values, top, bottom):
            return _packed(_bytes_of(values, top, bottom))
        if bottom - top not in blank:
            zeros = np.zeros((bottom - top) * width * values.dtype.itemsize, np.uint8)
            blank[bottom - top] = _packed(zeros)
        return blank[bottom - top]

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        return list(pool.map(packed, range(0, height, rows)))


def _holds(values, top, bottom):
    """False if all bytes of these rows are 0 (-0.0 and NaN are not)."""
    if not isinstance(values, np.ndarray):
        return values.any((top, 0, bottom, values.shape[1]))
    return bool(np.ascontiguousarray(values[top:bottom]).view(bool).any())


def _bytes_of(values, top, bottom):
    """The bytes of these rows as they are compressed: (n,) uint8.

    Those of float32 are sorted by significance, as GZIP_2 wants: first all first bytes.
    """
    if values.dtype != np.float32:
        return np.ascontiguousarray(values[top:bottom, :]).view(np.uint8).reshape(-1)
    if not isinstance(values, Plane):
        native = np.ascontiguousarray(values[top:bottom, :], "<f4").view(np.uint8)
        return np.ascontiguousarray(native.reshape(-1, 4)[:, ::-1].T).reshape(-1)
    width = values.shape[1]
    pointers, columns, found = values.entries((top, 0, bottom, width))
    places = np.repeat(np.arange(bottom - top) * width, np.diff(pointers)) + columns
    data = np.zeros((4, (bottom - top) * width), np.uint8)
    data[:, places] = found.astype(">f4").view(np.uint8).reshape(-1, 4).T
    return data.reshape(-1)


def _packed(data):
    """gzip of the bytes of a tile; isal is many times faster than zlib on runs, which masks are."""
    return igzip.compress(data, 1, mtime=0)
