"""The reviewer's decisions about the selected object: worked out at once, or by a worker where the
object is large; then on to the next one."""

from glview import judging
from glview.core import verdicts
from glview.core.outline import outline_of
from glview.core.verdicts import STATES
from glview.judging import JudgingError

AT_ONCE = 1 << 20  # pixels of the box of an object for which no worker is needed
ALL_DONE = "All objects that are shown are reviewed"


class Decider:
    """Does what `judging` has to the object that is selected in a listing.Listing."""

    def __init__(self, workspace, jobs, listing):
        self.workspace, self._jobs, self._listing = workspace, jobs, listing
        self._outline = None, None

    def do(self, document, act, onward=False):
        """act: a function of `judging`; onward: go to the next object that is not judged then."""
        number, listing = self._listing.selected, self._listing
        if number < 0:
            self.workspace.told = "Choose an object first: N goes to the next one"
            return
        if listing.is_gone(number):
            if act is not judging.accept:
                self.workspace.told = "It is rejected already: A takes it back into the mask"
                return
            act = judging.restore
        row = listing.rows[number].copy()
        following = listing.unreviewed() if onward else -1

        def done(change):
            if change.pixel is not None:
                listing.hold(change.pixel)
            if not judging.apply(document, change) and not onward:
                self.workspace.told = "Nothing changes"
            if following >= 0 and listing.selected == number:
                listing.select(document, following)
            elif onward:
                self.workspace.told = ALL_DONE

        self._work(document, act, row, done)

    def _work(self, document, act, row, done):
        look, key = judging.look_at(document, self.workspace.cursor), document.mask_key

        def finish(change):
            if document.mask_key == key and document is self.workspace.document:
                done(change)
            else:
                self.workspace.told = "The mask changed meanwhile: press the key once more"

        if _size(row) > AT_ONCE:
            self._jobs.start("judge", lambda cancelled: act(look, row), finish, self._failed)
            return
        try:
            done(act(look, row))
        except JudgingError as error:
            self._failed(error)

    def _failed(self, error):
        if not isinstance(error, JudgingError):
            raise error
        self.workspace.told = str(error)

    def outline(self, document):
        """(box, lines, state) of the selected object, or None if there is none.

        lines: round its pixels, as from core.outline.outline_of, or None where these are not known:
        it is large, or is being counted again. state: one of verdicts.STATES.
        """
        listing = self._listing
        if document is None or not 0 <= listing.selected < len(listing.rows):
            return None
        row, gone = listing.rows[listing.selected], listing.is_gone(listing.selected)
        box = tuple(int(row[name]) for name in ("y0", "x0", "y1", "x1"))
        key = document.key, document.mask_key, box, gone
        if self._outline[0] != key:
            box, inside = _pixels(judging.look_at(document), row, box, gone)
            self._outline = key, (box, None if inside is None else outline_of(box[:2], inside))
        return *self._outline[1], STATES[listing.codes[listing.selected]]


def _pixels(look, row, box, gone):
    if _size(row) > AT_ONCE:
        return box, None
    if gone:
        return box, verdicts.component(look.deleted(box))
    try:
        return judging.whole(look, row)
    except JudgingError:
        return box, None


def _size(row):
    return (int(row["y1"]) - int(row["y0"])) * (int(row["x1"]) - int(row["x0"]))
