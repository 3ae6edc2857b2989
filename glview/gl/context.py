"""Where frames go: a window on the screen, or memory where there is no screen.

Both run Dear ImGui's own C++ backends; `frame` is the same code for both.  This is the only module
that imports glfw.  imgui_bundle must come before it: both ship a libglfw of the same name, and the
one loaded first serves both.
"""

import ctypes
import os
import threading
from ctypes.util import find_library

import imgui_bundle  # noqa: F401  (before glfw, see above)
import moderngl
from imgui_bundle import imgui

from glview.gl.frame import DisplayError, Frame, start_imgui

VERSIONS = ((4, 1), (3, 3))


class Offscreen(Frame):
    """A window of `size` (width, height) that exists only in memory (EGL, no display needed).

    scale: of the monitor that it would be on; the picture is larger by this factor.
    """

    is_window = False

    def __init__(self, size, scale=1.0):
        self.usual_size, self.scale = size, scale
        self.size = tuple(round(side * scale) for side in size)
        self._woken = threading.Event()
        self._make()
        self.io = start_imgui(None)
        self.io.display_size = self.size
        self.io.delta_time = 1 / 60
        self._begin()

    def _make(self):
        try:
            self.ctx = moderngl.create_context(standalone=True, backend="egl", require=330)
        except Exception as error:  # glcontext raises bare Exception
            raise DisplayError(
                f"no OpenGL 3.3 without a display ({error}); on Debian and Ubuntu: "
                "apt install libegl1 libgl1 libgl1-mesa-dri") from error
        self.target = self.ctx.framebuffer([self.ctx.texture(self.size, 4)])

    _replace = _make

    def _address(self, name):
        find = ctypes.CDLL(find_library("EGL")).eglGetProcAddress
        find.restype = ctypes.c_void_p
        return find(name.encode())

    def start_frame(self):
        """Begin an ImGui frame."""
        imgui.backends.opengl3_new_frame()
        imgui.new_frame()

    def finish_frame(self):
        """Draw what ImGui was told since `start_frame`."""
        self._clear()
        imgui.backends.opengl3_render_draw_data(imgui.get_draw_data())

    def rest(self, seconds):
        """Sleep until a worker has something, at most so long."""
        self._woken.wait(seconds)
        self._woken.clear()

    def wake(self):
        """End a `rest`; from any thread."""
        self._woken.set()

    def hide(self):
        """Nothing to see here."""

    def close(self):
        """Free everything; the object is useless afterwards."""
        self._end()
        imgui.destroy_context()
        self.ctx.release()


