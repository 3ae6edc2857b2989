"""What the new version of a file is made of: what is kept of the old one, and new extensions."""

import os
from datetime import UTC, datetime
from itertools import count

from glview.files import ReadError, pairing
from glview.files.append import spans
from glview.files.cards import card_text, header_bytes, history_text
from glview.files.commit import SaveError, Version
from glview.files.extensions import is_of_earlier
from glview.files.fits import OWN, VIEWABLE
from glview.files.header import scan
from glview.files.load import of_plane, without
from glview.files.source import open_source


def inside_version(jobs, source, real):
    """The image's file with these masks in place of those it may hold for the same images."""
    hdus = scan(source.fd).hdus
    kept = without(hdus, [job.place for job in jobs])
    owners = [(kept.index(hdu), hdu.name, hdu.version)
              for hdu in (hdus[job.image.hdu] for job in jobs)]
    return _version(jobs, real, source, kept, owners)


def side_version(jobs, side, sides):
    """The side file with these masks in place of those it may hold for the same images.

    sides: of `beside.side_stamps`, to refuse what is none of them; or None. Without them a mask is
    not replaced by one of an earlier version of the image, if it may be of the one that is there.
    """
    images = [job.image for job in jobs]
    owners = [(one.hdu, str(one.header.get("EXTNAME", "")).strip(), _version_of(one))
              for one in images]
    if not os.path.lexists(side):
        return _version(jobs, side, None, [], owners)
    try:
        source = open_source(side)
        found = scan(source.fd)
    except ReadError as error:
        raise SaveError(f"{error}; move it away, then save again") from error
    if sides is not None and source.stamp not in sides.values():
        raise SaveError(f"{source.name} was changed by another program since the image was opened; "
                        "move it away, then save again")
    if "GLVSIDE" not in found.hdus[0].cards or found.problem:
        raise SaveError(f"{source.name} exists and is not whole or not glview's; move it away")
    replaced = []
    for job in jobs:
        own = [one for one in found.hdus if one.cards.get("CREXT") == job.image.hdu]
        replaced += of_plane(own, job.place[1])
        if any(is_of_earlier(one) and one.kind in VIEWABLE and one.naxis[::-1] != job.image.shape
               for one in replaced):
            raise SaveError(f"{source.name} holds the mask of an earlier version of the image, "
                            "which was of another size; move it away, then save again")
    if sides is None and any(_is_of_now(one, job) for job in jobs for one in replaced):
        raise SaveError(f"{source.name} holds a mask that is younger than the changed image; move "
                        "it away, then save again")
    kept = [one for one in found.hdus if one not in replaced]
    return _version(jobs, side, source, kept, owners)


def _is_of_now(hdu, job):
    """Whether a job is of an earlier version of the image, but a saved extension perhaps of the one
    that is there: it was saved when that was, or nobody can tell when."""
    if not job.provenance.get("earlier") or is_of_earlier(hdu):
        return False
    try:
        changed = os.stat(job.image.path).st_mtime_ns // 1_000_000  # DATE has milliseconds
        saved = datetime.fromisoformat(hdu.cards["DATE"]).replace(tzinfo=UTC)
    except FileNotFoundError:
        return False
    except (OSError, LookupError, ValueError, TypeError):
        return True
    return round(saved.timestamp() * 1000) >= changed


def _version_of(image):
    version = image.header.get("EXTVER")
    return version if type(version) is int else 1


def _version(jobs, target, source, kept, owners):
    """The new file: HDUs kept of the old one, byte for byte, and the extensions of the jobs."""
    used = {one.version for one in kept if one.name.upper() in OWN}
    free = (number for number in count(1) if number not in used)
    parts = [part for job, owner in zip(jobs, owners, strict=True)
             for part in job.parts(owner, next(free), target.parent)]
    if source is None:
        parts = [_empty_primary(jobs[0].image.path, target), *parts]
    hdus = len(kept) + sum(len(job.planes) for job in jobs) + (source is None)
    return Version(target, source, spans(source, kept), tuple(parts), hdus, source and source.stamp)


def _empty_primary(path, target):
    cards = [
        card_text("SIMPLE", True, "FITS standard 4.0"),
        card_text("BITPIX", 8),
        card_text("NAXIS", 0),
        card_text("EXTEND", True),
        *pairing.cards(path, target),
        history_text("The cosmic-ray mask of the image named in GLVSIDE, saved by glview."),
    ]
    return header_bytes(cards)
