"""What opening a file does about a save that was cut short, and what it never does."""

import fcntl
import hashlib
import json
import os

import numpy as np
import pytest
from astropy.io import fits
from failing import KINDS, NEW, SCENE, SHAPE, Disk, Killed, failing, save, start

from glview.files import disk, journal, open_images
from glview.files.header import scan, walk
from glview.files.recovery import recover
from glview.files.save import load_mask, save_mask

SHORTER = "append-shorter"
OTHER = np.arange(9, dtype=np.int16).reshape(3, 3)
PLACED, BODY, HEADER, ENDED = ("fdatasync", 1), ("fdatasync", 2), ("fsync", 3), ("unlink", 1)
"""The calls before which a save is cut: the placeholder is there; all but the header; all; the
journal is left."""


@pytest.fixture(autouse=True)
def config(monkeypatch):
    monkeypatch.setenv("GLVIEW_CONFIG", "")  # and put back afterwards


def cut_short(folder, kind, at):
    """(path, bytes before) of a file that a save died in; at: a call, see above."""
    place = start(folder, kind)
    path = place / "frame.fits"
    before = path.read_bytes()
    disk.make_folder(journal.folder())  # or its syncs count, too
    with failing(Disk(at, "die")), pytest.raises(Killed):
        save(place, kind)
    assert journal.exists(path)
    return path, before


def append_another(path):
    """What any other program does: a whole HDU at the end of the file. Returns its bytes."""
    hdu = fits.ImageHDU(OTHER, name="OTHER")
    hdu.writeto(path.with_name("other.fits"))
    whole = path.with_name("other.fits").read_bytes()
    os.unlink(path.with_name("other.fits"))
    other = whole[walk_bytes(whole) :]
    with open(path, "ab") as file:
        file.write(other)
    return other


def walk_bytes(data):
    """The length of the empty primary header that astropy puts before an extension."""
    return data.index(b"XTENSION")


def names(path):
    return [hdu.name for hdu in walk(path)]


def is_sound(path):
    with open(path, "rb") as file:
        found = scan(file.fileno())
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        return not found.problem and (hdus[0].data == SCENE).all()


@pytest.mark.parametrize("kind", ["append", "append-longer", "append-shorter"])
@pytest.mark.parametrize(("at", "words"), [
    (PLACED, "taken back"), (BODY, "finished"), (HEADER, "finished"), (ENDED, "finished")])
def test_opening_a_file_clears_up_and_says_so(tmp_path, kind, at, words):
    path, before = cut_short(tmp_path, kind, at)
    if at == PLACED:
        assert "GLV_PENDING" in names(path)
    image, = open_images(path)
    assert any(words in note for note in image.notes) and is_sound(path)
    assert not journal.exists(path) and not open_images(path)[0].notes
    if words == "finished":
        np.testing.assert_array_equal(load_mask(path).mask, NEW)
        assert (load_mask(path).probability is None) == (len(KINDS[kind][2]) == 1)
    else:
        assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["append", "append-longer", "append-shorter"])
@pytest.mark.parametrize("at", [PLACED, BODY, HEADER, ENDED])
def test_what_another_program_wrote_behind_it_meanwhile_stays(tmp_path, kind, at):
    path, before = cut_short(tmp_path, kind, at)
    other = append_another(path)
    told = recover(path)
    assert ("taken back" in told) == (at == PLACED) and ("finished" in told) == (at != PLACED)
    assert path.read_bytes().endswith(other) and is_sound(path)
    assert fits.getdata(path, "OTHER").tolist() == OTHER.tolist()
    if at == PLACED:
        assert path.read_bytes().startswith(before)
        assert ("GLV_PENDING" in told) == ("GLV_PENDING" in names(path)) == (kind != SHORTER)
    else:
        np.testing.assert_array_equal(load_mask(path).mask, NEW)
    save_mask(path, NEW)  # what had to stay as a placeholder goes with the next save
    assert "GLV_PENDING" not in names(path) and "OTHER" in names(path) and is_sound(path)


@pytest.mark.parametrize("kind", ["append", "append-longer", "append-shorter"])
@pytest.mark.parametrize("at", [PLACED, BODY])
@pytest.mark.parametrize("what", ["cut", "rewritten", "zeros behind"])
def test_a_tail_that_is_not_ours_is_never_touched(tmp_path, kind, at, what):
    path, before = cut_short(tmp_path, kind, at)
    place = names(path).index("GLV_PENDING")
    pending = walk(path)[place]
    if what == "cut":
        os.truncate(path, 2880 + 1000)
    elif what == "rewritten":
        write_at(path, pending.header_offset, b"XTENSION= 'TABLE   '".ljust(2880, b"x"))
    else:
        write_at(path, pending.header_offset, bytes(2880))
        with open(path, "ab") as file:
            file.write(bytes(2880))
    now = path.read_bytes()
    told = recover(path)
    assert path.read_bytes() == now and "left as it is" in told
    kept, = journal.folder().glob("*.kept")
    assert str(kept) in told and not recover(path)
    if kind != "append":  # the old mask is not lost
        assert before[pending.header_offset :] in kept.read_bytes()


