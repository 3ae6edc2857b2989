"""The side file: where a mask lies that is not in its image's own file."""

import os
from pathlib import Path

from glview.files.commit import stamp_if_there

SIDE = ".glview.fits"


def side_files(path):
    """Where a mask may lie that is not in the image's file: beside it, or beside a link to it."""
    real = Path(os.path.realpath(path))
    return list(dict.fromkeys(place.with_name(place.name + SIDE) for place in (real, Path(path))))


def side_stamps(path, *more):
    """What tells later whether an image's side files, and more of them, are as they were.

    {Path: `source.stamp_of` it, None if it is not there}.
    """
    return {side: stamp_if_there(side) for side in (*side_files(path), *more)}
