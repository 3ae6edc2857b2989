"""The side file: where a mask lies that is not in its image's own file."""

import os
from pathlib import Path

from glview.files.commit import stamp_if_there

SIDE = ".glview.fits"


def side_files(path, real=None):
    """Where a mask may lie that is not in the image's file: beside it, or beside a link to it.

    real: the image's path without links, where that is known already.
    """
    real = Path(os.path.realpath(path)) if real is None else real
    return list(dict.fromkeys(place.with_name(place.name + SIDE) for place in (real, Path(path))))


def side_stamps(path, *more):
    """What tells later whether an image's side files, and more of them, are as they were.

    {Path: `source.stamp_of` it, None if it is not there}. The image's own come first, by paths that
    lead to them even when a link to the image, or to its folder, leads elsewhere.
    """
    own = [Path(os.path.realpath(side.parent)) / side.name for side in side_files(path)]
    return {side: stamp_if_there(side) for side in (*own, *more)}


def path_then(sides):
    """The image's path without links when these `side_stamps` were taken."""
    side = next(iter(sides))
    return side.with_name(side.name.removesuffix(SIDE))
