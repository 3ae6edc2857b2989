"""Where the panels are: the menu, the dock space with its first layout, the status line."""

from imgui_bundle import imgui

from glview.ui.actions import ACTIONS, MENUS, hold_keys, press_keys
from glview.ui.canvas import Canvas
from glview.ui.detectpanel import detect_panel
from glview.ui.dialogs import draw_dialogs
from glview.ui.displaypanel import display_panel
from glview.ui.filespanel import files_panel
from glview.ui.histograms import Histograms
from glview.ui.keys import Keyboard
from glview.ui.loupe import Loupe
from glview.ui.maskpanel import MaskPanel
from glview.ui.objecttable import NAME as TABLE
from glview.ui.objecttable import ObjectTable
from glview.ui.openfile import OpenFile
from glview.ui.overview import Overview
from glview.ui.panes import panes_panel
from glview.ui.status import status_line
from glview.ui.thumbnails import ThumbnailsPanel
from glview.ui.widgets import mark, tip

PICTURES = "Image and mask"
WIDE = 1100.0  # of a window, from which thumbnails and table lie side by side
NEIGHBOURS = {TABLE: "Objects", "Histograms": "Display", "Loupe": "Display"}
DOWN, RIGHT, UP = imgui.Dir.down, imgui.Dir.right, imgui.Dir.up


class Layout:
    """The whole interface; `draw` once a frame."""

    def __init__(self):
        self.canvas, self.overview, self.table = Canvas(), Overview(), ObjectTable()
        mask = MaskPanel()
        self.panels = {
            PICTURES: lambda desk: panes_panel(desk, self.canvas),
            "Overview": self.overview.draw,
            "Files": files_panel,
            "Display": display_panel,
            "Histograms": Histograms().draw,
            "Loupe": Loupe().draw,
            "Mask settings": mask.draw,
            "Detection": detect_panel,
            TABLE: self.table.draw,
            "Objects": ThumbnailsPanel().draw,
        }
        self.files = OpenFile()
        self._keyboard = Keyboard()
        self._reset = self._popup = self._seen = False

    @property
    def asking(self):
        """True while a dialog of the desktop is open, which must be polled."""
        return self.files.asking

    def reset(self):
        """Put every panel back to its first place in the next frame."""
        self._reset = True

    def draw(self, desk):
        """Draw everything and act on the input of this frame."""
        desk.screen.places.clear()
        self._keyboard.look()
        free = not (imgui.get_io().want_text_input or self._popup)
        if free:
            press_keys(desk, self._keyboard)
        hold_keys(desk, self._keyboard, free)
        self.files.poll(desk.library)
        _menu(desk)
        _status(desk)
        imgui.push_style_color(imgui.Col_.window_bg.value, (0, 0, 0, 0))  # see _lies_on_the_ground
        space = imgui.dock_space_over_viewport()
        imgui.pop_style_color()
        node = imgui.internal.dock_builder_get_node(space)
        if self._reset or (node is not None and node.is_leaf_node() and not node.windows):
            _arrange(space)
            desk.workspace.split, self._reset = 0.5, False
        elif not self._seen:
            _take_in()
        self._seen = True
        for name, body in self.panels.items():
            if name == PICTURES or not desk.workspace.bare:
                _panel(desk, name, body)
                desk.reviewer.follow(desk.workspace.document)  # for the panels that come next
                desk.listing.update(desk.workspace.document)
        self.overview.marks(desk, self.canvas.marks(desk))
        draw_dialogs(desk)
        self._share_keys()

    def _share_keys(self):
        """Lists, menus and questions that pop up take all keys; else they are the program's alone.

        Keyboard navigation would press the button clicked last when Space is held to pan.
        """
        # As it is now: the next frame's Escape closes the popup before the keys are looked at.
        self._popup = imgui.is_popup_open("", imgui.PopupFlags_.any_popup.value)
        io, navigation = imgui.get_io(), imgui.ConfigFlags_.nav_enable_keyboard.value
        io.config_flags = io.config_flags & ~navigation | (navigation if self._popup else 0)


