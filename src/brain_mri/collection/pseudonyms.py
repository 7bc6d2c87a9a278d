"""Tell whether a value of a table looks like something that identifies a person."""

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from brain_mri.collection.table import COLUMNS, Entry

DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./](?:[0-2]?\d|3[01])"
    r"|(?:[0-2]?\d|3[01])[-./](?:[0-2]?\d|3[01])[-./](?:19|20)\d\d)(?!\d)"
)
BARE_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
LONG = 10  # digits; national numbers of patients have ten or more


def looks_identifying(value: str) -> str:
    """Return what a value looks like, in the plural; "" for a pseudonym.

    Names are two words with capitals, or a `^` (as in DICOM) or a comma.
    """
    words = re.split(r"[ _]+", value.strip())
    name = len(words) > 1 and all(
        len(word) > 1
        and word[0].isupper()
        and re.fullmatch(r"[^\W\d]+(?:['’.-]\w+)*", word)
        for word in words
    )
    if name or "^" in value or "," in value:
        return "names"
    if DATE.search(value) or BARE_DATE.fullmatch(value.strip()):
        return "dates"
    if re.fullmatch(rf"\d{{{LONG},}}", re.sub(r"[ -]", "", value)):
        return f"numbers of {LONG} or more digits"
    return ""


def of_table(table: pd.DataFrame) -> list[str]:
    """Return the `warnings` for a data set's own table, whose header is line 1."""
    lines = [f"line {number}" for number in range(2, len(table) + 2)]
    names = ["patient", *(name for name in table if name not in COLUMNS)]
    return [
        told
        for name in names
        for told in warnings(name, zip(lines, table[name], strict=True))
    ]


def of_entries(entries: Mapping[str, Entry]) -> list[str]:
    """Return the `warnings` for the entries of a data set's own table."""
    rows = [
        (entry.where, {"patient": entry.patient, **entry.others})
        for entry in entries.values()
    ]
    names = dict.fromkeys(name for _, cells in rows for name in cells)
    return [
        told
        for name in names
        for told in warnings(name, [(where, cells[name]) for where, cells in rows])
    ]


def warnings(column: str, cells: Iterable[tuple[str, str]]) -> list[str]:
    """Return a warning for each kind of identifying value; none prints a value.

    Args:
        column: the column's name.
        cells: where each cell stands, and its value.
    """
    first: dict[str, str] = {}
    for where, value in cells:
        if value:
            first.setdefault(value, where)
    found: dict[str, list[str]] = {}
    for value, where in first.items():
        if kind := looks_identifying(value):
            found.setdefault(kind, []).append(where)
    return [
        f"warning: {column} values look like {kind} ({len(at)} of {len(first)}, e.g. "
        f"{at[0]}): use pseudonyms"
        for kind, at in found.items()
    ]
