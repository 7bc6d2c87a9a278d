"""The one exception that a person is meant to read."""


class InputError(ValueError):
    """Raise for input a person can mend: one line with what was expected and came."""
