"""The window's size and the monitor's scale, on the kinds of systems there are."""

from types import SimpleNamespace

import pytest

from glview.app import Desk
from glview.gl.context import Offscreen, Window
from glview.settings import FILE, Settings, folder
from glview.workspace import Workspace


def window_on(content, size, pixels):
    """A Window on a monitor of content scale `content`: its size in the system's units."""
    made = Window.__new__(Window)
    made.handle = None
    made.glfw = SimpleNamespace(get_window_content_scale=lambda handle: (content, content),
                                get_window_size=lambda handle: size,
                                get_framebuffer_size=lambda handle: pixels)
    return made


@pytest.mark.parametrize(("content", "size", "pixels", "scale"), [
    (1.0, (1200, 800), (1200, 800), 1.0),
    (2.0, (2400, 1600), (2400, 1600), 2.0),  # X11 and Windows: pixels
    (1.5, (1800, 1200), (1800, 1200), 1.5),
    (2.0, (1200, 800), (2400, 1600), 1.0),  # macOS: points, enlarged by the system
])
def test_the_size_to_open_with_is_that_of_an_ordinary_monitor(content, size, pixels, scale):
    window = window_on(content, size, pixels)
    assert window.usual_size == (1200, 800) and window.size == pixels
    assert window.scale == scale


def test_a_window_that_is_iconified_has_a_size():
    assert window_on(1.0, (0, 0), (0, 0)).usual_size == (0, 0)


def test_the_size_is_the_same_after_many_starts(gl, monkeypatch, tmp_path):
    monkeypatch.setenv("GLVIEW_CONFIG", str(tmp_path))
    for _ in range(3):
        settings = Settings.load(folder() / FILE)
        platform = Offscreen(settings.size, scale=2.0)
        assert platform.size == (3200, 2000)
        Desk(platform, Workspace([]), settings).close()
    assert Settings.load(folder() / FILE).size == (1600, 1000)
