"""The header walk: against astropy on sound files, against its limits on all others."""

import os

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glview.files import ReadError
from glview.files.header import BLOCK, FitsError, parse_cards, parse_value, scan, walk


def header(*cards):
    """Header blocks of (key, text behind the `=`) pairs."""
    text = "".join(f"{key:<8}= {value:>20}".ljust(80) for key, value in cards) + "END".ljust(80)
    return text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("latin-1")


def primary(bitpix=8, axes=(), *more):
    lengths = [(f"NAXIS{number + 1}", length) for number, length in enumerate(axes)]
    start = [("SIMPLE", "T"), ("BITPIX", bitpix), ("NAXIS", len(axes))]
    return header(*start, *lengths, *more)


@pytest.fixture
def put(tmp_path):
    def write(content):
        path = tmp_path / "a.fits"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    path = tmp_path_factory.mktemp("several") / "mef.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("A", "3E", array=np.ones((7, 3)))])
    packed = fits.CompImageHDU(np.arange(600, dtype=np.int16).reshape(20, 30), name="packed")
    cube = fits.ImageHDU(np.zeros((2, 5, 7), np.float32), name="SCI", ver=2)
    fits.HDUList([fits.PrimaryHDU(), table, packed, cube]).writeto(path)
    return path


def test_the_walk_finds_what_astropy_finds(several):
    ours = walk(several)
    with fits.open(several) as hdus:
        places = [hdu.fileinfo() for hdu in hdus]
        assert [hdu.name for hdu in ours] == [hdu.name for hdu in hdus]
        assert [hdu.version for hdu in ours] == [hdu.ver for hdu in hdus]
    assert [hdu.header_offset for hdu in ours] == [place["hdrLoc"] for place in places]
    assert [hdu.data_offset for hdu in ours] == [place["datLoc"] for place in places]
    assert [hdu.end for hdu in ours] == [place["datLoc"] + place["datSpan"] for place in places]
    assert ours[-1].end == os.path.getsize(several)
    assert [hdu.kind for hdu in ours] == ["empty", "table", "compressed", "image"]
    assert ours[2].naxis == (30, 20) and ours[3].naxis == (7, 5, 2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("  T / comment", True),
        ("F", False),
        ("  -32 / int", -32),
        ("1_000", "1_000"),
        ("1.5D-3", 0.0015),
        (".5", 0.5),
        ("+3.E2 /", 300.0),
        ("'O''Neil / x  ' / c", "O'Neil / x"),
        ("''", ""),
        ("'open end", "'open end"),
        ("RA---TAN", "RA---TAN"),
        ("(1.0, 2.0)", "(1.0, 2.0)"),
        ("nan", "nan"),
        ("", ""),
    ],
)
def test_values_of_cards(text, value):
    parsed = parse_value(text)
    assert parsed == value and type(parsed) is type(value)


def test_long_odd_and_lower_case_cards_read_as_astropy_reads_them(tmp_path):
    hdu = fits.PrimaryHDU()
    hdu.header["LONGSTR"] = "It's " * 60
    hdu.header["HIERARCH ESO DET CHIP1 LONGKEY"] = 3.5
    hdu.header["FLOAT"] = -1.25e-300
    hdu.header.add_comment("one")
    hdu.header.add_comment("two")
    hdu.writeto(tmp_path / "odd.fits")
    cards = walk(tmp_path / "odd.fits")[0].cards
    for key in ("LONGSTR", "ESO DET CHIP1 LONGKEY", "FLOAT"):
        assert cards[key] == hdu.header[key]
    assert cards["COMMENT"] == "one\ntwo"
    assert parse_cards("crval1  = 7".ljust(80)) == {"CRVAL1": 7}
    assert parse_cards("A       = 1".ljust(80) + "A       = 2".ljust(80)) == {"A": 1}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"not a FITS file" * 400, "no FITS header"),
        (primary()[:200], "cut off"),
        (primary().replace(b"END", b"EN "), "no END card"),
        (primary(7), "BITPIX = 7"),
        (primary("8.5"), "BITPIX is 8.5"),
        (header(("SIMPLE", "T"), ("NAXIS", 0)), "BITPIX is missing"),
        (header(("SIMPLE", "T"), ("BITPIX", 8), ("NAXIS", 1000)), "NAXIS = 1000"),
        (header(("SIMPLE", "T"), ("BITPIX", 8), ("NAXIS", 10**9)), "NAXIS = 1000000000"),
        (header(("SIMPLE", "T"), ("BITPIX", 8), ("NAXIS", 2)), "NAXIS1 is missing"),
        (primary(8, (4, -4)), "negative"),
        (primary(8, (4, 4), ("PCOUNT", -5)), "PCOUNT = -5"),
        (primary(8, (4, 4), ("GCOUNT", 0)), "GCOUNT = 0"),
        (primary(16, (4, 4), ("BSCALE", "1E999")), "BSCALE"),
        (primary(16, (4, 4), ("BZERO", "'much'")), "BZERO"),
    ],
)
def test_a_first_header_that_lies_is_refused_with_its_card(put, content, says):
    with pytest.raises(FitsError, match=says):
        walk(put(content))


@pytest.mark.parametrize("axes", [(1 << 50, 4), (1 << 32, 1 << 32), (9,) * 999, (10**60, 10**60)])
def test_a_claim_larger_than_the_file_costs_nothing(put, axes):
    (hdu,) = walk(put(primary(-64, axes)))
    assert not hdu.complete
    assert hdu.data_size == 8 * int(np.prod(np.array(axes, object)))


def test_damage_behind_the_first_hdu_ends_the_walk_and_is_told(put):
    good = primary(8, (BLOCK, 1)) + bytes(BLOCK)
    for bad in (b"\xde\xad" * 700, header(("XTENSION", "'IMAGE'"), ("BITPIX", 3)), b"XTENSION"):
        with open(put(good + bad), "rb") as file:
            found = scan(file.fileno())
        assert len(found.hdus) == 1 and found.hdus[0].complete
        assert "HDU 0" in found.problem


def test_the_number_of_hdus_is_limited(put, monkeypatch):
    monkeypatch.setattr("glview.files.header.MAX_HDUS", 5)
    extension = header(("XTENSION", "'IMAGE'"), ("BITPIX", 8), ("NAXIS", 0))
    with open(put(primary() + extension * 9), "rb") as file:
        found = scan(file.fileno())
    assert len(found.hdus) == 5 and "5" in found.problem


def test_a_header_without_end_is_given_up_after_so_many_blocks(put, monkeypatch):
    monkeypatch.setattr("glview.files.header.MAX_BLOCKS", 70)
    with pytest.raises(FitsError, match="70 blocks"):
        walk(put(primary().replace(b"END", b"EN ") * 200))


@given(st.data())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_bytes_give_fits_errors_or_hdus_and_nothing_else(several, tmp_path, data):
    content = bytearray(several.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=20)):
        content[place % (4 * BLOCK) if value % 2 else place] = value
    path = tmp_path / "damaged.fits"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        hdus = walk(path)
    except ReadError as error:
        assert isinstance(error, FitsError) and str(error)
    else:
        assert hdus[0].header_offset == 0
        assert all(hdu.data_size >= 0 and hdu.end > hdu.header_offset for hdu in hdus)
