"""Show the progress of long work, and spread it over the available cores."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from tqdm.contrib.concurrent import thread_map

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
    Pillow, OpenCV and NumPy release Python's lock while they work.
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


def print_epoch(
    name: str, epoch: int, epochs: int, scores: Mapping[str, float]
) -> None:
    """Print the scores of one epoch on one line."""
    values = "  ".join(f"{key} {value:.3f}" for key, value in scores.items())
    print(f"{name}: epoch {epoch}/{epochs}  {values}", flush=True)
