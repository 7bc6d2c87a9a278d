"""Show how far long work is, and spread it over the cores of this process."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from tqdm.contrib.concurrent import thread_map

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Count the cores that this process may use, which a container may limit."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_threads(
    function: Callable[[Item], Result], items: Sequence[Item], what: str
) -> list[Result]:
    """Apply a function to all items on all cores, results in the items' order.

    A progress bar called `what` shows where a person watches. Threads will do: Pillow,
    OpenCV and NumPy release Python's lock while they work.
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
    """Print the scores of one epoch on a line."""
    values = "  ".join(f"{key} {value:.3f}" for key, value in scores.items())
    print(f"{name}: epoch {epoch}/{epochs}  {values}", flush=True)
