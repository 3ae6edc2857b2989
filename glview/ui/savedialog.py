"""The dialog File, What is saved: how much of it, where, and what that comes to."""

import math
from dataclasses import replace

from imgui_bundle import imgui

from glview.arguments import BITS, DQ
from glview.ui.widgets import choice, mark, tip, wrapped

CONFIDENCE = {"exact": "Every bit", "rounded": "Rounded", "none": "Left out"}
METHODS = {"auto": "In the image's file, where it can be", "append": "At the file's end, in place",
           "copy": "In a new version of the file", "beside": "In a file of its own beside it"}
PLACES = {"append": "To the end of {}, in place: {}", "copy": "Into a new version of {}: {}",
          "beside": "Into {}, beside the image: {}"}
CONTENTS = {"CR_MASK": "the mask", "CR_PROBABILITY": "the model's confidence",
            "CR_EDITS": "what was done by hand", "CR_REVIEW": "verdicts", "CR_DQ": "flags"}
MIND = (1.0, 0.85, 0.55)


def saved_dialog(desk):
    """Draw the dialog; the choices hold for every file, and are remembered."""
    saving, document = desk.workspace.saving, desk.workspace.document
    imgui.push_item_width(-imgui.get_font_size() * 6)
    confidence = choice(desk, "Confidence", saving.confidence, CONFIDENCE)
    tip("CR_PROBABILITY. The mask itself is always saved exactly as it is shown.")
    bits = saving.bits
    if confidence == "rounded":
        _, bits = imgui.slider_int("Bits", bits, *BITS)
        mark(desk, "Bits")
        bits = min(max(bits, BITS[0]), BITS[1])
    wrapped(_said(confidence, bits))
    imgui.spacing()
    dq = choice(desk, "Flags", saving.dq, _flags(document))
    tip("CR_DQ: a copy of the image's data-quality flags with the mask's bits among them")
    method = choice(desk, "Where", saving.method, METHODS)
    imgui.pop_item_width()
    chosen = replace(saving, confidence=confidence, bits=bits, dq=dq, method=method)
    desk.workspace.saving = chosen
    if chosen != desk.settings.saving and not imgui.is_any_item_active():
        desk.settings.remember(desk)  # at once: a program may end otherwise than by closing it
    imgui.separator()
    _outcome(desk, desk.foresight.of(document))


def _said(confidence, bits):
    """What the choice of the confidence means."""
    if confidence == "exact":
        return "Opened again, the file gives the same mask as now, for every threshold."
    if confidence == "none":
        return ("Opened again, the file gives this mask. For another threshold the frame must be "
                "searched anew.")
    return (f"{bits} bits: to {most(2.0 ** -(bits + 1))}, beside the threshold to "
            f"{most(2.0**-bits)}. No pixel of the mask changes.")


def most(error):
    """An error in (0, 1) as text, with one digit that counts, rounded up."""
    digits = max(1, math.ceil(-math.log10(error)))
    return f"{math.ceil(error * 10**digits) / 10**digits:.{digits}f}"


def _flags(document):
    before = "" if document is None or document.dq is None else f": {document.dq}"
    rows = {name: f"As in {name}" for name in DQ} | {"plain": "None: CR_MASK alone"}
    return {"": f"As saved before{before}"} | rows


def _outcome(desk, found):
    """found: what `foreseeing.Foresight` gave."""
    if found is None:
        imgui.text_disabled("working out what that comes to...")
    elif isinstance(found, str):
        wrapped(found, MIND)
    else:
        _foreseen(found)
    imgui.begin_disabled(found is None or isinstance(found, str))
    if imgui.button("Save"):
        desk.library.save()
        desk.screen.opened.discard("saved")
    mark(desk, "saved:Save")
    imgui.end_disabled()
    imgui.same_line()
    if imgui.button("Close"):
        desk.screen.opened.discard("saved")
    mark(desk, "saved:Close")


def _foreseen(found):
    whole = bytes_text(sum(found.sizes.values()))
    why = f", because {found.why}" if found.why else ""
    wrapped(f"{PLACES[found.method].format(found.path.name, whole)}{why}.")
    if imgui.begin_table("extensions", 3, imgui.TableFlags_.sizing_fixed_fit.value):
        for name, size in found.sizes.items():
            for text in (name, bytes_text(size), CONTENTS[name]):
                imgui.table_next_column()
                imgui.text_unformatted(text)
        imgui.end_table()
    if found.warning:
        wrapped(found.warning, MIND)


def bytes_text(count):
    """ "23 kB", "1.8 MB": of 1000s, as files are listed."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{math.ceil(count / 1000)} kB"
