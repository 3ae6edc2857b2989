"""Sky positions of pixels, through astropy's WCS."""

import math
import re
import warnings

SYSTEMS = {
    "GLON": "galactic",
    "ELON": "ecliptic",
    "SLON": "supergalactic",
    "HPLN": "helioprojective",
}
_NUMBER = re.compile("(CRVAL|CRPIX|CDELT)[12]|(CD|PC)[12]_[12]|LONPOLE|LATPOLE")
_LOOKUPS = ("CPDIS1", "CPDIS2", "D2IMDIS1", "D2IMDIS2", "D2IM1", "D2IM2", "AXISCORR")


def sky(image):
    """A function (y, x) -> text such as "12:34:56.789 -12:34:56.78 (ICRS)", or None.

    y, x: array indices, whole numbers at the centres of pixels; anywhere, also outside the image.
    The text is None where the projection has no sky. `sky` itself is None where the header has no
    celestial WCS for the first two axes, or one that cannot be true.
    """
    header = image.header
    if not any(str(header.get(f"CTYPE{axis}", "")).strip() for axis in (1, 2)):
        return None
    if any(_NUMBER.fullmatch(key) and type(header[key]) not in (int, float) for key in header):
        return None  # wcslib would take 0 for it, which looks like a true position
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = _wcs(image)
            if wcs is None or not wcs.has_celestial:
                return None
            longitude_first = wcs.wcs.lng == 0
            system = _system(wcs.wcs)
            wcs.wcs_pix2world(0, 0, 0)  # a singular matrix shows here
    except Exception:  # a header that lies makes wcslib and astropy raise anything
        return None

    def position(y, x):
        try:
            world = [float(value) for value in wcs.all_pix2world(x, y, 0)]
        except Exception:  # positions outside a projection raise wcslib's own errors
            return None
        longitude, latitude = world if longitude_first else world[::-1]
        return sky_text(longitude, latitude, system)

    return position


def sky_text(longitude, latitude, system):
    """Degrees to text: hours and degrees if equatorial, else degrees; None if not finite."""
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        return None
    if system in ("ICRS", "FK5", "FK4", "FK4-NO-E", "GAPPT"):
        hours = sexagesimal(longitude % 360 / 15, 3, 24)
        return f"{hours} {'-' if latitude < 0 else '+'}{sexagesimal(abs(latitude), 2)} ({system})"
    return f"{longitude:.6f} {latitude:+.6f} ({system})"


def sexagesimal(value, digits, turn=None):
    """A value >= 0 as 12:34:56.789, rounded as a whole so that no 60 appears; modulo `turn`."""
    unit = 10**digits
    total = round(value * 3600 * unit)
    if turn:
        total %= turn * 3600 * unit
    minutes, rest = divmod(total, 60 * unit)
    seconds, part = divmod(rest, unit)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}.{part:0{digits}d}"


def _system(wcsprm):
    letter = wcsprm.lngtyp.strip()
    if letter != "RA":
        return SYSTEMS.get(letter, letter or "native")
    named = wcsprm.radesys.strip()
    if named:
        return named
    if math.isfinite(wcsprm.equinox):
        return "FK4" if wcsprm.equinox < 1984 else "FK5"
    return "ICRS"


def _wcs(image):
    """astropy's WCS of the first two axes; look-up tables are fetched from the file."""
    from astropy.io import fits
    from astropy.wcs import WCS

    header = fits.Header()
    for key, value in image.header.items():
        if len(key) <= 8 and isinstance(value, bool | int | float | str):
            if key not in ("COMMENT", "HISTORY"):
                header[key] = value
    header["NAXIS"] = 2
    header["NAXIS1"], header["NAXIS2"] = image.shape[::-1]
    if not any(key in header for key in _LOOKUPS):
        return WCS(header, naxis=2)
    from glview.files.source import open_source

    with open_source(image.path).file() as file, fits.open(file, memmap=False) as hdus:
        return WCS(hdus[image.hdu].header, hdus, naxis=2)
