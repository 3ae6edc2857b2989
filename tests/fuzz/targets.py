"""What is fed with hostile bytes.  Each target may raise its own error and nothing else."""

import warnings
from pathlib import Path

from glview.files import ReadError, open_images
from glview.files.load import load_mask
from glview.files.whole import Whole

BOX = 40  # pixels of a side that is read at both ends of a picture
MOST = 4  # pictures of a file that are read


def images(data, folder):
    """The bytes are a picture's file: header walk, reader, tiles, pixels."""
    path = _written(folder, data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy talks about headers
        try:
            found = open_images(path)
        except ReadError:
            return
        for image in found[:MOST]:
            # Rare codecs are decoded in a process of their own, whose start takes seconds.
            if not isinstance(getattr(image.read, "__self__", None), Whole):
                _read(image)


def _read(image):
    height, width = image.shape
    for y, x in ((0, 0), (max(0, height - BOX), max(0, width - BOX))):
        box = y, min(y + BOX, height), x, min(x + BOX, width)
        for read in (lambda box=box: image.read(image.planes - 1, *box),
                     lambda box=box: image.read32(*box)):
            try:
                made = read()
            except ReadError:
                continue
            assert made.shape == (box[1] - box[0], box[3] - box[2])


def masks(data, folder):
    """The bytes are a file with a saved mask."""
    path = _written(folder, data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load_mask(path)
        except ReadError:
            return


def _written(folder, data):
    path = Path(folder) / "a.fits"
    path.write_bytes(data)
    return path


TARGETS = {"images": images, "masks": masks}
