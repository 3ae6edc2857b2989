"""Mosaics of a quarter of a gigapixel to three: opening, reading, panning and zooming, memory."""

import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from mosaic import Sparse, stream

from bench import cache, peers, report
from bench.machine import Peak, memory
from bench.programs import Ds9, Glview, Stage
from bench.starting import NO_DS9
from bench.tour import Tour

SHAPES = {"0.26 Gpx": (16384, 16384), "1.0 Gpx": (25000, 40000), "3.2 Gpx sparse": (50000, 64000)}
MAIN = "1.0 Gpx"
SPARE = 2 << 30  # bytes of the disk that are left free
TILE = 256  # of the sparse file: side of a piece of sky, one in every PITCH pixels
PITCH = 2048
PIECE = 1024  # side of the sky that the others repeat
BUDGET = {"--memory": 512, "--gpu-memory": 256}  # MiB
FIRST_SECONDS, FIRST_RATIO, READ_RATIO = 0.7, 6.0, 1.5
P99, LONGEST, BESIDES = 60, 100, 300
COLD = 0.02  # a file of which so much is still in memory is not called cold


@dataclass
class Times:
    """Seconds of each start: to the first picture, to the complete pyramid, to a sharp picture."""

    first: list[float] = field(default_factory=list)
    complete: list[float] = field(default_factory=list)
    sharp: list[float] = field(default_factory=list)


def measure(frames, options):
    """Tables, each when it is ready: opening, reading, the tour and memory."""
    folder = Path(options.big) if options.big else frames.folder
    paths, notes = _files(folder, frames.sky.image[:PIECE, :PIECE], options.quick)
    with Stage(frames.folder) as stage:
        opening = _opening(stage, paths, options)
        opening.notes += notes + ([] if stage.has_ds9 else [NO_DS9])
        yield opening
        yield _reading(paths, options)
        yield _touring(stage, paths, 6.0 if options.quick else 20.0)


def _files(folder, sky, quick):
    """(name -> path, sentences on what is left out); files that are there already are used."""
    paths, notes = {}, []
    for name, shape in SHAPES.items():
        path = folder / f"glview-bench-{shape[1]}x{shape[0]}.fits"
        sparse = "sparse" in name
        need = (1 << 30 if sparse else 4 * shape[0] * shape[1]) + SPARE
        if quick and name != next(iter(SHAPES)):
            notes.append(f"{name}: left out by --quick.")
        elif not path.exists() and shutil.disk_usage(folder).free < need:
            notes.append(f"{name}: no room for {need / 1e9:.1f} GB in {folder}; --big DIR.")
        else:
            if not path.exists():
                _write(path, shape, sky, sparse)
            paths[name] = path
    return paths, notes


