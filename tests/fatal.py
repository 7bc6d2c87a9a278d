"""Work for a Dask worker in tests, which may be the end of a process."""

import os
import signal
from pathlib import Path


def noted(log, victim, function, item):
    """Apply a function to an item, and write down which process does.

    The first process that gets the victim is killed.
    """
    doomed = item == victim
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{'victim ' if doomed else ''}{os.getpid()}\n")
    killed = Path(f"{log}.killed")
    if doomed and not killed.exists():
        killed.write_text(str(os.getpid()))
        kill()
    return function(item)


def kill(process=0, item=None):
    """Kill a process, or the own one."""
    os.kill(process or os.getpid(), signal.SIGKILL)


def refuse(kind, folder, item):
    """Raise an exception that names a file."""
    raise kind(f"{folder / 'x.png'}: expected more")


def size(path):
    """Return the process and a file's size."""
    return os.getpid(), path.stat().st_size
