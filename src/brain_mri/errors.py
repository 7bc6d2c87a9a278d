"""The exception for bad input, and text that is safe to print."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class InputError(ValueError):
    """Bad input; the message says in one line what was expected and what was found."""


def printable(name: str) -> str:
    """Return a name on one line, with control and invisible characters escaped.

    A file name may contain line breaks or terminal control sequences.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def remedy(error: BaseException) -> str:
    """Return advice for a full disk or missing permissions; "" for other errors."""
    number = getattr(error, "errno", None)
    if number in FULL:
        return "; free space on that disk or raise its limit, then start again"
    if number in CLOSED:
        return "; make it and its folder readable and writable, then start again"
    return ""
