"""Thumbnails and the walk from object to object."""

import numpy as np
import pytest
from drawing import OVERLAY
from robot import Robot
from scipy import ndimage

from glview.library import mask_of

SHAPE = (200, 240)
BRIGHT = 9000.0
# y0, x0, y1, x1, confidence, image value: at the edges, in corners, inside
SPOTS = (
    (0, 0, 3, 4, 0.90, 50.0), (197, 236, 200, 240, 0.60, 900.0), (0, 100, 1, 103, 0.80, 20.0),
    (90, 0, 100, 2, 0.70, 300.0), (60, 120, 66, 128, 0.95, 70.0), (150, 60, 151, 61, 0.99, BRIGHT),
    (100, 200, 102, 204, 0.55, 10.0),
)


def scene():
    """(image, confidence) of the spots; everything else is 0."""
    image, confidence = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    for y0, x0, y1, x1, sure, value in SPOTS:
        image[y0:y1, x0:x1], confidence[y0:y1, x0:x1] = value, sure
    return image, confidence


@pytest.fixture
def robot():
    image, confidence = scene()
    with Robot(image, overlay=OVERLAY) as made:
        made.know(confidence)
        yield made


def boxes(robot):
    """The objects' boxes in the order of the thumbnails."""
    listing = robot.desk.listing
    return [tuple(int(row[name]) for name in ("y0", "x0", "y1", "x1"))
            for row in listing.rows[listing.order]]


def chosen(robot):
    """The place of the selected object in that order."""
    return robot.desk.listing.place


def judged(mask):
    """Boxes of scipy's 8-connected components, largest area first."""
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    found = [(part[0].start, part[1].start, part[0].stop, part[1].stop)
             for part in ndimage.find_objects(labels)]
    return [box for _, box in sorted(zip(-areas, found, strict=True))]


def ranked(column):
    return [spot[:4] for spot in sorted(SPOTS, key=lambda spot: -column(spot))]


def area(spot):
    return (spot[2] - spot[0]) * (spot[3] - spot[1])


def test_every_object_has_a_thumbnail_to_the_frames_edge(robot):
    assert boxes(robot) == judged(mask_of(robot.document)) == ranked(area)
    for place in range(len(SPOTS)):
        robot.show(f"thumbnail:{place}")
        assert coloured(robot, place).any(), f"no mask on thumbnail {place}"


def coloured(robot, place):
    """Pixels of a thumbnail that have the mask's colour."""
    shown = robot.part(f"thumbnail:{place}").astype(int)
    return np.minimum(shown[..., 0], shown[..., 2]) - shown[..., 1] > 100


def test_a_thumbnail_is_a_picture_of_its_object(robot):
    """The bright pixel's thumbnail has its outline in the middle and the value's grey inside."""
    place = boxes(robot).index((150, 60, 151, 61))
    robot.show(f"thumbnail:{place}")
    rows, columns = np.nonzero(coloured(robot, place))
    height, width = robot.part(f"thumbnail:{place}").shape[:2]
    assert abs(rows.mean() - height / 2) < 4 and abs(columns.mean() - width / 2) < 4
    corner = place_of_corner(robot)
    shown = robot.part(f"thumbnail:{corner}").astype(int)
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 3, "outside of the image is not black"


def place_of_corner(robot):
    place = boxes(robot).index((0, 0, 3, 4))
    robot.show(f"thumbnail:{place}")
    return place


def test_they_can_be_ranked(robot):
    robot.choose("##rank", "flux")
    assert boxes(robot) == ranked(lambda spot: area(spot) * spot[5])
    robot.choose("##rank", "confidence")
    assert boxes(robot) == ranked(lambda spot: spot[4])
    robot.choose("##rank", "area")
    assert boxes(robot) == ranked(area)


