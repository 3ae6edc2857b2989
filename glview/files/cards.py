"""FITS header text and check sums, written by hand.

Formats after the FITS standard 4.0, section 4.2; sums after its appendix J.
"""

import math

import numpy as np

from glview.files.header import BLOCK, CARD

TEXT = 67  # characters of a string in one card of a CONTINUE series, its & included
HISTORY = 72


def card_text(key, value, comment=""):
    """One header entry: 80 characters, or more where a long string needs CONTINUE cards.

    value: bool, int, finite float (shortest text that reads back the same) or str (made ASCII).
    """
    if isinstance(value, str):
        return _string(key, value, comment)
    if isinstance(value, bool | np.bool_):
        text = "T" if value else "F"
    elif isinstance(value, int | np.integer):
        text = str(int(value))
    elif math.isfinite(value):
        text = repr(float(value)).upper()
    else:
        raise ValueError(f"a FITS header cannot hold {key} = {value}")
    return _with_comment(f"{key:<8}= {text:>20}", comment)


def history_text(line):
    """HISTORY cards for a line of any length."""
    line = plain(line)
    pieces = [line[at : at + HISTORY] for at in range(0, len(line), HISTORY)] or [""]
    return "".join(f"{f'HISTORY {piece}':<80}" for piece in pieces)


def plain(text):
    """Printable ASCII: what FITS allows; everything else becomes a backslash code or a blank."""
    ascii_text = str(text).encode("ascii", "backslashreplace").decode()
    return "".join(c if 32 <= ord(c) < 127 else " " for c in ascii_text)


def _string(key, value, comment):
    quoted = plain(value).replace("'", "''")
    if len(quoted) <= TEXT + 1:
        text = f"'{quoted:<8}'"
        return _with_comment(f"{key:<8}= {text:<20}", comment)
    cards, start = [], f"{key:<8}= "
    while quoted:
        cut = TEXT if len(quoted) > TEXT else len(quoted)
        if quoted[:cut].count("'") % 2:  # never between the two halves of a doubled quote
            cut -= 1
        piece, quoted = quoted[:cut], quoted[cut:]
        cards.append(f"{start}'{piece}{'&' if quoted else ''}'".ljust(CARD))
        start = "CONTINUE  "
    return "".join(cards)


def _with_comment(text, comment):
    room = CARD - len(text) - 3
    return f"{text} / {comment[:room]}".ljust(CARD) if comment and room > 0 else text.ljust(CARD)


def header_bytes(cards):
    """Cards as text to whole header blocks: joined, END added, padded with blanks.

    Before the first long string it is said that there are such, as fitsverify wants it.
    """
    cards = list(cards)
    long = next((n for n, card in enumerate(cards) if card[CARD:].startswith("CONTINUE")), None)
    if long is not None:
        cards.insert(long, card_text("LONGSTRN", "OGIP 1.0", "CONTINUE cards may be here"))
    text = "".join(cards) + "END".ljust(CARD)
    return text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("ascii")


def sum32(data, start=0):
    """The 32-bit ones' complement sum of bytes, a multiple of four of them."""
    total = int(np.frombuffer(data, ">u4").sum(dtype=np.uint64)) + start
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def summed(cards, data_sum):
    """Header blocks of `cards` with CHECKSUM and DATASUM; data_sum: `sum32` of the padded data."""
    end = card_text("DATASUM", str(data_sum), "data unit checksum")
    blank = header_bytes([*cards, card_text("CHECKSUM", "0" * 16, "HDU checksum"), end])
    code = checksum_code(~sum32(blank, data_sum) & 0xFFFFFFFF)
    return header_bytes([*cards, card_text("CHECKSUM", code, "HDU checksum"), end])


def checksum_code(value):
    """A 32-bit value as the 16 letters and digits of a CHECKSUM card.

    Each byte becomes four characters that add up to it (each above "0"), neighbours being shifted
    against each other until none is punctuation; the whole is rotated by one as a card needs it.
    """
    code = bytearray(16)
    for place in range(4):
        byte = value >> (24 - 8 * place) & 255
        four = [byte // 4 + 48 + (byte % 4 if part == 0 else 0) for part in range(4)]
        while any(not chr(character).isalnum() for character in four):
            for part in (0, 2):
                if not (chr(four[part]).isalnum() and chr(four[part + 1]).isalnum()):
                    four[part] += 1
                    four[part + 1] -= 1
        for part in range(4):
            code[4 * part + place] = four[part]
    return (code[-1:] + code[:-1]).decode("ascii")
