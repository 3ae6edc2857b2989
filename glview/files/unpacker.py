"""A program of its own: unpack one tile-compressed FITS image to raw values.

python unpacker.py INPUT INDEX TYPE OUTPUT; INPUT and OUTPUT are inherited file descriptors. The
decoders of HCOMPRESS_1 and PLIO_1 write beyond their buffers when the data is damaged: here they
can bring down only this process. It needs nothing of glview.
"""

import os
import sys
import warnings

import numpy as np
from astropy.io import fits

BAND = 16 << 20


def unpack(source, index, dtype, target):
    """Write the image of HDU `index` to the descriptor `target`, row by row, as `dtype`."""
    os.lseek(source, 0, os.SEEK_SET)
    with os.fdopen(source, "rb") as file, fits.open(file, memmap=False) as hdus:
        section = hdus[index].section
        *planes, height, width = (1, *section.shape)
        step = max(1, BAND // (width * dtype.itemsize))
        for plane in np.ndindex(*planes):
            for y in range(0, height, step):
                rows = (*plane[1:], slice(y, min(y + step, height)), slice(None))
                band = section[rows[-len(section.shape) :]]
                data = memoryview(np.ascontiguousarray(band, dtype)).cast("B")
                while data:
                    data = data[os.write(target, data) :]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    unpack(int(sys.argv[1]), int(sys.argv[2]), np.dtype(sys.argv[3]), int(sys.argv[4]))
