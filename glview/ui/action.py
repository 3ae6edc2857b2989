"""What a row of the commands is made of, and what they ask of the desk alike.

`desk` is the running application; commands call its methods or change its workspace.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Action:
    """run, enabled, checked: functions of the desk; checked None: not a switch.

    keys: the first is shown in the menu.  repeat: holding the key repeats it.  hold: the kind of
    `core.compare` that is shown while the key is down; "": the key runs it.  hint: what the label
    leaves open.
    """

    menu: str
    label: str
    keys: tuple[str, ...]
    run: Callable[[Any], None]
    enabled: Callable[[Any], bool] = lambda desk: desk.workspace.document is not None
    checked: Callable[[Any], bool] | None = None
    repeat: bool = False
    hold: str = ""
    hint: str = ""


def always(desk):
    """The command needs nothing."""
    return True


def has_mask(desk):
    """There is anything a mask could be made of."""
    return desk.workspace.document is not None and desk.workspace.document.has_mask


def is_whole(desk):
    """The picture is all there, not still being unpacked."""
    document = desk.workspace.document
    return document is not None and document.whole


def has_objects(desk):
    """There is an object in the list."""
    return desk.workspace.document is not None and len(desk.listing.rows) > 0
