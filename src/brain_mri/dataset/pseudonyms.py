"""Tell whether a patient's pseudonym looks like something that identifies a person."""

import re
from collections.abc import Sequence

DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./](?:[0-2]?\d|3[01])"
    r"|(?:[0-2]?\d|3[01])[-./](?:[0-2]?\d|3[01])[-./](?:19|20)\d\d)(?!\d)"
)
BARE_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
LONG = 10  # digits; national numbers of patients have ten or more


def looks_identifying(value: str) -> str:
    """Return what a patient's value looks like, in the plural; "" for a pseudonym.

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


def warnings(values: Sequence[str]) -> list[str]:
    """Return a warning for each kind of identifying value; none prints a value.

    Args:
        values: the patient of each row of a table, "" if unknown; the first row is line
            2, below the header.
    """
    lines: dict[str, int] = {}
    for line, value in enumerate(values, start=2):
        if value:
            lines.setdefault(value, line)
    found: dict[str, list[int]] = {}
    for value, line in lines.items():
        if kind := looks_identifying(value):
            found.setdefault(kind, []).append(line)
    return [
        f"warning: patient values look like {kind} ({len(at)} of {len(lines)}, e.g. in "
        f"line {at[0]}): use pseudonyms"
        for kind, at in found.items()
    ]
