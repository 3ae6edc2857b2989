"""`glview detect` on some frames of 4 Mpx, against the network alone on the same frames."""

import json
import re
import shutil
import subprocess
import sys

from bench import report
from bench.programs import ProgramError, environment, glview

SIZE, MODEL = 4, "ACS-WFC"
COUNTS = 20, 3  # frames, a night's; with --quick
OVERHEAD = 10  # per cent over the network alone
WAITING = ("env", "OMP_WAIT_POLICY=PASSIVE")  # as in glview detect: it changes the searches, too
ALONE = """
import sys, time
import numpy as np
from astropy.io import fits
from glview import init_model
image = fits.getdata(sys.argv[1]).astype(np.float32)
model = init_model(sys.argv[2])
model.detect_cr(image[:512, :512])
began = time.perf_counter()
for _ in range(int(sys.argv[3])):
    model.detect_cr(image)
print(time.perf_counter() - began)
"""


def measure(frames, options):
    """One table."""
    count = COUNTS[options.quick]
    folder = frames.folder / "night"
    folder.mkdir()
    for number in range(count):
        shutil.copy(frames.path(SIZE), folder / f"{number}.fits")
    whole, stages, alone = [], [], []
    for number in range(1 if options.quick else 3):
        told = _batch(frames.folder, folder, f"masks{number}")
        whole.append(told[0])
        stages.append(told[1])
        alone.append(_alone(frames, count))
    table = report.Table(
        f"{count} frames of {SIZE} Mpx with {MODEL}, seconds: median (range)",
        ("what", "n", "seconds", "/ network alone"))
    for name, times in (("glview detect, from its first file to its last", whole),
                        ("glview detect, its searches added up", stages),
                        ("the network alone, frames in memory", alone)):
        table.add(name, len(times), report.seconds(times), report.ratio(times, alone))
    over = 100 * (report.median(whole) / report.median(alone) - 1)
    table.notes.append(f"Overhead {report.against(over, OVERHEAD, '%')} ({over:.0f} %)")
    table.notes.append("Reading, searching and writing overlap; loading torch is in the first row.")
    return [table]


def _batch(home, folder, name):
    """(seconds of the run as it tells them, the sum of its searches)."""
    lines = home / f"{name}.jsonl"
    words = glview("detect", folder, "-o", home / name, "--model", MODEL, "--json", lines)
    done = _run(words, home)
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    if {row["status"] for row in rows} != {"done"}:
        raise ProgramError(f"glview detect: not all was done:\n{done}")
    seconds = re.search(r"searched; ([0-9.]+) s", done)
    return float(seconds[1]), sum(row["seconds"]["infer"] for row in rows)


def _alone(frames, count):
    words = [*WAITING, sys.executable, "-c", ALONE, str(frames.path(SIZE)), MODEL, str(count)]
    return float(_run(words, frames.folder))


def _run(words, home):
    done = subprocess.run(words, env=environment(home), cwd=home, capture_output=True, text=True)
    if done.returncode:
        raise ProgramError(f"{words[0]} ended with exit code {done.returncode}:\n{done.stderr}")
    return done.stdout