def write_at(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


@pytest.mark.parametrize("kind", ["append", "append-longer"])
def test_space_that_was_set_aside_is_not_cut_off_if_others_wrote_into_it(tmp_path, kind):
    path, before = cut_short(tmp_path, kind, ("pwrite", 1))
    size = path.stat().st_size
    assert size > len(before)
    write_at(path, size - 100, b"data of another program")
    now = path.read_bytes()
    assert "left as it is" in recover(path) and path.read_bytes() == now


def test_zeros_behind_another_file_of_the_same_name_are_not_cut_off(tmp_path):
    path, before = cut_short(tmp_path, "append", ("pwrite", 1))
    now = path.read_bytes()
    assert now[len(before) :].strip(b"\0") == b""
    path.with_name("new.fits").write_bytes(now)
    os.replace(path.with_name("new.fits"), path)
    assert "left as it is" in recover(path) and path.read_bytes() == now


def test_what_was_done_to_a_saved_mask_since_is_not_taken_back(tmp_path):
    path, _ = cut_short(tmp_path, "append-longer", ENDED)
    mask = next(hdu for hdu in walk(path) if hdu.name == "CR_MASK")
    write_at(path, mask.data_offset + mask.data_size - 1, b"!")
    now = path.read_bytes()
    assert "finished" in recover(path) and path.read_bytes() == now


def test_a_mask_that_got_shorter_leaves_what_others_wrote_in_the_rest(tmp_path):
    path, _ = cut_short(tmp_path, "append-shorter", ("ftruncate", 1))
    filler = walk(path)[-1]
    assert filler.name == "GLV_PENDING" and is_sound(path)
    write_at(path, filler.data_offset + 10, b"data of another program")
    now = path.read_bytes()
    assert "finished" in recover(path) and path.read_bytes() == now


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_a_journal_that_is_not_whole_is_dropped_and_the_file_left_alone(tmp_path, damage):
    path, _ = cut_short(tmp_path, "append-longer", PLACED)
    place = journal.place_of(path)
    whole, now = place.read_bytes(), path.read_bytes()
    place.write_bytes(whole[:99] + b"\0" + whole[100:] if damage is None else damage)
    assert recover(path) == "" and not journal.exists(path)
    assert path.read_bytes() == now


def test_a_journal_of_another_version_is_kept_and_told(tmp_path):
    path, _ = cut_short(tmp_path, "append-longer", PLACED)
    place, now = journal.place_of(path), path.read_bytes()
    data = place.read_bytes()
    size = int.from_bytes(data[-40:-32], "big")
    plan = json.dumps(json.loads(data[-40 - size : -40]) | {"version": 2}).encode()
    other = data[: -40 - size] + plan + len(plan).to_bytes(8, "big")
    other += hashlib.sha256(other).digest()
    place.write_bytes(other)
    told = recover(path)
    kept, = journal.folder().glob("*.kept")
    assert "another version of glview" in told and str(kept) in told
    assert kept.read_bytes() == other and path.read_bytes() == now and not recover(path)
    assert save_mask(path, NEW, method="append").method == "append" and is_sound(path)


@pytest.mark.parametrize("kind", ["append", "append-longer"])
def test_without_its_journal_an_unfinished_save_is_not_shown_and_goes_with_the_next(tmp_path, kind):
    path, before = cut_short(tmp_path, kind, PLACED)
    os.unlink(journal.place_of(path))
    image, = open_images(path)
    assert image.shape == SHAPE and load_mask(path) is None
    science = before[: walk(path)[-1].header_offset]
    assert save_mask(path, NEW, method="append").method == "append"
    assert names(path) == ["PRIMARY", "CR_MASK"] and is_sound(path)
    assert path.read_bytes().startswith(science)


def test_a_save_that_is_under_way_is_not_disturbed(tmp_path):
    path, _ = cut_short(tmp_path, "append", PLACED)
    now = path.read_bytes()
    with open(path, "rb") as living:
        fcntl.flock(living, fcntl.LOCK_EX)
        assert recover(path) == "" and journal.exists(path) and path.read_bytes() == now
    assert "taken back" in recover(path)


def test_a_disk_that_fails_during_recovery_is_told_and_it_is_tried_again(tmp_path):
    path, before = cut_short(tmp_path, "append-longer", PLACED)
    with failing(Disk(("pwrite", 1), (5, "on"))):
        assert "tries again" in recover(path)
    assert "taken back" in recover(path) and path.read_bytes() == before


def test_nothing_is_left_of_an_old_journal_when_the_file_is_another_one(tmp_path):
    path, before = cut_short(tmp_path, "append", PLACED)
    path.with_name("new.fits").write_bytes(before)
    os.replace(path.with_name("new.fits"), path)
    recover(path)
    assert path.read_bytes() == before and not journal.exists(path)
