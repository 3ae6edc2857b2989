"""The question about edits that were not saved when glview last ended."""

from imgui_bundle import imgui

from glview.ui.widgets import mark, tip, wrapped

TITLE = "Not saved"


def ask_restore(desk):
    """Ask, until the user answers; the picture can be looked at meanwhile."""
    document = desk.workspace.document
    question = desk.autosave.question(document)
    if question is None:
        return
    size = imgui.get_main_viewport().size
    width = min(560.0, size.x - 40)
    # At the lower edge of the pictures: they are what is looked at.
    imgui.set_next_window_pos((0.36 * size.x, 0.7 * size.y), imgui.Cond_.appearing.value,
                              (0.5, 1.0))
    imgui.set_next_window_size_constraints((width, 0), (width, size.y))
    flags = (imgui.WindowFlags_.always_auto_resize.value | imgui.WindowFlags_.no_docking.value
             | imgui.WindowFlags_.no_collapse.value | imgui.WindowFlags_.no_saved_settings.value)
    visible, _ = imgui.begin(TITLE, None, flags)
    if visible:
        for sentence in question.sentences(desk.workspace.entry.name):
            wrapped(sentence)
        imgui.spacing()
        _buttons(desk, document, question)
    imgui.end()


def _buttons(desk, document, question):
    pressed = ""
    for name, words, hint in (
        ("restore", "Restore", "Go on where you were; Ctrl+Z takes it back step by step, Ctrl+S "
                               "saves it"),
        ("discard", "Discard", "Throw it away; the mask stays as it is on disk"),
        ("show", "Hide" if question.shown else "Show", "Look at it, and then decide"),
    ):
        if imgui.button(words):
            pressed = name
        mark(desk, f"restore:{name}")
        tip(hint)
        imgui.same_line()
    imgui.new_line()
    if pressed == "show":
        desk.autosave.show(document)
    elif pressed:
        desk.workspace.unsay(desk.workspace.entry.name, document.barred)
        desk.autosave.answer(document, restore=pressed == "restore")
