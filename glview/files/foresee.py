"""What a save would write, and where, found out without writing anything."""

import os
from dataclasses import dataclass
from pathlib import Path

from glview.files import changed
from glview.files.append import SMALL, barrier, spans
from glview.files.beside import side_files
from glview.files.commit import ChangedError, SaveError
from glview.files.content import job_of
from glview.files.header import scan
from glview.files.load import without
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


def foresee(image, content, method="auto", target=None, unchanged_since=None, sides_since=None):
    """What `save.save_mask` would do.

    image: core.image.Image of a file; content: content.Content, all else as there.
    Returns Foreseen. Raises SaveError where nothing could be saved.
    """
    try:
        changed.check(image.path, unchanged_since)
    except ChangedError as error:
        if target is None and method not in ("auto", "beside"):
            raise
        sides = [target] if target is not None else sides_since or side_files(image.path)
        return _of_earlier(image, content, sides, error.why)
    except OSError as error:
        raise SaveError(f"{image.name} cannot be reached ({error.strerror})") from error
    job = job_of(image.source, image, content, DATE)
    where = (Path(target), "beside", "") if target is not None else _where(job, method)
    return Foreseen(*where, _sizes(job, image), job.warning)


def _of_earlier(image, content, sides, why):
    """The same, where the file is another by now; sides: where its mask may go."""
    job = job_of(None, image, changed.of_earlier(content), DATE)
    told = changed.without_flags([content])
    return Foreseen(_first(image, sides), "beside", why, _sizes(job, image), told)


def _sizes(job, image):
    sizes, names = {}, iter(job.planes)
    for part in job.parts((image.hdu, "", 1), 1):
        if part[:8] == b"XTENSION":
            name = next(names)
        sizes[name] = sizes.get(name, 0) + len(part)
    return sizes


def _where(job, method):
    """(file, method, why)."""
    image = job.image
    source, real, why = image.source, Path(os.path.realpath(image.path)), ""
    if method != "beside":
        way, why = _inside(job, source, real, method)
        if way:
            return real, way, why
        if method != "auto":
            raise SaveError(f"{source.name} cannot be saved by the method {method!r}: {why}")
    return _first(image, side_files(image.path)), "beside", why


def _first(image, sides):
    """The first of the side files of an image that can be written."""
    for side in map(Path, sides):
        if os.access(side.parent, os.W_OK):
            return side
    raise SaveError(f"the folder of {image.source.name} is write-protected")


def _inside(job, source, real, method):
    """("append", "copy" or "", what bars it, or the usual way, or "")."""
    try:
        if why := why_not_inside(source, real):
            return "", why
        status, folder_open = os.stat(real), os.access(real.parent, os.W_OK)
    except OSError as error:
        return "", f"{source.name} cannot be reached ({error.strerror})"
    if method == "auto" and status.st_size < SMALL and status.st_nlink == 1 and folder_open:
        return "copy", ""
    kept = without(scan(source.fd).hdus, [job.place])
    why = barrier(source, spans(source, kept), method == "auto")
    if method != "copy" and (method == "append" or not why):
        return ("" if why else "append"), why
    if not folder_open:
        return "", f"the folder of {source.name} is write-protected"
    return "copy", why if method == "auto" else ""
