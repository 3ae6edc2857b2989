"""What of a document the panes need, and the buffers that hold it."""

import numpy as np
import pytest

from glview.core.mask import MaskSettings
from glview.core.view import View, window
from glview.gl.area import buffer_side, region_for, room_for
from glview.library import entry_of_array


@pytest.mark.parametrize("dilation", [0, 5])
def test_a_buffer_with_room_for_all_zooms_is_never_made_again(dilation):
    document = entry_of_array(np.zeros((3000, 5000), np.float32)).document
    document.mask = MaskSettings(0.5, dilation)
    most = None
    for zoom in np.geomspace(0.03, 30, 97):
        for y, x in ((0.0, 0.0), (1500.3, 2500.7), (2999.0, 10.0)):
            view = View(y, x, float(zoom))
            windows = [window(view, size, True) for size in ((301, 404), (301, 290))]
            room = room_for(document, windows, 16384)
            most = most or room
            assert room == most
            region = region_for(document, windows, 1000, 16384)
            width, height = map(buffer_side, region.size)
            assert width <= room[0] and height <= room[1]


def test_the_room_of_a_buffer_ends_at_the_image_and_at_what_the_driver_can_make():
    document = entry_of_array(np.zeros((30, 5000), np.float32)).document
    windows = [window(View(15.0, 2500.0, 1.0), (700, 1100), True)]
    assert room_for(document, windows, 16384) == (2304, 128)
    assert room_for(document, windows, 1000) == (1000, 128)
