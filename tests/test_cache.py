"""A pyramid kept beside its file: the same again, or not at all."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cells import filled, frame

from glview import opening
from glview.core.image import from_array
from glview.core.pyramid import Pyramid
from glview.files import ReadError, cache
from glview.files.save import save_mask

SHAPE = (700, 5000)


@pytest.fixture
def image(tmp_path):
    fits.writeto(tmp_path / "a.fits", frame(SHAPE, 0.01))
    return opening.look_into(tmp_path / "a.fits").image


def same(found, made):
    assert found.factor == made.factor and list(found.mean) == list(made.mean)
    for factor in made.mean:
        assert found.mean[factor].tobytes() == made.mean[factor].tobytes()
        assert found.max[factor].tobytes() == made.max[factor].tobytes()
    for one in fields(made.statistics):
        np.testing.assert_array_equal(*(getattr(p.statistics, one.name) for p in (found, made)))


@pytest.mark.parametrize("factor", [8, 16])
def test_what_was_kept_is_what_was_made(image, factor):
    made = filled(image, factor)
    cache.save(image, made)
    assert os.listdir(image.path.parent) == ["a.fits", "a.fits.glview-cache"]
    found = cache.load(image)
    assert found.collect() and found.complete and found.covered == 1.0 and not found.missing()
    same(found, made)
    assert found.stamps.at(3, 0, 0) > 0


def test_planes_and_extensions_are_kept_apart(tmp_path):
    cube = np.stack([frame((40, 50), 0.0, seed) for seed in range(3)])
    parts = [fits.PrimaryHDU(), fits.ImageHDU(cube), fits.ImageHDU(cube[0])]
    fits.HDUList(parts).writeto(tmp_path / "a.fits")
    images = opening.look_into(tmp_path / "a.fits").images
    second = opening.replace(images[0], plane=1)
    for one in (images[0], second, images[1]):
        cache.save(one, filled(one))
    assert len(os.listdir(tmp_path)) == 4
    same_as = {id(one): cache.load(one).mean[8] for one in (images[0], second, images[1])}
    assert (same_as[id(images[0])] == same_as[id(images[1])]).all()
    assert (same_as[id(second)] != same_as[id(images[0])]).any()


def test_a_file_that_changed_has_no_cache(image):
    cache.save(image, filled(image))
    assert cache.load(image) is not None
    status = os.stat(image.path)
    os.utime(image.path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    again = opening.look_into(image.path).image
    assert cache.load(again) is None
    cache.save(image, filled(again))
    assert cache.load(again) is None, "kept for what the file is no longer"
    cache.save(again, filled(again))
    assert cache.load(again) is not None


def test_a_mask_that_was_saved_behind_the_pixels_leaves_it_good(image):
    made = filled(image)
    cache.save(image, made)
    for _ in range(2):
        save_mask(image.path, np.zeros(SHAPE, bool), method="append")
    again = opening.look_into(image.path).image
    assert again.stamp != image.stamp
    found = cache.load(again)
    found.collect()
    same(found, made)
    os.utime(image.path)
    assert cache.load(opening.look_into(image.path).image) is None


def test_what_is_not_whole_is_not_kept(image):
    for made in (Pyramid(SHAPE), filled(image)):
        if made.complete:
            made.outcome = opening.replace(made.outcome, nan=made.outcome.nan + 1)
        cache.save(image, made)
    cache.save(from_array(np.zeros((9, 9))), filled(from_array(np.zeros((9, 9)))))
    assert os.listdir(image.path.parent) == ["a.fits"]
    assert cache.load(from_array(np.zeros((9, 9)))) is None


def damaged(data, how):
    if how == "a bit":
        return data[:-9000] + bytes([data[-9000] ^ 4]) + data[-8999:]
    if how == "short":
        return data[:-1]
    if how == "long":
        return data + bytes(4)
    if how == "empty":
        return b""
    if how == "other version":
        return data.replace(b"cache 1", b"cache 2", 1)
    if how == "no text":
        return data[:23] + b"[" * 60_000 + data[23:]
    start = len(cache.MAGIC)
    length = int.from_bytes(data[start : start + 8], "little")
    text = json.loads(data[start + 8 : start + 8 + length]) | how
    words = json.dumps(text).encode()
    return cache.MAGIC + len(words).to_bytes(8, "little") + words + data[start + 8 + length :]


@pytest.mark.parametrize("how", [
    "a bit", "short", "long", "empty", "other version", "no text", {"factor": 16}, {"factor": 0},
    {"factor": "8"}, {"factor": 12}, {"values": -1}, {"values": 1e300}, {"hdu": 1}, {"plane": 1},
    {"shape": [701, 5000]}, {"stamp": [1, 2, 3]}, {"check": 0}, {"figures": []}, {"figures": {}},
    {"figures": {"nan": "x"}}, {"stamp": None}, {"factor": None}, {"factor": 1 << 400},
], ids=str)  # fmt: skip
def test_what_does_not_fit_is_ignored(image, how):
    cache.save(image, filled(image))
    place = cache.place_of(image)
    data = place.read_bytes()
    place.write_bytes(damaged(data, how))
    if how == {"factor": "8"}:
        assert cache.load(image) is not None, "the judge: only what was changed is looked at"
    else:
        assert cache.load(image) is None
    place.write_bytes(data)
    assert cache.load(image) is not None


def test_a_length_that_cannot_be_is_not_believed(image):
    cache.place_of(image).write_bytes(cache.MAGIC + b"\xff" * 8 + bytes(100))
    assert cache.load(image) is None


def test_a_folder_that_may_not_be_written_says_so(image, monkeypatch):
    made = filled(image)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(cache.os, "open", refuse)
    with pytest.raises(cache.CacheError, match=r"a\.fits\.glview-cache .*permissions") as caught:
        cache.save(image, made)
    assert isinstance(caught.value, ReadError)


def test_a_full_disk_leaves_nothing_behind(image, monkeypatch):
    made = filled(image)

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "fsync", full)
    with pytest.raises(cache.CacheError, match="disk is full"):
        cache.save(image, made)
    assert os.listdir(image.path.parent) == ["a.fits"]


def test_what_a_killed_one_left_is_written_over(image):
    code = (
        "import sys, os, signal; from glview import opening; from glview.files import cache\n"
        "image = opening.look_into(sys.argv[1]).image; made = opening.pyramid_for(image)\n"
        "cache.os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)\n"
        "opening.reduce(image, made, cache=True)\n"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code, image.path], cwd=root)
    assert done.returncode == -9 and cache.load(image) is None
    assert os.path.exists(image.path.parent / ".a.fits.glview-cache-part")
    cache.save(image, filled(image))
    assert cache.load(image) is not None
    assert sorted(os.listdir(image.path.parent)) == ["a.fits", "a.fits.glview-cache"]


def test_another_one_that_is_writing_is_left_alone(image):
    made, part = filled(image), image.path.parent / ".a.fits.glview-cache-part"
    with open(part, "wb") as other:
        assert cache.lock(other.fileno())
        cache.save(image, made)
        assert part.stat().st_size == 0 and cache.load(image) is None


def test_opening_uses_it_only_when_asked(image, monkeypatch):
    first = opening.pyramid_for(image)
    opening.reduce(image, first)
    assert os.listdir(image.path.parent) == ["a.fits"]
    first = opening.pyramid_for(image)
    opening.reduce(image, first, cache=True)
    assert cache.load(image) is not None and first.collect()
    told, second = [], opening.pyramid_for(image)
    monkeypatch.setattr(opening, "build", None)
    opening.reduce(image, second, progress=lambda: told.append(1), cache=True)
    assert told and second.collect() and second.complete
    same(second, first)


def test_a_cache_of_another_base_is_made_anew(image):
    opening.reduce(image, Pyramid(SHAPE, 16), cache=True)
    made = opening.pyramid_for(image)
    opening.reduce(image, made, cache=True)
    assert made.collect() and cache.load(image).factor == 8


def test_the_mode_is_that_of_any_new_file(image):
    cache.save(image, filled(image))
    open(image.path.parent / "other", "w").close()
    modes = {stat.S_IMODE(os.stat(image.path.parent / name).st_mode)
             for name in ("other", "a.fits.glview-cache")}
    assert len(modes) == 1
