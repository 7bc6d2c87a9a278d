"""The one exception that a person is meant to read, and how faults become it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class InputError(ValueError):
    """Raise for input a person can mend: one line with what was expected and came."""


def shown(name: str) -> str:
    """Return a name in one line: line ends, control and invisible letters escaped.

    A file's name may hold a line end or a terminal's control sequence.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file that could not be written, and leave no half of it behind.

    A full disk alone names none: the file opens, then a write fails.

    Raises:
        InputError: writing failed; the line says what to do.
    """
    try:
        yield
    except OSError as error:
        with suppress(OSError):
            if path.is_file():  # never a device
                path.unlink()
        # not strerror: HDF5 puts a paragraph there
        reason = os.strerror(error.errno) if error.errno else str(error)
        way_out = remedy(error)
        raise InputError(f"{path}: cannot be written ({reason}){way_out}") from error


def remedy(error: BaseException) -> str:
    """Say what to do about a fault of the system, if that is known."""
    number = getattr(error, "errno", None)
    if number in FULL:
        return "; free space on that disk or raise its limit, then start again"
    if number in CLOSED:
        return "; make it and its folder readable and writable, then start again"
    return ""
