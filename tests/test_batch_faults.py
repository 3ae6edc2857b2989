"""A batch when something goes wrong, how its stages overlap, and how it stops."""

import errno
import os
import threading
import time
from functools import partial

import fakemodel
import pytest
from astropy.io import fits
from fakemodel import FAIL, MEMORY, FakeModel, left, make_frame, run_files, status

from glview.batch import frames, line, pool, work, writing
from glview.batch.plan import Request, plan
from glview.batch.pool import Models
from glview.core.cancel import Cancelled
from glview.files import commit
from glview.files.save import load_mask
from glview.models import ModelError

DONE = ["done"]


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    """No test here runs a network."""
    monkeypatch.setattr(pool, "load", FakeModel)


@pytest.fixture
def batch(tmp_path):
    return partial(run_files, tmp_path)


def make_bad_files(folder):
    """Name -> words of the error."""
    (folder / "empty.fits").touch()
    (folder / "text.fits").write_text("words\n" * 900)
    table = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1])])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(folder / "table.fits")
    make_frame(folder / "fell.fits", FAIL)
    make_frame(folder / "memory.fits", MEMORY)
    return {"none.fits": "there is no file", "empty.fits": "empty (0 bytes)",
            "text.fits": "no image that glview knows", "table.fits": "holds no picture",
            "fell.fits": "RuntimeError: the network fell over",
            "memory.fits": "not enough memory"}


@pytest.mark.parametrize("jobs", [1, 3])
def test_bad_files_are_rows_and_the_rest_goes_on(batch, tmp_path, jobs):
    words = make_bad_files(tmp_path)
    for name in ("a.fits", "m.fits", "z.fits"):
        make_frame(tmp_path / name)
    rows = {os.path.basename(row.file): row for row in
            batch("a.fits", "m.fits", "z.fits", *words, jobs=jobs)}
    assert len(rows) == 9
    for name, row in rows.items():
        assert row.status == ("failed" if name in words else "done"), row
        assert words.get(name, "") in row.error and "\n" not in row.error
    assert sum(name.endswith(".glview.fits") for name in left(tmp_path)) == 3


def test_files_that_vanish_while_others_are_searched(batch, tmp_path, monkeypatch):
    names = [make_frame(tmp_path / f"{letter}.fits").name for letter in "abc"]
    detect = FakeModel.detect_cr

    def slow(self, *arguments, **options):
        for name in ("a.fits", "c.fits"):  # one that is searched, one whose turn is to come
            (tmp_path / name).unlink(missing_ok=True)
        return detect(self, *arguments, **options)

    monkeypatch.setattr(FakeModel, "detect_cr", slow)
    rows = batch(*names, in_place=True)
    assert status(rows) == ["failed", "done", "failed"]
    assert "there is no file" in rows[0].error and "there is no file" in rows[2].error
    assert left(tmp_path) == ["b.fits"]


def test_weights_that_are_missing_are_a_row(batch, tmp_path, monkeypatch):
    def missing(name, *options):
        raise ModelError("the weights of NRES are not installed; do: pip install")

    monkeypatch.setattr(pool, "load", missing)
    make_frame(tmp_path / "a.fits")
    row, = batch("a.fits", model="NRES")
    assert row.status == "failed" and row.error.startswith("the weights of NRES")
    assert left(tmp_path) == ["a.fits"]


@pytest.mark.parametrize("stage", ["final_mask", "find_objects", "save_masks"])
def test_too_little_memory_at_every_later_stage_is_a_row(batch, tmp_path, monkeypatch, stage):
    def fail(*arguments, **options):
        raise MemoryError

    make_frame(tmp_path / "a.fits")
    monkeypatch.setattr(writing, stage, fail)
    row, = batch("a.fits")
    assert row.status == "failed" and "not enough memory" in row.error
    assert left(tmp_path) == ["a.fits"]


