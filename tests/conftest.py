"""What every test shares: where files go, one OpenGL context, a simulated sky.

Set before anything is imported, and inherited by the processes that tests start.
"""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
# One place for all tests, so that kernels compile once, and not beside the sources, where files of
# a renamed module would be found again.
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".cache" / "numba"))
# The same examples each time, so that a red run is the change's own doing; for new ones every time:
# pytest --hypothesis-profile=default
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")
# No test opens a window on the developer's desktop; the tests of the window bring their own server.
for name in ("DISPLAY", "WAYLAND_DISPLAY"):
    os.environ.pop(name, None)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name.startswith(("test_gl", "test_shaders")):
            item.add_marker("gl")


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A user's folders of the test's own: settings, state, data and cache; returns their parent."""
    monkeypatch.delenv("GLVIEW_CONFIG", raising=False)
    folder = tmp_path_factory.mktemp("home")
    for kind in ("CONFIG", "STATE", "DATA", "CACHE"):
        path = folder / kind.lower()
        path.mkdir()
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(path))
    return folder


def gl_is_required():
    """True in CI and under `make test`, where a missing OpenGL is a failure and not a skip."""
    return bool(os.environ.get("CI")) or os.environ.get("GLVIEW_REQUIRE_GL") == "1"


@pytest.fixture(scope="session")
def gl():
    """One moderngl context without a window for the whole run; no error may be left at its end."""
    import moderngl

    backend = {"backend": "egl"} if sys.platform.startswith("linux") else {}
    try:
        ctx = moderngl.create_context(standalone=True, require=330, **backend)
    except Exception as error:  # moderngl and glcontext raise the bare class
        message = f"no OpenGL 3.3 here ({error}); .ci/system demo installs what is missing"
        if gl_is_required():
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    yield ctx
    with ctx:
        assert ctx.error == "GL_NO_ERROR"
    ctx.release()


@pytest.fixture(autouse=True)
def gl_is_current(request):
    """Around each test that uses `gl`: its context is the current one, and it leaves no error."""
    if "gl" not in request.fixturenames:
        yield
        return
    ctx = request.getfixturevalue("gl")
    with ctx:
        yield
        assert ctx.error == "GL_NO_ERROR"


@pytest.fixture(scope="session")
def sky():
    """A frame of 256 x 320 pixels with its truth (see sky.py); its arrays cannot be written."""
    from sky import make_sky

    made = make_sky()
    for array in (made.image, made.truth, made.stars):
        array.flags.writeable = False
    return made
