"""The driver takes the OpenGL context away, and the work goes on in a new one."""

import ctypes
from ctypes.util import find_library

import numpy as np
import pytest
from imgui_bundle import imgui
from astropy.io import fits
from drawing import tell
from robot import Robot

from glview import renewing, session
from glview.app import Desk
from glview.core.edits import EDIT_ADD
from glview.core.view import View
from glview.gl.context import DisplayError, Offscreen
from glview.gl.frame import LostError
from glview.gl.lost import Watch
from glview.library import mask_of
from glview.settings import log_file

SHAPE = (120, 160)
GUILTY = 0x8253
ANSWER = ctypes.CFUNCTYPE(ctypes.c_uint)


def picture_of_rays():
    """(image, confidence) with five objects."""
    rng = np.random.default_rng(8)
    image, confidence = rng.normal(100, 5, SHAPE).astype(np.float32), np.zeros(SHAPE, np.float32)
    for y in range(20, 120, 20):
        image[y, 30:40] += 300
        confidence[y, 30:40] = 0.9
    return image, confidence


def take_away():
    """What a driver does at its worst: the context is gone, and nobody was told."""
    egl = ctypes.CDLL(find_library("EGL"))
    egl.eglGetCurrentDisplay.restype = egl.eglGetCurrentContext.restype = ctypes.c_void_p
    display, context = (ctypes.c_void_p(ask()) for ask in (egl.eglGetCurrentDisplay,
                                                           egl.eglGetCurrentContext))
    assert egl.eglMakeCurrent(display, None, None, None)
    assert egl.eglDestroyContext(display, context)


def paint(robot, y=60):
    robot.key("B")
    robot.drag(robot.of_pixel(y, 80), robot.of_pixel(y, 120))
    robot.settle()


def seen(robot):
    """The window without its last line, which says what happened."""
    robot.settle()
    robot.frame(3)
    return robot.picture()[: int(robot.places["readout"][1])].astype(int)


@pytest.fixture
def robot():
    """Somebody with a detection and a stroke that are not saved, and the third object selected."""
    image, confidence = picture_of_rays()
    with Robot(image, size=(1000, 700)) as made:
        made.know(confidence)
        paint(made)
        made.key("N", times=3)
        made.move((500, 2))
        yield made


def test_everything_comes_back_and_the_work_goes_on(robot):
    before, mask, place = seen(robot), mask_of(robot.document), robot.desk.listing.place
    view, lost = robot.view, robot.platform.ctx
    assert mask.sum() > 80 and place >= 0 and before.std() > 20
    take_away()
    assert np.array_equal(seen(robot), before), "panes, overview, thumbnails, letters"
    assert robot.platform.ctx is not lost and not robot.platform.lost
    assert robot.workspace.told == renewing.TOLD and not robot.workspace.notices
    assert robot.reads("nothing was lost")
    assert (robot.view, robot.desk.listing.place) == (view, place)
    assert np.array_equal(mask_of(robot.document), mask)
    robot.key("Ctrl+Z")
    assert mask_of(robot.document).sum() == 50, "the stroke is undone"
    robot.key("Ctrl+Shift+Z")
    assert np.array_equal(mask_of(robot.document), mask)
    assert not log_file().exists()
    assert robot.platform.ctx.error == "GL_NO_ERROR"


def test_a_loss_in_the_middle_of_a_frame_is_no_further_failure(robot, monkeypatch):
    before, draw = seen(robot), robot.desk.scene.draw

    def lose(workspace):
        take_away()
        return draw(workspace)

    monkeypatch.setattr(robot.desk.scene, "draw", lose)
    robot.frame()
    assert robot.platform.lost
    assert np.array_equal(seen(robot), before)
    assert not robot.workspace.notices and not log_file().exists()


