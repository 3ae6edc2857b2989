"""Tools of the mouse: what a gesture on a pane does to the document.

A tool is a row of `TOOLS`; its kind says which gesture it takes.  `ui.canvas` moves the view itself
("hand") and keeps one object for each of the other gestures: `press`, `drag` and `release` of
pencil.Pencil ("pencil") and region.Region ("rectangle", "lasso"), `click` and, while the mouse
rests, `look` of pick.Pick ("pick").

To add a tool of a kind that is there: a row.  For another gesture also a module here and a branch
where `ui.canvas` takes the press, the drag and the release.
"""

from dataclasses import dataclass

from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE


@dataclass(frozen=True)
class Tool:
    """kind: "hand", "pencil", "pick", "rectangle" or "lasso"; edit: the edit code it writes, None
    for the hand; inverse: with Alt held; reset: with Ctrl held, None where Ctrl means nothing."""

    name: str
    label: str
    key: str
    tip: str
    edit: int | None = None
    inverse: int | None = None
    kind: str = "pencil"
    reset: int | None = None

    def code(self, alt, ctrl):
        """The edit code that is written with these keys held."""
        if ctrl and self.reset is not None:
            return self.reset
        return self.inverse if alt else self.edit


TOOLS = (
    Tool("hand", "Pan", "V", "Drag the picture; a click selects the object there", kind="hand"),
    Tool("add", "Add", "B", "Pencil: add pixels to the mask (green); Alt deletes",
         EDIT_ADD, EDIT_DELETE),
    Tool("delete", "Delete", "E", "Pencil: delete pixels from the mask (red); Alt adds",
         EDIT_DELETE, EDIT_ADD),
    Tool("restore", "Restore", "R", "Pencil: take back edits, so that the model decides again",
         EDIT_NONE, EDIT_NONE),
    Tool("pick", "Pick", "W", "Click: add the bright object there to the mask; Alt takes the "
         "masked object there out", EDIT_ADD, EDIT_DELETE, "pick"),
    Tool("rectangle", "Rectangle", "Q", "Drag: add all inside to the mask; Alt deletes it, "
         "Ctrl takes back the edits inside; Esc gives up",
         EDIT_ADD, EDIT_DELETE, "rectangle", EDIT_NONE),
    Tool("lasso", "Lasso", "Shift+L", "Draw round what is to be added; Alt deletes it, "
         "Ctrl takes back the edits inside; Esc gives up",
         EDIT_ADD, EDIT_DELETE, "lasso", EDIT_NONE),
)


def tool_named(name):
    """The row of TOOLS called `name`."""
    return next(tool for tool in TOOLS if tool.name == name)