class Window(Frame):
    """A window on the screen.

    size: (width, height) for a monitor of scale 1, larger on one of a higher scale; on_drop: called
    with a list of paths dropped on it.
    """

    is_window = True

    def __init__(self, title, size, ini=None, on_drop=lambda paths: None):
        import glfw

        self.glfw, self._woken, self._title, self._on_drop = glfw, False, title, on_drop
        glfw.ERROR_REPORTING = "ignore"
        try:
            self.handle, self.ctx = self._open(size)
        except DisplayError:
            glfw.terminate()
            raise
        self.target, self.io = self.ctx.screen, start_imgui(ini)
        self._begin()

    def _open(self, size, hints=()):
        """(handle, moderngl's context) of a new window; hints: GLFW's, beside the usual ones."""
        glfw = self.glfw
        handle = self._create(size, hints)
        glfw.make_context_current(handle)
        glfw.swap_interval(1)
        try:
            return handle, moderngl.create_context(require=330)
        except Exception as error:  # moderngl raises the bare class
            glfw.destroy_window(handle)
            raise DisplayError(self._why(error)) from error

    def _create(self, size, hints):
        glfw = self.glfw
        if not glfw.init():
            raise DisplayError(self._why())
        for version in VERSIONS:
            # Only a robust context is told of a reset; without, some drivers end the program.
            for robustness in (glfw.LOSE_CONTEXT_ON_RESET, glfw.NO_ROBUSTNESS):
                glfw.default_window_hints()
                glfw.window_hint(glfw.CONTEXT_VERSION_MAJOR, version[0])
                glfw.window_hint(glfw.CONTEXT_VERSION_MINOR, version[1])
                glfw.window_hint(glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE)
                glfw.window_hint(glfw.OPENGL_FORWARD_COMPAT, True)
                glfw.window_hint(glfw.CONTEXT_ROBUSTNESS, robustness)
                glfw.window_hint(glfw.SCALE_TO_MONITOR, True)
                for hint, value in hints:
                    glfw.window_hint(hint, value)
                window = glfw.create_window(*size, self._title, None, None)
                if window:
                    return window
        raise DisplayError(self._why())

    def _address(self, name):
        return self.glfw.get_proc_address(name)

    def _attach(self):
        # Callbacks of ours come before ImGui's, which chains them; later ones would cut it off.
        self.glfw.set_drop_callback(self.handle, lambda window, paths: self._on_drop(paths))
        address = ctypes.cast(self.handle, ctypes.c_void_p).value
        imgui.backends.glfw_init_for_opengl(address, True)

    def _detach(self):
        imgui.backends.glfw_shutdown()

    def _replace(self):
        """The new window comes before the old one goes: if there is none, that one stays."""
        glfw, old = self.glfw, self.handle
        maximized, iconified, focused = (glfw.get_window_attrib(old, state) for state in (
            glfw.MAXIMIZED, glfw.ICONIFIED, glfw.FOCUSED))
        if iconified:
            glfw.restore_window(old)  # on some systems it has no size else
        size, place, closing = glfw.get_window_size(old), glfw.get_window_pos(old), self.closing
        self.handle, self.ctx = self._open(
            self.usual_size, ((glfw.VISIBLE, False), (glfw.FOCUS_ON_SHOW, focused)))
        self.target = self.ctx.screen
        glfw.set_window_should_close(self.handle, closing)
        glfw.set_window_size(self.handle, *size)
        glfw.set_window_pos(self.handle, *place)
        if maximized:
            glfw.maximize_window(self.handle)
        glfw.show_window(self.handle)
        if iconified:
            glfw.iconify_window(self.handle)
        glfw.destroy_window(old)

    def _why(self, error=None):
        told = (self.glfw.get_error()[1] or b"no reason given").decode("utf-8", "replace")
        reason = error or told
        advice = "a picture without a window: glview FILE --screenshot out.png"
        if os.environ.get("SSH_CONNECTION"):
            advice = "OpenGL does not pass through ssh -X; " + advice
        return f"no window with OpenGL 3.3 could be opened ({reason}); {advice}"

    @property
    def size(self):
        """(width, height) of the framebuffer in device pixels."""
        return self.glfw.get_framebuffer_size(self.handle)

    @property
    def scale(self):
        """How much larger than usual everything should be, in the units of the window's size.

        These are pixels on some systems; where they are points (macOS, Wayland) the framebuffer is
        the larger one, and the system enlarges.
        """
        points, pixels = self.glfw.get_window_size(self.handle)[0], self.size[0]
        density = pixels / points if points and pixels else 1.0
        return self.glfw.get_window_content_scale(self.handle)[0] / density

    @property
    def usual_size(self):
        """(width, height) to open it with the next time, on a monitor of any scale."""
        scale = self.scale
        return tuple(round(side / scale) for side in self.glfw.get_window_size(self.handle))

    @property
    def closing(self):
        return self.glfw.window_should_close(self.handle)

    def set_title(self, title):
        self._title = title
        self.glfw.set_window_title(self.handle, title)

    def keep_open(self):
        """The user was asked and does not want to close after all."""
        self.glfw.set_window_should_close(self.handle, False)

    def wait(self, seconds):
        """Sleep until the user or a worker does something, for ever if seconds is None.

        Returns True if it was a worker alone.
        """
        size = self.size
        if seconds is None:
            self.glfw.wait_events()
        elif seconds > 0:
            self.glfw.wait_events_timeout(seconds)
        else:
            self.glfw.poll_events()
        woken, self._woken = self._woken, False
        return woken and not (self.holds_events or self.closing or self.size != size)

    def wake(self):
        """End a `wait`; from any thread."""
        self._woken = True
        self.glfw.post_empty_event()

    def start_frame(self):
        imgui.backends.opengl3_new_frame()
        imgui.backends.glfw_new_frame()
        imgui.new_frame()

    def finish_frame(self):
        self._clear()
        imgui.backends.opengl3_render_draw_data(imgui.get_draw_data())
        self.glfw.swap_buffers(self.handle)

    def hide(self):
        """Take the window off the screen, before work that a user should not have to look at."""
        self.glfw.hide_window(self.handle)
        self.glfw.poll_events()

    def close(self):
        self._end()
        imgui.destroy_context()
        self.glfw.destroy_window(self.handle)
        self.glfw.terminate()
