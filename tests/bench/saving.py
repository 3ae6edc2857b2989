"""A mask of 16384 x 16384 pixels with 200,000 specks into a file of 1.07 GB, against other writers.

`python -m bench.saving WRITER PATH` saves once and prints what that took as JSON.
"""

import json
import os
import subprocess
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from mosaic import BLOCK

from bench import report
from bench.programs import ProgramError

SIDE, SPECKS = 16384, 200_000
MEGAPIXELS = SIDE * SIDE >> 20
SECONDS, MEGABYTES, MEMORY = 1.0, 3.0, 30.0
BEHIND = 4_000_000_000  # bytes of another extension, a hole of the file
OURS = ("glview append", "glview again", "glview copy")
PEERS = ("astropy append", "astropy append gzip", "astropy update gzip", "fitsio gzip")
MODULES = {"glview": "glview.files.save", "astropy": "astropy.io.fits", "fitsio": "fitsio"}
REWRITES = ("glview copy", "astropy update gzip")


def measure(frames, options):
    """One table; every save by a process of its own, which has the mask in memory."""
    repeats = 2 if options.quick else 5
    table = report.Table(
        f"Saving a mask of {SIDE} x {SIDE} with {SPECKS} specks into a file of 1.07 GB",
        ("writer", "n", "seconds with sync", "MB written", "MB of memory"))
    path = frames.path(MEGAPIXELS)
    known = path.stat().st_size
    for writer in (*OURS, *_there(options.quick)):
        runs = [_run(writer, path, known) for _ in range(1 if writer in REWRITES else repeats)]
        _row(table, writer, runs)
        if writer == OURS[0]:
            seconds, written, memory = (_median(runs, one) for one in ("s", "written", "memory"))
            table.notes += [f"seconds {report.against(seconds, SECONDS, 's')}; written "
                            f"{report.against(written, MEGABYTES, 'MB')}; memory "
                            f"{report.against(memory, MEMORY, 'MB')}"]
            longer = _lengthened(path, known)
            _row(table, "the same, 5.07 GB", [_run(writer, path, longer) for _ in range(repeats)])
            os.truncate(path, known)
    table.notes.append("every writer syncs at the end; memory: the most above that before the save")
    path.unlink()  # the last writers have changed it
    return [table]


def _there(quick):
    peers = [one for one in PEERS if find_spec(one.split()[0])]
    return [one for one in peers if not (quick and one in REWRITES)]


def _median(runs, key):
    return report.median([run[key] for run in runs])


def _row(table, writer, runs):
    table.add(writer, len(runs), report.seconds([run["s"] for run in runs]),
              f"{_median(runs, 'written'):.1f}", f"{_median(runs, 'memory'):.0f}")


def _lengthened(path, known):
    """Put another extension behind the image; returns the size of the file."""
    cards = {"XTENSION": "'IMAGE   '", "BITPIX": 8, "NAXIS": 1, "NAXIS1": BEHIND, "PCOUNT": 0,
             "GCOUNT": 1}
    lines = [f"{name:8}= {value:>20}".ljust(80) for name, value in cards.items()]
    with open(path, "r+b") as file:
        file.seek(known)
        file.write("".join((*lines, "END".ljust(80))).ljust(BLOCK).encode())
        return file.truncate(known + BLOCK + -(-BEHIND // BLOCK) * BLOCK)


def _run(writer, path, known):
    line = [sys.executable, "-m", "bench.saving", writer, str(path)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProgramError(f"{writer}: {done.stderr.strip().splitlines()[-1]}")
    if writer != "astropy update gzip":
        os.truncate(path, known)
    return json.loads(done.stdout)


def specks():
    """(H, W) bool, the same each time."""
    mask = np.zeros((SIDE, SIDE), bool)
    rng = np.random.default_rng(4)
    mask.reshape(-1)[rng.integers(0, mask.size, SPECKS)] = True
    return mask


def main(writer, path):
    """Save by one writer and print what it took."""
    save, mask = WRITERS[writer], specks()
    import_module(MODULES[writer.split()[0]])
    if writer == "glview again":
        save(path, mask[::-1])
    before, written = _resident(), _written()
    began = time.perf_counter()
    save(path, mask)
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    took = time.perf_counter() - began
    print(json.dumps({"s": took, "written": (_written() - written) / 1e6,
                      "memory": _most() - before}))


def _status(name):
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) * 1024 / 1e6


def _resident():
    """Resident memory in 10**6 bytes; from now on `_most` counts."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _most():
    return _status("VmHWM")


def _written():
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(":") for line in lines)["write_bytes"])


def _glview(method):
    def save(path, mask):
        from glview.files.save import save_mask

        assert save_mask(path, mask, method=method).method == method

    return save


def _astropy(mode, codec=None):
    def save(path, mask):
        from astropy.io import fits

        values = mask.view(np.uint8)
        hdu = (fits.ImageHDU(values) if codec is None
               else fits.CompImageHDU(values, compression_type=codec))
        hdu.name = "CR_MASK"
        with fits.open(path, mode=mode) as hdus:
            if mode == "update":
                hdus[0].header["CRDONE"] = True
            hdus.append(hdu)

    return save


def _fitsio(path, mask):
    import fitsio

    with fitsio.FITS(path, "rw") as file:
        file.write_image(mask.view(np.uint8), extname="CR_MASK", compress="gzip")


WRITERS = {
    "glview append": _glview("append"),
    "glview again": _glview("append"),
    "glview copy": _glview("copy"),
    "astropy append": _astropy("append"),
    "astropy append gzip": _astropy("append", "GZIP_1"),
    "astropy update gzip": _astropy("update", "GZIP_1"),
    "fitsio gzip": _fitsio,
}


if __name__ == "__main__":
    main(*sys.argv[1:])
