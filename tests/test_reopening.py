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
