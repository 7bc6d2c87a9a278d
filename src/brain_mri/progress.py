"""Work through many items on all cores, showing how far it is."""

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from tqdm.contrib.concurrent import thread_map

Item = TypeVar("Item")
Result = TypeVar("Result")


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
        max_workers=os.cpu_count(),
        desc=what,
        leave=False,
        disable=None,
    )
    return results