def _panel(desk, name, body):
    bare = name in (PICTURES, "Overview")
    if bare:
        imgui.push_style_var(imgui.StyleVar_.window_padding, (0, 0))
    kinds = imgui.WindowFlags_
    flags = kinds.no_collapse.value
    if bare:
        flags |= kinds.no_scrollbar.value | kinds.no_scroll_with_mouse.value
    if not imgui.get_io().want_text_input:
        flags |= kinds.no_nav_inputs.value  # Tab is the next file; in a field, the next field
    if _lies_on_the_ground(name):
        flags |= kinds.no_background.value
    visible, _ = imgui.begin(name, None, flags)
    if bare:
        imgui.pop_style_var()
    if visible:
        body(desk)
    imgui.end()


def _lies_on_the_ground(name):
    """Whether a panel is docked in the window itself, which is cleared with a panel's colour: to
    fill all panels with it again takes software OpenGL a quarter of a frame."""
    panel = imgui.internal.find_window_by_name(name)
    node = None if panel is None else panel.dock_node
    while node is not None and node.parent_node is not None:
        node = node.parent_node
    return node is not None and node.is_dock_space()


def _menu(desk):
    if not imgui.begin_main_menu_bar():
        return
    for menu in MENUS:
        opened = imgui.begin_menu(menu)
        mark(desk, f"menu:{menu}")
        if not opened:
            continue
        for action in ACTIONS:
            if action.menu == menu:
                checked = action.checked(desk) if action.checked else False
                keys = action.keys[0] if action.keys else ""
                if imgui.menu_item(action.label, keys, checked, action.enabled(desk))[0]:
                    action.run(desk)
                mark(desk, f"menu:{menu}:{action.label}")
                if action.hint:
                    tip(action.hint)
        imgui.end_menu()
    imgui.end_main_menu_bar()


def _status(desk):
    flags = (imgui.WindowFlags_.no_scrollbar.value | imgui.WindowFlags_.no_saved_settings.value
             | imgui.WindowFlags_.menu_bar.value)
    height = imgui.get_frame_height()
    if imgui.internal.begin_viewport_side_bar("##status", imgui.get_main_viewport(), DOWN, height,
                                              flags):
        if imgui.begin_menu_bar():
            status_line(desk)
            imgui.end_menu_bar()
    imgui.end()


def _take_in():
    """Put panels that the remembered layout does not know, an older version's, to a neighbour."""
    for name, neighbour in NEIGHBOURS.items():
        known, beside = (imgui.internal.find_window_settings_by_id(imgui.internal.im_hash_str(one))
                         for one in (name, neighbour))
        if known is None and beside is not None and beside.dock_id:
            imgui.internal.dock_builder_dock_window(name, beside.dock_id)


def _arrange(space):
    """The first layout: image and mask side by side, thumbnails below, settings on the right."""
    builder = imgui.internal
    size = imgui.get_main_viewport().work_size
    builder.dock_builder_remove_node_child_nodes(space)
    builder.dock_builder_set_node_size(space, size)
    unit, tall = imgui.get_frame_height_with_spacing(), max(size.y, 1.0)
    wide = 13.0 * unit / max(size.x, 1.0)
    right = builder.dock_builder_split_node(space, RIGHT, min(0.4, wide))
    below = builder.dock_builder_split_node(right.id_at_opposite_dir, DOWN,
                                            min(0.3, 8 * unit / tall))
    settings = builder.dock_builder_split_node(right.id_at_dir, DOWN, min(0.38, 14.4 * unit / tall))
    found = builder.dock_builder_split_node(settings.id_at_opposite_dir, DOWN,
                                            min(0.25, 6 * unit / (tall - 14.4 * unit)))
    top = builder.dock_builder_split_node(found.id_at_opposite_dir, UP, 0.32)
    beside, objects = below.id_at_dir, below.id_at_dir
    if size.x > WIDE:
        lists = builder.dock_builder_split_node(below.id_at_dir, RIGHT, 0.45)
        beside, objects = lists.id_at_dir, lists.id_at_opposite_dir
    for name, place in (
        (PICTURES, below.id_at_opposite_dir), (TABLE, beside), ("Objects", objects),
        ("Overview", top.id_at_dir), ("Files", top.id_at_dir),
        ("Display", top.id_at_opposite_dir), ("Histograms", top.id_at_opposite_dir),
        ("Loupe", top.id_at_opposite_dir), ("Detection", found.id_at_dir),
        ("Mask settings", settings.id_at_dir),
    ):
        builder.dock_builder_dock_window(name, place)
    builder.dock_builder_finish(space)
