"""Choose the columns of a data set's table by which results are shown in groups."""

from collections import Counter
from collections.abc import Mapping

from brain_mri.collection.table import Entry

PREFIX = "group:"  # of these columns in the manifest, where other names are taken
MOST = 12  # groups of a column; age in years or a comment has more
FEWEST = 5  # files of a group, on average


def columns(entries: Mapping[str, Entry]) -> list[str]:
    """Return the names of the further columns whose values are categories, sorted.

    A category has 2 to 12 values, and a value has five files on average: this leaves
    out free text, numbers and identifiers.
    """
    names = sorted({name for entry in entries.values() for name in entry.others})
    return [name for name in names if _is_category(name, entries)]


def _is_category(name: str, entries: Mapping[str, Entry]) -> bool:
    cells = [entry.others.get(name, "") for entry in entries.values()]
    counts = Counter(cell for cell in cells if cell)
    return 2 <= len(counts) <= MOST and counts.total() >= FEWEST * len(counts)
