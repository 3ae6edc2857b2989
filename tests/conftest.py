"""What every test shares: where files go, one OpenGL context, a simulated sky.

Set before anything is imported, and inherited by the processes that tests start.
"""

import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("LIBGL_ALWAYS_SOFTWARE", "1")
# One place for all tests, so that kernels compile once, and not beside the sources, where files of
# a renamed module would be found again.  Each of xdist's processes has its own, below that of the
# one that starts them: numba does not lock its files.
os.environ["NUMBA_CACHE_DIR"] = os.path.join(
    os.environ.get("NUMBA_CACHE_DIR") or ROOT / ".cache" / "numba",
    os.environ.get("PYTEST_XDIST_WORKER", ""))
# The same examples each time, so that a red run is the change's own doing; for new ones every time:
# pytest --hypothesis-profile=default
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")
GL_FILES = "test_gl", "test_shaders"
# No test opens a window on the developer's desktop; the tests of the window bring their own server.
for name in ("DISPLAY", "WAYLAND_DISPLAY"):
    os.environ.pop(name, None)


def pytest_ignore_collect(collection_path, config):
    """`pytest -m gl` imports only the files that have such tests."""
    if config.option.markexpr == "gl" and collection_path.name.startswith("test_"):
        named = collection_path.name.startswith(GL_FILES)
        return None if named or "mark.gl" in collection_path.read_text() else True
    return None


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name.startswith(GL_FILES):
            item.add_marker("gl")


@pytest.fixture(scope="session")
def homes(tmp_path_factory):
    """Names of folders, one after the other: pytest's own search for a free one takes longer with
    each that there is."""
    parent = tmp_path_factory.mktemp("homes")
    return (parent / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def home(homes, monkeypatch):
    """A user's folders of the test's own: settings, state, data and cache; returns their parent."""
    monkeypatch.delenv("GLVIEW_CONFIG", raising=False)
    folder = next(homes)
    folder.mkdir()
    for kind in ("CONFIG", "STATE", "DATA", "CACHE"):
        path = folder / kind.lower()
        path.mkdir()
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(path))
    return folder


def reach(path):
    """Let other users come to a path: pytest's folders above it are their owner's alone."""
    for folder in Path(path).parents:
        if folder == Path(tempfile.gettempdir()):
            return
        folder.chmod(folder.stat().st_mode | 0o055)


def gl_is_required():
    """True in CI and under `make test`, where what is missing is a failure and not a skip."""
    return bool(os.environ.get("CI")) or os.environ.get("GLVIEW_REQUIRE_GL") == "1"


def needs(program):
    """Fail where OpenGL is required, else skip, if a program of .ci/system-packages is missing."""
    if shutil.which(program) is None:
        message = f"{program} is not here; .ci/system test installs what is missing"
        if gl_is_required():
            pytest.fail(message, pytrace=False)
        pytest.skip(message)


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


@pytest.fixture(scope="module")
def one_thread():
    """Small frames gain nothing from threads, which wait for each other on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def children(monkeypatch):
    """The stand-ins for the processes that search, one for each that was started."""
    from detections import stand_ins

    return stand_ins(monkeypatch)


@pytest.fixture
def frame(tmp_path):
    """The path of a file of noise, 120 x 160 pixels."""
    from sky import write_noise

    return write_noise(tmp_path / "frame.fits", (120, 160))


@pytest.fixture
def sit(tmp_path):
    """Opens files as a window does that keeps what is not saved; closed at the end."""
    from robot import Robot

    robots = []

    def down(*paths, **state):
        robots.append(Robot(*paths, unsaved=tmp_path / "unsaved", **state))
        return robots[-1]

    yield down
    for robot in robots:
        robot.desk.close()


@pytest.fixture
def typed(monkeypatch, capsys, tmp_path):
    """Runs glview as it is typed, in the test's folder; (exit code, lines of stdout, of stderr)."""
    from glview import cli

    monkeypatch.chdir(tmp_path)

    def run(*words):
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err.splitlines()

    return run


@pytest.fixture
def desk_of():
    """Opens paths as a headless.Desk does, whose workers end with the test."""
    from headless import Desk

    made = []

    def make(*paths):
        made.append(Desk(*paths))
        return made[-1]

    yield make
    for desk in made:
        desk.jobs.close()
