"""What tests of the pictures share: documents over arrays, and a scene whose wishes come true."""

from dataclasses import replace

import numpy as np

from glview import opening
from glview.core.edits import Edits
from glview.core.image import Image, from_array
from glview.core.mask import SHAPES, MaskSettings
from glview.core.sample import sample_of
from glview.core.stretch import Stretch
from glview.core.view import View, Window
from glview.document import Document
from glview.gl.region import Regions
from glview.gl.tilestore import Tiles
from glview.scene import Scene
from glview.workspace import Entry, Overlay, Workspace

# Colours of the mask that are no colour of the grey map, and hide what lies below.
OVERLAY = Overlay(colour=(1.0, 0.0, 1.0), opacity=1.0)


def document_of(pixels, confidence=None, edits=None, y_up=True, **mask):
    """A Document over an array or an Image, all of it known; mask: fields of MaskSettings."""
    image = from_array(pixels, y_up=y_up) if isinstance(pixels, np.ndarray) else pixels
    document = opening.document_of(opening.look_at((image,), image))
    document.stretch = Stretch(limits="minmax")
    document.mask = MaskSettings(**mask)
    document.edits = Edits(image.shape, edits)
    if confidence is not None:
        tell(document, confidence)
    return document


def tell(document, confidence):
    """The model says this of the whole frame."""
    document.detection.confidence = confidence
    document.detection.stamps.touch((0, 0, *document.image.shape))


def random_mask(rng, shape, share=0.02):
    """(confidence, edits): mostly below every threshold that is used, with equal values, NaN."""
    confidence = (rng.integers(0, 40, shape) / np.float32(100)).astype(np.float32)
    chosen = rng.random(shape)
    confidence[chosen < share] = np.float32(0.7)
    confidence[chosen > 1 - share] = np.nan
    edits = rng.choice(np.array([0, 1, 2], np.uint8), shape, p=[0.96, 0.02, 0.02])
    return confidence, edits


def random_settings(rng):
    """A MaskSettings whose threshold is, half of the time, a value of `random_mask`."""
    threshold = rng.choice([0.5, float(np.float32(0.7)), 0.35, float(np.float32(0.39))])
    return MaskSettings(float(threshold), int(rng.integers(0, 17)), str(rng.choice(SHAPES)))


def window_of(box, y_up=True):
    """The Window that shows just the box (y0, x0, y1, x1) of an image at zoom 1."""
    y0, x0, y1, x1 = box
    return Window(float(y0), float(x0), 1.0, (y1 - y0, x1 - x0), y_up)


def far_values(y, x):
    """What a pixel of `far_document` holds: 0 to 255, and no two alike within 16 pixels."""
    return (y % 16) * 16 + x % 16


def far_document(shape=(100_000, 100_000), y_up=True):
    """A Document of an image that is in no memory and no file."""
    def read(plane, y0, y1, x0, x1):
        return far_values(*np.ogrid[y0:y1, x0:x1]).astype(np.uint16)

    image = Image("far", shape, np.dtype(np.uint16), read, y_up=y_up)
    preview = np.full((1021, 1021), 100, np.float32)
    document = Document((image,), image, (preview, 98), sample_of(np.arange(256)))
    document.stretch = Stretch(limits="user", low=0.0, high=255.0)
    return document


class Buffers:
    """The buffers of one region with `count` tiles of each kind, drawn until nothing is missing.

    The documents drawn are kept, for what is on the GPU is known by their id.
    """

    def __init__(self, ctx, count=24, held=None):
        self.held = held or Tiles(ctx, count)
        self.regions = Regions(ctx, self.held)
        self.documents = []

    def draw(self, document, windows, most=100):
        """The Region drawn, when nothing more is wished for."""
        for _ in range(most):
            region = self.once(document, windows)
            if not self.regions.wishes:
                return region
            for (key, stamp), make in self.regions.wishes.items():
                self.held.put(key, stamp, make())
        raise AssertionError("the region never has what it wants")

    def once(self, document, windows):
        """The Region drawn from what is there."""
        self.documents.append(document)
        return self.regions.draw(document, windows, document.joining)


def cells(buffer, region):
    """(h, w) array of a region's buffer, row 0 of the image first."""
    width, height = region.size
    return buffer.read()[:height, :width]


class Theatre:
    """A Scene that is drawn until it is sharp, and the pictures of its panes."""

    def __init__(self, ctx):
        self.scene = Scene(ctx)
        self.documents = []

    def show(self, document, size, view=None, overlay=OVERLAY, names=("image", "mask")):
        """Pane name -> (height, width, 3) uint8, top row first; size: (height, width).

        view: a View, None for the whole frame.
        """
        self.documents.append(document)  # what is on the GPU is known by its id
        entry = Entry(None, "test", documents={(0, 0): document}, shown=(0, 0))
        workspace = Workspace([entry], view=view or View(), fit=view is None, overlay=overlay)
        wishes = self.frame(workspace, size, names)
        while wishes:
            for (key, stamp), make in wishes.items():
                self.scene.put(key, stamp, make())
            wishes = self.frame(workspace, size, names)
        self.view = workspace.view
        return {name: self.scene.panes[name].pixels() for name in names}

    def frame(self, workspace, size, names=("image", "mask")):
        """One frame; returns the wishes."""
        for name in names:
            self.scene.pane(name, size)
        return self.scene.draw(workspace)


def bytes_of(colour):
    """RGB in [0, 1] as the three bytes that a pane holds."""
    return np.rint(np.array(colour) * 255).astype(np.uint8)


def is_colour(picture, colour):
    """(height, width) bool: where a picture has a colour, RGB in [0, 1]."""
    return (np.abs(picture.astype(int) - bytes_of(colour)) <= 1).all(-1)


def stretched(document, **changes):
    """The document with other display settings."""
    document.stretch = replace(document.stretch, **changes)
    return document
