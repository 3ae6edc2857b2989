"""What tests of the tools share: a document, and a user who hears what the workers did."""

import time

import numpy as np

from glview import opening
from glview.core.image import from_array
from glview.core.mask import EDIT_ADD
from glview.jobs import Jobs
from glview.tools.pick import Pick
from glview.tools.region import Region


def new_document(shape=(40, 50), pixels=None):
    image = from_array(np.zeros(shape, np.float32) if pixels is None else pixels)
    return opening.document_of(opening.look_at((image,), image))


class Helper:
    """Does what the tools leave to workers, and hears what they tell."""

    def __init__(self):
        self.jobs, self.told = Jobs(), []

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.jobs.close()

    def settle(self):
        """Wait for all of it; returns the last sentence."""
        until = time.monotonic() + 30
        while self.jobs.busy:
            assert time.monotonic() < until, self.jobs.busy
            self.jobs.collect()
            time.sleep(0.001)
        return self.told[-1] if self.told else None

    def click(self, document, pixel, remove=False, reach=1):
        """Click with the pick tool and wait for what it tells."""
        Pick().click(document, pixel, reach, remove, self.jobs, self.told.append)
        return self.settle()

    def drag(self, document, *points, value=EDIT_ADD, lasso=False):
        """Draw a region from point to point and wait for what it tells."""
        tool = Region()
        tool.press(document, points[0], value, lasso)
        for point in points[1:]:
            tool.drag(document, point)
        tool.release(self.jobs, self.told.append)
        return self.settle()


def places(document):
    """{(y, x): code} of all edited pixels."""
    plane = document.edits.plane[:, :]
    return {(int(y), int(x)): int(plane[y, x]) for y, x in np.argwhere(plane)}