def centred(robot, box):
    return (robot.view.y, robot.view.x) == ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def test_a_click_flies_there(robot):
    for place in (2, 0):
        robot.show(f"thumbnail:{place}")
        robot.click(f"thumbnail:{place}")
        robot.settle()
        box = boxes(robot)[place]
        assert centred(robot, box) and robot.view.zoom >= 4 and not robot.workspace.fit
        y, x = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
        assert tuple(robot.colour_of(y, x)) == (255, 0, 255)
        assert tuple(robot.colour_of(y, x, "mask")) == (255, 255, 255)


def test_n_and_p_walk_through_all_of_them_and_round(robot):
    robot.move("image")
    seen = []
    for _ in range(len(SPOTS) + 1):
        robot.key("N")
        assert centred(robot, boxes(robot)[chosen(robot)])
        seen.append(chosen(robot))
    assert seen == [*range(len(SPOTS)), 0]
    robot.key("P")
    assert chosen(robot) == len(SPOTS) - 1
    robot.key("P")
    assert centred(robot, boxes(robot)[-2])
    robot.settle()
    assert f"thumbnail:{len(SPOTS) - 2}" in robot.in_sight()


def test_n_and_p_without_objects_do_nothing():
    with Robot(scene()[0]) as robot:
        robot.key("N")
        robot.key("P")
        assert robot.workspace.fit and not robot.workspace.notices


def test_the_list_follows_threshold_dilation_and_edits(robot):
    def agree(count):
        robot.settle()
        assert boxes(robot) == judged(mask_of(robot.document))
        assert len(boxes(robot)) == count
        assert robot.reads(f"{count} objects")

    robot.drag(robot.at("Threshold", 0.3), robot.at("Threshold", 0.5))
    assert 0.6 < robot.document.mask.threshold < 0.7
    agree(5)
    robot.move("image", 0.02, 0.02)
    robot.key("Ctrl+Z")
    agree(7)
    robot.key("Shift+]", times=2)
    agree(7)
    robot.key("B")
    robot.key("1")
    robot.drag(robot.of_pixel(120, 100), robot.of_pixel(120, 130))
    agree(8)
    robot.key("E")
    robot.key("]", times=20)
    robot.click(robot.of_pixel(63, 124))
    robot.drag(robot.of_pixel(58, 118), robot.of_pixel(68, 130))
    agree(7)
    robot.key("Ctrl+Z", times=4)
    agree(7)
    assert boxes(robot) == judged(mask_of(robot.document))


def test_a_thumbnail_follows_an_edit_of_its_object(robot):
    robot.show("thumbnail:0")
    box, before = boxes(robot)[0], robot.part("thumbnail:0").copy()
    robot.click("thumbnail:0")
    robot.key("E")
    robot.drag(robot.of_pixel(box[0] + 2, box[1] + 2), robot.of_pixel(box[0] + 2, box[3] - 3))
    robot.settle()
    robot.move("image", 0.02, 0.02)
    robot.frame(2)
    assert boxes(robot)[0] == box
    after = robot.part("thumbnail:0").astype(int)
    red = (after[..., 0] > 120) & (after[..., 1] < 90) & (after[..., 2] < 90)
    assert red.any() and (after != before).any()


def test_the_selected_object_stays_selected(robot):
    robot.move("image", 0.02, 0.02)
    robot.key("N", times=3)
    box = boxes(robot)[chosen(robot)]
    robot.choose("##rank", "flux")
    robot.frame()
    assert boxes(robot)[chosen(robot)] == box
    robot.document.change(threshold=0.3)
    robot.settle()
    assert boxes(robot)[chosen(robot)] == box


def test_thousands_of_objects_can_be_scrolled_through():
    confidence = np.zeros((400, 400), np.float32)
    confidence[2::6, 2::6] = 1.0
    with Robot(np.zeros((400, 400), np.float32), overlay=OVERLAY) as robot:
        robot.know(confidence)
        assert len(robot.document.review.objects) == 67 * 67
        robot.key("P")
        robot.settle()
        last = 67 * 67 - 1
        assert chosen(robot) == last
        assert f"thumbnail:{last}" in robot.in_sight()
        assert len(robot.in_sight()) < 100, "only thumbnails in sight are drawn"
        assert coloured(robot, last).any()
