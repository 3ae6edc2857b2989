"""The same run on the workers of a Dask cluster: a file is a task, and a task may be repeated.

A worker that dies takes nothing along: its file goes to another one, which finds done what was
finished, because a result appears by one rename and is looked for before it is made.
Imported only for `--scheduler`: distributed is an optional package.
"""

import sys
from concurrent.futures import CancelledError
from contextlib import contextmanager

from distributed import Client, KilledWorker, WorkerPlugin, as_completed, get_worker

from glview.arguments import UsageError
from glview.batch import rows
from glview.batch.pool import Models
from glview.batch.work import Work

PATIENCE = "10s"  # until a scheduler must have answered
DIED = "its worker died, each time: not enough memory there, or a crash"
RETRIES = 2  # of a file that failed: another worker's disk or card may be in order


class Undone(Exception):  # noqa: N818 - no error of the program: it carries the rows
    """Raised by a task of which something failed, so that it is repeated; holds all its rows."""

    def __init__(self, done):
        super().__init__(done)
        self.rows = done


class KeepModels(WorkerPlugin):
    """What a worker keeps from task to task and from run to run: the models it has loaded."""

    idempotent = True

    def __init__(self, device, precision):
        self.name = plugin_name(device, precision)
        self.models = Models(device, precision)


def plugin_name(device, precision):
    """The plugin's name on a worker."""
    return f"glview-models-{device}-{precision}"


def search_file(item, request):
    """The task: all rows of one file.  Raises Undone if one of them failed."""
    keeper = get_worker().plugins[plugin_name(request.device, request.precision)]
    done = Work(request, keeper.models).file(item)
    if any(row.status == rows.FAILED for row in done):
        raise Undone(done)
    return done


def run_on_cluster(items, request, address):
    """Yield a Row for each image, as files are finished.

    address: of the scheduler.  Files that were on workers when these died are tried again alone,
    one after the other, so that only the one that kills its worker is reported.
    Raises UsageError if there is no cluster.
    """
    with _client(address, request) as client:
        suspects = []
        yield from _round(client, items, request, suspects.append)
        for item in suspects:
            yield from _round(client, [item], request, None)


@contextmanager
def _client(address, request):
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"no scheduler answers at {address} ({error}); start one by "
                         "`dask scheduler`") from error
    with client:
        if not client.scheduler_info()["workers"]:
            print(f"glview detect: no worker has joined {address} yet; waiting", file=sys.stderr)
        try:
            client.register_plugin(KeepModels(request.device, request.precision))
        except ImportError as error:
            raise UsageError(f"glview is not installed on the cluster's machines, or is another "
                             f"version there ({error})") from error
        yield client


def _round(client, items, request, suspect):
    """Rows of all items; suspect(item) takes those in whose company a worker died, None: none."""
    tasks = client.map(search_file, items, request=request, retries=RETRIES, pure=False)
    owners = {task.key: item for task, item in zip(tasks, items, strict=True)}
    try:
        for task in as_completed(tasks, loop=client.loop):
            item = owners[task.key]
            found = _rows(task, item)
            if found is not None:
                yield from found
            elif suspect is not None:
                suspect(item)
            else:
                yield _lost(item, DIED)
    finally:
        client.cancel([task for task in tasks if not task.done()])


def _rows(task, item):
    """The rows of a task that is done; None if workers died of it.

    A result that was lost with its worker is waited for again: the file is found done then.
    """
    try:
        return task.result()
    except Undone as undone:
        return undone.rows
    except KilledWorker:
        return None
    except CancelledError:
        return [_lost(item, "the cluster lost it: the scheduler was stopped or not to be reached")]
    except Exception as error:  # of Dask itself, or one that a worker could not send
        return [rows.failed(item, error)]


def _lost(item, why):
    row = rows.failed(item, RuntimeError())
    row.error = why
    return row
