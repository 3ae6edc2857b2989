"""Names and files of every bad kind, by each way in: opening, saving, `glview detect`, a picture.

What is refused is told in a sentence, nothing waits, and nothing is written that was not asked for.
"""

import bz2
import gzip
import lzma
import os
import re
import socket
import stat
import tempfile
from functools import partial

import numpy as np
import pytest
from astropy.io import fits
from conftest import reach
from fakemodel import FakeModel
from mosaic import Sparse
from peak import Peak

from glview import cli
from glview.batch import pool
from glview.files import ReadError, open_images, source
from glview.files.save import SaveError, load_mask, save_mask

SHAPE = (20, 30)
SKY = np.random.default_rng(0).normal(100, 5, SHAPE).astype(np.float32)
MASK = SKY > 105
WAYS = ("open", "save", "detect", "picture")


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    """No test here runs a network."""
    monkeypatch.setattr(pool, "load", FakeModel)


def frame(folder, name="good.fits"):
    path = os.path.join(folder, name)
    fits.PrimaryHDU(SKY).writeto(path)
    return path


def link(folder, name, target):
    os.symlink(target, folder / name)
    return folder / name


def filled(folder, name, data=b""):
    (folder / name).write_bytes(data)
    return folder / name


def fifo(folder):
    os.mkfifo(folder / "pipe.fits")
    return folder / "pipe.fits"


def unix_socket(folder):
    made = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(folder)  # a socket's name has little room
    try:
        made.bind("socket.fits")
    finally:
        os.chdir(here)
        made.close()
    return folder / "socket.fits"


def linked_fifo(folder):
    fifo(folder)
    return link(folder, "link.fits", "pipe.fits")


def loop(folder):
    link(folder, "other.fits", "loop.fits")
    return link(folder, "loop.fits", "other.fits")


REFUSED = {
    "no file": (lambda folder: folder / "none.fits", "there is no file .*none.fits"),
    "dangling link": (lambda folder: link(folder, "a.fits", "gone.fits"),
                      "a.fits is a link to gone.fits, which is not there"),
    "link to itself": (loop, "loop.fits cannot be read: Too many levels of symbolic links"),
    "fifo": (fifo, "pipe.fits is a pipe or a device"),
    "link to a fifo": (linked_fifo, "link.fits is a pipe or a device"),
    "socket": (unix_socket, "socket.fits is a pipe or a device"),
    "zeros without end": (lambda folder: link(folder, "zero.fits", "/dev/zero"), "a device"),
    "null": (lambda folder: "/dev/null", "null is a pipe or a device"),
    "a file of the kernel": (lambda folder: "/proc/self/status", "status is empty"),
    "empty": (lambda folder: filled(folder, "a.fits"), "a.fits is empty .0 bytes."),
    "one byte": (lambda folder: filled(folder, "a.fits", b"S"), "no image that glview knows"),
    "a header and no more": (lambda folder: filled(folder, "a.fits", b"SIMPLE  ="), "cut off"),
    "below a file": (lambda folder: os.path.join(frame(folder), "a.fits"),
                     "a.fits cannot be read: Not a directory"),
    "a name too long": (lambda folder: folder / ("x" * 300 + ".fits"), "File name too long"),
    "a filter that copies": (lambda folder: f"{frame(folder)}({folder}/copy.fits)",
                             "there is no file .*copy.fits"),
    "a filter of columns": (lambda folder: frame(folder) + "[col x]", "no extension col x"),
    "a place on the net": (lambda folder: "http://localhost/a.fits", "there is no file"),
    "what is typed": (lambda folder: "stdin://", "there is no file"),
}


def by(way, path, out, capsys):
    """What was said: the words of the error, and nothing else than an error may come."""
    if way == "open":
        with pytest.raises(ReadError) as caught:
            open_images(path)
        return str(caught.value)
    if way == "save":
        with pytest.raises(SaveError) as caught:
            save_mask(path, MASK)
        return str(caught.value)
    code, text = command(way, path, out, capsys)
    assert code == (1 if way == "detect" else 2)
    return text


