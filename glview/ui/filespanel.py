"""The file list."""

from imgui_bundle import imgui

from glview.ui.widgets import choice, mark, tip


def files_panel(desk):
    """Draw the list; a click shows that file.  Below it the pictures inside the current file."""
    workspace = desk.workspace
    for number, entry in enumerate(workspace.entries):
        document = entry.document
        words = entry.name
        if document is not None and document.changed:
            words = f"* {words}"
        if entry.error:
            imgui.push_style_color(imgui.Col_.text, (1.0, 0.55, 0.4, 1.0))
        if imgui.selectable(f"{words}##{number}", number == workspace.current)[0]:
            desk.library.show(number)
        mark(desk, f"file:{number}")
        if number == workspace.current and number != desk.screen.scrolled:
            imgui.set_scroll_here_y()
            desk.screen.scrolled = number
        if entry.error:
            imgui.pop_style_color()
            tip(entry.error)
    document = workspace.document
    if document is not None and len(document.images) > 1:
        imgui.separator()
        names = {number: image.name for number, image in enumerate(document.images)}
        current = next(n for n, image in enumerate(document.images)
                       if image.hdu == document.image.hdu)
        imgui.push_item_width(-1)
        chosen = choice(desk, "##extension", current, names)
        imgui.pop_item_width()
        if chosen != current:
            desk.library.show_image(document.images[chosen], 0)
