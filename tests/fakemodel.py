"""A model without a network, for tests of the batch: the first pixel of a frame says what happens.

`python -m fakemodel detect ...` runs glview with it, `dask worker --preload fakemodel` a worker.
"""

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from astropy.io import fits

from glview.batch import line, pool, work, writing
from glview.batch.plan import Request, plan
from glview.core.cancel import Cancelled
from glview.files.save import save_masks
from glview.models.registry import lookup

PLAIN, DIE, DIE_ONCE, FAIL, FAIL_ONCE, MEMORY, SLOW = 0, -1, -2, -3, -4, -5, -6
FOLDER = "GLVIEW_TEST_FOLDER"  # where what happened is written down
BRIGHT = 500.0


class FakeModel:
    """Confidence 0.9 where a pixel is above BRIGHT, else 0.1; bad pixels 0."""

    def __init__(self, name="auto", device="auto", precision="float32"):
        row = lookup("ground_imaging" if name == "auto" else name)
        self.info, self.notes = SimpleNamespace(threshold=row.threshold), ("by a fake model",)
        self.provenance = {"model": row.name, "weights_sha256": row.sha256,
                           "tiling": "seamless", "device": "cpu"}
        if precision != "float32":
            self.provenance["sums"] = precision

    def detect_cr(self, image, progress=None, cancel=None, out=None):
        values = np.array(image[: image.shape[0], : image.shape[1]])
        act(int(values[0, 0]), cancel)
        progress(0.5)
        confidence = np.where(values > BRIGHT, 0.9, 0.1).astype(np.float32)
        confidence[np.isnan(values)] = 0
        if out is None:
            return confidence
        out[:] = confidence
        return out


def act(code, cancel):
    """Do what the first pixel asks for."""
    if code == DIE or (code == DIE_ONCE and first_time("died")):
        os.kill(os.getpid(), signal.SIGKILL)
    if code == FAIL or (code == FAIL_ONCE and first_time("failed")):
        raise RuntimeError("the network fell over")
    if code == MEMORY:
        raise MemoryError
    if code == SLOW:
        note("searching", "slow")
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if cancel():
                raise Cancelled
            time.sleep(0.01)


def first_time(name):
    try:
        (Path(os.environ[FOLDER]) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def note(name, text):
    """Add a line to a file of the test's folder."""
    if FOLDER in os.environ:
        with open(Path(os.environ[FOLDER]) / name, "a") as file:
            file.write(f"{text}\n")


def noted(folder, name):
    path = Path(folder) / name
    return path.read_text().split() if path.exists() else []


def counted_save(*arguments, **options):
    done = save_masks(*arguments, **options)
    note("written", done.path.name)
    return done


def dask_setup(worker):
    """What `dask worker --preload` calls."""
    install()


def run_files(folder, *names, out=None, ext=None, jobs=1, most=1 << 30, **asked):
    """Rows, sorted by name, of a batch over files of a folder; asked: fields of the Request."""
    items = plan([folder / name for name in names], ext, out)
    request = Request(**asked)
    made = work.Work(request, pool.Models(request.device, request.precision), most)
    return sorted(line.run(made, items, jobs), key=lambda row: (row.file, row.name))


def status(rows):
    return [row.status for row in rows]


def left(folder):
    """The names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def install():
    pool.load, writing.save_masks = FakeModel, counted_save


def make_frame(path, code=PLAIN, shape=(40, 50), rays=3, **cards):
    """A frame of 100 with `rays` bright pixels apart; returns its path."""
    values = np.full(shape, 100, np.float32)
    values[10 : 10 + 4 * rays : 4, 20] = 1000
    values[0, 0] = code
    fits.writeto(path, values, fits.Header(cards), overwrite=True)
    return path


if __name__ == "__main__":
    from glview.cli import main

    install()
    sys.exit(main())
