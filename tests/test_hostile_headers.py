"""Headers that are sound and so many, or so long, that reading them badly would take minutes."""

import time

import pytest
from peak import Peak

from glview.files import header, open_images
from glview.files.header import scan

CARDS = ("BITPIX  =                    8", "NAXIS   =                    2",
         "NAXIS1  =                   48", "NAXIS2  =                   60")
EXTENSION = ("PCOUNT  =                    0", "GCOUNT  =                    1")
LONGEST = 2000 * 36 - 20  # cards of a header


def hdu(*cards, first="SIMPLE  =                    T"):
    text = "".join(card.ljust(80) for card in (first, *CARDS, *cards, "END"))
    return text.ljust(-(-len(text) // 2880) * 2880).encode() + bytes(2880)


def extension(*cards):
    return hdu(*EXTENSION, *cards, first="XTENSION= 'IMAGE   '")


MANY = {
    "comments": lambda: hdu() + extension(*["COMMENT " + "x" * 70] * (LONGEST - 2)) * 4,
    "one text": lambda: hdu("A       = 'a&'", *["CONTINUE  'b&'"] * LONGEST),
    "keywords": lambda: hdu(*(f"K{k:07d}= {k}" for k in range(LONGEST))),
    "quotes": lambda: hdu(*["A       = '" + "''" * 34] * LONGEST),
    "extensions": lambda: hdu() + extension() * 12_000,
    "extensions of one name": lambda: hdu() + extension("EXTNAME = 'SCI'") * 9000,
    "inherited": lambda: hdu(*(f"K{k:07d}= {k}" for k in range(20_000))) + extension(
        "INHERIT =                    T") * 4000,
}


@pytest.mark.parametrize("name", MANY)
def test_it_takes_seconds_and_little_memory(tmp_path, name):
    (tmp_path / "a.fits").write_bytes(MANY[name]())
    peak, began = Peak(), time.process_time()
    images = open_images(tmp_path / "a.fits")
    assert images[0].shape == (60, 48) and images[-1].header["BITPIX"] == 8
    assert time.process_time() - began < 4
    assert peak.grown < 300 << 20
    if name == "inherited":
        assert images[-1].header["K0019999"] == 19_999 and images[-1].header["INHERIT"] is True


def test_the_text_of_all_headers_is_limited(tmp_path, monkeypatch):
    path = tmp_path / "a.fits"
    path.write_bytes(hdu() + extension() * 9)
    monkeypatch.setattr(header, "MAX_TEXT", 4 * 2880)
    with open(path, "rb") as file:
        found = scan(file.fileno())
    assert len(found.hdus) == 4 and "only the first 4 HDUs are read" in found.problem
    assert len(open_images(path)) == 4


def test_comments_are_joined_in_their_order():
    text = "".join(card.ljust(80) for card in ("COMMENT a", "B       = 1", "HISTORY c", "COMMENT",
                                               "COMMENT  d"))
    assert header.parse_cards(text) == {"COMMENT": "a\n\n d", "B": 1, "HISTORY": "c"}
    assert list(header.parse_cards(text)) == ["COMMENT", "B", "HISTORY"]
