"""The one exception that a person is meant to read, and names made fit to be read."""


class InputError(ValueError):
    """Raise for input a person can mend: one line with what was expected and came."""


def shown(name: str) -> str:
    """Return a name in one line: line ends, control and invisible letters escaped.

    A file's name may hold a line end or a terminal's control sequence.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
