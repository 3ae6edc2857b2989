"""Reading: the images of each file that are to be searched, one after another."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from glview.batch import done, rows
from glview.batch.plan import Item
from glview.core.image import Image
from glview.files import dq, open_with_source
from glview.files.source import stamp_of

COMPANIONS = {
    "ERR", "ERROR", "SIGMA", "UNCERT", "STDDEV", "VAR", "VARIANCE", "VAR_POISSON", "VAR_RNOISE",
    "VAR_FLAT", "IVAR", "WHT", "WEIGHT", "WEIGHTMAP", "EXP", "TIME", "SAMP", "CTX", "CON", "DQ",
    "MASK", "BPM", "BADPIX", "FLAGS", "QUALITY", "AREA", "SKYFIT", "OVERLAP",
}
"""Names of extensions that go with a science image and are not one."""


@dataclass(frozen=True)
class Frame:
    """An image that is ready to be searched.

    pixels: (H, W) float32, or the Image itself where it would take too much memory; share: of its
    file's images; opened: the stamp of the file; seconds: what reading took; last:
    it is the last image of its file.
    """

    item: Item
    image: Image
    pixels: object
    model: str
    share: float
    opened: tuple
    seconds: float
    last: bool = True


def science(images):
    """Those of a file's images that show the sky: named SCI, or else not named in COMPANIONS.

    images: list of Image; if nothing is left, all of them are.
    """
    names = [str(image.header.get("EXTNAME", "")).strip().upper() for image in images]
    for fits in (lambda name: name == "SCI", lambda name: name not in COMPANIONS):
        chosen = [image for image, name in zip(images, names, strict=True) if fits(name)]
        if chosen:
            return chosen
    return images


def frames(items, request, models, most):
    """Yield a Frame for each image to search and a Row for each that is not to be or cannot be.

    models: `pool.Models`. most: pixels of an image that is read whole.
    """
    for item in items:
        try:
            found = _images(item)
        except Exception as error:
            yield rows.failed(item, error)
            continue
        for number, (source, image) in enumerate(found, 1):
            frame = _frame(item, request, models, most, (source, image, 1 / len(found)))
            last = number == len(found)
            yield frame if last or not isinstance(frame, Frame) else replace(frame, last=False)


def _images(item):
    """[(Source, Image)]: each plane of each image of a file that is asked for."""
    found = []
    for ext in item.exts:
        packed = None
        with suppress(OSError, ValueError):  # what is wrong is said by the opening
            packed = stamp_of(os.stat(item.path))
        source, images = open_with_source(item.path, ext)
        stamp = packed if source.packed else source.stamp
        for image in science(images) if ext is None else images:
            found += [(source, replace(image, plane=plane, stamp=stamp))
                      for plane in range(image.planes)]
    return found


def _frame(item, request, models, most, picture):
    source, image, share = picture
    known = about(item, image) | {"share": share}
    try:
        model = models.name_for(request.model, image.header)
        stands, figures = done.standing(item, source, image, request,
                                        lambda: models.origin(model, request, image))
        if stands != done.NOTHING:
            return left_alone(item, stands, model, known | figures, image.notes)
        if request.dq is not None:
            dq.check(source, image, request.dq)  # before the search, which takes long
        models.expect(model)
        began = time.perf_counter()
        pixels = image
        if image.shape[0] * image.shape[1] <= most:
            pixels = np.empty(image.shape, np.float32)
            image.read32(0, image.shape[0], 0, image.shape[1], pixels)
        return Frame(item, image, pixels, model, share, image.stamp, time.perf_counter() - began)
    except Exception as error:
        return rows.failed(item, error, **known)


def left_alone(item, stands, model, known, notes=()):
    """The Row of an image of which DONE or EDITED stands; known: see `about` and `done.standing`,
    whose notes are of that; notes: of the image."""
    status = rows.SKIPPED if stands == done.DONE else rows.KEPT
    told = {"notes": (*notes, *known["notes"]), "warned": known["warned"] or bool(notes)}
    return rows.Row(item.name, status=status, model=model, **known | told)


def about(item, image):
    """What a Row says about an image of a file."""
    plane = image.plane if image.planes > 1 else None
    name = image.name if plane is None else f"{image.name} plane {plane + 1}"
    return {"name": item.folder + name, "hdu": image.hdu, "plane": plane, "shape": image.shape}


def is_lazy(frame):
    """Whether the frame is read while it is searched, because it is too large."""
    return frame.pixels is frame.image

