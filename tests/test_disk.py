"""What a disk refuses, lacks or loses: locks, attributes, hard links, space."""

import errno
import fcntl
import os

import pytest
from astropy.io import fits
from failing import NEW, OLD, SCENE

from glview.files import append, commit, disk
from glview.files.save import load_mask, save_mask


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, SCENE)
    return path


def no_locks(fd, how):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def test_where_a_disk_gives_no_locks_the_temporary_file_of_a_living_save_is_spared(
        frame, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", no_locks)
    name, fd = commit._temporary(frame, 0o600)
    assert save_mask(frame, NEW).method == "copy" and name.exists()
    os.close(fd)
    monkeypatch.undo()
    save_mask(frame, OLD)
    assert not name.exists(), "nobody holds it any more"


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



def test_all_is_written_by_a_disk_that_takes_a_few_bytes_at_a_time(tmp_path, monkeypatch):
    data, write, pwrite = bytes(range(200)), os.write, os.pwrite
    monkeypatch.setattr(os, "write", lambda fd, part: write(fd, part[:7]))
    monkeypatch.setattr(os, "pwrite", lambda fd, part, at: pwrite(fd, part[:7], at))
    fd = os.open(tmp_path / "a", os.O_CREAT | os.O_RDWR)
    disk.write_all(fd, data)
    disk.write_all(fd, data[:50], 100)
    os.close(fd)
    assert (tmp_path / "a").read_bytes() == data[:100] + data[:50] + data[150:]


def test_a_folder_that_cannot_be_synced_is_an_error_unless_its_disk_never_can(
        tmp_path, monkeypatch):
    def refuse(number):
        def sync(fd):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", sync)

    refuse(errno.EINVAL)
    disk.make_folder(tmp_path / "a" / "b")
    refuse(errno.EIO)
    disk.make_folder(tmp_path / "a" / "b")  # it is there
    with pytest.raises(OSError, match="Input/output"):
        disk.make_folder(tmp_path / "a" / "c")


def test_a_path_has_one_name_by_whatever_link_it_is_reached(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "link").symlink_to("a")
    assert disk.name_of(tmp_path / "a") == disk.name_of(str(tmp_path / "link"))
    assert disk.name_of(tmp_path / "a") != disk.name_of(tmp_path / "b")