def command(way, path, out, capsys):
    """(exit code, what was printed) of a command line."""
    words = [os.fspath(path), "--screenshot", str(out / "a.png"), "--size", "320x240"]
    if way == "detect":
        words = ["detect", os.fspath(path), "--device", "cpu", "-o", str(out)]
    try:
        code = cli.main(words)
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_refused_in_words_by_every_way(
        tmp_path, tmp_path_factory, capsys, name, way):
    make, words = REFUSED[name]
    path, out = make(tmp_path), tmp_path_factory.mktemp("out")
    before = sorted(os.listdir(tmp_path))
    said = by(way, path, out, capsys)
    assert re.search(words, said), said
    assert "Traceback" not in said and "Errno" not in said
    assert sorted(os.listdir(tmp_path)) == before and os.listdir(out) == []


NAMES = {
    "brackets": "weird[1].fits", "a filter": "a.fits(y.fits)", "a line's end": "a\nb.fits",
    "blanks": " a b .fits", "a dash": "-x.fits", "percent": "50%s%n.fits",
    "bytes": "caf\udce9.fits", "Chinese": "\u4e2d\u6587.fits", "control": "\x1b[31mred.fits",
    "long": "x" * 235 + ".fits", "no suffix": "frame", "quotes": "it's \"a\".fits",
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_any_name_that_a_disk_takes_opens_by_every_way(
        tmp_path, tmp_path_factory, capsys, name, way):
    out = tmp_path_factory.mktemp("out")
    path = os.path.join(tmp_path, NAMES[name])
    os.rename(frame(tmp_path), path)
    before = set(os.listdir(tmp_path))
    if way == "open":
        image, = open_images(path)
        np.testing.assert_array_equal(image[:, :], SKY)
        assert image.name.encode() and os.fspath(image.path) == path
        assert set(os.listdir(tmp_path)) == before
    elif way == "save":
        done = save_mask(path, MASK)
        assert np.array_equal(load_mask(path).mask, MASK)
        assert set(os.listdir(tmp_path)) == before | {os.fspath(done.path.name)}
    else:
        code, text = command(way, path, out, capsys)
        assert code == 0, text
        assert len(os.listdir(out)) == 1 and set(os.listdir(tmp_path)) == before


def test_links_are_followed_and_stay(tmp_path):
    os.mkdir(tmp_path / "data")
    real = frame(tmp_path / "data")
    path = link(tmp_path, "b.fits", link(tmp_path, "a.fits", "data/good.fits"))
    np.testing.assert_array_equal(open_images(path)[0][:, :], SKY)
    save_mask(path, MASK)
    assert os.path.islink(path) and os.listdir(tmp_path / "data") == ["good.fits"]
    assert np.array_equal(load_mask(real).mask, MASK)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_file_of_somebody_else_is_refused_and_said(tmp_path):
    path = frame(tmp_path)
    os.chmod(path, 0o600)
    reach(path)
    os.seteuid(65534)
    try:
        with pytest.raises(ReadError, match=r"good.fits may not be read by you \(permissions\)"):
            open_images(path)
        with pytest.raises(SaveError, match="permissions"):
            save_mask(path, MASK)
    finally:
        os.seteuid(0)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize("becomes", [None, fifo, partial(filled, name="pipe.fits")])
def test_a_file_that_goes_between_the_look_and_the_opening(tmp_path, monkeypatch, becomes):
    words = "there is no file" if becomes is None else "is empty"
    path = tmp_path / "pipe.fits"
    os.rename(frame(tmp_path), path)
    real, calls = os.stat, []

    def look(*arguments, **keywords):
        found = real(*arguments, **keywords)
        if arguments[0] == path and not calls:
            calls.append(path)
            os.unlink(path)
            if becomes is not None:
                becomes(tmp_path)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", look)
        with pytest.raises(ReadError, match=words):
            source.open_source(path)
    assert calls


@pytest.mark.parametrize(("shape", "kind"), [((50_000, 50_000), "u1"), ((40_000, 60_000), "f4")])
def test_more_pixels_and_bytes_than_32_bits_count(tmp_path, shape, kind):
    file = Sparse(tmp_path / "large.fits", shape, kind)
    places = [(0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] - 2, 5), (2 ** 31 // shape[1] + 1, 7)]
    file.put_pixels(places, 99)
    image, = open_images(file.path)
    assert shape[0] * shape[1] > 2 ** 31 and os.path.getsize(file.path) > 2 ** 31
    for y, x in places:
        box = image[max(0, y - 2) : y + 1, max(0, x - 2) : x + 1]
        assert box[-1, -1] == 99 and (box != 0).sum() == 1
    os.truncate(file.path, os.path.getsize(file.path) // 2)
    image, = open_images(file.path)
    assert image.notes == ("file is truncated: 49 % of the rows are here",)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_is_given_up_and_leaves_nothing(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(source, "ALWAYS_ALLOWED", 4 << 20)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    os.mkdir(tmp_path / "tmp")
    bomb = filled(tmp_path, "a.fits", pack(bytes(64 << 20)))
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(ReadError, match=r"a.fits unpacks to more than 0.0 GiB, .* a trap"):
        open_images(bomb)
    assert os.listdir(tmp_path / "tmp") == [] and len(os.listdir("/dev/fd")) == before
    filled(tmp_path, "a.fits", gzip.compress(pack(bytes(1 << 20))))
    with pytest.raises(ReadError, match="no image that glview knows"):
        open_images(bomb)


DAMAGED = {
    "half of the rows": lambda data: data[: 2880 + SKY.nbytes // 2],
    "garbage behind": lambda data: data + b"\xde\xad" * 700,
    "no padding": lambda data: data[: 2880 + SKY.nbytes],
    "an extension cut off": lambda data: data + b"XTENSION= 'IMAGE   '".ljust(80),
    "half of it packed": lambda data: gzip.compress(data)[:-900],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_shown_as_far_as_it_goes_and_keeps_its_bytes(
        tmp_path, tmp_path_factory, capsys, name):
    """The mask is saved beside it, or behind what is there; nothing that was there changes."""
    out = tmp_path_factory.mktemp("out")
    with open(frame(tmp_path), "rb") as file:
        damaged = DAMAGED[name](file.read())
    path = filled(tmp_path, "good.fits", damaged)
    image, = open_images(path)
    here = int(np.isfinite(image[:, :]).all(1).sum())
    np.testing.assert_array_equal(image[:here, :], SKY[:here])
    assert here >= 5 and (bool(image.notes) or name == "no padding")
    code, text = command("detect", path, out, capsys)
    assert code == 0 and os.listdir(out) == ["good.fits.glview.fits"], text
    done = save_mask(path, MASK)
    assert path.read_bytes()[: len(damaged)] == damaged
    assert np.array_equal(load_mask(path).mask, MASK)
    assert done.method == "beside" or name == "no padding"
    code, told = command("picture", path, out, capsys)
    assert code == 0 and told == "".join(f"glview: good.fits: {note}\n" for note in image.notes)


def test_nothing_is_taken_for_what_a_header_only_claims(tmp_path):
    """5 petabytes."""
    path = tmp_path / "a.fits"
    card = "NAXIS1  =                   30"
    data = (tmp_path / os.path.basename(frame(tmp_path))).read_bytes()
    path.write_bytes(data.replace(card.encode(), card[:10].encode() + b"%20d" % (1 << 46)))
    peak = Peak()
    with pytest.raises(ReadError, match="next to nothing of that is in the file"):
        open_images(path)
    assert peak.grown < 50 << 20
