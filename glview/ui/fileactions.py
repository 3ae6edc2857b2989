"""Commands of the menus File, Edit and Help."""

from glview.core.history import History, Stroke
from glview.ui.action import Action, always, has_mask


def _brush(change):
    def run(desk):
        size = desk.workspace.brush + change
        desk.workspace.brush = min(max(size, 1), 99)

    return run


def _clear_edits(desk):
    document = desk.workspace.document
    patches = document.edits.cleared()
    if patches:
        document.history.record(Stroke(tuple(patches)))


def _open(dialog):
    def run(desk):
        desk.screen.opened.add(dialog)

    return run


def _history(desk):
    return desk.workspace.document.history if desk.workspace.document else History()


def _many(desk):
    return len(desk.workspace.entries) > 1


FILE = (
    Action("File", "Open...", ("Ctrl+O",),
           lambda desk: desk.layout.files.ask(desk.workspace), always),
    Action("File", "Save mask", ("Ctrl+S",), lambda desk: desk.library.save(),
           has_mask),
    Action("File", "Save mask beside the file", ("Ctrl+Shift+S",),
           lambda desk: desk.library.save(beside=True), has_mask),
    Action("File", "Save CR-cleaned image with the mask", (),
           lambda desk: desk.library.save(clean=True), has_mask),
    Action("File", "What is saved...", (), _open("saved"), always),
    Action("File", "Read the file again", ("Ctrl+R",), lambda desk: desk.library.reload(),
           lambda desk: bool(desk.workspace.entries)),
    Action("File", "Next file", ("Tab",), lambda desk: desk.library.step(+1), _many),
    Action("File", "Previous file", ("Shift+Tab",), lambda desk: desk.library.step(-1), _many),
    Action("File", "Quit", ("Ctrl+Q",), lambda desk: desk.quit(), always),
)
EDIT = (
    Action("Edit", "Undo", ("Ctrl+Z",), lambda desk: desk.undo(),
           lambda desk: bool(_history(desk).done), repeat=True),
    Action("Edit", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), lambda desk: desk.redo(),
           lambda desk: bool(_history(desk).undone), repeat=True),
    Action("Edit", "Take back all edits", (), _clear_edits),
    Action("Edit", "Smaller brush", ("[",), _brush(-1), always, repeat=True),
    Action("Edit", "Larger brush", ("]",), _brush(+1), always, repeat=True),
)
HELP = (
    Action("Help", "Commands...", ("Ctrl+Shift+P",), _open("palette"), always),
    Action("Help", "Keys and mouse", ("F1", "Shift+/"), _open("help"), always),
    Action("Help", "FITS header", ("Ctrl+H",), _open("header")),
    Action("Help", "About glview", (), _open("about"), always),
)
