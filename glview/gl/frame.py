"""The interface's side of a frame, and how it outlives the OpenGL context that it draws with."""

from imgui_bundle import imgui

from glview.gl.lost import Watch

GLSL = "#version 330"


class DisplayError(Exception):
    """No window or no OpenGL could be had; the message says why and what would help."""


class LostError(DisplayError):
    """The context of an open window was lost for good."""


class Frame:
    """What a window and its twin in memory have in common: the interface's side of a frame.

    ctx: moderngl's context; target: the framebuffer that is looked at; io: Dear ImGui's.  Either
    kind has `_replace`, which makes ctx and target anew, and `_address` for `lost.Watch`.
    """

    _drawing = False  # whether Dear ImGui has what it draws with

    def _begin(self):
        """Have Dear ImGui draw in the context, which is new and current; raises DisplayError."""
        self._watch = Watch(self.ctx, self._address)
        if self._watch.lost:  # Dear ImGui would read names that a lost one does not give
            raise DisplayError("the driver took the context away as soon as it was made")
        self._attach()
        imgui.backends.opengl3_init(GLSL)
        self._drawing = True

    def _end(self):
        """Let Dear ImGui forget the context; again is no harm."""
        if self._drawing:
            self._drawing = False
            imgui.backends.opengl3_shutdown()
            self._detach()

    def _attach(self):
        """Let Dear ImGui have the user's input."""

    def _detach(self):
        """And no longer."""

    @property
    def lost(self):
        """True when the driver took the context away, and all that was in it: see `renew`."""
        return self._watch.lost

    def renew(self):
        """Put a new context in the place of the lost one, between two frames.

        Layout, open panels and the keyboard's focus stay, for they are Dear ImGui's.  `ctx` and
        `target` are new ones, without textures.  Raises DisplayError; it may be tried again.
        """
        self._end()
        self.ctx.release()  # or moderngl hands out the lost one again
        self._replace()
        self._begin()
        # Of keys and buttons that are held, the old window would have been told the release.  The
        # mouse stays where it is, for there a stroke ends.
        self.io.clear_events_queue()
        self.io.clear_input_keys()
        for button in range(imgui.MouseButton_.count.value):
            self.io.add_mouse_button_event(button, False)

    def compose(self):
        """End the interface's part of the frame; also after a panel that raised half-way."""
        imgui.render()

    def _clear(self):
        """Bind the target, all of it in the colour of a panel: docked ones have no other ground."""
        ground = imgui.get_style().color_(imgui.Col_.window_bg.value)
        # moderngl keeps the size the screen had when the context was made: set it every frame.
        self.target.use()
        self.target.viewport = (0, 0, *self.size)
        self.target.clear(ground.x, ground.y, ground.z, 1)

    @property
    def holds_events(self):
        """True while ImGui keeps input for later frames: a key's press and its release that came
        together are shown in frames of their own."""
        return imgui.get_current_context().input_events_queue.size() > 0

    @property
    def typing(self):
        """True while a text field has the keyboard, and its caret blinks."""
        return imgui.get_io().want_text_input


def start_imgui(ini):
    """Make Dear ImGui's context; returns its io.  ini: where the layout is kept, or None."""
    imgui.create_context()
    io = imgui.get_io()
    io.set_ini_filename(str(ini) if ini else "")
    io.config_flags |= imgui.ConfigFlags_.docking_enable.value
    io.config_windows_move_from_title_bar_only = True
    # With the assertion off, a panel that raises costs its frame and not the program.
    io.config_error_recovery_enable_assert = False
    return io
