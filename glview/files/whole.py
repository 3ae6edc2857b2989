"""Tile-compressed images of rare codecs, unpacked whole by another process through astropy."""

import math
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from glview.files.header import FitsError
from glview.files.raster import Raster
from glview.files.source import Source, most_unpacked


class Whole:
    """An image that another process unpacks into a nameless temporary file at the first read.

    physical: its type. Raises FitsError where the image claims to be larger than it can be.
    """

    def __init__(self, source, hdu, physical):
        size = math.prod(hdu.naxis) * physical.itemsize
        if size > most_unpacked(hdu.data_size):
            raise FitsError(f"the compressed image claims {size >> 20} MiB; that is refused")
        self.source, self.hdu, self.physical = source, hdu, physical
        self.height = math.prod(hdu.naxis[1:2])
        self.lock = threading.Lock()
        self.raster = self.failure = None

    def read(self, plane, y0, y1, x0, x1):
        """The box as a new array of the physical type. Raises FitsError."""
        with self.lock:
            if self.failure is not None:
                raise FitsError(self.failure)
            if self.raster is None:
                self.source.check()
                try:
                    self.raster = self._unpack()
                except FitsError as error:
                    self.failure = str(error)  # or every tile would start a process
                    raise
        return self.raster.planes(self.height)(plane, y0, y1, x0, x1)

    def _unpack(self):
        count = math.prod(self.hdu.naxis)
        with tempfile.TemporaryFile(buffering=0) as file:
            self._run(file.fileno(), 60 + count // 100_000)
            fd = os.dup(file.fileno())
        unpacked = Source(fd, self.source.path)
        if unpacked.size != count * self.physical.itemsize:
            raise FitsError(f"{self.source.name}: HDU {self.hdu.index} cannot be unpacked whole")
        width = self.hdu.naxis[0]
        return Raster(unpacked, 0, self.physical, self.physical, width, count // width)

    def _run(self, target, seconds):
        program = Path(__file__).with_name("unpacker.py")
        words = (self.source.fd, self.hdu.index, self.physical.str, target)
        command = [sys.executable, "-P", str(program), *map(str, words)]
        wrong = f"{self.source.name}: HDU {self.hdu.index} cannot be unpacked"
        keywords = {"pass_fds": (self.source.fd, target), "stdin": subprocess.DEVNULL}
        try:
            with self.source.position:
                done = subprocess.run(command, capture_output=True, timeout=seconds, **keywords)
        except subprocess.TimeoutExpired as error:
            raise FitsError(f"{wrong} in {seconds} seconds") from error
        if done.returncode < 0:
            raise FitsError(f"{wrong}: its data is damaged and brought the decoder down")
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise FitsError(f"{wrong} ({said[-1] if said else 'no reason given'})")
