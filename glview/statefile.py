"""The window's state as JSON after every frame, for scripts that drive it."""

import json
import os
import sys
from pathlib import Path

import glview


def age():
    """Seconds since this process was started, or None where the system does not tell."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        up = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return None
    return up - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def imported():
    """Names of the packages imported so far that do not come with Python."""
    return sorted({name.partition(".")[0] for name in tuple(sys.modules)}
                  - sys.stdlib_module_names)


def write_state(desk, path, first):
    """What a script that drives the window needs to know, replaced in one step.

    first: [`age`, `imported`] at the first picture, or [] before it.
    """
    workspace, document = desk.workspace, desk.workspace.document
    state = {"version": glview.__version__, "frame": desk.frames, "file": None,
             "first_picture_s": first[0] if first else None,
             "first_picture_packages": first[1] if first else None,
             "view": vars(workspace.view), "cursor": workspace.cursor, "tool": workspace.tool,
             "settled": desk.settled, "sharp": desk.scene.sharp, "pending": desk.feed.pending,
             "held_bytes": desk.held_bytes, "gpu_bytes": desk.scene.tiles.nbytes,
             "readout": desk.readout.text, "compare": vars(workspace.compare),
             "compiling": desk.compiler.words,
             "notices": workspace.notices, "told": workspace.told, "places": desk.screen.places}
    if document is not None:
        objects = document.review.objects
        state |= {"file": document.image.name, "mask": vars(document.mask),
                  "stretch": vars(document.stretch), "limits": document.limits,
                  "added": document.edits.added, "deleted": document.edits.deleted,
                  "objects": None if objects is None else len(objects),
                  "reviewed": desk.listing.reviewed, "pixels": document.review.pixels,
                  "changed": document.changed,
                  "covered": document.detection.covered, "read": document.pyramid.covered,
                  "complete": document.pyramid.complete}
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(state))
    part.replace(path)
