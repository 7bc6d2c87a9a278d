"""Tell from the name of a folder, or from a label in a table, which class is meant."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from brain_mri.errors import InputError, printable
from brain_mri.files.names import CLASSES

FOLDERS = dict.fromkeys(("no", "notumor", "notumour", "normal", "healthy"), "no")
FOLDERS |= {"negative": "no"}
FOLDERS |= dict.fromkeys(("yes", "tumor", "tumour", "positive"), "yes")
VALUES = FOLDERS | dict.fromkeys(("0", "0.0", "false"), "no")
VALUES |= dict.fromkeys(("1", "1.0", "true"), "yes")
MAX_LISTED = 20  # names in a message


class UnclearError(InputError):
    """Names of classes of which a person must say which count as a tumour.

    names: those that are unclear, sorted.
    options: a proposal for the command line, by option.
    """

    def __init__(self, where: str, labels: Mapping[str, str]) -> None:
        self.names = sorted(name for name, label in labels.items() if not label)
        self.options = _proposal(self.names, labels)
        super().__init__(
            f"{where}: which of {listed(self.names)} count as a tumour, and which not?"
        )


def normal(name: str) -> str:
    """Return a name in small letters without `-`, `_` and blanks."""
    return re.sub(r"[-_\s]+", "", name).casefold() or name


def labels(
    names: Iterable[str], clear: Mapping[str, str], said: Mapping[str, str]
) -> dict[str, str]:
    """Return the label of each name: as a person said, or as is clear; "" otherwise."""
    known = {**clear, **said}
    return {name: known.get(normal(name), "") for name in sorted(set(names))}


def said(names: Sequence[str], yes: Sequence[str], no: Sequence[str]) -> dict[str, str]:
    """Return the label of each name, made `normal`, that --yes or --no gives.

    Args:
        names: the names that exist.
        yes: names of the class yes; each value may join several by commas.
        no: names of the class no, alike.

    Raises:
        InputError: a name does not exist, or is given for both classes.
    """
    exist = {normal(name) for name in names}
    label_of: dict[str, str] = {}
    for label, values in (("yes", yes), ("no", no)):
        for name in _single(values, exist):
            if normal(name) not in exist:
                raise InputError(_missing(label, name, names))
            if label_of.setdefault(normal(name), label) != label:
                raise InputError(
                    f"{printable(name)}: expected in --yes or in --no, found in both"
                )
    return label_of


def others(names: Sequence[str], yes: str) -> tuple[str, ...]:
    """Return the names that an answer does not name.

    Raises:
        InputError: the answer names one that does not exist.
    """
    named = said(names, [yes], [])
    return tuple(name for name in names if normal(name) not in named)


def listed(names: Sequence[str]) -> str:
    """Join the first 20 names, escaped for printing."""
    more = ", ..." if len(names) > MAX_LISTED else ""
    return ", ".join(map(printable, names[:MAX_LISTED])) + more


def _single(values: Sequence[str], exist: set[str]) -> list[str]:
    """Divide values at commas, except a name that itself has one."""
    found: list[str] = []
    for value in values:
        found += [value] if normal(value) in exist else value.split(",")
    return [name.strip() for name in found if name.strip()]


def _missing(label: str, name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    guess = f"; did you mean {printable(near[0])!r}?" if near else ""
    return (
        f"--{label} {printable(name)}: expected one of {listed(sorted(names))}{guess}"
    )


def _proposal(unclear: Sequence[str], labels: Mapping[str, str]) -> dict[str, str]:
    """Divide all names between --yes and --no, so that both have one."""
    of = {
        label: [name for name, found in labels.items() if found == label]
        for label in CLASSES
    }
    lacking = "no" if of["yes"] and not of["no"] else "yes"
    of[lacking] = [*of[lacking], *unclear]
    if not of["no"]:
        of["no"] = [of["yes"].pop()]
    return {f"--{label}": ",".join(sorted(of[label])) for label in ("yes", "no")}
