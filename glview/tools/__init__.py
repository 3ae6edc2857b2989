"""Tools of the mouse: what a press, a drag and a release on a pane do to the document.

To add a tool: a row in `TOOLS`, and a module here with `press`, `drag` and `release` if it does
more than move the view.
"""

from dataclasses import dataclass

from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE


@dataclass(frozen=True)
class Tool:
    """edit: the edit code a pencil writes, or None for the hand; inverse: with Alt held."""

    name: str
    label: str
    key: str
    tip: str
    edit: int | None = None
    inverse: int | None = None


TOOLS = (
    Tool("hand", "Pan", "V", "Drag the picture"),
    Tool("add", "Add", "B", "Pencil: add pixels to the mask (green); Alt deletes",
         EDIT_ADD, EDIT_DELETE),
    Tool("delete", "Delete", "E", "Pencil: delete pixels from the mask (red); Alt adds",
         EDIT_DELETE, EDIT_ADD),
    Tool("restore", "Restore", "R", "Pencil: take back edits, so that the model decides again",
         EDIT_NONE, EDIT_NONE),
)


def tool_named(name):
    """The row of TOOLS called `name`."""
    return next(tool for tool in TOOLS if tool.name == name)
