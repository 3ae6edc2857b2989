"""The WCS that is saved with a mask is that of the image, by astropy's reading of both headers."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from glview.files.wcscards import wcs_cards

SKY = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 20.0,
       "CRPIX1": 3.0, "CRPIX2": 4.0, "CDELT1": -1e-4, "CDELT2": 1e-4}
TURNED = {"PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8}
OTHER = {"CD1_1": 3e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 3e-4}
HEADERS = {
    "old names": SKY | {"RADECSYS": "FK5", "EPOCH": 1975.0},
    "old and new names": SKY | {"RADECSYS": "FK4", "EPOCH": 1950.0, "RADESYS": "FK5",
                                "EQUINOX": 2000.0},
    "turned": SKY | {"CROTA2": 30.0}, "two matrices": SKY | TURNED | OTHER,
    "no scale but a matrix": SKY | OTHER | {"CDELT1": 0.0, "CDELT2": 0.0},
    "no reference": {key: SKY[key] for key in ("CTYPE1", "CTYPE2", "CDELT1", "CDELT2")},
    "no kinds": {"CRVAL1": 5.0, "CRPIX2": 7.0, "CDELT1": 2.0}, "nothing": {},
    "axes said last": SKY | {"WCSAXES": 2}, "a second": SKY | {"CRVAL1A": 1.0, "CDELT2A": 0.5},
    "bent": SKY | {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2,
                   "B_ORDER": 2, "A_2_0": 1e-4, "B_0_2": -2e-4},
    "poles": SKY | {"CTYPE1": "RA---ZPN", "CTYPE2": "DEC--ZPN", "PV2_1": 1.0, "PV2_3": 40.0,
                    "LONPOLE": 170.0}}
AT = np.array([[0, 0], [120.5, 3], [40, 99]])


def world(header, key=" "):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that were given up
        wcs = WCS(fits.Header(header), naxis=2, key=key)
    return wcs.all_pix2world(AT, 0), wcs.wcs.radesys, wcs.wcs.equinox, list(wcs.wcs.ctype)


def saved(header):
    return dict(fits.Header.fromstring("".join(wcs_cards(header))))


@pytest.mark.parametrize("said", HEADERS)
def test_it_is_that_of_the_image(said):
    header = HEADERS[said]
    for key in " A" if said == "a second" else " ":
        for found, truth in zip(world(saved(header), key), world(header, key), strict=True):
            np.testing.assert_array_equal(found, truth)


def test_what_is_none_is_left_out():
    flat = {"CDELT1": 0.0, "CRVAL1": 5.0, "CDELT2": 1.0, "CRVAL1B": 3.0}
    assert saved(flat) == {"CTYPE1B": "", "CTYPE2B": "", "CRVAL1B": 3.0, "CRVAL2B": 0.0,
                           "CRPIX1B": 0.0, "CRPIX2B": 0.0}
    wrong = {"EQUINOX": "J2000", "RADESYS": 5, "LONPOLE": True, "MJD-OBS": float("inf"),
             "CRDER1A": -1.0, "CTYPE3": "WAVE", "OBJECT": "M 51", "WCSAXES": 3}
    assert wcs_cards(wrong) == []
    assert wcs_cards(SKY | {"CTYPE2": "DEC--TAB"}) == wcs_cards(SKY | {"CTYPE1": "RA---TAB"})
    assert wcs_cards(SKY | {"CTYPE1": "WAVE-TAB"}) == []
