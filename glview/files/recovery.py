"""Finish a save that was cut short, or take it back.

What a save wrote is told from what others wrote by its bytes: nothing is cut off, and nothing
written over, that is not byte for byte the save's own or what its journal says was there before.
"""

import hashlib
import os
from contextlib import suppress

from glview.files.commit import lock
from glview.files.disk import PIECE, write_all
from glview.files.header import BLOCK
from glview.files.journal import JournalError, exists, find, set_aside
from glview.files.source import path_text, stamp_of

GRAIN = 64  # bytes: sectors of any size begin at multiples of it, counted from a FITS block
UNTOUCHED, BEGUN, MARKED, WRITTEN, FOREIGN = "untouched", "begun", "marked", "written", "foreign"


def recover(path):
    """Finish or take back what a save into the file at `path` left. Returns a sentence, or "".

    Nothing happens while another program saves, or where the file may not be written.
    """
    try:
        if not exists(path):
            return ""
        fd = os.open(os.path.realpath(path), os.O_RDWR | os.O_CLOEXEC)
    except (OSError, ValueError):  # what is wrong with the path is said by whoever opens it
        return ""
    try:
        return _recovered(path, fd) if lock(fd) is not False else ""
    except OSError as error:
        return (f"a save that was cut short could not be cleared up ({error}); the next opening "
                "tries again")
    finally:
        with suppress(OSError):  # what counts was synced, or is being told
            os.close(fd)


def _recovered(path, fd):
    save = "a save that was cut short"
    try:
        journal = find(path)
    except JournalError:
        return (f"{save} was left as it is, for it is of another version of glview; its journal, "
                f"with what the file held before, is {path_text(set_aside(path))}")
    if journal is None:
        return ""
    state, plan = state_of(fd, journal), journal.plan
    if state == FOREIGN:
        kept = path_text(set_aside(path))
        return f"{save} was left as it is, for the file has changed since; its journal is {kept}"
    if state == WRITTEN:
        shorten(fd, journal)
    elif state == MARKED and _is_there(fd, plan):
        forward(fd, journal)
    elif state != UNTOUCHED:
        back(fd, journal)
    if os.pread(fd, len(plan.header), plan.at) == plan.header:
        words = f"{save} was finished: the mask is whole"
    else:
        words = f"{save} was taken back: the file is as it was before"
        if os.fstat(fd).st_size > plan.reach > plan.old_end:
            words += ", with an empty extension GLV_PENDING before what another program added"
    journal.end(path, stamp_of(os.fstat(fd)))
    return words


def state_of(fd, journal):
    """How far a save came.

    UNTOUCHED: nothing was written. BEGUN: space was taken, and perhaps a part of the placeholder.
    MARKED: the placeholder is there, perhaps partly replaced by the header. WRITTEN: the header is
    there. FOREIGN: none of these, so another program was here.
    """
    plan, size = journal.plan, os.fstat(fd).st_size
    head = os.pread(fd, len(plan.header), plan.at)
    if head == plan.header:
        return WRITTEN
    if _is_of(head, plan.placeholder, plan.header):
        return MARKED
    if os.fstat(fd).st_ino != plan.stamp[0] or size < plan.old_end:
        return FOREIGN
    if size == plan.old_end and _is_old(fd, journal, b""):
        return UNTOUCHED
    if size <= plan.reach and _is_old(fd, journal, plan.placeholder) and _is_free(fd, plan):
        return BEGUN
    return FOREIGN


def _is_of(data, *others):
    """Whether data is made of pieces of equally long others, each in its place."""
    return len(data) == len(others[0]) and all(
        any(data[at : at + GRAIN] == other[at : at + GRAIN] for other in others)
        for at in range(0, len(data), GRAIN))


def _is_old(fd, journal, mark):
    """Whether the old bytes are there, but for pieces of `mark` in the first ones."""
    at = 0
    for piece in journal.old():
        here, over = os.pread(fd, len(piece), journal.plan.at + at), mark[at : at + len(piece)]
        if here[len(over) :] != piece[len(over) :]:
            return False
        if not _is_of(here[: len(over)], piece[: len(over)], over):
            return False
        at += len(piece)
    return True


def _is_free(fd, plan):
    """Whether behind the old end there is nothing but zeros, and pieces of the placeholder, or
    what `back` marked as free."""
    size = os.fstat(fd).st_size
    if size > plan.old_end and os.pread(fd, BLOCK, plan.old_end) == plan.filler(plan.old_end):
        return True
    at, mark = plan.old_end, plan.placeholder
    while at < size:
        piece = os.pread(fd, min(PIECE, size - at), at)
        over = mark[at - plan.at : at - plan.at + len(piece)]
        if not _is_of(piece[: len(over)], bytes(len(over)), over[: len(piece)]):
            return False
        if piece[len(over) :].strip(b"\0"):
            return False
        at += len(piece)
    return True


def _is_there(fd, plan):
    """Whether all new bytes behind the header are."""
    digest, at = hashlib.sha256(), plan.at + len(plan.header)
    while at < plan.end:
        piece = os.pread(fd, min(PIECE, plan.end - at), at)
        if not piece:
            return False
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest() == plan.digest


def forward(fd, journal):
    """The last steps of a save whose other bytes are on disk: the header, then the end."""
    plan = journal.plan
    if plan.old_end > plan.end:
        write_all(fd, plan.filler(plan.end), plan.end)
        os.fdatasync(fd)
    write_all(fd, plan.header, plan.at)
    os.fsync(fd)
    shorten(fd, journal)


def shorten(fd, journal):
    """Cut off what the old bytes were longer by, if nobody else wrote there since."""
    plan = journal.plan
    if not plan.end < plan.old_end == os.fstat(fd).st_size:
        return
    filler, at = plan.filler(plan.end), plan.end + BLOCK
    ours = os.pread(fd, BLOCK, plan.end) == filler
    for piece in journal.old(at - plan.at):
        ours = ours and os.pread(fd, len(piece), at) == piece
        at += len(piece)
    if ours:
        os.ftruncate(fd, plan.end)
        os.fsync(fd)


def back(fd, journal):
    """Put the old bytes back and cut off the rest; where another program has written behind it,
    an empty extension stays in its place.

    The order keeps the file a valid FITS file at every step: the head of the old bytes comes last.
    """
    plan, length, size = journal.plan, len(journal.plan.header), os.fstat(fd).st_size
    grown = size > plan.reach
    if size >= plan.reach > plan.old_end and (grown or journal.old_size):
        write_all(fd, plan.filler(plan.old_end), plan.old_end)
    _restore(fd, journal, length, journal.old_size)
    os.fdatasync(fd)
    _restore(fd, journal, 0, length)
    if not grown:
        os.ftruncate(fd, plan.old_end)
    os.fsync(fd)


def _restore(fd, journal, start, end):
    at = journal.plan.at + start
    for piece in journal.old(start, end):
        write_all(fd, piece, at)
        at += len(piece)
