"""Journals that lie, with true checksums: no byte of a user's file changes, nothing is raised."""

import hashlib
import json
import os

import numpy as np
import pytest
from astropy.io import fits

from glview.files import journal, open_images
from glview.files.recovery import recover

BLANK = " " * 64


@pytest.fixture
def users(tmp_path):
    """A file of a user's, near which no save ever was, with zeros behind its pixels."""
    path = tmp_path / "user.fits"
    values = np.arange(1, 601, dtype=np.int16).reshape(20, 30)
    fits.HDUList([fits.PrimaryHDU(values), fits.ImageHDU(values)]).writeto(path)
    return path


def lies(path):
    """Name -> fields of a Plan."""
    content, status = path.read_bytes(), os.stat(path)
    text, size, stamp = content.decode("latin-1"), len(content), status.st_mtime_ns
    cut, second = size - 100, 5760  # the second header
    grain = next(at for at in range(768, 2880, 64) if text[second:][at : at + 64] == BLANK)
    header = text[second : second + 2880]
    evil = header[:grain] + "EVIL    = 1".ljust(64) + header[grain + 64 :]
    there = hashlib.sha256(content[second + 2880 :]).hexdigest()
    return {
        "no stamp": {"stamp": []}, "a text for a stamp": {"stamp": "abc"},
        "four stamps": {"stamp": [status.st_ino, size, stamp, 4]},
        "an infinite end": {"end": 1e400}, "an end that is none": {"end": float("nan")},
        "half a byte": {"end": size + 2880.5}, "an end in a block": {"end": size + 2881},
        "an end before its beginning": {"end": 2880},
        "a place beyond all files": {"at": 1 << 70, "stamp": [1, 1 << 70, 1]},
        "a place before the file": {"at": -2880, "stamp": [1, -2880, 1]},
        "a token that is a list": {"token": [1]}, "a long token": {"token": "a" * 5000},
        "no header": {"header": ""}, "a short header": {"header": "XTENSION"},
        "another header": {"header": "SIMPLE".ljust(2880)}, "no digest": {"digest": 5},
        "padding for space": {"stamp": [status.st_ino, cut, stamp], "at": cut, "end": cut + 2880},
        "the first header": {"at": 0, "end": size, "header": evil.replace("XTENSION", "SIMPLE  "),
                             "digest": there},
        "bytes of a block": {"at": second + 64, "end": size, "digest": there},
    }


NAMES = ["no stamp", "a text for a stamp", "four stamps", "an infinite end", "an end that is none",
         "half a byte", "an end in a block", "an end before its beginning",
         "a place beyond all files", "a place before the file", "a token that is a list",
         "a long token", "no header", "a short header", "another header", "no digest",
         "padding for space", "the first header", "bytes of a block"]


def put(path, text):
    """Write a journal with true checksums; its old bytes are the file's."""
    try:
        plan = json.loads(text)
        old = path.read_bytes()[max(0, plan["at"]) : plan["stamp"][1]]
    except (TypeError, LookupError, RecursionError):
        old = b""
    whole = old + text + len(text).to_bytes(8, "big")
    place = journal.place_of(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(whole + hashlib.sha256(whole).digest())
    return place


def test_all_lies_are_tried(users):
    assert sorted(lies(users)) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_that_no_save_makes_is_not_carried_out(users, name):
    content, status = users.read_bytes(), os.stat(users)
    plan = {"stamp": [status.st_ino, len(content), status.st_mtime_ns], "at": len(content),
            "end": len(content) + 5760, "token": "0a" * 16, "header": "XTENSION".ljust(2880),
            "digest": "00" * 32}
    place = put(users, json.dumps(plan | lies(users)[name]).encode())
    assert not journal.only_saved(users, (1, 2, 3), (4, 5, 6))
    assert "was left as it is" in recover(users) and not place.exists()
    assert users.read_bytes() == content and open_images(users)[0].notes == ()
    after = os.stat(users)
    assert (after.st_ino, after.st_mtime_ns) == (status.st_ino, status.st_mtime_ns)


@pytest.mark.parametrize("text", [b"", b"7", b"[]", b"{", b"[" * 100_000, b"\xff" * 50, b"null"])
def test_what_is_no_plan_is_out_of_the_way(users, text):
    content = users.read_bytes()
    place = put(users, text) if text[:1] not in (b"{", b"", b"\xff") else journal.place_of(users)
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.write_bytes(text)
    told = recover(users)
    assert told == "" or "was left as it is" in told
    assert not place.exists() and users.read_bytes() == content


@pytest.mark.parametrize("text", [
    b"", b"7", b"[[1, 2]]", b"[[[1, 2, 3], [[4], 5, 6]]]", b'[["abc", "def"]]', b"[" * 100_000,
    b"\xff\xfe", b"{}", b"[[{}, {}]]"])
def test_a_list_of_stamps_that_lies_lets_nothing_through(users, text):
    image, = open_images(users, 0)
    place = journal.place_of(users).with_suffix(".stamps")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text)
    assert not journal.only_saved(users, (1, 2, 3), (4, 5, 6))
    assert image[:1, :1] == 1
