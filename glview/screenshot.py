"""A picture without a window: open, detect if asked for, draw, write a PNG."""

import sys
from contextlib import closing

import numpy as np

from glview.session import (
    SessionError,
    first_look,
    look,
    off_frame,
    show_first,
    work,
    workspace_for,
)
from glview.settings import Settings


def run_screenshot(entries, options):
    """Draw without a display and write `options.screenshot`.

    Raises SessionError, files.ReadError or gl.context.DisplayError.
    """
    first = first_look(entries)
    from glview.app import Desk
    from glview.gl.context import Offscreen

    settings = Settings()
    if first is not None:
        (first.part if options.first else first.result)()
    platform = Offscreen(options.size or settings.size)
    desk = Desk(platform, workspace_for(entries, settings, options), settings)
    desk.bare = None if options.pane == "all" else options.pane
    settings.remember = lambda desk: None  # a script's picture is nobody's taste
    with closing(desk):
        show_first(desk, first)
        if options.first:
            desk.library.update()
            _tell(desk.workspace.document, options)
            look(desk, options)
            for _ in range(3):  # Dear ImGui lays panels out in the first and names them in the next
                desk.frame()
            _check(desk)
        else:
            _settle(desk)
            _tell(desk.workspace.document, options)
            look(desk, options)
            work(desk, options)
            _settle(desk)
        _write(platform, desk, options.screenshot)


def _tell(document, options):
    """What is wrong with the file goes to the shell; a view off the image is refused."""
    for note in document.image.notes:
        print(f"glview: {document.image.name}: {note}", file=sys.stderr)
    if wrong := off_frame(document, options):
        raise SessionError(wrong)


def _settle(desk):
    if not desk.settle():
        raise SessionError("the picture was not ready after ten minutes")
    _check(desk)
    document = desk.workspace.document
    if not document.pyramid.complete:
        raise SessionError(desk.workspace.notices[0] if desk.workspace.notices
                           else "the file could not be read as a whole")


def _check(desk):
    """Raise what went wrong so far."""
    entry = desk.workspace.entry
    if entry.error:
        raise SessionError(entry.error)
    failed = [notice for notice in desk.workspace.notices if "Detection" in notice]
    failed.extend(f"the picture could not be drawn: {fault}" for fault in desk.faults)
    if failed:
        raise SessionError(failed[0])


def _write(platform, desk, path):
    from PIL import Image

    if desk.bare is not None:
        pixels = desk.scene.panes[desk.bare].pixels()
    else:
        width, height = platform.size
        data = platform.target.read(components=3, alignment=1)
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)[::-1]
    try:
        Image.fromarray(np.ascontiguousarray(pixels)).save(path, "PNG")
    except OSError as error:
        raise SessionError(f"the picture could not be written: {error}") from error
