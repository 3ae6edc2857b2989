"""CR_REVIEW: which objects the user looked at, and what was said of them, as a binary table.

A row names an object by one of its pixels: X, Y (FITS, the first pixel is 1, 1) and its STATE.
"""

import numpy as np

from glview.files import ReadError
from glview.files.cards import card_text, sum32, summed
from glview.files.header import BLOCK

STATES = ("accepted", "rejected")
ROW = np.dtype([("X", ">i4"), ("Y", ">i4"), ("STATE", "S8")])
_FORMS = ("1J", "1J", "8A")


def table(name, version, verdicts, cards):
    """One whole HDU as two byte strings, header and data.

    verdicts: {(y, x): one of STATES}, pixels from 0. cards: what follows the structural cards.
    """
    rows = np.zeros(len(verdicts), ROW)
    for number, ((y, x), state) in enumerate(sorted(verdicts.items())):
        rows[number] = x + 1, y + 1, state.encode("ascii")
    data = rows.tobytes()
    body = data + bytes(-len(data) % BLOCK)
    structure = [
        card_text("XTENSION", "BINTABLE", "verdicts on objects of the mask"),
        card_text("BITPIX", 8),
        card_text("NAXIS", 2),
        card_text("NAXIS1", ROW.itemsize),
        card_text("NAXIS2", len(rows)),
        card_text("PCOUNT", 0),
        card_text("GCOUNT", 1),
        card_text("TFIELDS", len(_FORMS)),
    ]
    for number, (column, form) in enumerate(zip(ROW.names, _FORMS, strict=True), 1):
        structure.append(card_text(f"TTYPE{number}", column))
        structure.append(card_text(f"TFORM{number}", form))
    names = [card_text("EXTNAME", name), card_text("EXTVER", version)]
    return summed([*structure, *names, *cards], sum32(body)), body


def read(source, hdu, shape):
    """The verdicts in one of glview's tables: {(y, x): state}.

    source: the open file; hdu: header.Hdu; shape: (height, width) of the image. Rows that lie
    outside it, or say something else, are left out. Raises ReadError for another layout.
    """
    expected = [ROW.itemsize, len(ROW.names)]
    layout = [hdu.cards.get("NAXIS1"), hdu.cards.get("TFIELDS")]
    layout += [str(hdu.cards.get(f"TTYPE{n}", "")).strip() for n in (1, 2, 3)]
    forms = [str(hdu.cards.get(f"TFORM{n}", "")).strip().rjust(2, "1") for n in (1, 2, 3)]
    size = hdu.naxis[0] * hdu.naxis[1] if len(hdu.naxis) == 2 else -1
    if layout != [*expected, *ROW.names] or forms != list(_FORMS) or not hdu.complete or size < 0:
        raise ReadError(f"{source.name}: {hdu.name} is not a table of verdicts as glview writes "
                        "it; remove that extension to read the mask without them")
    data = source.read(hdu.data_offset, size)
    rows = np.frombuffer(data[: len(data) // ROW.itemsize * ROW.itemsize], ROW)
    found = {}
    for x, y, state in rows.tolist():
        said = state.decode("ascii", "replace").strip()
        if said in STATES and 1 <= x <= shape[1] and 1 <= y <= shape[0]:
            found[y - 1, x - 1] = said
    return found
