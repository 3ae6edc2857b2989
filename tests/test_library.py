"""Several files: opening and stepping; what fails does not stop the rest."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from headless import SHAPE, paint, work_on
from sky import write_noise

from glview import saving
from glview.core import mask
from glview.core.mask import MaskSettings
from glview.core.stretch import Stretch
from glview.library import Library, entry_of_array, mask_of
from glview.workspace import Workspace


@pytest.fixture
def frame(tmp_path):
    return write_noise(tmp_path / "frame.fits", SHAPE)


@pytest.fixture
def cube(tmp_path):
    path = tmp_path / "cube.fits"
    planes = np.arange(3, dtype=np.int16)[:, None, None] * np.ones(SHAPE, np.int16)
    other = fits.ImageHDU(np.ones((10, 12), np.int16), name="SMALL")
    fits.HDUList([fits.PrimaryHDU(planes), other]).writeto(path)
    return path


def test_a_file_opens_with_everything_that_takes_longer(desk_of, frame):
    desk = desk_of(frame)
    desk.settings.stretch = Stretch("log", "minmax")
    document = desk.show(0)
    pixels = fits.getdata(frame)
    assert document.stretch == Stretch("log", "minmax")
    assert document.limits == (pixels.min(), pixels.max()) and document.sample.exact
    assert document.pyramid is not None and not document.changed
    assert desk.workspace.entry.name == "frame.fits" and not desk.workspace.notices


def test_ds9s_brackets_choose_the_extension(desk_of, cube):
    desk = desk_of(f"{cube}[SMALL]")
    assert desk.show(0).image.shape == (10, 12)
    assert desk.workspace.entry.ext == "SMALL"


def test_files_that_cannot_be_opened_do_not_stop_the_others(desk_of, frame, tmp_path):
    (tmp_path / "text.fits").write_text("no image at all")
    (tmp_path / "empty.fits").touch()
    bad = [tmp_path / "none.fits", tmp_path, tmp_path / "text.fits", tmp_path / "empty.fits"]
    desk = desk_of(*bad, frame)
    for number in range(5):
        desk.show(number)
    errors = [entry.error for entry in desk.workspace.entries]
    words = ["no file", "folder", "no image that glview knows", "empty (0 bytes)", ""]
    assert all(word in error for word, error in zip(words, errors, strict=True))
    assert not errors[4] and desk.document.image.shape == SHAPE
    assert "Error" not in "".join(errors)


def test_a_file_that_came_later_opens_when_it_is_shown_again(desk_of, frame, tmp_path):
    late = tmp_path / "late.fits"
    desk = desk_of(late, frame)
    assert desk.show(0) is None and desk.workspace.entry.error
    late.write_bytes(frame.read_bytes())
    desk.show(1)
    assert desk.show(0) is not None and not desk.workspace.entry.error


def test_stepping_goes_round_and_opens_once(desk_of, frame, cube):
    desk = desk_of(frame, cube)
    first = desk.show(0)
    desk.workspace.cursor = (39, 59)
    seen = []
    for change in (+1, +1, -1, -1):
        desk.library.step(change)
        assert desk.workspace.cursor is None
        seen.append((desk.workspace.current, desk.settle().image.name))
    assert [number for number, _ in seen] == [1, 0, 1, 0]
    assert desk.document is first
    Library(Workspace([]), desk.jobs, desk.settings, None).step(+1)


def test_added_files_go_to_the_end_and_the_first_of_them_is_shown(desk_of, frame, cube):
    desk = desk_of(frame)
    desk.show(0)
    desk.library.add([])
    assert desk.workspace.current == 0
    desk.library.add([str(cube), str(frame)])
    assert desk.settle().image.planes == 3
    assert desk.workspace.current == 1 and len(desk.workspace.entries) == 3


def test_planes_and_extensions_have_documents_of_their_own(desk_of, cube):
    desk = desk_of(cube)
    first = desk.show(0)
    first.stretch = Stretch("sqrt")
    paint(first, 5)
    desk.workspace.cursor = (39, 59)
    desk.library.show_image(first.image, 2)
    third = desk.settle()
    assert third is not first and third.image.plane == 2 and third.image[0:1, 0:1].item() == 2
    assert third.stretch == Stretch("sqrt") and not third.has_mask
    desk.workspace.cursor = (39, 59)
    desk.library.show_image(first.images[1], 0)
    small = desk.settle()
    assert small.image.shape == (10, 12) and desk.workspace.cursor is None
    desk.workspace.cursor = (9, 9)
    desk.library.show_image(first.image, 0)
    assert desk.document is first and desk.workspace.cursor is None and first.changed
    assert len(desk.workspace.entry.documents) == 3


def slow(image):
    """(the same picture, an event that its reading waits for)."""
    go = threading.Event()

    def read(*box):
        assert go.wait(20)
        return image.read(*box)

    return replace(image, read=read), go


def test_a_slice_that_is_left_again_does_not_come_back_by_itself(desk_of, cube):
    desk = desk_of(cube)
    first = desk.show(0)
    image, go = slow(first.image)
    desk.library.show_image(image, 1)
    desk.library.show_image(first.image, 0)
    go.set()
    assert desk.settle() is first


def test_slices_of_two_files_may_load_at_the_same_time(desk_of, cube, tmp_path):
    other = tmp_path / "other.fits"
    other.write_bytes(cube.read_bytes())
    desk, gates = desk_of(cube, other), []
    for number in (0, 1):
        desk.show(number)
    for number in (0, 1):
        desk.library.show(number)
        image, go = slow(desk.document.image)
        desk.library.show_image(image, number + 1)
        gates.append(go)
    for go in gates:
        go.set()
    desk.settle()
    assert [entry.document.image.plane for entry in desk.workspace.entries] == [1, 2]


def test_an_array_is_there_at_once(desk_of):
    entry = entry_of_array(np.arange(24.0).reshape(2, 3, 4))
    assert entry.document.image.planes == 2 and entry.path is None
    assert mask_of(entry.document).shape == (3, 4) and not mask_of(entry.document).any()
    with pytest.raises(ValueError, match="glview shows"):
        entry_of_array(np.zeros(3))


def test_until_what_was_saved_is_there_a_picture_cannot_be_changed(desk_of, frame, monkeypatch):
    first = desk_of(frame)
    shown = work_on(first.show(0))
    first.library.save()
    first.settle()
    desk, gate, read = desk_of(frame), threading.Event(), saving.read
    monkeypatch.setattr(saving, "read", lambda image: gate.wait(20) and read(image))
    desk.library.show(0)
    while desk.document is None:
        desk.jobs.collect()
    assert "still being read" in desk.document.readonly
    gate.set()
    desk.settle()
    assert not desk.document.readonly and (mask_of(desk.document) == shown).all()


def test_a_saved_mask_that_cannot_be_read_is_told_and_the_picture_stays(desk_of, frame):
    with fits.open(frame, mode="append") as hdus:
        own = fits.ImageHDU(np.zeros((3, 3), np.uint8), name="CR_MASK")
        own.header["GLVVERS"], own.header["CREXT"] = "0", 0
        hdus.append(own)
    desk = desk_of(frame)
    assert desk.show(0).pyramid is not None
    assert "belongs to another image" in desk.workspace.notices[0]
    assert desk.document.mask == MaskSettings() and not desk.document.has_mask


def test_the_mask_of_a_document_is_the_final_mask(desk_of, frame):
    document = desk_of(frame).show(0)
    assert not mask_of(document).any()
    work_on(document)
    expected = mask.final_mask(document.detection.confidence, document.mask, document.edits.plane)
    assert (mask_of(document) == expected).all() and expected.any()
