"""What the person sees: the table as it grows, a bar on a terminal, lines of JSON."""

import json
import os
import sys
from collections import Counter

from glview.arguments import say
from glview.batch.rows import DONE, FAILED, KEPT, SKIPPED, STAGES

WIDEST = 44  # characters of a file's name in the table
HEAD = f"{'shape':>13} {'read':>8} {'infer':>8} {'write':>8} {'objects':>8} {'masked':>9}  result"
BY_HAND = "saved by hand"
STANDING = {DONE: "searched", SKIPPED: "done before", BY_HAND: BY_HAND,
            KEPT: "saved by hand, kept", FAILED: "failed"}
"""Kind of a row -> what is said of it at the end, and in the row of what was not searched."""
PLACES = {"extension": "saved in the image", "side file": "saved beside the image",
          "folder": "saved in the folder", "another worker": "saved by another worker"}
UNITS = f"{'':>13} {'Mpx/s':>8} {'Mpx/s':>8} {'Mpx/s':>8} {'':>8} {'% pixels':>9}"


class Report:
    """Takes the rows one by one.

    items: what is going to be done; lines: file for the lines of JSON, or None; table: file for the
    table; bar: whether to draw a bar, which is on standard error.
    """

    def __init__(self, items, table, lines=None, bar=False):
        self.counts = Counter()
        self._table, self._lines, self._files = table, lines, len(items)
        self._width = min(WIDEST, max([20] + [len(item.folder + item.path.name) + 8
                                              for item in items]))
        self._totals = dict.fromkeys(STAGES, 0.0)
        self._pixels, self._finished, self._warned = 0, 0.0, 0
        self._bar = _bar(len(items)) if bar else None

    def add(self, row):
        """One more image is done, in whatever way."""
        if not self.counts:
            self._say(f"{'image':<{self._width}} {HEAD}")
            self._say(f"{'':<{self._width}} {UNITS}")
        self.counts[_kind(row)] += 1
        self._warned += row.warned
        self._finished += row.share
        if row.status == DONE:
            self._pixels += row.pixels
            for stage, seconds in row.seconds.items():
                self._totals[stage] += seconds
        if self._lines is not None:
            say(json.dumps(row.record()), self._lines)
        for line in table_lines(row, self._width):
            self._say(line)
        self.tick()

    def tick(self, running=0.0):
        """Draw the bar anew; running: files' worth of work in the searches that go on.

        It never goes back: between the end of a search and its row, that work is in neither.
        """
        if self._bar is not None:
            self._bar.n = min(self._files, max(self._bar.n, round(self._finished + running, 3)))
            self._bar.refresh()

    def close(self, seconds, stopped=False):
        """The last lines; seconds: of the whole run."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        for line in self.summary(seconds, stopped):
            self._say(line)

    def summary(self, seconds, stopped):
        """Counts and speeds in words, as lines."""
        counts = ", ".join(f"{self.counts[kind]} {text}" for kind, text in STANDING.items()
                           if self.counts[kind])
        yield ""
        warned = f", {self._warned} with warnings" if self._warned else ""
        yield (f"{'Stopped: ' if stopped else ''}{counts or 'nothing to do'}{warned}; "
               f"{seconds:.1f} s.")
        if stopped and (left := self._files - int(self._finished + 1e-6)):
            yield f"{left} of {self._files} files are left; the same command goes on with them."
        if self.counts[DONE]:
            megapixels = self._pixels / 1e6
            parts = ", ".join(f"{stage} {self._totals[stage]:.1f}" for stage in STAGES)
            yield (f"{megapixels:.1f} Mpx at {megapixels / seconds:.2f} Mpx/s; seconds of each "
                   f"stage, which overlap: {parts}.")

    def _say(self, line):
        if self._bar is not None:
            self._bar.clear()  # the bar is on another stream, but perhaps on the same terminal
        say(line, self._table)


def table_lines(row, width):
    """The row's line, and one more for each note."""
    name = row.name if len(row.name) <= width else "..." + row.name[3 - width :]
    shape = f"{row.shape[1]} x {row.shape[0]}" if row.shape else ""
    speeds = "".join(f" {row.speeds[s]:8.2f}" if s in row.speeds else " " * 9 for s in STAGES)
    objects = "" if row.objects is None else row.objects
    share = "" if row.masked is None else f"{100 * row.masked / row.pixels:.4f}"
    wrong, _, advice = row.error.partition("; ")
    result = f"FAILED: {wrong}" if row.status == FAILED else _place(row)
    yield f"{name:<{width}} {shape:>13}{speeds} {objects:>8} {share:>9}  {result}"
    for note in filter(None, (advice, *row.notes)):
        yield f"{'':<{width}}   {note}"


def _place(row):
    """Where the result is, in words."""
    return PLACES.get(row.method, row.method) or STANDING[_kind(row)]


def _kind(row):
    """The row's status, or that a person has done what was asked for."""
    return BY_HAND if row.status == SKIPPED and row.by_hand else row.status


def _bar(total):
    from tqdm import tqdm

    shape = "{percentage:3.0f} %|{bar}| of {total}, {elapsed} so far, {remaining} left"
    known = os.get_terminal_size(sys.stderr.fileno()).columns
    size = {"dynamic_ncols": True} if known else {"ncols": 80, "nrows": 24}  # of 0, it draws none
    return tqdm(total=total, bar_format=shape, file=sys.stderr, leave=False, **size)
