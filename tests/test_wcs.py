"""Sky positions as text, against astropy's coordinates."""

import numpy as np
import pytest
from astropy.coordinates import Angle, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from glview.core.image import Image, from_array
from glview.files import open_images
from glview.files.wcs import sexagesimal, sky, sky_text

EQUATORIAL = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 150.1,
    "CRVAL2": -2.2,
    "CRPIX1": 20.5,
    "CRPIX2": 10.0,
    "CDELT1": -5e-5,
    "CDELT2": 5e-5,
}


def image(cards, shape=(30, 40)):
    array = from_array(np.zeros(shape, np.float32))
    return Image(array.name, array.shape, array.dtype, array.read, header=dict(cards))


@pytest.mark.parametrize("place", [(0, 0), (9, 19.5), (29, 39), (-50.25, 1000)])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"CD1_1": 3e-5, "CD1_2": 4e-5, "CD2_1": 4e-5, "CD2_2": -3e-5},
        {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "A_2_0": 1e-4,
         "B_ORDER": 2, "B_1_1": -2e-4},
        {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": -2.2, "CRVAL2": 150.1},
        {"RADESYS": "FK5", "EQUINOX": 2000.0},
        {"CRVAL2": 90.0},
    ],
)  # fmt: skip
def test_text_is_where_astropy_says(place, more):
    cards = EQUATORIAL | more
    y, x = place
    text = sky(image(cards))(y, x)
    position, system = text.rsplit(" ", 1)
    truth = WCS(fits.Header(cards)).pixel_to_world(x, y)
    ours = SkyCoord(position, unit=("hourangle", "deg"), frame=truth.frame.name)
    assert ours.separation(truth).arcsec < 0.02
    assert system == f"({more.get('RADESYS', 'ICRS')})"


def test_galactic_positions_are_degrees():
    cards = EQUATORIAL | {"CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR", "CRVAL2": 0.0}
    assert sky(image(cards))(9, 19.5) == "150.100000 +0.000000 (galactic)"


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"},
        EQUATORIAL | {"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"},
        EQUATORIAL | {"CD1_1": 0.0, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.0},
        EQUATORIAL | {"CTYPE1": "RA---TAN", "CTYPE2": "WAVE"},
        EQUATORIAL | {"CRVAL1": "east", "CDELT1": True},
        EQUATORIAL | {"CTYPE1": "RA---TAB", "CTYPE2": "DEC--TAB"},
        EQUATORIAL | {"CPDIS1": "LOOKUP"},
    ],
)
def test_headers_without_a_usable_sky_give_none(cards):
    assert sky(image(cards)) is None


def test_a_position_off_the_sky_is_none():
    cards = EQUATORIAL | {"CTYPE1": "RA---AIT", "CTYPE2": "DEC--AIT", "CDELT1": -10.0}
    position = sky(image(cards | {"CDELT2": 10.0, "CRVAL2": 0.0}))
    assert position(10, 20).endswith("(ICRS)")
    assert position(10_000, 10_000) is None


def test_the_first_two_axes_of_a_cube_count(tmp_path):
    hdu = fits.PrimaryHDU(np.zeros((2, 30, 40), np.float32), header=fits.Header(EQUATORIAL))
    hdu.header["CTYPE3"], hdu.header["CRVAL3"] = "FREQ", 1.4e9
    hdu.writeto(tmp_path / "cube.fits")
    (cube,) = open_images(tmp_path / "cube.fits")
    assert sky(cube)(9, 19.5) == "10:00:24.000 -02:12:00.00 (ICRS)"


def test_distortions_in_look_up_tables_are_followed(tmp_path):
    science = fits.ImageHDU(np.zeros((30, 40), np.float32), fits.Header(EQUATORIAL), name="SCI")
    parts = [fits.PrimaryHDU(), science]
    for axis in (1, 2):
        science.header[f"CPDIS{axis}"] = "LOOKUP"
        for record in (f"EXTVER: {axis}", "NAXES: 2", "AXIS.1: 1", "AXIS.2: 2"):
            science.header.append(fits.Card(f"DP{axis}", record), end=True)
        table = np.full((4, 4), 8.0 * axis, np.float32)
        parts.append(fits.ImageHDU(table, name="WCSDVARR", ver=axis))
        for number, step in ((1, 13.0), (2, 10.0)):
            parts[-1].header[f"CRPIX{number}"] = parts[-1].header[f"CRVAL{number}"] = 1.0
            parts[-1].header[f"CDELT{number}"] = step
    fits.HDUList(parts).writeto(tmp_path / "a.fits")
    position = sky(open_images(tmp_path / "a.fits", "SCI")[0])
    with fits.open(tmp_path / "a.fits") as hdus:
        truth = WCS(hdus["SCI"].header, hdus).all_pix2world([[35, 12]], 0)[0]
        plain = WCS(hdus["SCI"].header, hdus).wcs_pix2world([[35, 12]], 0)[0]
    assert abs(truth[0] - plain[0]) > 1e-4
    assert position(12, 35) == sky_text(*truth, "ICRS")


@pytest.mark.parametrize("value", [0, 12.5, 23.9999, 59.99999 / 3600, 11 + 59.9996 / 60])
def test_sexagesimal_rounds_as_a_whole(value):
    text = sexagesimal(value, 3)
    assert abs(Angle(f"{text} hours").hour - value) <= 0.0005 / 3600 + 1e-12
    assert "60" not in text.split(".")[0].split(":")


def test_text_at_the_edges():
    assert sky_text(359.99999999, 0, "ICRS") == "00:00:00.000 +00:00:00.00 (ICRS)"
    assert sexagesimal(23.9999999999, 3, 24) == "00:00:00.000"
    assert sexagesimal(90, 2) == "90:00:00.00"
    assert sky_text(-15, -1e-9, "FK4") == "23:00:00.000 -00:00:00.00 (FK4)"
    assert sky_text(np.nan, 3, "ICRS") is None
