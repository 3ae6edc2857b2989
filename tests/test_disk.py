"""What a disk refuses, lacks or loses: locks, attributes, hard links, space."""

import errno
import fcntl
import os

import pytest
from astropy.io import fits
from failing import NEW, OLD, SCENE

from glview.files import append, commit
from glview.files.save import load_mask, save_mask


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, SCENE)
    return path


def test_where_a_disk_gives_no_locks_the_temporary_file_of_a_living_save_is_spared(
        frame, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", no_locks)
    name, fd = commit._temporary(frame, 0o600)
    assert save_mask(frame, NEW).method == "copy" and name.exists()
    os.close(fd)
    monkeypatch.undo()
    save_mask(frame, OLD)
    assert not name.exists(), "nobody holds it any more"


def no_locks(fd, how):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def test_a_copy_that_parts_a_file_from_its_other_names_says_so(frame, monkeypatch):
    monkeypatch.setattr(append, "SMALL", 0)
    os.link(frame, frame.with_name("link.fits"))
    monkeypatch.setattr(append, "file_system", lambda path: "nfs4")
    result = save_mask(frame, NEW)
    assert result.method == "copy" and "1 other name" in result.warning
    assert load_mask(frame.with_name("link.fits")) is None
    assert not save_mask(frame, OLD).warning


def test_an_attribute_that_is_refused_does_not_cost_the_others(frame, monkeypatch):
    held, taken = {"system.own": b"1", "user.comment": b"dark side", "user.last": b"2"}, {}

    def take(fd, name, value):
        if name == "system.own":
            raise PermissionError(errno.EPERM, "not yours")
        taken[name] = value

    monkeypatch.setattr(os, "listxattr", lambda fd: list(held))
    monkeypatch.setattr(os, "getxattr", lambda fd, name: held[name])
    monkeypatch.setattr(os, "setxattr", take)
    assert save_mask(frame, NEW, method="copy").method == "copy"
    assert taken == {"user.comment": b"dark side", "user.last": b"2"}


