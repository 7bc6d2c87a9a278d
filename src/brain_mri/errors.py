"""The one exception that a person is meant to read, and text that is safe to print."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class InputError(ValueError):
    """Raise for input a person can mend: one line with what was expected and came."""


def printable(name: str) -> str:
    """Return a name on one line, with control and invisible characters escaped.

    A file name may hold a line end or a control sequence of a terminal.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def remedy(error: BaseException) -> str:
    """Say what to do about a full disk or a closed folder; "" for anything else."""
    number = getattr(error, "errno", None)
    if number in FULL:
        return "; free space on that disk or raise its limit, then start again"
    if number in CLOSED:
        return "; make it and its folder readable and writable, then start again"
    return ""
