"""The detection panel: model, device, progress, cancel."""

from imgui_bundle import imgui

from glview.ui.widgets import choice, mark, tip, wrapped


def detect_panel(desk):
    """Draw the panel; `desk.detector` does the work."""
    document = desk.workspace.document
    if document is None:
        return
    _models(desk, document)
    detection = document.detection
    if detection.running:
        if imgui.button("Cancel"):
            desk.detector.cancel()
        mark(desk, "Cancel")
        imgui.same_line()
        imgui.progress_bar(detection.covered, (-1, 0), f"{100 * detection.covered:.0f} %")
    else:
        imgui.begin_disabled(desk.detector.running is not None)
        if imgui.button("Detect"):
            desk.detector.start(document)
        mark(desk, "Detect")
        tip("Find cosmic rays with this model (D)")
        if desk.detector.can_continue(document):
            imgui.same_line()
            if imgui.button("Continue"):
                desk.detector.start(document, resume=True)
            mark(desk, "Continue")
            tip(f"Go on with the detection that ended at {100 * detection.part.covered:.0f} %")
        imgui.end_disabled()
        busy = desk.detector.running
        if busy is not None:
            imgui.same_line()
            share = f"{100 * busy.detection.covered:.0f} %"
            imgui.text_disabled(f"at work on {busy.image.name}: {share}")
    for line in reversed(detection.status.splitlines()):  # the newest is never out of sight
        wrapped(line)


def _models(desk, document):
    """The model, and beside it what it may work together with."""
    detector, workspace = desk.detector, desk.workspace
    together = detector.together()
    room = imgui.get_frame_height() + imgui.get_style().item_spacing.x
    imgui.set_next_item_width(-room if together else -1.0)
    workspace.model = choice(desk, "##model", workspace.model, detector.labels())
    tip(detector.hint(document))
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
