"""The desktop's own dialog for choosing files."""

import shutil
import sys

from imgui_bundle import portable_file_dialogs as dialogs

PATTERNS = ["Images", "*.fits *.fit *.fts *.fz *.gz *.bz2 *.npy *.tif *.tiff *.png",
            "All files", "*"]
HELPERS = ("zenity", "matedialog", "qarma", "kdialog")  # one of them shows the dialog on Linux


class OpenFile:
    """Asks for files without stopping the window; `poll` once a frame hands over the answer."""

    def __init__(self):
        self._dialog = None

    @property
    def asking(self):
        """True while the dialog is open; it tells nobody when it closes."""
        return self._dialog is not None

    def ask(self, workspace):
        """Open the dialog; a notice if this desktop has none."""
        if self._dialog is not None:
            return
        if sys.platform == "linux" and not any(shutil.which(name) for name in HELPERS):
            workspace.notify("This desktop has no file dialog (install zenity or kdialog); "
                             "drop files on the window, or name them in the shell.")
            return
        self._dialog = dialogs.open_file("Open images", "", PATTERNS, dialogs.opt.multiselect)

    def poll(self, library):
        """Add the files chosen, if the user has chosen."""
        if self._dialog is not None and self._dialog.ready():
            chosen, self._dialog = self._dialog.result(), None
            library.add(chosen)
