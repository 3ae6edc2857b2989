"""The detection panel: model, what to search with it, progress, cancel."""

from imgui_bundle import imgui

from glview.core.shares import percent, progress
from glview.ui.widgets import choice, mark, tip, wrapped

MIND = (1.0, 0.85, 0.55)


def detect_panel(desk):
    """Draw the panel; `desk.detector` does the work."""
    document = desk.workspace.document
    if document is None:
        return
    _models(desk, document)
    if misfit := desk.detector.choice.misfit(document):
        wrapped(misfit, MIND)
    if document.detection.running:
        _under_way(desk)
    else:
        _ready(desk, document)
        _searched(document.detection)
    for line in reversed(document.detection.status.splitlines()):  # the newest is in sight
        wrapped(line)


def _under_way(desk):
    """The detection of this document: how far it is, and how long it will take."""
    if imgui.button("Cancel"):
        desk.detector.cancel()
    mark(desk, "Cancel")
    pace = desk.detector.pace
    if pace is None:  # it was cancelled just now
        return
    imgui.same_line()
    imgui.progress_bar(pace.fraction, (-1, 0), progress(pace.fraction))
    if words := pace.words() or ("" if pace.fraction else "the model is starting"):
        imgui.text_disabled(words)


def _ready(desk, document):
    """What can be begun."""
    detector = desk.detector
    imgui.begin_disabled(detector.running is not None)
    if imgui.button("Detect"):
        detector.start(document)
    mark(desk, "Detect")
    tip("Find cosmic rays with this model (D)")
    imgui.same_line()
    if imgui.button("In view"):
        detector.again(document)
    mark(desk, "In view")
    tip("Search only what the panes show with this model; what was found elsewhere stays (Ctrl+D)."
        " Undo brings the earlier confidence back.")
    if detector.can_continue(document):
        imgui.same_line()
        if imgui.button("Continue"):
            detector.start(document, resume=True)
        mark(desk, "Continue")
        part = document.detection.part
        tip(f"Go on with {part.model}, which was stopped at {percent(part.covered)}")
    imgui.end_disabled()
    busy = detector.running
    if busy is not None:
        imgui.same_line()
        share = progress(detector.pace.fraction)
        imgui.text_disabled(f"at work on {busy.image.name}: {share}")


def _searched(detection):
    """How much of the frame the confidence is of, unless it is all."""
    if detection.confidence is not None and detection.covered < 1.0:
        where = ("the rest is dark in the overview" if detection.gaps
                 else "where is not told by the file")
        wrapped(f"Only {percent(detection.covered)} of the frame was searched; {where}", MIND)


def _models(desk, document):
    """The model, and beside it what it may work together with."""
    chosen, workspace = desk.detector.choice, desk.workspace
    together = chosen.together()
    room = imgui.get_frame_height() + imgui.get_style().item_spacing.x
    imgui.set_next_item_width(-room if together else -1.0)
    model = choice(desk, "##model", workspace.model, chosen.labels())
    if model != workspace.model or imgui.is_window_hovered():
        desk.detector.expect()
    workspace.model = model
    tip(chosen.hint(document))
    if not together:
        return
    imgui.same_line()
    arrow = imgui.ComboFlags_.no_preview.value | imgui.ComboFlags_.height_largest.value
    if imgui.begin_combo("##together", "", arrow):
        for name, words in together.items():
            if imgui.selectable(words, name == workspace.model)[0]:
                workspace.model = name
            mark(desk, f"##together:{name}")
        imgui.end_combo()
    else:
        mark(desk, "##together")
    tip("This model alone, the mean with another one, or only what both of them see")
