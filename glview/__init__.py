"""glview: find, check and correct tiny objects in very large scientific images.

`init_model(name).detect_cr(image)` detects cosmic rays; `show(array_or_path)` opens the window and
returns the corrected mask; `open_images`, `save_mask` and `load_mask` read and write files.
"""

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "init_model": "glview.models",
    "open_images": "glview.files",
    "save_mask": "glview.files.save",
    "save_masks": "glview.files.save",
    "load_mask": "glview.files.save",
    "find_objects": "glview.core.calls",
    "final_mask": "glview.core.calls",
    "MaskSettings": "glview.core.mask",
    "show": "glview.session",
}
__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name):
    # Imported when asked for: `import glview` must stay instant, for the window comes first.
    if name not in _PUBLIC:
        raise AttributeError(f"module 'glview' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__():
    return [*globals(), *_PUBLIC]
