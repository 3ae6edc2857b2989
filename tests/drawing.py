"""What tests of the pictures share: documents over arrays, and a scene whose wishes come true."""

from dataclasses import replace

import numpy as np

from glview import opening
from glview.core.edits import Edits
from glview.core.image import from_array
from glview.core.mask import SHAPES, MaskSettings
from glview.core.stretch import Stretch
from glview.core.view import View, Window
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


def fulfil(regions, held, document, windows, most=100):
    """Draw a region until it needs nothing more; returns it."""
    for _ in range(most):
        region = regions.draw(document, windows)
        if not regions.wishes:
            return region
        for (key, stamp), make in regions.wishes.items():
            held.put(key, stamp, make())
    raise AssertionError("the region never has what it wants")


def cells(buffer, region):
    """(h, w) array of a region's buffer, row 0 of the image first."""
    width, height = region.size
    return buffer.read()[:height, :width]


class Theatre:
    """A Scene that is drawn until it is sharp, and the pictures of its panes."""

    def __init__(self, ctx):
        self.scene = Scene(ctx)

    def show(self, document, size, view=None, overlay=OVERLAY, names=("image", "mask")):
        """Pane name -> (height, width, 3) uint8, top row first; size: (height, width).

        view: a View, None for the whole frame.
        """
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
