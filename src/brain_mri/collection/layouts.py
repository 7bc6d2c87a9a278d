"""Understand how a collection is laid out: its classes, parts, patients and volumes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from brain_mri.collection import (
    class_names,
    given_table,
    naming,
    places,
    pseudonyms,
    telling,
)
from brain_mri.collection.class_names import UnclearError, normal
from brain_mri.collection.file_names import may_be_image
from brain_mri.collection.given_table import NOTHING, Given
from brain_mri.collection.listing import LEFT_OUT, left_out_before
from brain_mri.collection.places import PART_OF
from brain_mri.collection.table import HEADER
from brain_mri.collection.trees import Tree, look_into
from brain_mri.config import FILE
from brain_mri.errors import InputError, printable
from brain_mri.files.names import CLASSES
from brain_mri.imaging import volumes


@dataclass(frozen=True)
class Said:
    """Hold what a person says about a collection.

    yes, no: folders or labels of each class; a value may join several by commas.
    table: a CSV file about the files; None for the only one in the folder.
    columns: its column for file, label, patient or part, where unusual.
    patient_from: a regular expression that finds the patient in a file's path.
    """

    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    table: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    patient_from: str = ""


@dataclass(frozen=True)
class Layout:
    """Hold a collection as it was understood.

    root: the folder that the files lie in.
    files: the files with a label, as POSIX paths below it, sorted.
    volumes: those of them that hold a volume.
    table: one row per file, as in the data set's own table; no row if the class folders
        say everything.
    ignored: the reason for each file that belongs to no collection.
    left_out: the reason for each entry that cannot be copied, by its escaped path.
    told: lines that say what was understood, escaped for printing.
    """

    root: Path
    files: tuple[str, ...]
    volumes: tuple[str, ...]
    table: pd.DataFrame
    ignored: dict[str, str]
    left_out: dict[str, str]
    told: tuple[str, ...]


@dataclass(frozen=True)
class _Labels:
    """Hold the label, no or yes, of each class folder and of each value of a table."""

    of_folder: dict[str, str]
    of_value: dict[str, str]


def understand(source: Path, classes: Mapping[str, str], said: Said) -> Layout:
    """Understand a collection; nothing is written.

    Args:
        source: its folder.
        classes: the class of each folder that params.yaml names.
        said: what a person says about it.

    Raises:
        UnclearError: it is unclear which names of classes mean a tumour.
        InputError: the folder lacks images of a class, or what a person says does not
            fit it.
    """
    tree = look_into(source, classes)
    given = _given(tree, said)
    facts = _facts(tree, given, classes)
    labels = _labels(tree, given, facts, classes, said)
    by_folder = facts["folder"].map({**labels.of_folder, "": ""})
    by_value = facts["value"].map({**labels.of_value, "": ""})
    facts["label"] = by_value.where(by_value != "", by_folder)
    facts["disputed"] = (by_value != "") & (by_folder != "") & (by_value != by_folder)
    used = facts[facts["fit"] & (facts["label"] != "")].drop(columns="fit")
    _check_classes(tree, used, given)
    files = tuple(used["file"])
    used["patient"], who = _patients(files, given, said)
    slabs = tuple(file for file in files if volumes.is_volume(tree.root / file))
    table = _table(used, given)
    if not slabs and _is_plain(used, given, classes):
        table = table.iloc[:0]
    told = (*tree.told, *telling.lines(facts, given), *who, *telling.hints(used, slabs))
    if not slabs:  # slices change the lines that a warning names
        told += (*pseudonyms.of_table(table),)
    return Layout(
        tree.root,
        files,
        slabs,
        table,
        tree.ignored,
        _left_out(tree, facts, labels, classes),
        tuple(map(printable, told)),
    )


def _given(tree: Tree, said: Said) -> Given:
    """Read the table that a person names, or the only one there is."""
    files = [*tree.files, *tree.unfit]
    if said.table:
        return given_table.read(said.table, files, said.columns)
    found = given_table.beside(tree.root) or given_table.find(tree.root, tree.files)
    if not found and said.columns:
        raise InputError(f"{tree.root}: expected a CSV file for --columns, found none")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        return Given(told=(f"not used: {names}; --table FILE names one",))
    try:
        return given_table.read(found[0], files, said.columns) if found else NOTHING
    except given_table.NoFilesError as error:
        if said.columns:
            raise
        return Given(told=(f"not used: {error}",))


def _facts(tree: Tree, given: Given, classes: Mapping[str, str]) -> pd.DataFrame:
    """Return how folders and table name the class and the part of each entry.

    Columns: file, fit (to be copied), folder (of the class), value (of the label in the
    table), part_name and part.
    """
    below = places.parts_below(tree.files)
    tables = {path.name for path in given_table.find(tree.root, tree.files)}
    rows = []
    for file in [*tree.files, *tree.unfit]:
        if file in tables or file == LEFT_OUT:
            continue
        part, folder = places.place(file, classes, below)
        part = given.of(file, "part") or part
        fit = file not in tree.unfit
        rows.append((file, fit, folder, given.of(file, "label"), part))
    columns = ["file", "fit", "folder", "value", "part_name"]
    facts = pd.DataFrame(rows, columns=columns).astype({"fit": bool})
    facts["part"] = facts["part_name"].map(_parts(given, facts["part_name"].unique()))
    return facts


def _parts(given: Given, names: Sequence[str]) -> dict[str, str]:
    """Return the part that each name means."""
    part_of = {name: PART_OF.get(normal(name), "") for name in names}
    if unclear := sorted(name for name, part in part_of.items() if name and not part):
        raise InputError(
            f"{given.name}, column {given.column['part']!r}: expected train, val or "
            f"test, found {class_names.listed(unclear)}; correct them, or name another "
            "column: --columns part=NAME"
        )
    return part_of


def _labels(
    tree: Tree,
    given: Given,
    facts: pd.DataFrame,
    classes: Mapping[str, str],
    said: Said,
) -> _Labels:
    values = sorted({*facts["value"]} - {""})
    folders = sorted({*facts["folder"]} - {""})
    told = class_names.said([*folders, *values], said.yes, said.no)
    of_value = class_names.labels(values, class_names.VALUES, told)
    if not all(of_value.values()):
        raise UnclearError(f"{given.name}, column {given.column['label']!r}", of_value)
    # Clear names count only where the classes that a person named do not suffice.
    of_folder = {n: told.get(normal(n)) or classes.get(n, "") for n in folders}
    if not _both(of_folder):
        clear = class_names.labels(folders, class_names.FOLDERS, told)
        of_folder = {name: of_folder[name] or clear[name] for name in folders}
    if not values and not _both(of_folder):
        _check_clear(tree, facts, of_folder)
    return _Labels(of_folder, of_value)


def _check_clear(tree: Tree, facts: pd.DataFrame, labels: Mapping[str, str]) -> None:
    """Refuse several class folders that leave open which of them mean a tumour."""
    full = {*facts["folder"][facts["file"].map(may_be_image)]} - {""}
    unclear = {name: label for name, label in labels.items() if label or name in full}
    if len(unclear) > 1 and not all(unclear.values()):
        raise UnclearError(str(tree.root), unclear)


def _both(labels: Mapping[str, str]) -> bool:
    return set(CLASSES) <= set(labels.values())


def _check_classes(tree: Tree, used: pd.DataFrame, given: Given) -> None:
    lacking = [label for label in CLASSES if label not in set(used["label"])]
    if not lacking:
        return
    [label, *_] = lacking
    folders = sorted({file.partition("/")[0] for file in tree.files if "/" in file})
    odd = [f"{name} ({reason})" for name, reason in tree.unfit.items()]
    holds = class_names.listed([*(f"{name}/" for name in folders), *odd]) or "no folder"
    told = f" ({'; '.join(given.told)})" if given.told else ""
    raise InputError(
        f"{tree.root}: expected images of class {label}, found none in {holds}. A "
        f"class is a folder ({label}/, or as classes.{label} in {FILE} or --{label} "
        "names it), or a label in a CSV file (--table FILE, --columns label=NAME)"
        f"{printable(told)}"
    )


def _patients(
    files: Sequence[str], given: Given, said: Said
) -> tuple[list[str], tuple[str, ...]]:
    """Return the patient of each file, "" if unknown, and lines that count them."""
    if not said.patient_from:
        return [given.of(file, "patient") for file in files], ()
    found = naming.by_pattern(files, said.patient_from)
    told = [naming.told(found, files)]
    if "patient" in given.column:
        told.append(f"not used: column {given.column['patient']!r} of {given.name}")
    return [found.get(file, "") for file in files], tuple(told)


def _table(used: pd.DataFrame, given: Given) -> pd.DataFrame:
    """Return the data set's own table; more than two names go into a column `class`."""
    table = used[["file", "label", "patient", "part"]].copy()
    for name in (*HEADER[4:], *given.further):
        table[name] = [given.of(file, name) for file in table["file"]]
    named = used["value"].where(used["value"] != "", used["folder"])
    if named.nunique() > len(CLASSES) and "class" not in table:
        table["class"] = named
    return table.reset_index(drop=True)


def _is_plain(used: pd.DataFrame, given: Given, classes: Mapping[str, str]) -> bool:
    """Return whether the folders that params.yaml names say all that is known."""
    labels = dict(zip(used["folder"], used["label"], strict=True))
    few = len(labels) <= len(CLASSES)
    known = (used["part"] != "").any() or (used["patient"] != "").any() or given.rows
    return labels == dict(classes) and few and not known


def _left_out(
    tree: Tree, facts: pd.DataFrame, labels: _Labels, classes: Mapping[str, str]
) -> dict[str, str]:
    """Return the reason for each entry of a class that cannot be copied.

    Entries that an earlier `brain-mri add` left out of the same folder are among them.
    """
    unfit = facts[~facts["fit"] & (facts["label"] != "")]["file"]
    found = {printable(file): tree.unfit[file] for file in unfit}
    below = places.parts_below(tree.files)
    for file, reason in left_out_before(tree.root).items():
        _, folder = places.place(file, classes, below)
        if labels.of_folder.get(folder) and not (tree.root / file).exists():
            found[file] = reason
    return dict(sorted(found.items()))
