"""Detection in a child process: the round trip, and every way it can end early."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from detections import boxes, children, frame, joined, only_linux, saved, slow, until, wait

from glview.core.image import Image, from_array
from glview.files import open_images
from glview.models import MODELS, ModelError, blocks, init_model, remote
from glview.models.blocks import Block, attach
from glview.models.remote import Detection


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    """Blocks in a folder of the test's own; no test leaves a file there, a thread or a descriptor.
    """
    place = tmp_path / "blocks"
    place.mkdir()
    monkeypatch.setattr(blocks, "_MEMORY", place)
    before = descriptors()
    yield
    until(lambda: not [one for one in threading.enumerate() if one.name == "glview-detect"])
    assert list(place.iterdir()) == []
    assert descriptors() == before


def descriptors():
    gc.collect()
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.parametrize("source", ["array", "file"])
def test_the_round_trip_equals_the_model_in_this_process(tmp_path, monkeypatch, source):
    noisy = tmp_path / "site"
    noisy.mkdir()
    (noisy / "sitecustomize.py").write_text(
        "import os, threading, time\n"
        "os.write(1, b'a banner')\n"
        "def chatter():\n"
        "    while True: os.write(1, b'chatter\\n'); time.sleep(0.01)\n"
        "threading.Thread(target=chatter, daemon=True).start()\n"
    )
    old = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(noisy), old]))
    image, woken = frame(), threading.Event()
    given = from_array(image) if source == "array" else saved(tmp_path, image)
    request = {"tile": 64, "device": "cpu", "centre": [149, 0]}
    detection = Detection(given, "ACS-WFC", request, woken.set)
    events = wait(detection)
    detection.close()
    expected = init_model("ACS-WFC", "cpu", tile=64).detect_cr(image)
    assert expected[40, 35] > 0.5
    assert np.array_equal(joined(events, image.shape), expected)
    assert woken.is_set() and not detection.running
    assert events[0] == {"loading": "ACS-WFC"}
    ready = next(event for event in events if "ready" in event)
    assert ready["sha256"] == MODELS["ACS-WFC"].sha256 and ready["threshold"] == 0.5
    assert ready["provenance"]["tiling"] == "seamless" and ready["notes"]
    assert boxes(events)[0] == (128, 0, 150, 64) and len(boxes(events)) == 9
    assert [e["progress"] for e in events if "progress" in e][-1] == 1.0
    assert events[-1]["done"] and events[-1]["seconds"] > 0


@pytest.mark.parametrize("tiling", ["full", "cosmic-conn"])
def test_the_reference_tilings_come_through_as_well(tmp_path, tiling):
    image, settings = frame(), {"tiling": tiling, "crop": 64, "device": "cpu"}
    detection = Detection(saved(tmp_path, image), "NRES", settings)
    found = joined(wait(detection), image.shape)
    assert np.array_equal(found, init_model("NRES", **settings).detect_cr(image))


def test_the_child_opens_the_very_extension_and_plane(tmp_path):
    path, cube = tmp_path / "a[1].fits", np.stack([frame()[::-1], frame()])
    fits.HDUList([fits.PrimaryHDU(np.ones((9, 9))), fits.ImageHDU(np.ones((8, 8)), name="SCI"),
                  fits.ImageHDU(cube, name="SCI", ver=2)]).writeto(path)
    image = Image(**{**vars(open_images(path)[2]), "plane": 1})
    found = joined(wait(Detection(image, "ACS-WFC", {"device": "cpu"})), image.shape)
    assert np.array_equal(found, init_model("ACS-WFC", "cpu").detect_cr(cube[1]))


@pytest.mark.parametrize("change", ["written anew", "removed", "replaced"])
def test_another_file_than_was_opened_is_refused(tmp_path, change):
    image = saved(tmp_path)
    status = os.stat(image.path)
    request = {"stamp": (status.st_ino, status.st_size, status.st_mtime_ns)}
    if change != "written anew":
        image.path.unlink()
    if change != "removed":
        fits.writeto(image.path, frame() + 1, overwrite=True)
        os.utime(image.path, ns=(1, 1))
    words = "there is no file" if change == "removed" else "frame.fits changed on disk"
    assert words in wait(Detection(image, "ACS-WFC", request))[-1]["error"]


@pytest.mark.parametrize("change", ["cut off", "written to"])
def test_a_file_that_changes_midway_is_told(tmp_path, change):
    detection, path, _ = slow(tmp_path)
    with open(path, "r+b") as file:
        if change == "cut off":
            file.truncate(5760)
        else:
            file.seek(500_000)
            file.write(b"other pixels")
    assert "open it again" in wait(detection)[-1]["error"]


def test_a_file_that_is_removed_midway_is_searched_to_its_end(tmp_path):
    detection, path, events = slow(tmp_path, side=300)
    path.unlink()
    events += wait(detection)
    assert events[-1]["done"] and joined(events, (300, 300)).max() > 0.5


def test_the_childs_error_is_the_models_own_sentence():
    detection = Detection(frame(), "no such model")
    assert "there is no model 'no such model'" in wait(detection)[-1]["error"]


@pytest.mark.parametrize("moment", ["loading", "ready", "tile"])
def test_a_child_that_is_killed_is_told_and_leaves_no_zombie(tmp_path, moment):
    detection = Detection(saved(tmp_path, frame((800, 800))), "ACS-WFC", {"tile": 32})
    wait(detection, {moment})
    pid = detection._process.pid
    os.kill(pid, signal.SIGKILL)
    assert "exit code -9" in wait(detection)[-1]["error"]
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_a_child_short_of_memory_is_told(tmp_path):
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("this system cannot limit another process")
    detection, _, _ = slow(tmp_path)
    resource.prlimit(detection._process.pid, resource.RLIMIT_AS, (1 << 20, 1 << 20))
    assert wait(detection)[-1].keys() == {"error"}


def test_a_child_that_cannot_start_shows_its_last_words(monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("raise ImportError('json is gone')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    detection = Detection(frame(), "ACS-WFC")
    assert "json is gone" in wait(detection)[-1]["error"]


def test_a_child_that_dies_before_the_question_is_told(monkeypatch):
    fill = Detection._fill

    def late(self, block):
        self._process.kill()
        self._process.wait()
        return fill(self, block)

    monkeypatch.setattr(Detection, "_fill", late)
    detection = Detection(frame(), "ACS-WFC", {"known": [(0, 0, 1, 1)] * 20_000})
    assert "exit code -9" in wait(detection)[-1]["error"]


def test_cancel_ends_at_once():
    detection = Detection(frame(), "ACS-WFC")
    wait(detection, {"loading"})
    os.kill(detection._process.pid, signal.SIGSTOP)  # whoever waits for its next word waits long
    detection.cancel()
    assert wait(detection)[-1] == {"cancelled": True}
    detection.cancel()
    detection.close()
    assert detection.poll() == []


@only_linux
@pytest.mark.parametrize("delay", [0.0, 0.01, 0.1, 0.4, 0.8, 1.2])
def test_it_can_be_closed_at_any_moment(tmp_path, delay):
    before = children(os.getpid())
    detection = Detection(saved(tmp_path, frame((800, 800))), "ACS-WFC", {"tile": 32})
    time.sleep(delay)
    process = detection._process
    detection.close()
    until(lambda: not detection.running)
    assert process is None or process.returncode == -signal.SIGKILL, "its end was waited for"
    assert detection.poll() in ([], [{"cancelled": True}])
    assert children(os.getpid()) == before


def test_close_does_not_wait_for_a_slow_read():
    go, reading = threading.Event(), threading.Event()

    def read(plane, y0, y1, x0, x1):
        reading.set()
        assert go.wait(20)
        return np.zeros((y1 - y0, x1 - x0), np.float32)

    detection = Detection(Image("slow", (40, 40), np.dtype(np.float32), read), "ACS-WFC")
    assert reading.wait(20)
    process = detection._process
    detection.close()
    assert not go.is_set()
    assert process.wait(10) != 0, "the child is dead though the read goes on"
    go.set()
    assert wait(detection)[-1] == {"cancelled": True}


@only_linux
def test_a_child_whose_asker_is_gone_ends(tmp_path):
    path = saved(tmp_path, frame((800, 800))).path
    code = (
        "import sys, time\n"
        "from glview.files import open_images\n"
        "from glview.models.remote import Detection\n"
        "found = Detection(open_images(sys.argv[1])[0], 'ACS-WFC', {'tile': 32})\n"
        "while not any('tile' in event for event in found.poll()): time.sleep(0.01)\n"
        "print('begun', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as asker:
        assert asker.stdout.readline() == b"begun\n"
        (child,) = children(asker.pid)
        asker.kill()
    until(lambda: not Path(f"/proc/{child}").exists(), 10.0)


def test_the_picture_is_read_off_the_callers_thread_and_its_errors_are_told():
    threads = []

    def read(plane, y0, y1, x0, x1):
        threads.append(threading.current_thread())
        raise ValueError("row 7 is torn")

    image = Image("torn", (40, 40), np.dtype(np.float32), read)
    detection = Detection(image, "ACS-WFC")
    assert "row 7 is torn" in wait(detection)[-1]["error"]
    assert threads and threading.main_thread() not in threads


def test_what_is_no_image_is_refused_before_anything_starts():
    with pytest.raises(ModelError, match="one plane"):
        Detection(np.ones((2, 8, 8)), "ACS-WFC")


def test_the_child_waits_while_nobody_polls_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "WAITING", 40_000)
    image = saved(tmp_path, frame((240, 240)))
    detection = Detection(image, "ACS-WFC", {"tile": 32, "device": "cpu"})
    until(lambda: detection._events._nbytes >= 40_000)
    time.sleep(0.5)
    assert detection._events._nbytes <= 40_000 + 4 * 32 * 32
    assert detection.running
    events = wait(detection)
    assert np.array_equal(joined(events, image.shape),
                          init_model("ACS-WFC", "cpu", tile=32).detect_cr(image))


def test_cancel_ends_one_that_waits_to_be_polled(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "WAITING", 10_000)
    detection = Detection(saved(tmp_path, frame((400, 400))), "ACS-WFC", {"tile": 32})
    until(lambda: detection._events._nbytes >= 10_000)
    detection.cancel()
    until(lambda: not detection.running, 2.0)
    assert wait(detection)[-1] == {"cancelled": True}


def test_a_block_is_shared_and_has_no_name(tmp_path):
    block = Block((3, 5))
    other = attach(block.fd, (3, 5))
    other[2, 4] = 7.0
    assert block.array[2, 4] == 7.0 and block.array.sum() == 7.0
    assert list((tmp_path / "blocks").iterdir()) == []
    block.close()
    other[0, 0] = 1.0
    assert other.sum() == 8.0


def test_no_room_is_told(monkeypatch):
    monkeypatch.setattr(blocks.tempfile, "tempdir", "/no/such/folder")
    monkeypatch.setattr(blocks, "_MEMORY", Path("/no/such/folder"))
    detection = Detection(frame(), "ACS-WFC")
    error = wait(detection)[-1]["error"]
    assert "no room for 0 MB" in error and "TMPDIR" in error


def test_a_damaged_part_of_a_file_is_left_out_and_counted(tmp_path):
    path, image = tmp_path / "packed.fits", frame().astype(np.int16)
    packed = fits.CompImageHDU(image, compression_type="RICE_1", tile_shape=(10, 131))
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(path)
    with fits.open(path, disable_image_compression=True) as hdus:
        table = hdus.fileinfo(1)["datLoc"]
    with open(path, "r+b") as file:
        file.seek(table)
        file.write((3).to_bytes(4, "big"))  # bytes of the first tile: far too few
    events = wait(Detection(open_images(path)[0], "ACS-WFC", {"device": "cpu"}))
    assert "1310 of 19650 pixels" in events[-1]["notes"][0]
    confidence = joined(events, image.shape)
    assert not confidence[:10].any() and confidence[40, 35] > 0.5
