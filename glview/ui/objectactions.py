"""Commands of the menu Objects: from one to the next, and what is decided about it."""

from glview import judging
from glview.ui.action import Action, has_objects


def _step(change):
    def run(desk):
        desk.listing.step(desk.workspace.document, change)

    return run


def _decide(act, onward=False):
    def run(desk):
        desk.decider.do(desk.workspace.document, act, onward)

    return run


OBJECTS = (
    Action("Objects", "Next object", ("N", "Space"), _step(+1), has_objects, repeat=True),
    Action("Objects", "Previous object", ("P",), _step(-1), has_objects, repeat=True),
    Action("Objects", "Find by number or place", ("Ctrl+F",),
           lambda desk: desk.layout.table.ask(), has_objects),
    Action("Objects", "Accept, and on", ("A",), _decide(judging.accept, True), has_objects),
    Action("Objects", "Reject: delete, and on", ("X",), _decide(judging.reject, True), has_objects),
    Action("Objects", "Grow by a pixel", ("G",), _decide(judging.grow), has_objects),
    Action("Objects", "Shrink by a pixel", ("Shift+G",), _decide(judging.shrink), has_objects,
           hint="Gaps that growing closed stay closed: only undo takes growing back"),
    Action("Objects", "Merge with the nearest", ("Shift+M",), _decide(judging.merge), has_objects),
    Action("Objects", "Cut at the cursor", ("Shift+C",), _decide(judging.cut), has_objects),
)
