"""Say in lines what was understood of a collection."""

from collections.abc import Sequence

import pandas as pd

from brain_mri.collection import naming
from brain_mri.collection.given_table import Given
from brain_mri.files.names import CLASSES

MAX_PLACES = 5  # folders and files in one line


def lines(facts: pd.DataFrame, given: Given) -> list[str]:
    """Say how table and folders name classes and parts, and what has no label.

    Args:
        facts: one row per entry, columns file, fit, folder, value, label, part_name,
            part and disputed (table and folder give it different labels).
        given: the table that came with the collection.
    """
    fit = facts[facts["fit"]]
    used = fit[fit["label"] != ""]
    return [
        *given.told,
        *_of_table(fit, given),
        *_classes(used),
        *_parts(used),
        *_without_label(fit[fit["label"] == ""]),
    ]


def hints(used: pd.DataFrame, volumes: Sequence[str]) -> list[str]:
    """Return a hint at patients in file names, if no patient is known.

    Args:
        used: columns file, folder, label, part and patient.
        volumes: files that hold volumes, whose patients are known.
    """
    if (used["patient"] != "").any():
        return []
    flat = used[~used["file"].isin(volumes)]
    groups = flat.groupby(["folder", "label", "part"])["file"]
    hint = naming.hint([list(files) for _, files in groups])
    return [hint] if hint else []


def files(count: int) -> str:
    """Return `1 file`, `2 files`..."""
    return f"{count} file{'' if count == 1 else 's'}"


def _of_table(fit: pd.DataFrame, given: Given) -> list[str]:
    if not given.rows:
        return []
    told = []
    rest = fit[~fit["file"].isin(list(given.rows))]
    if len(rest):
        first = rest["file"].iloc[0]
        told.append(f"{given.name}: {files(len(rest))} without a row, e.g. {first}")
    if disputed := int(fit["disputed"].sum()):
        told.append(
            f"warning: {given.name} and the class folders disagree about "
            f"{files(disputed)}; the table decides"
        )
    return told


def _classes(used: pd.DataFrame) -> list[str]:
    names = used["value"].where(used["value"] != "", used["folder"] + "/")
    return [
        f"class {label}: {_counted(names[used['label'] == label])}" for label in CLASSES
    ]


def _parts(used: pd.DataFrame) -> list[str]:
    counts = used[used["part"] != ""].groupby(["part_name", "part"]).size()
    told = [f"{name} is part {part}: {files(n)}" for (name, part), n in counts.items()]
    kept = "these parts are kept; what leaks between them is counted and left out"
    return [f"{'; '.join(told)}; {kept}"] if told else []


def _without_label(rest: pd.DataFrame) -> list[str]:
    if rest.empty:
        return []
    part = rest["part_name"].where(rest["part_name"] == "", rest["part_name"] + "/")
    places = (part + rest["folder"] + "/").where(rest["folder"] != "", rest["file"])
    return [f"not copied, without a label: {_counted(places)}"]


def _counted(names: pd.Series) -> str:
    counts = names.value_counts(sort=False).sort_index()
    shown = [f"{name} ({files(n)})" for name, n in counts.head(MAX_PLACES).items()]
    more = counts.iloc[MAX_PLACES:]
    if len(more):
        shown.append(f"and {len(more)} more ({files(int(more.sum()))})")
    return ", ".join(shown)
