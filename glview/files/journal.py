"""What glview is about to do to the end of a file, written down before it begins.

A journal lies in the user's state folder, one for a path, as long as a save is under way or was cut
short. It holds a Plan and the old bytes that the save replaces, so that whoever finds it can finish
the save or take it back (`files.recovery`). Beside it a list of stamps tells readers that a file
has changed behind its images only.
"""

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from glview.files.cards import card_text, header_bytes
from glview.files.disk import PIECE, make_folder, name_of, sync_folder, write_all
from glview.files.fits import PENDING, TOKEN
from glview.files.header import BLOCK
from glview.files.plancheck import check, stamp_from

STAMPS = 64  # saves of one file that readers which opened it before them can see through
KEPT_DAYS = 30
_FOOT = 8 + 32  # bytes: length of the plan, sha256 of all before
_TORN = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class JournalError(Exception):
    """A journal is whole, but of a version that this one does not know."""


@dataclass(frozen=True)
class Plan:
    """The bytes of a file from `at` on are to become others, up to `end`.

    stamp: of the file before. token: 32 hexadecimal digits, no other save's. header: of the first
    new HDU, written last. digest: sha256 (hex) of the new bytes behind that header.
    """

    stamp: tuple[int, int, int]
    at: int
    end: int
    token: str
    header: bytes
    digest: str

    @property
    def old_end(self):
        """Where the file ended before."""
        return self.stamp[1]

    @property
    def reach(self):
        """How far the file reaches while the save is under way."""
        return max(self.end, self.old_end)

    @property
    def placeholder(self):
        """Stands for the header as long as the rest is not there: one HDU up to `reach`."""
        return placeholder(self.token, len(self.header), self.reach - self.at)

    def filler(self, start):
        """The header of an HDU from `start` to `reach`, where nothing is left of this save."""
        return placeholder(self.token, BLOCK, self.reach - start)


