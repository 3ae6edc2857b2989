"""Everything the user can do by name: a row gives the menu entry, the key and the palette's."""

from dataclasses import replace

from glview.ui.action import has_mask, has_objects
from glview.ui.compareactions import COMPARE
from glview.ui.fileactions import EDIT, FILE, HELP
from glview.ui.maskactions import MASK, TOOLS
from glview.ui.objectactions import OBJECTS
from glview.ui.status import NOT_COUNTED, uncounted
from glview.ui.viewactions import DISPLAY, VIEW

ACTIONS = (*FILE, *EDIT, *TOOLS, *VIEW, *DISPLAY, *COMPARE, *MASK, *OBJECTS, *HELP)
MENUS = tuple(dict.fromkeys(action.menu for action in ACTIONS))
MOUSE = (
    ("Wheel", "Zoom about the cursor"),
    ("Left drag", "Pan, or what the chosen tool does"),
    ("Left click", "Select the object there"),
    ("Space + drag", "Pan while another tool is chosen"),
    ("Middle click", "Centre the view there"),
    ("Right drag", "Bias (left, right) and contrast (up, down)"),
    ("Shift + click", "Straight pencil line from the last point"),
    ("Alt + drag", "The other way round: delete instead of add, and the reverse"),
    ("Ctrl + drag", "Rectangle and lasso: take back the edits inside"),
    ("Divider", "Drag it; a right click offers what it can show"),
)


def press_keys(desk, keyboard):
    """Run the actions whose keys went down in this frame, or are held and repeat."""
    for action in ACTIONS:
        if not action.hold and any(keyboard.pressed(name, action.repeat) for name in action.keys):
            desk.workspace.told = ""
            if action.enabled(desk):
                action.run(desk)
            else:
                desk.workspace.told = _why_not(desk, action)


def _why_not(desk, action):
    """Why an action cannot be run now."""
    document = desk.workspace.document
    if document is not None and document.readonly:
        return document.readonly
    waits = uncounted(desk, document) if action.enabled is has_objects else ""
    if waits and has_mask(desk):
        waits = NOT_COUNTED  # the line at the foot tells how far it is
    return f"{action.label}: {waits or 'there is nothing to do'}"


def hold_keys(desk, keyboard, free):
    """Show what is compared while a key is down, and no longer; free: no field takes the keys."""
    rows = [action for action in ACTIONS if action.hold] if free else []
    down = [row.hold for row in rows if any([keyboard.held(name) for name in row.keys])]
    held = down[-1] if down else ""
    if held != keyboard.holding:  # else the menu may hold one
        desk.workspace.compare = replace(desk.workspace.compare, held=held)
        keyboard.holding = held
