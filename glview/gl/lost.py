"""Whether the driver took an OpenGL context away: a reset of the graphics card, or a restart."""

import ctypes

CORE = 450  # the version that has the question in it
QUESTIONS = (("GL_KHR_robustness", "glGetGraphicsResetStatus"),
             ("GL_ARB_robustness", "glGetGraphicsResetStatusARB"))
VERSION = 0x1F02


class Watch:
    """Of the context that is current when it is made.

    ctx: moderngl's; address: name of an OpenGL function -> where it is.
    """

    def __init__(self, ctx, address):
        self._lost = False
        self._string = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_uint)(address("glGetString"))
        # Not by its address alone: drivers give one for any name, and calling that may crash.
        known = {name for extension, name in QUESTIONS if extension in ctx.extensions}
        if ctx.version_code >= CORE:
            known.add(QUESTIONS[0][1])
        name = next((name for _, name in QUESTIONS if name in known), None)
        self._reset = (lambda: ctx.error == "GL_CONTEXT_LOST") if name is None \
            else ctypes.CFUNCTYPE(ctypes.c_uint)(address(name))

    @property
    def lost(self):
        """True from the first sign on, for a driver may give it only once.

        The context was reset, or there is none any more: then nothing is drawn, and nothing fails.
        """
        self._lost = self._lost or self._string(VERSION) is None or bool(self._reset())
        return self._lost
