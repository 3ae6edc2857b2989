"""Colours, fonts and sizes of the interface."""

from pathlib import Path

import imgui_bundle
from imgui_bundle import imgui

FONT = Path(imgui_bundle.__file__).parent / "assets/fonts/Roboto/Roboto-Regular.ttf"
FONT_SIZE = 15.0
COLOURS = {
    "window_bg": (0.105, 0.11, 0.12, 1.0),
    "popup_bg": (0.12, 0.125, 0.14, 0.98),
    "menu_bar_bg": (0.135, 0.14, 0.155, 1.0),
    "frame_bg": (0.19, 0.20, 0.22, 1.0),
    "frame_bg_hovered": (0.24, 0.26, 0.30, 1.0),
    "title_bg": (0.085, 0.09, 0.10, 1.0),
    "title_bg_active": (0.11, 0.12, 0.14, 1.0),
    "slider_grab": (0.36, 0.62, 0.78, 1.0),
    "check_mark": (0.45, 0.78, 0.95, 1.0),
    "header": (0.20, 0.34, 0.43, 1.0),
    "header_hovered": (0.24, 0.42, 0.53, 1.0),
    "button": (0.21, 0.29, 0.35, 1.0),
    "button_hovered": (0.26, 0.40, 0.50, 1.0),
    "tab_selected": (0.20, 0.33, 0.42, 1.0),
    "tab_dimmed_selected": (0.16, 0.22, 0.27, 1.0),
    "plot_histogram": (0.36, 0.62, 0.78, 1.0),
}


def apply(io, scale):
    """Set the style once at the start.  scale: of letters and margins, 1.0 on ordinary monitors."""
    imgui.style_colors_dark()
    style = imgui.get_style()
    for name, colour in COLOURS.items():
        style.set_color_(getattr(imgui.Col_, name).value, imgui.ImVec4(*colour))
    style.window_rounding = style.child_rounding = 0.0
    style.frame_rounding = style.grab_rounding = 3.0
    style.scale_all_sizes(scale)
    style.font_scale_dpi = scale
    if FONT.is_file():
        io.fonts.add_font_from_file_ttf(str(FONT), FONT_SIZE)
