"""What a search has not been over is told apart from what it found empty."""

import numpy as np
import pytest
from astropy.io import fits
from detections import DONE, READY, SHIPPED, tile
from robot import Robot

SHAPE = (200, 300)
TILE = (0, 0, 200, 100)
SEARCHED, NOT = (50, 50), (50, 250)


def picture():
    return np.random.default_rng(0).normal(100, 5, SHAPE).astype(np.float32)


@pytest.fixture
def robot(children):
    with Robot(picture(), model=SHIPPED) as made:
        yield made


def cancelled(robot):
    """A detection that was given up after a third of the frame."""
    robot.key("D")
    robot.desk.detector._run.remote.events = [READY, tile(*TILE, [SEARCHED]), {"progress": 0.33}]
    robot.until(lambda: robot.document.detection.covered > 0.3)
    robot.key("Escape")
    robot.settle()


def told(robot, pixel):
    robot.move(robot.of_pixel(*pixel))
    robot.settle()
    robot.frame()
    return robot.desk.readout.text


def brightness(robot, pixel):
    """Of the overview at a pixel."""
    left, top = robot.places["overview"][:2]
    py, px = robot.overview().to_pane(*pixel)
    at = robot.picture()[int(top + py) - 2 : int(top + py) + 3, int(left + px) - 2 :][:, :5]
    return float(at.mean())


def test_a_pixel_that_was_never_searched_has_no_confidence(robot):
    cancelled(robot)
    assert "confidence 0.9000   model" in told(robot, SEARCHED)
    assert "confidence 0.0000   not masked" in told(robot, (52, 52))
    assert told(robot, NOT).endswith("not searched")
    assert "confidence" not in told(robot, NOT)


def test_what_was_drawn_by_hand_where_nothing_was_searched_is_told(robot):
    cancelled(robot)
    robot.key("B")
    robot.click(robot.of_pixel(*NOT))
    robot.settle()
    assert told(robot, NOT).endswith("not searched   added by hand")


def test_the_overview_stays_dark_where_a_cancelled_detection_has_not_been(robot):
    before = brightness(robot, NOT)
    cancelled(robot)
    robot.frame(2)
    assert brightness(robot, NOT) < 0.8 * before
    assert brightness(robot, (50, 40)) > 0.8 * before
    assert robot.reads("Only 33 % of the frame was searched")


def test_a_search_of_the_view_leaves_the_rest_dark(robot, children):
    before = brightness(robot, NOT)
    robot.desk.detector.start(robot.document, box=(0, 0, 100, 100))
    robot.until(lambda: robot.desk.detector._run.ready.is_set())
    children[-1].events = [READY, tile(0, 0, 100, 100), DONE]
    robot.settle()
    assert brightness(robot, NOT) < 0.8 * before and told(robot, NOT).endswith("not searched")
    assert robot.reads("Only 17 % of the frame was searched")


def test_a_whole_search_leaves_nothing_dark_and_says_nothing(robot):
    before = brightness(robot, NOT)
    robot.key("D")
    robot.desk.detector._run.remote.events = [READY, tile(0, 0, *SHAPE), {"progress": 1.0}, DONE]
    robot.settle()
    assert brightness(robot, NOT) > 0.9 * before and not robot.reads("was searched")



@pytest.fixture
def part(children, tmp_path):
    """A file with the saved mask of a search that was given up after a third of the frame."""
    path = tmp_path / "part.fits"
    fits.writeto(path, picture())
    with Robot(path, model=SHIPPED) as robot:
        cancelled(robot)
        robot.key("Ctrl+S")
        robot.settle()
    return path


def test_reopened_it_is_known_where_the_search_was(children, part):
    with Robot(part, model="decam") as robot:
        assert robot.reads("Only 33 % of the frame was searched; the rest is dark in the overview")
        assert robot.reads("Mask read from part.fits: ACS-WFC, threshold 0.5")
        assert told(robot, SEARCHED).endswith("confidence 0.9000   model")
        assert told(robot, NOT).endswith("not searched")
        assert brightness(robot, NOT) < 0.8 * brightness(robot, (50, 40))
        assert robot.document.detection.gaps.boxes == [TILE] and not robot.document.changed
    with fits.open(part) as hdus:
        assert [hdus[name].header["CRBOXES"] for name in ("CR_MASK", "CR_PROBABILITY")] == [
            "[1:100,1:200]"] * 2


def test_reopened_the_search_goes_on_where_it_ended(children, part):
    with Robot(part, model=SHIPPED) as robot:
        robot.click("Continue")
        child = children[-1]
        assert child.request["known"] == (TILE,)
        child.events = [READY, tile(0, 100, 200, 300, [NOT]), {"progress": 1.0}, DONE]
        robot.settle()
        assert np.argwhere(robot.document.detection.confidence > 0.5).tolist() == [
            list(SEARCHED), list(NOT)]
        assert robot.document.changed and robot.document.detection.covered == 1.0
        robot.key("Ctrl+S")
        robot.settle()
    with fits.open(part) as hdus:
        assert "CRBOXES" not in hdus["CR_MASK"].header and hdus["CR_MASK"].data.sum() == 2


