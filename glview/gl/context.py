"""Where frames go: a window on the screen, or memory where there is no screen.

Both run Dear ImGui's own C++ backends; `frame` is the same code for both.  This is the only module
that imports glfw.  imgui_bundle must come before it: both ship a libglfw of the same name, and the
one loaded first serves both.
"""

import ctypes
import os
import threading

import imgui_bundle  # noqa: F401  (before glfw, see above)
import moderngl
from imgui_bundle import imgui

GLSL = "#version 330"
VERSIONS = ((4, 1), (3, 3))


class DisplayError(Exception):
    """No window or no OpenGL could be had; the message says why and what would help."""


class Frame:
    """What a window and its twin in memory have in common: the interface's side of a frame."""

    def compose(self):
        """End the interface's part of the frame; also after a panel that raised half-way."""
        imgui.render()

    @property
    def holds_events(self):
        """True while ImGui keeps input for later frames: a key's press and its release that came
        together are shown in frames of their own."""
        return imgui.get_current_context().input_events_queue.size() > 0

    @property
    def typing(self):
        """True while a text field has the keyboard, and its caret blinks."""
        return imgui.get_io().want_text_input


def _start_imgui(ini):
    imgui.create_context()
    io = imgui.get_io()
    io.set_ini_filename(str(ini) if ini else "")
    io.config_flags |= imgui.ConfigFlags_.docking_enable.value
    io.config_windows_move_from_title_bar_only = True
    # With the assertion off, a panel that raises costs its frame and not the program.
    io.config_error_recovery_enable_assert = False
    return io


class Offscreen(Frame):
    """A window of `size` (width, height) that exists only in memory (EGL, no display needed).

    scale: of the monitor that it would be on; the picture is larger by this factor.
    """

    is_window = False

    def __init__(self, size, ini=None, scale=1.0):
        self.usual_size, self.scale = size, scale
        self.size = size = tuple(round(side * scale) for side in size)
        try:
            self.ctx = moderngl.create_context(standalone=True, backend="egl", require=330)
        except Exception as error:  # glcontext raises bare Exception
            raise DisplayError(
                f"no OpenGL 3.3 without a display ({error}); on Debian and Ubuntu: "
                "apt install libegl1 libgl1 libgl1-mesa-dri") from error
        colour = self.ctx.texture(size, 4)
        self.target = self.ctx.framebuffer([colour])
        self._woken = threading.Event()
        self.io = _start_imgui(ini)
        self.io.display_size = size
        self.io.delta_time = 1 / 60
        imgui.backends.opengl3_init(GLSL)

    def start_frame(self):
        """Begin an ImGui frame."""
        imgui.backends.opengl3_new_frame()
        imgui.new_frame()

    def finish_frame(self):
        """Draw what ImGui was told since `start_frame`."""
        self.target.use()
        self.target.viewport = (0, 0, *self.size)
        self.target.clear(0, 0, 0, 1)
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
        imgui.backends.opengl3_shutdown()
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

        self.glfw, self._woken = glfw, False
        self.handle = self._create(title, size)
        glfw.make_context_current(self.handle)
        glfw.swap_interval(1)
        try:
            self.ctx = moderngl.create_context(require=330)
        except Exception as error:  # moderngl raises the bare class
            glfw.terminate()
            raise DisplayError(self._why(error)) from error
        self.target = self.ctx.screen
        # Callbacks of ours come before ImGui's, which chains them; later ones would cut it off.
        glfw.set_drop_callback(self.handle, lambda window, paths: on_drop(paths))
        self.io = _start_imgui(ini)
        address = ctypes.cast(self.handle, ctypes.c_void_p).value
        imgui.backends.glfw_init_for_opengl(address, True)
        imgui.backends.opengl3_init(GLSL)

    def _create(self, title, size):
        glfw = self.glfw
        glfw.ERROR_REPORTING = "ignore"
        if not glfw.init():
            raise DisplayError(self._why())
        for version in VERSIONS:
            glfw.default_window_hints()
            glfw.window_hint(glfw.CONTEXT_VERSION_MAJOR, version[0])
            glfw.window_hint(glfw.CONTEXT_VERSION_MINOR, version[1])
            glfw.window_hint(glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE)
            glfw.window_hint(glfw.OPENGL_FORWARD_COMPAT, True)
            glfw.window_hint(glfw.SCALE_TO_MONITOR, True)
            window = glfw.create_window(*size, title, None, None)
            if window:
                return window
        why = self._why()
        glfw.terminate()
        raise DisplayError(why)

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
        # moderngl keeps the size the screen had when the context was made: set it every frame.
        self.target.use()
        self.target.viewport = (0, 0, *self.size)
        self.target.clear(0, 0, 0, 1)
        imgui.backends.opengl3_render_draw_data(imgui.get_draw_data())
        self.glfw.swap_buffers(self.handle)

    def hide(self):
        """Take the window off the screen, before work that a user should not have to look at."""
        self.glfw.hide_window(self.handle)
        self.glfw.poll_events()

    def close(self):
        imgui.backends.opengl3_shutdown()
        imgui.backends.glfw_shutdown()
        imgui.destroy_context()
        self.glfw.destroy_window(self.handle)
        self.glfw.terminate()
