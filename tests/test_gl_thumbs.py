"""The cache of thumbnails when more are in sight than it holds."""

import numpy as np
from drawing import document_of

from glview.core import cutout
from glview.gl.panes import Painter
from glview.gl.thumbs import SLOTS, Thumbnails
from glview.workspace import Overlay

CELLS = (np.zeros((cutout.SIDE,) * 2, np.float32), np.zeros((cutout.SIDE,) * 2, np.uint8))


class Panel:
    """Shows thumbnails by number, and makes what is missing at the end of each frame."""

    def __init__(self, ctx):
        self.thumbnails, self.painter = Thumbnails(ctx), Painter(ctx)
        self.document = document_of(np.zeros((9, 9), np.float32))

    def frame(self, numbers, stamp=0):
        """Numbers of the pictures that had to be made."""
        wishes = {}
        for number in numbers:
            if self.thumbnails.stamp(number) != stamp:
                wishes[number, stamp] = None
            self.thumbnails.has(number)
            self.thumbnails.show(number)
        made = [number for number, _ in self.thumbnails.within(wishes)]
        self.thumbnails.draw(self.painter, self.document, Overlay())
        for number in made:
            self.thumbnails.put(number, stamp, CELLS, 8, (0, 0, 9, 9))
        return made


def test_more_in_sight_than_there_is_room_for_comes_to_rest(gl):
    panel = Panel(gl)
    many = range(SLOTS + 300)
    assert len(panel.frame(many)) == SLOTS
    assert panel.frame(many) == []
    shown = [number for number in many if panel.thumbnails.has(number)]
    assert shown == list(many[:SLOTS])


def test_after_scrolling_the_first_in_sight_push_out_the_others(gl):
    panel = Panel(gl)
    panel.frame(range(200, 200 + SLOTS))
    assert len(panel.frame(range(SLOTS + 300))) == 200
    assert panel.frame(range(SLOTS + 300)) == []
    assert all(panel.thumbnails.has(number) for number in range(SLOTS))


def test_a_new_mask_makes_all_in_sight_once(gl):
    panel = Panel(gl)
    panel.frame(range(SLOTS + 9))
    assert len(panel.frame(range(SLOTS + 9), stamp=1)) == SLOTS
    assert panel.frame(range(SLOTS + 9), stamp=1) == []


def test_a_large_panel_on_a_large_screen_fits():
    from glview.ui.thumbnails import SIDE

    across, down = 3840 // (SIDE + 8), 2160 // (SIDE + 13 + 24)
    assert SLOTS >= across * (down + 1)
