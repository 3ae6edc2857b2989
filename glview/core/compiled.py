"""Whether the loops of this installation are compiled and kept, as far as `rehearsal` runs them."""

import hashlib
import sys
from contextlib import contextmanager
from pathlib import Path

PREFIX = "compiled-"


def mark():
    """The file that says so, beside what numba keeps: its name changes with whatever makes that
    worthless. Imports numba."""
    import llvmlite.binding
    import numba

    from glview.core import runs

    words = [numba.__version__, sys.implementation.cache_tag, llvmlite.binding.get_host_cpu_name()]
    for path in sorted(Path(__file__).parent.glob("*.py")):
        status = path.stat()
        words += path.name, str(status.st_mtime_ns), str(status.st_size)
    name = hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]
    return Path(runs.find.stats.cache_path) / f"{PREFIX}{name}"


def is_kept():
    """Whether nothing has to be compiled any more."""
    return mark().exists()


def was_kept():
    """Whether those of another version, or for another processor, were: it is an update."""
    return any(mark().parent.glob(f"{PREFIX}*"))


@contextmanager
def counting(told):
    """Call told(count) whenever one more loop was compiled. Imports numba."""
    from numba.core import event

    class Counter(event.Listener):
        count = 0

        def on_start(self, event):
            pass

        def on_end(self, event):
            self.count += 1
            told(self.count)

    with event.install_listener("numba:compile", Counter()):
        yield


def keep():
    """All of it is compiled now."""
    path = mark()
    for old in path.parent.glob(f"{PREFIX}*"):
        old.unlink(missing_ok=True)
    path.touch()
