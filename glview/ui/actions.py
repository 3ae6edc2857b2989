"""Everything the user can do by name: a row gives the menu entry, the key and the palette's."""

from glview.ui.fileactions import EDIT, FILE, HELP
from glview.ui.maskactions import MASK, OBJECTS, TOOLS
from glview.ui.viewactions import DISPLAY, VIEW

ACTIONS = (*FILE, *EDIT, *TOOLS, *VIEW, *DISPLAY, *MASK, *OBJECTS, *HELP)
MENUS = tuple(dict.fromkeys(action.menu for action in ACTIONS))
MOUSE = (
    ("Wheel", "Zoom about the cursor"),
    ("Left drag", "Pan, or draw with the pencil that is chosen"),
    ("Space + drag", "Pan while a pencil is chosen"),
    ("Middle click", "Centre the view there"),
    ("Right drag", "Bias (left, right) and contrast (up, down)"),
    ("Shift + click", "Straight pencil line from the last point"),
    ("Alt + drag", "The other pencil: delete instead of add, and the reverse"),
)


def press_keys(desk, keyboard):
    """Run the actions whose keys went down in this frame, or are held and repeat."""
    for action in ACTIONS:
        if any(keyboard.pressed(name, action.repeat) for name in action.keys):
            desk.workspace.told = ""
            if action.enabled(desk):
                action.run(desk)
            else:
                desk.workspace.told = f"{action.label}: nothing to do that with"
