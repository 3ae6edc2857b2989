"""Which parts of a frame were searched by another model than the rest, in words and back."""

import re
from dataclasses import dataclass, replace

from glview.core.coverage import joined, minus

_REGION = re.compile(r"\[(\d+):(\d+),(\d+):(\d+)\] (.*?) ([0-9a-f+-]+)(?:; |$)")


@dataclass(frozen=True)
class Region:
    """A box (y0, x0, y1, x1) that a search of its own was asked for; model, sha256: of that."""

    box: tuple[int, int, int, int]
    model: str
    sha256: str

    def __str__(self):
        y0, x0, y1, x1 = self.box
        return f"[{x0 + 1}:{x1},{y0 + 1}:{y1}] {self.model} {self.sha256 or '-'}"


def regions_of(provenance):
    """The Regions that a provenance tells of, the oldest first."""
    found = _REGION.findall(provenance.get("regions", ""))
    return [Region((int(y) - 1, int(x) - 1, int(y1), int(x1)), model, sha256.strip("-"))
            for x, x1, y, y1, model, sha256 in found]


def with_region(provenance, box, origin):
    """A provenance with the box (y0, x0, y1, x1) that another search filled.

    origin: that search's provenance.  Earlier regions of which nothing is left are gone.
    """
    kept = [one for one in regions_of(provenance) if minus(one.box, [box])]
    new = Region(box, str(origin.get("model", "")), str(origin.get("weights_sha256", "")))
    return {**provenance, "regions": "; ".join(str(one) for one in (*kept, new))}


def cut_to(provenance, boxes):
    """A provenance whose newest region was searched in part: in these boxes (y0, x0, y1, x1)."""
    *others, new = regions_of(provenance)
    parts = [replace(new, box=box) for box in joined(boxes)]
    return {**provenance, "regions": "; ".join(map(str, (*others, *parts)))}