def placeholder(token, length, size):
    """Header of `length` bytes of an extension of `size` bytes whose content means nothing."""
    cards = [
        card_text("XTENSION", "IMAGE", "no image: glview was saving a mask here"),
        card_text("BITPIX", 8),
        card_text("NAXIS", 1),
        card_text("NAXIS1", size - length),
        card_text("PCOUNT", 0),
        card_text("GCOUNT", 1),
        card_text("EXTNAME", PENDING, "glview clears it up when it opens the file"),
        card_text(TOKEN, token),
    ]
    blank = (length // BLOCK - 1) * BLOCK  # END has to stand in the last block
    return header_bytes([*cards, " " * blank])


class Journal:
    """One that lies on disk. plan: its Plan; place: its file; old_size: bytes that are replaced."""

    def __init__(self, place, plan, old_size):
        self.place, self.plan, self.old_size = place, plan, old_size

    def old(self, start=0, end=None):
        """The old bytes [start, end), counted from the plan's `at`, piece by piece."""
        end = self.old_size if end is None else min(end, self.old_size)
        with open(self.place, "rb") as file:
            file.seek(start)
            while start < end:
                piece = file.read(min(PIECE, end - start))
                if not piece:
                    raise OSError(f"the journal {self.place} became shorter")
                yield piece
                start += len(piece)

    def end(self, path, stamp):
        """The save is over, and the file at `path` has this stamp now."""
        if stamp != self.plan.stamp:
            note(path, self.plan.stamp, stamp)
        os.unlink(self.place)
        sync_folder(self.place.parent)


def begin(path, fd, plan):
    """Write the journal of a save into the file at `path`, open as fd, to disk.

    Raises OSError; then there is none.
    """
    place = place_of(path)
    make_folder(place.parent)
    part = place.with_suffix(".part")
    try:
        _write(part, fd, plan)
        os.replace(part, place)
        sync_folder(place.parent)
    except OSError:
        for one in (part, place):
            with suppress(OSError):
                os.unlink(one)
        raise
    return Journal(place, plan, plan.old_end - plan.at)


def _write(part, fd, plan):
    text = json.dumps(asdict(plan) | {"header": plan.header.decode("ascii")}).encode()
    digest, target = hashlib.sha256(), os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        for data in (*_bytes(fd, plan.at, plan.old_end), text, len(text).to_bytes(8, "big")):
            digest.update(data)
            write_all(target, data)
        write_all(target, digest.digest())
        os.fsync(target)
    finally:
        os.close(target)


def _bytes(fd, start, end):
    while start < end:
        piece = os.pread(fd, min(PIECE, end - start), start)
        if not piece:
            raise OSError("the file became shorter while it was being saved")
        yield piece
        start += len(piece)


def find(path):
    """The Journal of a path, or None; for whoever holds the file's lock.

    One that was cut short itself is removed: a file is written to when its journal is on disk.
    Raises JournalError or OSError.
    """
    place = place_of(path)
    try:
        if _is_whole(place):
            return _read(place)
    except FileNotFoundError:
        return None
    except _TORN as error:  # what is whole was meant so, by whatever wrote it
        raise JournalError(str(error)) from error
    os.unlink(place)
    return None


def set_aside(path):
    """Keep a path's journal under another name, where no recovery looks; returns that name."""
    place = place_of(path)
    kept = place.with_suffix(f".{os.urandom(4).hex()}.kept")
    os.replace(place, kept)
    sync_folder(place.parent)
    return kept


def _read(place):
    """The Journal there, by its last bytes alone."""
    with open(place, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        foot = os.pread(file.fileno(), _FOOT, max(0, size - _FOOT))
        length = int.from_bytes(foot[:8], "big")
        start = size - _FOOT - length
        if len(foot) < _FOOT or start < 0:
            raise ValueError("no journal")
        held = json.loads(os.pread(file.fileno(), length, start))
    plan = Plan(**held)
    plan = replace(plan, stamp=tuple(plan.stamp), header=plan.header.encode("ascii"))
    check(plan)
    if plan.old_end - plan.at != start:
        raise ValueError("no journal")
    return Journal(place, plan, start)


def _is_whole(place):
    digest = hashlib.sha256()
    with open(place, "rb") as file:
        left = os.fstat(file.fileno()).st_size - 32
        while left > 0 and (piece := file.read(min(PIECE, left))):
            digest.update(piece)
            left -= len(piece)
        return file.read() == digest.digest()


def exists(path):
    """Whether a save into the file at `path` is under way or was cut short."""
    return os.path.exists(place_of(path))


def note(path, before, after):
    """Remember that a save alone took a file from one stamp to another."""
    place = place_of(path).with_suffix(".stamps")
    steps = [*_steps(place), [list(before), list(after)]][-STAMPS:]
    part = place.with_suffix(".stamps-part")
    with suppress(OSError):  # readers then say that the file changed, which is true
        target = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        try:
            write_all(target, json.dumps(steps).encode())
        finally:
            os.close(target)
        os.replace(part, place)
        for one in place.parent.glob("*.stamps"):
            if time.time() - one.stat().st_mtime > KEPT_DAYS * 86400:
                one.unlink()


def only_saved(path, before, now):
    """Whether glview's saves alone took a file from one stamp to another, or are about to.

    True if `now` was reached by them, "saving" if one is under way, else False.
    """
    place, reached = place_of(path), tuple(before)
    steps = dict(_steps(place.with_suffix(".stamps")))
    for _ in range(STAMPS):
        if reached == tuple(now):
            return True
        with suppress(OSError, *_TORN):
            if _read(place).plan.stamp == reached:
                return "saving"
        if reached not in steps:
            return False
        reached = steps[reached]
    return False


def _steps(place):
    try:
        held = json.loads(place.read_text())
        return [(stamp_from(one), stamp_from(other)) for one, other in held]
    except (OSError, *_TORN):
        return []


def place_of(path):
    """Where the journal of a path is."""
    return folder() / f"{name_of(path)}.journal"


def folder():
    """Where journals lie: in $GLVIEW_CONFIG, or the system's place for a program's state."""
    if os.environ.get("GLVIEW_CONFIG"):
        return Path(os.environ["GLVIEW_CONFIG"]) / "saving"
    import platformdirs

    return Path(platformdirs.user_state_dir("glview", appauthor=False)) / "saving"
