"""From the start of the process to the first picture; then memory, and CPU while idle."""

import time

from bench import report
from bench.machine import cpu_seconds, memory
from bench.programs import Ds9, Glview, Stage

SIZES = (1, 16, 64)
TARGET_SECONDS, TARGET_RATIO, TARGET_MEMORY = 0.6, 2.5, 300
IDLE = 5.0
NO_DS9 = "DS9 is not installed; on Debian and Ubuntu: apt install saods9 xpa-tools"


def measure(frames, options):
    """Tables: first picture, memory, idle CPU."""
    with Stage(frames.folder) as stage:
        programs = (Glview, Ds9) if stage.has_ds9 else (Glview,)
        tables = _pictures(stage, programs, frames, options.repeats)
        tables += _at_rest(stage, programs, frames.path(SIZES[-1]))
    if not stage.has_ds9:
        tables[0].notes.append(NO_DS9)
    return tables


def _pictures(stage, programs, frames, repeats):
    table = report.Table(
        "Process start to first picture, seconds: median (range)",
        ("FITS, warm", "n", "glview", "its CPU", "DS9", "its CPU", "DS9 / glview", "target"))
    for size in SIZES:
        times = _alternate(stage, programs, frames.path(size), repeats)
        (ours, our_cpu), (peer, peer_cpu) = times["glview"], times.get("DS9", ([], []))
        target = ""
        if size == SIZES[-1]:
            target = report.against(report.median(ours), TARGET_SECONDS, "s")
            if peer:
                enough = report.median(peer) >= TARGET_RATIO * report.median(ours)
                target += f"; >= {TARGET_RATIO} x: {'met' if enough else 'missed'}"
        table.add(f"{size} Mpx", repeats, report.seconds(ours), _middle(our_cpu),
                  report.seconds(peer), _middle(peer_cpu), report.ratio(peer, ours), target)
    table.notes += [
        "float32; both in a 1280x800 window under Xvfb, in turn, after one start that does not",
        "count.  CPU: seconds of all threads by then, which say more on a busy machine.",
        "glview tells the age of its process when its second frame is on the screen, in steps of",
        "0.01 s.  DS9 is asked over XPA every 0.01 s until `-zoom to fit` was carried out and",
        "`update now` returns; an answer takes about 0.01 s, and the name server of XPA runs",
        "already, as after an earlier start of DS9.  glview shows zscale limits, DS9 its default,",
        "min-max.",
    ]
    return [table]


def _alternate(stage, programs, path, repeats):
    """Name -> (seconds, CPU seconds); in turn, so that a busy moment hits both programs."""
    times = {program.name: ([], []) for program in programs}
    for number in range(repeats + 1):
        for program in programs:
            with program(stage, path) as shown:
                shown.settle()
                if number:
                    times[program.name][0].append(shown.seconds)
                    times[program.name][1].append(shown.cpu)
    return times


def _middle(values):
    return f"{report.median(values):.2f}" if values else "-"


def _at_rest(stage, programs, path):
    file = path.stat().st_size / 1e6
    held = report.Table(
        f"Memory with {SIZES[-1]} Mpx open ({file:.0f} MB), before detection, MB",
        ("program", "largest resident", "anonymous", "target"))
    idle = report.Table(f"CPU seconds in {IDLE:.0f} s without input", ("program", "CPU s"))
    for program in programs:
        with program(stage, path) as shown:
            shown.settle()
            time.sleep(2.0)  # tooltips and cursors may still ask for a frame
            peak, anonymous = memory(shown.pid)
            limit = report.against(peak, round(file + TARGET_MEMORY), "MB")
            held.add(program.name, f"{peak:.0f}", f"{anonymous:.0f}",
                     limit if program is Glview else "")
            before = cpu_seconds(shown.pid)
            time.sleep(IDLE)
            idle.add(program.name, f"{cpu_seconds(shown.pid) - before:.2f}")
    held.notes.append("The largest resident size counts pages of files too (VmHWM, RssAnon).")
    return [held, idle]
