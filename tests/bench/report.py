"""Tables of medians and ratios as text."""

import statistics
from dataclasses import dataclass, field

GAP = "  "


@dataclass
class Table:
    """A heading, the columns' names, rows of text, and the sentences below them."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells):
        """One row; a cell for every column."""
        assert len(cells) == len(self.columns), f"{len(cells)} cells for {self.columns}"
        self.rows.append(tuple(map(str, cells)))

    def __str__(self):
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        text = [self.title, "-" * len(self.title)]
        for line in lines:
            first = line[0].ljust(widths[0])
            rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
            text.append(GAP.join((first, *rest)).rstrip())
        return "\n".join((*text, *(f"  {note}" for note in self.notes)))


def median(values):
    """The median, or None of nothing."""
    return statistics.median(values) if values else None


def percentile(values, percent):
    """The smallest value that so many per cent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def seconds(values):
    """Median and range, "1.42 (1.38-1.57)"; "-" of nothing."""
    if not values:
        return "-"
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def fine(values):
    """The same for what takes a fraction of a second, "0.142 (0.138-0.157)"."""
    return f"{median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def ratio(peer, ours):
    """How many times our median goes into the peer's, "3.1 x"; "-" if one is missing."""
    if not peer or not ours:
        return "-"
    return f"{median(peer) / median(ours):.1f} x"


def against(value, limit, unit):
    """A target and whether it was met: "<= 0.6 s: met"."""
    return f"<= {limit} {unit}: {'met' if value <= limit else 'missed'}"
