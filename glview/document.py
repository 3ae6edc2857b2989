"""One picture and everything the user and the models made of it."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from glview.core import history
from glview.core.catalogue import Catalogue, Order
from glview.core.counting import Counter
from glview.core.coverage import Coverage
from glview.core.edits import Edits
from glview.core.image import Image
from glview.core.limits import Sample, background_noise, limits
from glview.core.mask import MaskSettings
from glview.core.plane import Plane
from glview.core.pools import Pools
from glview.core.pyramid import Pyramid, level_values
from glview.core.sample import sample_of
from glview.core.stretch import Joining, Stretch, equalised
from glview.core.tiles import Stamps

LEAST_COVERED = 0.05  # of a file, from which its reduced levels tell what they are like


@dataclass(frozen=True)
class Part:
    """What a detection that ended early had found.  model: its name; sha256: of the weights;
    confidence: as in Detection; boxes: (y0, x0, y1, x1) of the tiles that are in it; covered: share
    of the frame."""

    model: str
    sha256: str
    confidence: np.ndarray | Plane
    boxes: tuple[tuple[int, int, int, int], ...]
    covered: float


@dataclass
class Detection:
    """What a model found.  confidence: (H, W) float32 in [0, 1], an array or, of a large frame, a
    Plane, or None; stamps: which tiles of it changed when; covered: share of the frame computed;
    running: a model is at work; owed: what was there before that is not on disk; coverage: the map
    of where it was; provenance: model, weights_sha256, tiling, ... of the confidence; part: where a
    detection that ended early can go on, or None; run: the search under way, or None; lent: the
    `gl.lent.Lent` where the graphics card has tiles of it, too, or None."""

    stamps: Stamps
    confidence: np.ndarray | Plane | None = None
    covered: float = 0.0
    running: bool = False
    owed: bool = False
    coverage: Coverage | None = None
    status: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    part: Part | None = None
    run: Any = None
    lent: Any = None

    @property
    def replaces(self):
        """True while a search fills what is to take the place of an earlier finding."""
        return self.run is not None and self.run.replaces

    @property
    def gaps(self):
        """The Coverage of a frame that was not searched as a whole; None if it was, or if nobody
        knows where."""
        known = self.confidence is not None and self.covered < 1.0 and self.coverage is not None
        return self.coverage if known and self.coverage.told else None


@dataclass(frozen=True)
class Finding:
    """The fields of a Detection that a search replaces, to be kept and shown again."""

    confidence: np.ndarray | Plane | None = None
    covered: float = 0.0
    coverage: Coverage | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    part: Part | None = None

    @classmethod
    def of(cls, detection):
        """What a Detection has now."""
        return cls(*(getattr(detection, name) for name in cls.__dataclass_fields__))

    def show(self, document, box):
        """Let a document have this; box: (y0, x0, y1, x1), where its confidence may differ."""
        for name in self.__dataclass_fields__:
            setattr(document.detection, name, getattr(self, name))
        document.detection.stamps.touch(box)


@dataclass
class Review:
    """The objects of the final mask.  objects: structured array of `core.objects`, or None;
    catalogue: the same with an index; order: their numbers, the first of the ranking `rank` first,
    a `core.catalogue.Order`; selected: index into `order` or -1; pixels: masked pixels; key: the
    mask they belong to; sought: the row of an object that is to be selected when they are counted,
    or None."""

    objects: np.ndarray | None = None
    catalogue: Catalogue | None = None
    order: Order | None = None
    rank: str = "area"
    selected: int = -1
    pixels: int = 0
    key: Any = None
    sought: np.void | None = None

    @property
    def chosen(self):
        """The selected object's row, of its own; or None."""
        if self.objects is None or not 0 <= self.selected < len(self.objects):
            return None
        return self.objects[self.order[self.selected]].copy()