def test_a_loss_while_tiles_are_still_coming(robot, monkeypatch):
    before, view = seen(robot), robot.view
    robot.workspace.view = View(60.0, 80.0, 6.5)
    robot.settle()
    tiles = robot.desk.scene.tiles
    for store in tiles.stores.values():
        store.release()
    put = tiles.put
    monkeypatch.setattr(tiles, "put", lambda *one: (take_away(), put(*one)))
    robot.workspace.view = view
    robot.until(lambda: robot.workspace.told == renewing.TOLD)
    assert np.array_equal(seen(robot), before)
    assert not robot.workspace.notices


def test_it_may_happen_again_and_again(robot):
    before = seen(robot)
    for _ in range(3):
        take_away()
        assert np.array_equal(seen(robot), before)
    take_away()
    robot.frame()
    take_away()
    assert np.array_equal(seen(robot), before)


def test_a_stroke_that_is_being_painted_ends_there_and_no_key_is_stuck(robot):
    robot.key("F")
    before = mask_of(robot.document)
    robot.move(robot.of_pixel(90, 80))
    robot.frame()
    robot.press()
    robot.move(robot.of_pixel(90, 90))
    robot.io.add_key_event(imgui.Key.mod_ctrl, True)
    robot.io.add_key_event(imgui.Key.left_ctrl, True)
    robot.frame(2)
    take_away()
    robot.frame(2)
    assert not robot.io.key_ctrl and not imgui.is_mouse_down(0)
    robot.move(robot.of_pixel(90, 120))
    robot.frame(2)
    y, x = np.nonzero(mask_of(robot.document) & ~before)
    assert set(y) == {90} and sorted(x) == list(range(80, 91))
    assert not robot.workspace.notices
    robot.key("Ctrl+Z")
    assert np.array_equal(mask_of(robot.document), before), "one step of the history"


def test_an_open_field_keeps_the_keyboard_and_its_letters(robot):
    robot.key("Ctrl+Shift+P")
    robot.frame(2)
    robot.type("invert")
    take_away()
    robot.frame(3)
    robot.type(" col")
    robot.key("Enter")
    robot.frame(2)
    assert robot.document.stretch.invert


@pytest.fixture
def driver(monkeypatch):
    """What the driver answers the next times it is asked for a reset; 0 afterwards."""
    answers, real = [], Offscreen._address
    tell = ANSWER(lambda: answers.pop(0) if answers else 0)
    where = ctypes.cast(tell, ctypes.c_void_p).value
    monkeypatch.setattr(Offscreen, "_address", lambda self, name: where
                        if name == "glGetGraphicsResetStatus" else real(self, name))
    yield answers
    assert tell  # the driver's code stays where it is


def test_a_reset_that_the_driver_tells_of_once(driver, robot):
    before, lost = seen(robot), robot.platform.ctx
    driver.append(GUILTY)
    assert robot.platform.lost and robot.platform.lost and not driver
    assert np.array_equal(seen(robot), before)
    assert robot.platform.ctx is not lost


def test_a_context_that_is_lost_as_soon_as_it_is_made(driver, robot, monkeypatch):
    monkeypatch.setattr(renewing, "PAUSE", 0.0)
    before = seen(robot)
    driver.extend([GUILTY] * 4)  # the first one, and three that came too soon
    assert np.array_equal(seen(robot), before) and not driver


def test_a_driver_that_takes_its_time(robot, monkeypatch):
    monkeypatch.setattr(renewing, "PAUSE", 0.0)
    before, make, tries = seen(robot), Offscreen._replace, []

    def busy(self):
        tries.append(1)
        if len(tries) < 4:
            raise DisplayError("the card is busy")
        make(self)

    monkeypatch.setattr(Offscreen, "_replace", busy)
    take_away()
    assert np.array_equal(seen(robot), before) and len(tries) == 4


def refuse(self):
    raise DisplayError("no driver answers")


