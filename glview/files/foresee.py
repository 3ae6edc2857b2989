"""What a save would write, and where, found out without writing anything."""

import os
from dataclasses import dataclass
from pathlib import Path

from glview.files.append import NETWORK, SMALL, file_system
from glview.files.beside import side_files
from glview.files.commit import SaveError
from glview.files.content import job_of
from glview.files.fits import is_own, is_pending
from glview.files.header import scan
from glview.files.save import why_not_inside

DATE = "2000-01-01T00:00:00.000"  # as long as any other


@dataclass(frozen=True)
class Foreseen:
    """path, method: as in `save.SaveResult`, as far as they can be known before; why: what bars
    the usual method, or ""; sizes: bytes that each extension is going to take, by name; warning: a
    sentence, or ""."""

    path: Path
    method: str
    why: str
    sizes: dict[str, int]
    warning: str = ""


def foresee(image, content, method="auto", target=None):
    """What `save.save_mask` would do.

    image: core.image.Image of a file; content: content.Content, method and target as there.
    Returns Foreseen. Raises SaveError where nothing could be saved.
    """
    job = job_of(image.source, image, content, DATE)
    where = (Path(target), "beside", "") if target is not None else _where(image, method)
    return Foreseen(*where, _sizes(job, image), job.warning)


def _sizes(job, image):
    sizes, names = {}, iter(job.planes)
    for part in job.parts((image.hdu, "", 1), 1):
        if part[:8] == b"XTENSION":
            name = next(names)
        sizes[name] = sizes.get(name, 0) + len(part)
    return sizes


def _where(image, method):
    """(file, method, why)."""
    source, real, why = image.source, Path(os.path.realpath(image.path)), ""
    if method != "beside":
        way, why = _inside(source, real, method)
        if way:
            return real, way, why
        if method != "auto":
            raise SaveError(f"{source.name} cannot be saved by the method {method!r}: {why}")
    for side in side_files(image.path):
        if os.access(side.parent, os.W_OK):
            return side, "beside", why
    raise SaveError(f"the folder of {source.name} is write-protected")


def _inside(source, real, method):
    """("append", "copy" or "", what bars it, or the usual way, or "")."""
    try:
        if why := why_not_inside(source, real):
            return "", why
        status, folder_open = os.stat(real), os.access(real.parent, os.W_OK)
    except OSError as error:
        return "", f"{source.name} cannot be reached ({error.strerror})"
    if method == "auto" and status.st_size < SMALL and status.st_nlink == 1 and folder_open:
        return "copy", ""
    why = _why_no_append(source, method)
    if method != "copy" and (method == "append" or not why):
        return ("" if why else "append"), why
    if not folder_open:
        return "", f"the folder of {source.name} is write-protected"
    return "copy", why if method == "auto" else ""


def _why_no_append(source, method):
    if not hasattr(os, "posix_fallocate"):
        return "this system cannot set space aside"
    kind = file_system(source.fd) if method == "auto" else ""
    if kind.split(".")[0] in NETWORK:
        return f"it is on a network disk ({kind})"
    found = scan(source.fd)
    if found.problem or found.hdus[-1].end != found.size:
        return "its last extension is not padded to a whole block"
    own = [is_own(one) or is_pending(one) for one in found.hdus]
    if not all(own[own.index(True):] if any(own) else own[:0]):
        return "another program's extension lies behind the old mask"
    return ""
