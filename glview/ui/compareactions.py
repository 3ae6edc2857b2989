"""Commands of the menu Compare."""

from dataclasses import replace

from glview.core.compare import KINDS
from glview.ui.action import Action

DIVIDER_STEP = 0.02  # of the pane's width


def _change(**changes):
    """A command that sets fields of the workspace's Compare; functions get the Compare."""
    def run(desk):
        compare = desk.workspace.compare
        made = {name: value(compare) for name, value in changes.items()}
        desk.workspace.compare = replace(compare, **made)

    return run


def _is(true):
    return lambda desk: true(desk.workspace.compare)


def _hold(kind, key):
    """The menu holds it, and lets go when it is chosen again; the key as long as it is down."""
    return Action("Compare", f"Hold: {KINDS[kind]}", (key,),
                  _change(held=lambda now: "" if now.held == kind else kind),
                  checked=_is(lambda now: now.held == kind), hold=kind)


def _move(step):
    return _change(divided=lambda now: True,
                   at=lambda now: min(max(now.at + step, 0.0), 1.0))


def _other(kind):
    return Action("Compare", f"Right of the divider: {KINDS[kind]}", (),
                  _change(other=lambda now: kind, divided=lambda now: True),
                  checked=_is(lambda now: now.right == kind))


def _after(kind):
    kinds = tuple(KINDS)
    return kinds[(kinds.index(kind) + 1) % len(kinds)]


COMPARE = (
    _hold("image", "T"),
    _hold("model", "Shift+T"),
    _hold("previous", "Y"),
    Action("Compare", KINDS["cleaned"], ("U",), _change(cleaned=lambda now: not now.cleaned),
           checked=_is(lambda now: now.cleaned)),
    Action("Compare", "Divider in the image", ("Shift+U",),
           _change(divided=lambda now: not now.divided), checked=_is(lambda now: now.divided)),
    Action("Compare", "Divider to the left", ("Ctrl+Left",), _move(-DIVIDER_STEP), repeat=True),
    Action("Compare", "Divider to the right", ("Ctrl+Right",), _move(DIVIDER_STEP), repeat=True),
    Action("Compare", "Right of the divider: the next", ("Ctrl+U",),
           _change(other=lambda now: _after(now.right or now.other), divided=lambda now: True,
                   cleaned=lambda now: False)),
    *(_other(kind) for kind in KINDS),
)