def _write(path, shape, sky, sparse):
    """Under another name first: a file that is half made is not found by the next run."""
    part = path.with_suffix(".part")
    if sparse:
        made = Sparse(part, shape)
        for y in range(PITCH // 2, shape[0] - TILE, PITCH):
            for x in range(PITCH // 2, shape[1] - TILE, PITCH):
                made.put(y, x, sky[:TILE, :TILE])
    else:
        stream(part, shape, sky)
    part.rename(path)


# opening


def _opening(stage, paths, options):
    table = report.Table(
        "Opening a mosaic, seconds since the process started: median (range)",
        ("FITS", "n", "first picture", "DS9", "DS9 / glview", "all read", "sharp", "target"))
    programs = (Glview, Ds9) if stage.has_ds9 else (Glview,)
    for name, path in paths.items():
        for cold in (True, False):
            found, left = _starts(stage, programs, path, options.repeats, cold)
            ours, peer = found["glview"], found.get("DS9", Times()).first
            table.add(f"{name}, {'cold' if cold else 'warm'}", options.repeats,
                      report.seconds(ours.first), report.seconds(peer),
                      report.ratio(peer, ours.first), report.seconds(ours.complete),
                      report.seconds(ours.sharp),
                      _first_target(ours.first, peer) if (name, cold) == (MAIN, True) else "")
            if left > COLD:
                table.notes.append(f"{name}: the system kept {left:.0%} of it in memory: not cold.")
        table.notes += peers.words(stage, name, path)
    table.notes += [
        *peers.missing(),
        "Window of 1280x800 under Xvfb, glview with its default budget, in turn with DS9, after",
        "one start that does not count.  Cold: the file was put out of memory just before.",
        "all read: the pyramid is complete; sharp: it is, and every pixel of the screen is drawn",
        "from its true level.  DS9 shows one sample for each screen pixel, and no more.",
    ]
    return table


def _starts(stage, programs, path, repeats, cold):
    """(name -> Times, largest share of the file that a cold start found in memory)."""
    found, left = {program.name: Times() for program in programs}, 0.0
    for number in range(repeats + 1):
        for program in programs:
            if cold:
                left = max(left, cache.drop(path))
            times = _start(stage, program, path)
            if number:
                for kind, seconds in times.items():
                    getattr(found[program.name], kind).append(seconds)
    return found, left


def _start(stage, program, path):
    """Field of Times -> seconds; for DS9 the first picture alone."""
    with program(stage, path) as shown:
        times = {"first": shown.seconds}
        if program is Glview:
            times["complete"] = shown.until("complete")
            times["sharp"] = shown.until("complete", "sharp")
        return times


def _first_target(ours, peer):
    target = report.against(report.median(ours), FIRST_SECONDS, "s")
    if peer:
        enough = report.median(peer) >= FIRST_RATIO * report.median(ours)
        target += f"; >= {FIRST_RATIO:.0f} x: {'met' if enough else 'missed'}"
    return target


# reading


def _reading(paths, options):
    """The pyramid alone against what reading the file takes at least, in turn."""
    table = report.Table(
        "The pyramid of the whole file against a bare read, seconds: median (range)",
        ("FITS", "n", "pyramid", "bare read", "pyramid / read", "CPU / CPU", "target"))
    for name, path in paths.items():
        for cold in (True, False):
            bare, built = _read_and_build(path, options.repeats, cold)
            seconds, cpu = (report.median(ours) / report.median(least)
                            for ours, least in zip(built, bare, strict=True))
            table.add(f"{name}, {'cold' if cold else 'warm'}", options.repeats,
                      report.fine(built[0]), report.fine(bare[0]), f"{seconds:.2f} x",
                      f"{cpu:.2f} x", report.against(seconds, READ_RATIO, "x"))
    table.notes += [
        "Bare read: two threads, 8 MiB at a time, each into one buffer that stays.  CPU: seconds",
        "of all threads, which say more on a busy machine.",
    ]
    return table


def _read_and_build(path, repeats, cold):
    """For a bare read and for the pyramid: (seconds of each run, CPU seconds of each run)."""
    found = ([], []), ([], [])
    for number in range(repeats + (not cold)):
        for (seconds, cpu), work in zip(found, (cache.read, _build), strict=True):
            if cold:
                cache.drop(path)
            used = time.process_time()
            taken = work(path)
            if cold or number:  # the first warm ones bring the file into memory
                seconds.append(taken)
                cpu.append(time.process_time() - used)
    return found


def _build(path):
    """Seconds to make the pyramid of a file as the window does, compiled code given."""
    from glview import budget
    from glview.core import pyramid
    from glview.files import open_images

    image = open_images(path)[0]
    began = time.perf_counter()
    made = pyramid.Pyramid(image.shape, pyramid.base_factor(image.shape,
                                                            budget.default().pyramid))
    pyramid.build(image, made)
    taken = time.perf_counter() - began
    made.collect()
    assert made.complete
    return taken


# the tour


def _touring(stage, paths, seconds):
    allowed = round(BESIDES + BUDGET["--gpu-memory"] * (1 << 20) / 1e6)
    table = report.Table(
        f"{seconds:.0f} s of panning and zooming from the first picture of a cold file on, ms",
        ("FITS", "frames", "p50", "p99", "CPU p99", "longest", "wait", "anonymous MB", "kept MB",
         f"p99 <= {P99}, all <= {LONGEST} ms, <= {allowed} MB"))
    for name, path in paths.items():
        frames, cpu, waits, (held, kept) = _tour(stage, path, seconds)
        p99, longest = report.percentile(frames, 99), max(frames)
        met = (p99 <= P99, longest <= LONGEST, held <= allowed)
        table.add(name, len(frames), f"{report.median(frames):.1f}", f"{p99:.1f}",
                  f"{report.percentile(cpu, 99):.1f}", f"{longest:.1f}", f"{max(waits):.1f}",
                  f"{held:.0f}", f"{kept:.0f}",
                  ", ".join("met" if one else "missed" for one in met))
        if stage.has_ds9:
            with Ds9(stage, path) as shown:
                table.notes.append(f"DS9 with {name}: {memory(shown.pid)[1]:.0f} MB anonymous.")
    words = " ".join(f"{name} {size}M" for name, size in BUDGET.items())
    table.notes += [
        f"With {words}; mouse and wheel by xdotool.  A frame: take what",
        "workers brought, run the interface, draw, OpenGL finished, buffers swapped.  CPU: what",
        "the window's thread computed in it, not the driver's threads; wait: the longest from the",
        "end of a frame to the end of the next.  anonymous: the most that the process held, the",
        "textures of software OpenGL too; kept: images, masks and tiles, as the program says.",
    ]
    return table


def _tour(stage, path, seconds):
    """Milliseconds of each frame, of its CPU, and between ends; (most anonymous MB, MB kept)."""
    target = stage.folder / "frames.json"
    program = (sys.executable, "-m", "bench.timed", target)
    options = [word for name, size in BUDGET.items() for word in (name, f"{size}M")]
    cache.drop(path)
    with Glview(stage, path, *options, program=program) as shown:
        peak, told = Peak(shown.pid), shown.told()
        tour = Tour(stage.window_of(shown.pid), told["places"]["image"], told["view"]["zoom"],
                    seconds)
        began = time.monotonic()
        tour.walk(stage)
        ended = time.monotonic()
        anonymous = peak.end()
        shown.settle()
        told = shown.told()
        shown.quit()
    times = [one for one in json.loads(target.read_text()) if began <= one[0] <= ended]
    frames, cpu = [1e3 * (end - start) for start, end, _ in times], [1e3 * one[2] for one in times]
    waits = [1e3 * (after[1] - before[1]) for before, after in pairwise(times)]
    return frames, cpu, waits, (anonymous, (told["held_bytes"] + told["gpu_bytes"]) / 1e6)
