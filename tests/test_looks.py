"""How a picture was displayed is saved with its mask, and shown again where nobody chose else."""

import pytest
from astropy.io import fits
from headless import SHAPE, work_on
from hypothesis import given
from hypothesis import strategies as st
from sky import write_noise

from glview import session
from glview.core import looks
from glview.core.colormaps import COLORMAPS
from glview.core.limits import LIMITS
from glview.core.stretch import KINDS, ZOOMOUT, Stretch

NUMBER = st.floats(-looks.MOST, looks.MOST)
LOOK = Stretch("log", "user", 40.5, 1 / 3, True, "heat", True, 2.5, 0.25, "max")


@given(st.builds(Stretch, st.sampled_from(list(KINDS)), st.sampled_from(list(LIMITS)), NUMBER,
                 NUMBER, st.booleans(), st.sampled_from(list(COLORMAPS)), st.booleans(), NUMBER,
                 NUMBER, st.sampled_from(list(ZOOMOUT))))
def test_every_look_comes_back(look):
    text = looks.to_text(look)
    assert looks.from_text(text) == look and text.isascii()


@pytest.mark.parametrize("text", [
    None, 7, "", "7", "[]", "{", '{"kind": "none"}', '{"kind": 3}', '{"other": 1}', '{"low": "1"}',
    '{"low": NaN}', '{"high": Infinity}', '{"clip": 1}', '{"bias": true}', "[" * 100_000,
    '{"contrast": 1e39}', '{"low": -1e39}', '{"high": 1%s}' % ("0" * 400)])
def test_what_is_no_look_is_none(text):
    """A number that no float of the GPU holds would fail in every frame."""
    assert looks.from_text(text) is None


@pytest.fixture
def path(tmp_path):
    return write_noise(tmp_path / "frame.fits", SHAPE)


def saved(desk, look):
    document = desk.show(0)
    work_on(document)
    document.stretch = look
    desk.library.save()
    desk.settle()
    return document


def test_the_look_is_saved_and_comes_back_and_is_nobodys_taste(desk_of, path):
    saved(desk_of(path), LOOK)
    assert fits.getval(path, "GLVLOOK", "CR_MASK") == looks.to_text(LOOK)
    desk = desk_of(path)
    document = desk.show(0)
    assert document.stretch == LOOK and not document.changed
    desk.settings.like(document)
    assert desk.settings.stretch == Stretch()
    desk.library.save()  # and saved again
    desk.settle()
    assert desk_of(path).show(0).stretch == LOOK


def test_what_the_user_or_the_command_chose_stays(desk_of, path):
    saved(desk_of(path), LOOK)
    asked = desk_of(path)
    asked.settings.for_this_run(kind="sqrt")
    assert asked.show(0).stretch == Stretch("sqrt")
    chosen = desk_of(path)
    chosen.finisher.hold()
    chosen.library.show(0)
    chosen.settle()
    chosen.document.stretch = Stretch("asinh")
    chosen.finisher.release()
    assert chosen.settle().has_mask and chosen.document.stretch == Stretch("asinh")


def test_the_first_file_of_a_window_gets_its_look_back_too(desk_of, path):
    """What the command line does not ask for is not chosen by it."""
    saved(desk_of(path), LOOK)
    desk = desk_of(path)
    desk.finisher.hold()
    desk.library.show(0)
    desk.settle()
    session.look(desk, session.Options())
    desk.finisher.release()
    assert desk.settle().stretch == LOOK


def test_the_usual_look_is_not_saved(desk_of, path):
    saved(desk_of(path), LOOK)
    desk = desk_of(path)
    document = desk.show(0)
    document.stretch = Stretch()
    desk.library.save()
    desk.settle()
    assert "GLVLOOK" not in fits.getheader(path, "CR_MASK")
    other = desk_of(path)
    other.settings.stretch = Stretch("squared")
    assert other.show(0).stretch == Stretch("squared")
