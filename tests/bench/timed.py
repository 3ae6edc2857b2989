"""glview in its window with the times of its frames: `python -m bench.timed TIMES.json ARGUMENT...`

TIMES.json gets a list of [begin, end, cpu] of every frame when the window is closed: seconds of the
monotonic clock, and those that the thread computed.  A frame ends when OpenGL has drawn it.
"""

import json
import sys
import time
from pathlib import Path


def main(target, *arguments):
    """Run the command with `arguments`; returns its exit code."""
    from glview import cli
    from glview.app import Desk

    times, draw = [], Desk.frame

    def timed(desk):
        began, used = time.monotonic(), time.thread_time()
        draw(desk)
        desk.platform.ctx.finish()
        times.append((began, time.monotonic(), time.thread_time() - used))

    Desk.frame = timed
    code = cli.main(arguments)
    Path(target).write_text(json.dumps(times))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
