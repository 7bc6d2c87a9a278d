"""Show the progress of long work, and spread it over the available cores."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from tqdm.contrib.concurrent import thread_map

from brain_mri.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Count the cores that this process may use; a container may limit them."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_threads(
    function: Callable[[Item], Result], items: Sequence[Item], what: str
) -> list[Result]:
    """Apply a function to all items on all cores; results are in the items' order.

    A progress bar labelled `what` is shown on a terminal. Threads are used because
    Pillow, OpenCV and NumPy release Python's lock while they work. The items may share
    arrays; for work on single images see `map_images`.
    """
    results: list[Result] = thread_map(
        function,
        items,
        max_workers=cores(),
        desc=what,
        leave=False,
        disable=None,
    )
    return results


def map_images(
    function: Callable[[Item], Result], items: Sequence[Item], what: str
) -> list[Result]:
    """Apply a function to each image, on all cores or on the cluster that is named.

    The environment names a cluster by `DASK_SCHEDULER_ADDRESS`, Dask's own variable.
    The function depends on its item alone, and may write a file for each. It must be
    one that can be pickled: a module's function, or a `partial` of one.

    Raises:
        InputError: the cluster cannot be used (see `cluster.map_images`).
    """
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    if not address:
        return map_threads(function, items, what)
    try:
        from brain_mri import cluster
    except ModuleNotFoundError:
        raise InputError(
            "DASK_SCHEDULER_ADDRESS is set, which needs distributed: "
            "pip install -e '.[dask]', or unset the variable"
        ) from None
    return cluster.map_images(address, function, items, what)


def print_epoch(
    name: str, epoch: int, epochs: int, scores: Mapping[str, float]
) -> None:
    """Print the scores of one epoch on one line."""
    values = "  ".join(f"{key} {value:.3f}" for key, value in scores.items())
    print(f"{name}: epoch {epoch}/{epochs}  {values}", flush=True)
