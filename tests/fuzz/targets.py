"""What is fed with hostile bytes.  Each target may raise its own error and nothing else."""

import hashlib
import json
import os
import warnings
import zlib
from pathlib import Path

import numpy as np

from fuzz.seeds import LOG_SHAPE, USERS_FILE
from glview import recovering
from glview.core import looks
from glview.core.colormaps import COLORMAPS
from glview.core.image import Image
from glview.core.sample import sample_of
from glview.core.stretch import KINDS
from glview.document import Document
from glview.files import ReadError, journal, open_images
from glview.files.editlog import LogError
from glview.files.load import load_mask
from glview.files.recovery import recover
from glview.files.unsaved import Place
from glview.files.whole import Whole
from glview.models.own import read_own
from glview.models.registry import ModelError
from glview.models.weights import load_tensors

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


def edits(data, folder):
    """The bytes are a log of edits: what is sound in it can be restored, undone and done again.

    Every second input gets true checksums, which no mutation finds.
    """
    place = Place(Path(folder), "log", 0, 0)
    lines = data[1:].split(b"\n")
    if data[:1] < b"\x80":
        lines = [b"%08x %s" % (zlib.crc32(line), line) for line in lines]
    place.log.write_bytes(b"\n".join(lines))
    try:
        found = recovering.look(place, LOG_SHAPE)
    except LogError:
        return
    if found is None:
        return
    picture = np.zeros(LOG_SHAPE, np.float32)
    document = Document([], Image("a", LOG_SHAPE, picture.dtype, None), (picture, 1),
                        sample_of(picture))
    document.usual = document.stretch  # which is what gives way to a look of the log
    recovering.restore(document, found)
    _check_look(document)
    found.sentence("a.fits")
    while document.history.undo(document):
        _check_state(document)
    while document.history.redo(document):
        _check_state(document)


def _check_look(document):
    look = document.stretch
    assert looks.from_text(looks.to_text(look)) == look
    assert look.kind in KINDS and look.colormap in COLORMAPS
    assert np.isfinite(np.array([look.low, look.high, look.contrast, look.bias], "f4")).all()


def _check_state(document):
    codes = document.edits.plane[:, :]
    assert codes.shape == LOG_SHAPE and codes.max() <= 2
    assert 0 <= document.mask.threshold <= 1 and type(document.mask.dilation) is int
    assert set(document.verdicts.values()) <= {"accepted", "rejected"}
    assert all(0 <= y < LOG_SHAPE[0] and 0 <= x < LOG_SHAPE[1] for y, x in document.verdicts)


def journals(data, folder):
    """The bytes are the journal of a save that never came to a file: not a byte of it changes.

    Every second input is taken for the plan and gets all else that a journal needs.
    """
    os.environ["GLVIEW_CONFIG"] = str(folder)
    path = Path(folder) / "user.fits"
    if not path.exists():
        path.write_bytes(USERS_FILE)
    place = journal.place_of(path)
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(_journal(data[1:], path) if data[:1] < b"\x80" else data[1:])
    recover(path)
    journal.only_saved(path, (1, 2, 3), (4, 5, 6))
    for left in place.parent.iterdir():
        left.unlink()
    assert path.read_bytes() == USERS_FILE


def _journal(text, path):
    """A whole journal of a plan; its old bytes are those of the file from where the plan says."""
    text = text.replace(b"INODE", str(os.stat(path).st_ino).encode())
    try:
        plan = json.loads(text)
        old = USERS_FILE[plan["at"] : plan["stamp"][1]]
    except (ValueError, TypeError, LookupError, RecursionError):
        old = b""
    whole = old + text + len(text).to_bytes(8, "big")
    return whole + hashlib.sha256(whole).digest()


def models(data, folder):
    """The bytes are what describes a model, or its weights."""
    for name, read in (("a.toml", read_own), ("a.safetensors", load_tensors)):
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            read(path)
        except ModelError as error:
            assert str(error)


def _written(folder, data):
    path = Path(folder) / "a.fits"
    path.write_bytes(data)
    return path


TARGETS = {"images": images, "masks": masks, "edits": edits, "journals": journals,
           "models": models}
