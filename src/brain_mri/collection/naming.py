"""Take the patient from a file's name, by a pattern that a person gives."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from brain_mri.errors import InputError, printable

# A name that ends in a counter: TCGA_CS_4941_12.tif
COUNTED = re.compile(r"([^/]+)[-_. ]\d+\.[^/.]+$")
MANY = 3  # stems that several files share, in one class, before they look like patients


def by_pattern(files: Sequence[str], pattern: str) -> dict[str, str]:
    """Return the patient of each file whose path the pattern is found in.

    The patient is the first group of the match, or the whole match.

    Raises:
        InputError: the pattern is no regular expression, or is found in no path.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"--patient-from {printable(pattern)}: expected a regular expression "
            f"({error}); for example '([^/]+)_[0-9]+'"
        ) from error
    found = {file: compiled.search(file) for file in files}
    patients = {
        file: patient
        for file, match in found.items()
        if match and (patient := match[1 if compiled.groups else 0])
    }
    if not patients:
        example = f", e.g. {printable(files[0])}" if files else ""
        raise InputError(
            f"--patient-from {printable(pattern)}: found in none of {len(files)} paths"
            f"{example}"
        )
    return patients


def told(patients: Mapping[str, str], files: Sequence[str]) -> str:
    """Return one line that counts the patients and the files without one."""
    count = len(set(patients.values()))
    line = f"--patient-from: {count} patients in {len(patients)} files"
    if rest := [file for file in files if file not in patients]:
        line += f"; without a match: {len(rest)}, e.g. {rest[0]}"
    return line


def hint(groups: Sequence[Sequence[str]]) -> str:
    """Return a pattern to try if many names share a stem and differ in a counter.

    One stem for a whole class, as in Y1.jpg to Y250.jpg, says nothing about patients.

    Args:
        groups: the files of each class and part.
    """
    for files in groups:
        stems: defaultdict[str, list[str]] = defaultdict(list)
        for file in files:
            if match := COUNTED.search(file):
                stems[match[1]].append(file)
        shared = [members for members in stems.values() if len(members) > 1]
        if len(shared) >= MANY and 2 * sum(map(len, shared)) >= len(files):
            first, second = (name.rpartition("/")[2] for name in shared[0][:2])
            return (
                f"names such as {first} and {second} may be of one patient; if they "
                f"are: --patient-from '{COUNTED.pattern}'"
            )
    return ""
