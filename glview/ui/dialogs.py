"""Windows that come and go: help, palette, header, notices, unsaved changes."""

from imgui_bundle import imgui

import glview
from glview.ui.actions import ACTIONS, MOUSE
from glview.ui.restore import ask_restore
from glview.ui.savedialog import saved_dialog
from glview.ui.widgets import mark, wrapped


def draw_dialogs(desk):
    """Draw those that are open; `desk.screen.opened` holds their names."""
    for name, (title, body) in DIALOGS.items():
        if name not in desk.screen.opened:
            continue
        size = imgui.get_main_viewport().size
        imgui.set_next_window_pos((size.x / 2, size.y / 2), imgui.Cond_.appearing.value, (0.5, 0.5))
        height = min(HEIGHTS.get(name, 620), size.y - 20)
        imgui.set_next_window_size((min(680, size.x - 20), height), imgui.Cond_.appearing.value)
        visible, kept = imgui.begin(title, True, imgui.WindowFlags_.no_docking.value)
        if visible:
            body(desk)
        if not kept or imgui.is_key_pressed(imgui.Key.escape):
            desk.screen.opened.discard(name)
        imgui.end()
    ask_restore(desk)
    _notices(desk)
    _unsaved(desk)


def _help(desk):
    flags = imgui.TableFlags_.row_bg.value
    if imgui.begin_table("keys", 2, flags):
        imgui.table_setup_column("keys", imgui.TableColumnFlags_.width_fixed.value)
        rows = [*MOUSE, *((", ".join(a.keys), f"{a.label}. {a.hint}" if a.hint else a.label)
                          for a in ACTIONS if a.keys)]
        for left, right in rows:
            imgui.table_next_row()
            imgui.table_next_column()
            imgui.text(left)
            imgui.table_next_column()
            wrapped(right)
        imgui.end_table()


def _palette(desk):
    if imgui.is_window_appearing():
        desk.screen.typed = ""
        imgui.set_keyboard_focus_here()
    imgui.push_item_width(-1)
    _, desk.screen.typed = imgui.input_text("##filter", desk.screen.typed)
    imgui.pop_item_width()
    words = desk.screen.typed.lower().split()
    found = [a for a in ACTIONS if a.enabled(desk)
             and all(word in f"{a.menu} {a.label}".lower() for word in words)]
    entered = imgui.is_key_pressed(imgui.Key.enter)
    for number, action in enumerate(found):
        keys = f"   ({action.keys[0]})" if action.keys else ""
        clicked = imgui.selectable(f"{action.menu}: {action.label}{keys}", number == 0)[0]
        if clicked or (entered and number == 0):
            desk.screen.opened.discard("palette")
            action.run(desk)
            return


def _header(desk):
    document = desk.workspace.document
    if document is None:
        return
    flags = imgui.TableFlags_.row_bg.value | imgui.TableFlags_.scroll_y.value
    if imgui.begin_table("cards", 2, flags):
        for key, value in document.image.header.items():
            imgui.table_next_row()
            imgui.table_next_column()
            imgui.text_unformatted(str(key))
            imgui.table_next_column()
            wrapped(str(value))
        imgui.end_table()


def _about(desk):
    imgui.text(f"glview {glview.__version__}")
    wrapped("Find, check and correct tiny objects in very large scientific images.")
    imgui.separator()
    wrapped("If glview helps your research, please cite it and the model that you used:")
    for line in desk.detector.choice.credits():
        wrapped(line)


HEIGHTS = {"saved": 320}
DIALOGS = {
    "help": ("Keys and mouse", _help),
    "palette": ("Commands", _palette),
    "header": ("FITS header", _header),
    "about": ("About glview", _about),
    "saved": ("What is saved", saved_dialog),
}


FEW = 2  # notices that are closed one by one


def _notices(desk):
    """What nobody should miss, the newest first."""
    notices = desk.workspace.notices
    if not notices:
        return
    size = imgui.get_main_viewport().size
    imgui.set_next_window_pos((size.x / 2, 40), imgui.Cond_.always.value, (0.5, 0.0))
    width = min(640.0, size.x - 40)
    imgui.set_next_window_size_constraints((width, 0), (width, 0.4 * size.y))
    flags = (imgui.WindowFlags_.no_title_bar.value | imgui.WindowFlags_.no_docking.value
             | imgui.WindowFlags_.always_auto_resize.value
             | imgui.WindowFlags_.no_focus_on_appearing.value
             | imgui.WindowFlags_.no_saved_settings.value)
    imgui.begin("notices", None, flags)
    if len(notices) > FEW:
        if imgui.small_button("Close all"):
            notices.clear()
        mark(desk, "notices:close")
    for number, sentence in reversed(list(enumerate(notices))):
        if imgui.small_button(f"x##{number}"):
            notices.remove(sentence)
        mark(desk, f"notice:{number}")
        imgui.same_line()
        wrapped(sentence, (1.0, 0.85, 0.55))
    imgui.end()


ANSWERS = (("Save and quit", "save"), ("Quit without saving", "discard"), ("Cancel (Esc)", "stay"))


def _unsaved(desk):
    if not desk.workspace.closing:
        return
    title = "Unsaved changes"
    if not imgui.is_popup_open(title):
        imgui.open_popup(title)
    size = imgui.get_main_viewport().size
    imgui.set_next_window_pos((size.x / 2, size.y / 2), imgui.Cond_.always.value, (0.5, 0.5))
    shown, _ = imgui.begin_popup_modal(title, None, imgui.WindowFlags_.always_auto_resize.value)
    if not shown:
        return
    imgui.text("The mask has changes that are not saved in:")
    for name in desk.library.unsaved:
        wrapped(f"    {name}")
    for words, answer in ANSWERS:
        if imgui.button(words):
            imgui.close_current_popup()
            desk.answer_unsaved(answer)
        mark(desk, f"unsaved:{answer}")
        imgui.same_line()
    if imgui.is_key_pressed(imgui.Key.escape):
        imgui.close_current_popup()
        desk.answer_unsaved("stay")
    imgui.end_popup()