def test_what_came_after_it_went_on_is_neither_forgotten_nor_dark(children, part):
    """Given up once more, what came is shown, is the user's to save, and need not come again."""
    with Robot(part, model=SHIPPED) as robot:
        robot.click("Continue")
        children[-1].events = [READY, tile(0, 100, 200, 200, [(50, 150)]), {"progress": 0.66}]
        robot.until(lambda: robot.document.detection.covered > 0.6)
        robot.key("Escape")
        robot.settle()
        assert told(robot, (50, 150)).endswith("confidence 0.9000   model")
        assert robot.document.changed and robot.document.detection.covered == 0.66
        robot.click("Continue")
        assert sorted(children[-1].request["known"]) == [TILE, (0, 100, 200, 200)]


def test_what_another_model_was_asked_for_is_left_out_of_what_goes_on(children, part):
    with Robot(part, model="decam") as robot:
        robot.desk.detector.start(robot.document, box=(0, 80, 200, 150))
        robot.until(lambda: robot.desk.detector._run.ready.is_set())
        children[-1].events = [READY | {"provenance": {"model": "decam", "weights_sha256": "d"}},
                               tile(0, 80, 200, 150), DONE]
        robot.settle()
        robot.key("Ctrl+S")
        robot.settle()
    with Robot(part, model=SHIPPED) as robot:
        assert robot.document.detection.gaps.boxes == [(0, 0, 200, 150)]
        robot.click("Continue")
        assert children[-1].request["known"] == ((0, 0, 200, 80),)


@pytest.mark.parametrize("said", [None, "", "[1:301,1:200]", "[0:9,1:9]", "here"])
def test_where_nobody_knows_where_only_the_share_is_told(children, part, said):
    """Saved by an earlier glview, or changed by another program."""
    card = b"CRBOXES = '[1:100,1:200]'"
    other = b"CRNOTHIN= '[1:100,1:200]'" if said is None else f"CRBOXES = '{said:13}'".encode()
    assert part.read_bytes().count(card) == 2 and len(card) == len(other)
    part.write_bytes(part.read_bytes().replace(card, other))
    with Robot(part, model=SHIPPED) as robot:
        before = brightness(robot, NOT)
        assert robot.reads("Only 33 % of the frame was searched; where is not told by the file")
        assert told(robot, NOT).endswith("confidence 0.0000   not masked"), "nobody knows"
        assert "Continue" not in robot.in_sight()
        robot.workspace.model = "decam"
        robot.desk.detector.start(robot.document, box=(0, 0, 10, 10))
        robot.until(lambda: robot.desk.detector._run.ready.is_set())
        children[-1].events = [READY, tile(0, 0, 10, 10), DONE]
        robot.settle()
        assert told(robot, SEARCHED).endswith("confidence 0.9000   model"), "it was searched"
        assert brightness(robot, NOT) > 0.9 * before, "nobody knows where"


ACS, STIS = ({"TELESCOP": "HST", "INSTRUME": name} for name in ("ACS", "STIS"))


@pytest.mark.parametrize(("model", "cards", "words"), [
    ("decam", ACS, "deepCR decam was made for DECam; this is HST ACS"),
    ("WFC3-UVIS", STIS, "deepCR WFC3-UVIS was made for HST WFC3; this is HST STIS"),
    (f"{SHIPPED}+NRES", ACS, "Cosmic-CoNN NRES was made for LCO NRES; this is HST ACS"),
    ("ground_imaging", ACS, "was made for imagers on the ground; this is HST ACS"),
    (SHIPPED, {"TELESCOP": "CTIO 4.0-m telescope", "INSTRUME": "DECam"},
     "deepCR ACS-WFC was made for HST ACS; this is CTIO 4.0-m telescope DECam"),
])
def test_a_model_for_another_camera_is_told(children, tmp_path, model, cards, words):
    path = tmp_path / "frame.fits"
    fits.writeto(path, picture(), fits.Header(cards))
    with Robot(path, model=model) as robot:
        assert robot.reads(words)
        robot.workspace.model = "auto"
        assert not robot.reads("was made for")


@pytest.mark.parametrize(("model", "cards"), [
    (SHIPPED, ACS), (SHIPPED, STIS), ("lacosmic", ACS), ("decam", {}), ("no such", ACS),
    ("decam", {"INSTRUME": "DECam"}), ("ground_imaging", {"INSTRUME": "GMOS-N"}),
])
def test_a_model_for_this_camera_or_for_any_is_not(children, tmp_path, model, cards):
    path = tmp_path / "frame.fits"
    fits.writeto(path, picture(), fits.Header(cards))
    with Robot(path, model=model) as robot:
        assert not robot.reads("was made for")