class Document:
    """One image of a file and everything the user and the models made of it.

    images: all pictures in the file; image: the one shown.  preview: (h, w) float32, every
    `step`-th row and column.  sample: pixel statistics, sampled or exact.  pyramid: its reduced
    levels, as far as they are read; pools: those of its mask; counter: of its objects.  verdicts:
    {(y, x): "accepted" or "rejected"}, by a pixel of the object that was judged.  sky: (y, x) ->
    text of the position on the sky, or None.  dq: the convention of the flags that were saved with
    it; cleaned: the file that holds its CR_CLEANED; each None if there is none.  saved: the stamp
    of the confidence that is on disk; lossy: as less than is known here; stored: there is one, even
    if none is shown any more.  seen, level: the box of it that the panes show, or None, and the
    pyramid level they are drawn from.  key: names the
    document in caches, which may outlive it; unlike its id() it never comes again while a cache
    holds it.  whole: False for what is seen of a file while the rest is still being unpacked.
    twin: what sets a copy apart that is drawn for comparison, see `comparing`.
    awaits: names of what is still being read of what was saved or kept of it; barred: a sentence
    that says why its mask cannot be changed, or "".
    """

    twin = barred = ""

    def __init__(self, images, image: Image, preview: tuple[np.ndarray, int], sample: Sample,
                 pyramid: Pyramid | None = None, whole=True):
        self.key, self.whole, self.awaits = object(), whole, set()
        self.images, self.image = images, image
        self.preview, self.sample = preview, sample
        self.pyramid = pyramid or Pyramid(image.shape)
        self.pools, self.counter = Pools(image.shape), Counter(image)
        self.stretch = Stretch()
        self.usual = None  # a stretch that nobody chose: one that was saved takes its place
        self.detection = Detection(Stamps(image.shape))
        self.mask = MaskSettings()
        self.edits = Edits(image.shape)
        self.history = history.History()
        self.review = Review()
        self.verdicts = {}
        self.dq = self.cleaned = None
        self.sky = self.seen = None
        self.saved = self.level = 0
        self.lossy = self.stored = False
        self._known = {}

    @property
    def limits(self):
        """(low, high) in image units, as the panes show the picture."""
        return self.limits_at(self.joining, self.level)

    def limits_at(self, joining, level):
        """(low, high) in image units for the picture of a pyramid level."""
        if joining.rule != "mean" and 0 < level < self.pyramid.level:
            return self._between(joining, level / self.pyramid.level)
        sample, stretch = self.sample_at(joining, level), self.stretch
        key = sample, stretch.limits, stretch.low, stretch.high, stretch.clip
        return self._kept(("limits", joining, level), key, lambda: limits(sample, stretch))

    def _between(self, joining, part):
        """Limits of a level whose values are not kept, from those below and above it."""
        ends = self.limits_at(joining, 0), self.limits_at(joining, self.pyramid.level)
        return tuple(fine + (coarse - fine) * part for fine, coarse in zip(*ends, strict=True))

    def table_at(self, joining, level):
        """(n,) float32 in [0, 1] for histogram equalization between those limits."""
        sample, ends = self.sample_at(joining, level), self.limits_at(joining, level)
        return self._kept(("table", joining), (sample, ends),
                          lambda: equalised(sample.values, *ends))

    def sample_at(self, joining, level):
        """What the values of a pyramid level are like: the largest of many pixels are brighter than
        most pixels, and automatic limits must not leave such a picture all white."""
        pyramid = self.pyramid
        if joining.rule == "mean" or not level or pyramid.covered < LEAST_COVERED:
            return self.sample
        key = pyramid.complete or round(pyramid.covered, 1)
        return self._kept(("sample", joining, level), key,
                          lambda: self._level_sample(joining, level))

    def _level_sample(self, joining, level):
        values = level_values(self.pyramid, level, joining)
        known = self.sample
        return replace(sample_of(values, known.total), low=known.low, high=known.high,
                       nan=known.nan, posinf=known.posinf, neginf=known.neginf)

    @property
    def joining(self):
        """How the image's pixels become one where the picture is zoomed out."""
        rule, noise = self.stretch.zoomout, 0.0
        if rule == "peaks":
            noise = self._kept("noise", self.sample, lambda: background_noise(self.sample))
        return Joining(rule, noise)

    @property
    def nbytes(self):
        """Main memory that the document holds, in bytes."""
        confidence = self.detection.confidence
        found = 0 if confidence is None else confidence.nbytes
        kept = self.pyramid.nbytes + self.pools.nbytes + self.edits.plane.nbytes
        kept += self.counter.nbytes + self.history.nbytes
        return found + kept + self.preview[0].nbytes + self.sample.values.nbytes

    def _kept(self, name, key, make):
        """What was made for `key`, made again only for another one."""
        if self._known.get(name, (None,))[0] != key:
            self._known[name] = key, make()
        return self._known[name][1]

    @property
    def mask_key(self):
        """Equal keys mean equal final masks."""
        return self.mask, self.edits.revision, self.detection.stamps.now

    @property
    def on_disk(self):
        """True if the confidence is on disk bit for bit."""
        return self.saved == self.detection.stamps.now and not self.lossy

    @property
    def changed(self):
        """True if there is a mask that is not on disk as it is now."""
        detection = self.detection
        new = detection.owed if detection.running else detection.stamps.now != self.saved
        unsaved = (detection.confidence is not None or self.stored) and new
        return self.has_mask and (self.history.changed or unsaved)

    @property
    def readonly(self):
        """A sentence that says why its mask cannot be changed now, or ""."""
        if self.awaits:
            return "What was saved with the file is still being read"
        return self.barred

    @property
    def has_mask(self):
        """True if there is anything a mask could be made of, or a saved one that it replaces."""
        return self.detection.confidence is not None or self.edits.revision > 0 or self.stored

    def change(self, **settings):
        """Replace settings of the mask as one step that can be undone."""
        self.settle(self.mask, replace(self.mask, **settings))

    def settle(self, before, after):
        """Record that the mask's settings went from `before` to `after`; no step if equal."""
        self.mask = after
        if before != after:
            self.history.record(history.Set("mask", before, after))