def test_a_full_disk_leaves_the_result_of_before_and_no_other_file(batch, tmp_path, monkeypatch):
    path = make_frame(tmp_path / "a.fits")
    batch("a.fits")
    before = (tmp_path / "a.fits.glview.fits").read_bytes()

    def full(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(commit, "write_all", full)
    row, = batch("a.fits", threshold=0.2)
    assert row.status == "failed" and "disk is full" in row.error
    assert (tmp_path / "a.fits.glview.fits").read_bytes() == before
    assert left(tmp_path) == [path.name, "a.fits.glview.fits"]


def test_a_file_that_is_in_the_way_is_not_replaced(batch, tmp_path):
    make_frame(tmp_path / "a.fits")
    make_frame(tmp_path / "a.fits.glview.fits")
    row, = batch("a.fits")
    assert row.status == "failed" and "not glview's; move it away" in row.error
    assert fits.getval(tmp_path / "a.fits.glview.fits", "NAXIS") == 2


@pytest.mark.parametrize("in_place", [False, True])
def test_a_result_that_another_worker_wrote_at_the_same_time(
    batch, tmp_path, monkeypatch, in_place
):
    def meanwhile(*arguments, **options):
        save(*arguments, **options)
        raise commit.SaveError("the file was changed by another program meanwhile")

    save = writing.save_masks
    monkeypatch.setattr(writing, "save_masks", meanwhile)
    make_frame(tmp_path / "a.fits")
    row, = batch("a.fits", in_place=in_place)
    assert (row.status, row.method) == ("done", "another worker")
    row, = batch("a.fits", in_place=in_place, overwrite=True)  # then it is another's
    assert row.status == "failed" and "changed by another program" in row.error


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("in_place", [False, True])
def test_an_image_that_is_rewritten_while_it_is_searched_gets_no_mask(
    batch, tmp_path, monkeypatch, in_place, packed
):
    """Nobody can look at the pixels again that it was found in."""
    path = make_frame(tmp_path / "a.fits.gz" if packed else tmp_path / "a.fits")
    detect = FakeModel.detect_cr

    def slow(self, *arguments, **options):
        make_frame(path, rays=1)
        return detect(self, *arguments, **options)

    monkeypatch.setattr(FakeModel, "detect_cr", slow)
    row, = batch(path.name, in_place=in_place)
    assert row.status == "failed" and row.error == (
        f"{path.name} was changed by another program since it was opened; run the command again")
    assert load_mask(path) is None and left(tmp_path) == [path.name]


def test_an_image_that_changes_while_it_is_read_is_told_like_that_too(batch, tmp_path,
                                                                      monkeypatch):
    path = make_frame(tmp_path / "a.fits")
    detect = FakeModel.detect_cr

    def slow(self, image, *arguments, **options):
        path.write_bytes(path.read_bytes() + bytes(2880))  # the same file, not one in its place
        return detect(self, image, *arguments, **options)

    monkeypatch.setattr(FakeModel, "detect_cr", slow)
    row, = batch(path.name, most=1)
    assert row.status == "failed" and left(tmp_path) == [path.name]
    assert row.error == "a.fits changed on disk since it was opened; run the command again"


def test_a_file_of_random_bytes_is_told_without_them(batch, tmp_path):
    (tmp_path / "a.fits").write_bytes(bytes(range(160, 256)) * 50)
    (tmp_path / "b.fits").write_bytes(b"From words and more of them\n" * 200)
    bytes_, words = batch("a.fits", "b.fits")
    assert bytes_.error.startswith("a.fits is no image that glview knows; it reads .fits,")
    assert words.error.startswith("b.fits is no image that glview knows (it starts with 'From');")


def test_a_frame_that_is_too_large_is_never_in_memory_whole(batch, tmp_path, monkeypatch):
    make_frame(tmp_path / "a.fits")
    seen, names = [], []
    detect = FakeModel.detect_cr

    def look(self, image, progress, cancel, out):
        seen.append((type(image).__name__, type(out).__name__))
        names.append(left(tmp_path))
        return detect(self, image, progress, cancel, out)

    monkeypatch.setattr(FakeModel, "detect_cr", look)
    row, = batch("a.fits", most=1999)
    assert row.objects == 3 and load_mask(tmp_path / "a.fits").mask.sum() == 3
    assert status(batch("a.fits", most=2000, overwrite=True)) == DONE
    assert seen == [("Image", "memmap"), ("ndarray", "NoneType")]
    assert names[0] == ["a.fits"]  # the map has no name that could be left behind


def test_no_room_for_the_map_of_a_large_frame_is_a_row(batch, tmp_path, monkeypatch):
    def full(fd, start, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    make_frame(tmp_path / "a.fits")
    monkeypatch.setattr(os, "posix_fallocate", full)
    row, = batch("a.fits", most=1)
    assert row.status == "failed" and "No space left" in row.error
    assert left(tmp_path) == ["a.fits"]


def test_reading_and_writing_go_on_beside_the_search_and_not_far_ahead(tmp_path, monkeypatch):
    for number in range(6):
        make_frame(tmp_path / f"{number}.fits")
    opened = []
    written = threading.Event()
    opener, save_masks, detect = frames.open_with_source, writing.save_masks, FakeModel.detect_cr

    def slow(self, image, *arguments, **options):
        slow.calls += 1
        if slow.calls == 2:
            assert written.wait(20)  # the first result, while the second search goes on
            time.sleep(0.3)
            slow.ahead = len(opened)
        return detect(self, image, *arguments, **options)

    def write(*arguments, **options):
        done = save_masks(*arguments, **options)
        written.set()
        return done

    slow.calls = 0
    monkeypatch.setattr(FakeModel, "detect_cr", slow)
    monkeypatch.setattr(frames, "open_with_source", lambda path, ext: (
        opened.append(path), opener(path, ext))[1])
    monkeypatch.setattr(writing, "save_masks", write)
    rows = list(line.run(work.Work(Request(), Models()), plan([tmp_path])))
    assert status(rows) == ["done"] * 6
    assert slow.ahead == 3  # two that were searched and the one that comes next


def test_stopping_ends_the_search_and_leaves_whole_files_only(tmp_path):
    make_frame(tmp_path / "a.fits")
    make_frame(tmp_path / "b.fits", fakemodel.SLOW)
    make_frame(tmp_path / "c.fits")
    made = work.Work(Request(), Models())
    rows, began = line.run(made, plan([tmp_path])), time.monotonic()
    assert next(rows).status == "done"
    rows.close()
    assert time.monotonic() - began < 30  # the search would take 60
    assert left(tmp_path) == ["a.fits", "a.fits.glview.fits", "b.fits", "c.fits"]
    assert status(line.run(work.Work(Request(), Models()),
                           plan([tmp_path / "a.fits", tmp_path / "c.fits"]))) == [
        "skipped", "done"]


def test_a_model_is_used_by_one_thread_at_a_time_and_kept(batch, tmp_path, monkeypatch):
    made, busy, most = [], set(), []
    detect = FakeModel.detect_cr

    def load(name, device, precision):
        made.append(FakeModel(name, device))
        return made[-1]

    def watched(self, *arguments, **options):
        assert id(self) not in busy
        busy.add(id(self))
        most.append(len(busy))
        time.sleep(0.05)
        busy.remove(id(self))
        return detect(self, *arguments, **options)

    monkeypatch.setattr(pool, "load", load)
    monkeypatch.setattr(FakeModel, "detect_cr", watched)
    names = [make_frame(tmp_path / f"{n}.fits").name for n in range(8)]
    assert status(batch(*names, jobs=2)) == ["done"] * 8
    assert max(most) == 2 and len(made) <= 2
    monkeypatch.setattr(FakeModel, "__init__", lambda self, name, device, *_: (
        init(self, name, device), self.provenance.update(device="cuda:0"))[0])
    made.clear(), most.clear()
    assert status(batch(*names, jobs=2, overwrite=True)) == ["done"] * 8
    assert max(most) == 1  # a card takes one frame after the other


init = FakeModel.__init__


def test_a_search_that_is_told_to_stop_is_no_row(tmp_path):
    make_frame(tmp_path / "a.fits", fakemodel.SLOW)
    made = work.Work(Request(), Models())
    frame, = made.frames(plan([tmp_path / "a.fits"]))
    made.stop.set()
    with pytest.raises(Cancelled):
        made.search(frame)
