"""Write a result: into the image's own file, or into a file of its own in any folder."""

from datetime import UTC, datetime

import numpy as np

from glview.files import ReadError, shown_name
from glview.files.cards import card_text, header_bytes, history_text
from glview.files.commit import SaveError, Version, commit
from glview.files.extensions import extension, origin_cards, wcs_cards
from glview.files.fits import OWN
from glview.files.header import scan
from glview.files.load import of_plane
from glview.files.source import open_source


def write_file(target, image, planes, origin):
    """Put the extensions of one image into the side file `target`, in a single step.

    planes: CR_MASK, (H, W) bool, and CR_PROBABILITY, (H, W) float32, or one of them.
    origin: see `extensions.origin_cards`. What the file holds of other extensions stays.
    Returns a sentence of warning, or "". Raises SaveError; then the file is as it was.
    """
    source, kept = _standing(target, image, origin)
    used = {one.version for one in kept if one.name.upper() in OWN}
    version = next(count for count in range(1, len(used) + 2) if count not in used)
    parts = _parts(image, planes, origin, version)
    if source is None:
        parts = [_primary(image.path), *parts]
    spans = tuple((one.header_offset, min(one.end, source.size)) for one in kept)
    hdus = len(kept) + len(planes) + (source is None)
    return commit(Version(target, source, spans, tuple(parts), hdus, source and source.stamp))


def _standing(target, image, origin):
    """(Source, HDUs that stay) of the side file as it is; (None, []) where there is none."""
    if not target.exists():
        return None, []
    try:
        source = open_source(target)
        found = scan(source.fd)
    except ReadError as error:
        raise SaveError(f"{error}; move it away, or use another folder") from error
    if "GLVSIDE" not in found.hdus[0].cards or found.problem:
        raise SaveError(f"{source.name} exists and is not whole or not glview's; move it away")
    mine = [one for one in found.hdus if one.cards.get("CREXT") == image.hdu]
    replaced = of_plane(mine, origin.get("plane", 0))
    return source, [one for one in found.hdus if one not in replaced]


def _parts(image, planes, origin, version):
    owner = (image.hdu, str(image.header.get("EXTNAME", "")).strip(), 1)
    date = datetime.now(UTC).replace(tzinfo=None).isoformat("T", "milliseconds")
    cards = [*wcs_cards(image.header), *origin_cards(origin, owner),
             card_text("DATE", date, "UTC"), history_text(sentence(origin))]
    parts = []
    for name, values in planes.items():
        parts += extension(name, version, values, cards)
    return parts


def sentence(origin):
    """What the header says to people."""
    text = f"Cosmic rays found by {origin['model']}, probability > "
    text += str(np.float32(origin["threshold"]))
    if origin["dilation"]:
        text += f", grown by {origin['dilation']} ({origin['shape']})"
    return f"{text}; written by glview detect, not checked by eye."


def _primary(path):
    return header_bytes([
        card_text("SIMPLE", True, "FITS standard 4.0"),
        card_text("BITPIX", 8),
        card_text("NAXIS", 0),
        card_text("EXTEND", True),
        card_text("GLVSIDE", shown_name(path)),
        history_text("The cosmic-ray mask of the image named in GLVSIDE, saved by glview."),
    ])