def test_without_any_context_the_edits_are_offered_at_the_next_start(tmp_path, monkeypatch):
    image, confidence = picture_of_rays()
    path, unsaved = tmp_path / "night 3.fits", tmp_path / "unsaved"
    fits.writeto(path, image)
    monkeypatch.setattr(renewing, "PATIENCE", 0.0)
    with Robot(path, unsaved=unsaved) as robot, monkeypatch.context() as patch:
        paint(robot)
        tell(robot.document, confidence)  # in this moment, and it is not on the disk yet
        mask = mask_of(robot.document)
        patch.setattr(Offscreen, "_replace", refuse)
        take_away()
        with pytest.raises(DisplayError) as told:
            robot.frame()
    words = str(told.value)
    assert "reset" in words and "no driver answers" in words
    assert "what was not saved of night 3.fits is kept, and offered when" in words
    with Robot(path, unsaved=unsaved) as robot:
        robot.click("restore:restore")
        robot.settle()
        assert mask.sum() > 80 and np.array_equal(mask_of(robot.document), mask)


@pytest.mark.parametrize(("name", "work", "words"), [
    ("frame.fits", lambda robot: None, "everything was saved"),
    ("frame.fits", paint, "what was not saved of frame.fits could not be kept"),
    (None, paint, "what was not saved of array could not be kept"),
])
def test_the_end_says_what_is_true(tmp_path, monkeypatch, name, work, words):
    image = picture_of_rays()[0]
    if name:
        fits.writeto(tmp_path / name, image)
    monkeypatch.setattr(renewing, "PATIENCE", 0.0)
    with Robot(tmp_path / name if name else image) as robot:  # it keeps nothing
        work(robot)
        monkeypatch.setattr(Offscreen, "_replace", refuse)
        take_away()
        with pytest.raises(DisplayError, match=words):
            robot.frame()


def test_a_picture_that_resets_the_card_ends_the_program(robot, monkeypatch):
    """Its own drawing is what does it: nobody could work at that screen any more."""
    draw = Desk._draw
    monkeypatch.setattr(Desk, "_draw", lambda desk: (draw(desk), take_away()))
    with pytest.raises(DisplayError, match="over and over"):
        robot.frame(renewing.MOST + 2)


class Driver:
    """A context of moderngl's and its functions, as a driver may be.

    version, extensions, error: as moderngl has them; reset: the answer to the question after it.
    """

    def __init__(self, version, *extensions, error="GL_NO_ERROR", reset=0, current=True):
        self.version_code, self.extensions, self.error = version, set(extensions), error
        self.asked = []
        self._words = ctypes.create_string_buffer(b"4.5")
        text = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint)
        self._text = text(lambda name: ctypes.addressof(self._words) if current else None)
        self._resets = {name: ANSWER(lambda name=name: self.asked.append(name) or reset)
                        for name in ("glGetGraphicsResetStatus", "glGetGraphicsResetStatusARB")}

    def address(self, name):
        return ctypes.cast(self._resets.get(name, self._text), ctypes.c_void_p).value


CORE, ARB = "glGetGraphicsResetStatus", "glGetGraphicsResetStatusARB"


@pytest.mark.parametrize(("driver", "lost", "asked"), [
    (Driver(450), False, [CORE]),
    (Driver(450, reset=GUILTY), True, [CORE]),
    (Driver(330, "GL_KHR_robustness", "GL_ARB_robustness", reset=0x8255), True, [CORE]),
    (Driver(410, "GL_ARB_robustness", reset=0x8254), True, [ARB]),
    (Driver(410, reset=GUILTY), False, []),  # it has an address for it, and no such function
    (Driver(410, error="GL_CONTEXT_LOST"), True, []),
    (Driver(410, error="GL_OUT_OF_MEMORY"), False, []),
    (Driver(450, current=False), True, []),
])
def test_the_signs_of_a_loss(driver, lost, asked):
    assert Watch(driver, driver.address).lost == lost
    assert driver.asked == asked


def test_a_script_gets_its_mask_though_the_window_is_lost(monkeypatch):
    def lost(entries, options):
        entries[0].document.edits.draw((3, 4), (3, 4), 1, EDIT_ADD)
        raise LostError("the graphics driver was reset")

    monkeypatch.setattr(session, "run_window", lost)
    with pytest.warns(RuntimeWarning, match="driver was reset; the mask is returned"):
        mask = session.show(np.zeros((8, 9)))
    assert np.argwhere(mask).tolist() == [[3, 4]]
