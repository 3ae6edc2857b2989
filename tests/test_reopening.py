"""Files that change while they are open, and are opened again: what is told, and what is kept."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from headless import SHAPE, Desk, work_on

from glview import watching
from glview.core.stretch import Stretch
from glview.core.view import View
from glview.files.source import FileChangedError
from glview.watching import Watcher, sentence


@pytest.fixture
def paths(tmp_path):
    found = [tmp_path / name for name in ("one.fits", "two.fits")]
    for path in found:
        write(path)
    return found


@pytest.fixture
def desk(paths, monkeypatch):
    monkeypatch.setattr(watching, "EVERY", 0.001)
    made = Desk(*paths)
    made.watcher = Watcher(made.workspace, made.jobs)
    yield made
    made.jobs.close()


def write(path, seed=4):
    """A frame, put in the place of what was there."""
    part = path.with_suffix(".new")
    values = np.random.default_rng(seed).normal(50, 3, SHAPE).astype(np.float32)
    fits.writeto(part, values, overwrite=True)
    os.utime(part, ns=(seed, seed))
    part.replace(path)


def watch(desk):
    """The watcher looks some times, and what it sees is told."""
    for _ in range(100):
        desk.watcher.update()
        desk.jobs.collect()
        time.sleep(0.002)
    return desk.workspace.notices


def test_the_notice_goes_when_the_new_content_is_shown(desk, paths):
    desk.show(0)
    assert watch(desk) == []
    write(paths[0], 5)
    assert watch(desk) == [sentence("one.fits")] == watch(desk)
    desk.workspace.notify("something else")
    desk.library.reload()
    desk.settle()
    assert watch(desk) == ["something else"]
    write(paths[0], 6)
    assert watch(desk) == ["something else", sentence("one.fits")]
    paths[0].unlink()
    assert sentence("one.fits", removed=True) in watch(desk)


def test_reading_again_keeps_how_it_is_looked_at(desk):
    document = desk.show(0)
    look = Stretch("log", "user", 40.0, 60.0, colormap="heat", zoomout="max")
    document.stretch = look
    desk.library.reload()
    assert desk.settle() is not document
    assert desk.document.stretch == look


def several(path, shift=0):
    """A file with a cube and two pictures of one name; shift: empty HDUs before them."""
    names = [fits.ImageHDU(np.full(SHAPE, value, np.float32), name="SCI", ver=value)
             for value in (1, 2)]
    cube = fits.ImageHDU(np.zeros((3, *SHAPE), np.float32), name="CUBE")
    fits.HDUList([fits.PrimaryHDU(), *[fits.ImageHDU() for _ in range(shift)], cube,
                  *names]).writeto(path, overwrite=True)


@pytest.mark.parametrize("number, plane", [(0, 2), (2, 0)])
def test_reading_again_keeps_the_extension_and_the_plane(desk, paths, number, plane):
    several(paths[0])
    desk.library.show_image(desk.show(0).images[number], plane)
    before = desk.settle().image
    several(paths[0], shift=2)
    desk.library.reload()
    again = desk.settle().image
    assert (again.name, again.plane) == (before.name, plane) and again.hdu == before.hdu + 2
    write(paths[0], 5)
    desk.library.reload()
    assert desk.settle().image.name == "one.fits", "what is no longer there cannot be shown"


def test_a_file_that_made_room_comes_back_with_its_extension(desk, paths):
    several(paths[0])
    desk.workspace.budget = replace(desk.workspace.budget, memory=1)
    desk.library.show_image(desk.show(0).images[2], 0)
    desk.settle()
    desk.show(1)
    assert not desk.workspace.entries[0].documents
    assert desk.show(0).image.name == "one.fits[SCI,2]"


def test_what_is_read_again_stays_in_sight(desk, paths):
    desk.show(0)
    desk.workspace.view, desk.workspace.fit = View(30.0, 50.0, 3.0), False
    desk.library.reload()
    desk.settle()
    assert desk.workspace.view == View(30.0, 50.0, 3.0) and not desk.workspace.fit
    fits.writeto(paths[0], np.zeros((10, 12), np.float32), overwrite=True)
    desk.library.reload()
    desk.settle()
    assert desk.workspace.view == View(30.0, 50.0, 3.0).inside((10, 12))


def test_a_file_that_made_room_and_then_changed_is_simply_opened_again(desk, paths):
    desk.workspace.budget = replace(desk.workspace.budget, memory=1)
    desk.show(0)
    desk.show(1)
    assert not desk.workspace.entries[0].documents
    write(paths[0], 5)
    desk.show(0)
    assert desk.workspace.entry.stamp == desk.document.image.stamp
    assert watch(desk) == []


def test_a_mask_saved_beside_a_changed_file_does_not_let_the_next_one_into_it(desk, paths):
    work_on(desk.show(0))
    write(paths[0], 5)
    content = paths[0].read_bytes()
    desk.library.save(beside=True)
    desk.settle()
    assert paths[0].with_name("one.fits.glview.fits").exists()
    desk.library.save()
    desk.settle()
    assert paths[0].read_bytes() == content
    assert "changed by another program" in desk.workspace.notices[-1]


def test_the_file_that_changed_is_named_though_another_is_shown(desk, paths):
    first = desk.show(0)
    desk.show(1)
    os.utime(paths[0], ns=(7, 7))
    with pytest.raises(FileChangedError) as caught:
        first.image.read32(0, 4, 0, 4)
    desk.finisher.read_failed(caught.value)
    assert desk.workspace.notices == [sentence("one.fits")]
