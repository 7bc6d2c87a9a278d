"""Send per-image work to a Dask cluster.

The result for an image must not depend on the machine that reads it. Each worker is
therefore checked for the same code and the same folders before it reads the first one.
"""

import hashlib
import logging
import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from distributed import Client, KilledWorker
from tqdm.auto import tqdm

from brain_mri.errors import InputError, printable

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_ONCE = 64  # items sent in one message
PATIENCE = 10  # seconds, for the scheduler to answer and for a first worker
READERS = ("numpy", "opencv-python-headless", "pillow", "pydicom", "scipy")

Stamps = tuple[tuple[str, int], ...]


def _code() -> str:
    """Return a hash of this package's code and of the versions of `READERS`."""
    folder = Path(__file__).parent
    content = [path.read_bytes() for path in sorted(folder.rglob("*.py"))]
    for found in metadata.distributions():
        if found.name.lower() in READERS:
            content.append(f"{found.name.lower()} {found.version}".encode())
    return hashlib.sha256(b"\0".join(sorted(content))).hexdigest()


CODE = _code()  # at import: a worker that started before a change still runs the old


def map_images(
    address: str,
    function: Callable[[Item], Result],
    items: Sequence[Item],
    what: str,
) -> list[Result]:
    """Apply a function to each item on a cluster; results are in the items' order.

    Function, items and results are pickled. Relative paths that the function holds as
    arguments of a `partial`, and items that are paths, are taken from this process's
    folder. A worker that ends loses nothing: another one does its items again. Dask's
    own client is used because joblib 1.6 waits for ever for a task that Dask gives up.

    Args:
        address: of the scheduler.
        function, items: as in `progress.map_images`.
        what: label of the progress bar.

    Raises:
        InputError: the scheduler does not answer or has no worker, a worker has other
            code or other folders, Dask gives an item up, or the scheduler ends.
    """
    run = partial(_run, CODE, _stamps(function), Path.cwd(), function)
    with _client(address) as client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
            sent = client.map(run, items, pure=False, batch_size=AT_ONCE)
            shown = tqdm(sent, what, leave=False, disable=None)
            return [future.result() for future in shown]
        except TimeoutError as error:
            raise InputError(
                f"DASK_SCHEDULER_ADDRESS: the Dask scheduler had no worker within "
                f"{PATIENCE} s; start one (docs/machines.md)"
            ) from error
        except KilledWorker as error:
            raise InputError(
                f"Dask gave up: {error.allowed_failures + 1} workers ended while they "
                "read one image; look for the reason (often memory) in their output"
            ) from error
        except CancelledError as error:
            raise InputError(
                f"the Dask scheduler {printable(address)} has ended or is out of "
                "reach; start it again, then `dvc repro`"
            ) from error


def _client(address: str) -> Client:
    for name in ("distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # tracebacks; one line here
    try:
        return _Client(address, timeout=PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, MemoryError) as error:  # memory: no Dask answers
        raise InputError(
            f"DASK_SCHEDULER_ADDRESS={printable(address)}: no Dask scheduler answered "
            f"within {PATIENCE} s; start one, or unset the variable to use this "
            "computer's cores"
        ) from error


class _Client(Client):
    """Dask's own, which would print a traceback where it could not connect."""

    def __del__(self) -> None:
        pass  # one that is connected is closed by its `with`


def _run(
    code: str, stamps: Stamps, root: Path, function: Callable, item: object
) -> object:
    """Apply a function to an item, in a worker."""
    _check(code, stamps)
    try:
        return _moved(root, function)(_moved(root, item))
    except InputError as error:  # the message is to be the same as without a cluster
        raise type(error)(str(error).replace(f"{root}{os.sep}", "")) from error


@cache
def _check(code: str, stamps: Stamps) -> None:
    """Check that this process has the code and the folders of the one that sent work.

    Raises:
        InputError: it has not.
    """
    host = socket.gethostname()
    if code != CODE:
        raise InputError(
            f"the Dask worker on {host} runs other code than this project: expected "
            f"the same versions of brain-mri, {', '.join(READERS)}; install them there "
            "and start the worker again"
        )
    for folder, stamp in stamps:
        if _stamp(folder) != stamp:
            raise InputError(
                f"the Dask worker on {host} does not see the same {printable(folder)}; "
                "workers need the same folders at the same paths"
            )


def _stamps(function: Callable) -> Stamps:
    """Return path and time of last change of each folder that a partial holds."""
    if not isinstance(function, partial):
        return ()
    folders = [str(each.absolute()) for each in function.args if isinstance(each, Path)]
    return tuple((folder, _stamp(folder)) for folder in folders)


def _stamp(folder: str) -> int:
    """Return a folder's time of last change in whole seconds; -1 if it is missing."""
    try:
        return int(os.stat(folder).st_mtime)
    except OSError:
        return -1


def _moved(root: Path, value: Any) -> Any:
    """Return a path, or a partial with its paths, taken from the folder `root`."""
    if isinstance(value, partial):
        moved = [_moved(root, each) for each in value.args]
        return partial(_moved(root, value.func), *moved, **value.keywords)
    return root / value if isinstance(value, Path) else value
