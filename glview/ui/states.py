"""What was said of an object, in colours, words and signs."""

from imgui_bundle import imgui

from glview.core.verdicts import ACCEPTED, REJECTED
from glview.ui.outlines import draw_lines

WORDS = {"": "to review", ACCEPTED: "accepted", REJECTED: "rejected"}
COLOURS = {"": (1.0, 0.8, 0.24), ACCEPTED: (0.35, 0.86, 0.47), REJECTED: (1.0, 0.38, 0.33)}
PAD = 2  # pixels between an object and its frame
SIGNS = {  # lines in a square from 0 to 1, y down
    ACCEPTED: ((0.1, 0.55, 0.4, 0.85), (0.4, 0.85, 0.9, 0.2)),
    REJECTED: ((0.15, 0.15, 0.85, 0.85), (0.15, 0.85, 0.85, 0.15)),
}


def colour_of(state):
    """A state's colour as draw lists take it."""
    return imgui.get_color_u32((*COLOURS[state], 1.0))


def sign(draw, state, corner, side):
    """Draw a state's sign, if it has one, into a square whose upper left is `corner` (x, y)."""
    thick = max(1.5, side / 6)
    for x0, y0, x1, y1 in SIGNS.get(state, ()):
        ends = ((corner[0] + x * side, corner[1] + y * side) for x, y in ((x0, y0), (x1, y1)))
        draw.add_line(*ends, colour_of(state), thick)


def draw_selected(draw, to_screen, rectangle, outlined):
    """Outline the selected object's pixels, and frame it so that it is found when it is small.

    to_screen: (y, x) of the image -> (x, y) of the window; rectangle: draws a box of the image in a
    colour; outlined: what `deciding.Decider.outline` gives.
    """
    if outlined is None:
        return
    (y0, x0, y1, x1), lines, state = outlined
    if lines is not None:
        draw_lines(draw, to_screen, lines, colour_of(state))
    rectangle(y0 - PAD, x0 - PAD, y1 + PAD, x1 + PAD, colour_of(state))
