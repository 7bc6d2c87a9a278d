"""Read the table that came with a collection: what it says about which file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from brain_mri.collection import any_csv
from brain_mri.collection.any_csv import Cells
from brain_mri.collection.class_names import listed, normal
from brain_mri.collection.listing import LEFT_OUT
from brain_mri.collection.matching import Match, matcher
from brain_mri.collection.table import HEADER, clash
from brain_mri.errors import InputError, printable

ROLES = {  # usual names, made `normal`, the most telling first
    "file": ("file", "filename", "image", "imageid", "path", "name", "id"),
    "label": ("label", "class", "target", "diagnosis", "tumor", "tumour"),
    "patient": ("patient", "patientid", "subject", "subjectid", "case"),
    "part": ("part", "split", "set", "subset"),
}


class NoFilesError(InputError):
    """A table says nothing about the files of a collection."""


@dataclass(frozen=True)
class Given:
    """Hold what a table says about the files of a collection.

    name: the table's file name, escaped.
    column: the table's column for each role that it fills.
    further: the other columns, which are kept under their own names.
    rows: the cells by role or further column, by file.
    told: lines that say what was understood.
    """

    name: str = ""
    column: dict[str, str] = field(default_factory=dict)
    further: tuple[str, ...] = ()
    rows: dict[str, Cells] = field(default_factory=dict)
    told: tuple[str, ...] = ()

    def of(self, file: str, what: str) -> str:
        """Return the cell of a file, "" if there is none."""
        return self.rows.get(file, {}).get(what, "")


NOTHING = Given()


def asked_columns(text: str) -> dict[str, str]:
    """Parse `label=dx,patient=case`: the column for each role.

    Raises:
        InputError: a part is not ROLE=NAME, or a role is unknown or given twice.
    """
    asked: dict[str, str] = {}
    for one in filter(None, map(str.strip, text.split(","))):
        role, _, name = map(str.strip, one.partition("="))
        if role not in ROLES or not name or role in asked:
            raise InputError(
                f"--columns {printable(one)}: expected ROLE=NAME, each role once, with "
                f"ROLE one of {', '.join(ROLES)}; for example label=dx,patient=case"
            )
        asked[role] = name
    return asked


def find(folder: Path, files: Sequence[str]) -> list[Path]:
    """Return the CSV files directly in a folder that may be about its images.

    These are neither left-out.csv nor the own table of a folder in it.
    """
    return [
        folder / file
        for file in files
        if "/" not in file
        and file.lower().endswith(".csv")
        and file != LEFT_OUT
        and not ((folder / file).with_suffix("").is_dir() and _own(folder / file))
    ]


def beside(folder: Path) -> list[Path]:
    """Return the data set's own table beside its folder, if there is one with rows."""
    path = Path(f"{folder}.csv")
    return [path] if len(_own(path)) > 1 else []


def _own(path: Path) -> list[str]:
    """Return the first two lines of a data set's own table, none of another file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[:2]
    except (OSError, ValueError):  # missing, or not UTF-8
        return []
    return lines if lines and lines[0].startswith(",".join(HEADER)) else []


def read(path: Path, files: Sequence[str], asked: Mapping[str, str]) -> Given:
    """Read a table about some files.

    Args:
        path: the table.
        files: the files, as POSIX paths.
        asked: the column for each role in `ROLES` that a person named.

    Raises:
        NoFilesError: the table has no column of files, or no row is about a file.
        InputError: the table is malformed, a name means several files, or two rows are
            about one file.
    """
    header, lines = any_csv.read(path)
    match = matcher(files)
    column = _roles(path, header, lines, match, asked)
    further = _further(path, header, {*column.values()})
    rows, missing = _by_file(path, lines, column, match)
    if not rows:
        raise NoFilesError(
            f"{path}: expected names of files in the column {column['file']!r}, found "
            f"none of the {len(files)} files; --columns file=NAME names another column"
        )
    told = _told(path, column, further, missing)
    return Given(printable(path.name), column, further, rows, told)


def _by_file(
    path: Path,
    lines: Sequence[tuple[int, Cells]],
    column: Mapping[str, str],
    match: Match,
) -> tuple[dict[str, Cells], list[tuple[int, str]]]:
    """Return the cells by role or column of each file, and lines about others."""
    role_of = {name: role for role, name in column.items()}
    rows: dict[str, Cells] = {}
    line_of: dict[str, int] = {}
    missing: list[tuple[int, str]] = []
    for line, cells in lines:
        name = cells[column["file"]]
        file = _single(f"{path}, line {line}", name, match(name))
        if not file:
            missing.append((line, name))
            continue
        if file in rows:
            raise InputError(
                f"{path}, line {line}: {printable(file)} has a row in line "
                f"{line_of[file]}; expected one row per file"
            )
        line_of[file] = line
        rows[file] = {role_of.get(key, key): cell for key, cell in cells.items()}
    return rows, missing


def _single(where: str, name: str, found: Sequence[str]) -> str:
    if len(found) > 1:
        raise InputError(
            f"{where}: {printable(name)} means {len(found)} files ({listed(found)}); "
            "give each file's path below the folder"
        )
    return found[0] if found else ""


def _told(
    path: Path,
    column: Mapping[str, str],
    further: Sequence[str],
    missing: Sequence[tuple[int, str]],
) -> tuple[str, ...]:
    roles = ", ".join(f"{role} from {name!r}" for role, name in column.items())
    kept = f"; kept as they are: {', '.join(further)}" if further else ""
    lines = [f"{path.name}: {roles}{kept}"]
    if missing:
        line, name = missing[0]
        lines.append(
            f"{path.name}: {len(missing)} row{'s are' if len(missing) > 1 else ' is'} "
            f"about files that are not there, e.g. line {line} ({name})"
        )
    return tuple(lines)


def _roles(
    path: Path,
    header: Sequence[str],
    lines: Sequence[tuple[int, Cells]],
    match: Match,
    asked: Mapping[str, str],
) -> dict[str, str]:
    """Return the column for each role: as asked, or else by its usual names."""
    if lacking := [name for name in asked.values() if name not in header]:
        raise InputError(
            f"{path}: expected the column {printable(lacking[0])!r}, found "
            f"{listed(header)}; correct --columns"
        )
    column: dict[str, str] = {}
    for role, usual in ROLES.items():
        candidates = [
            name
            for one in usual
            for name in header
            if normal(name) == one and name not in asked.values()
        ]
        if role == "file" and role not in asked:
            # such as image_id beside path: the one that means the most files
            candidates.sort(
                key=lambda name: -sum(bool(match(row[name])) for _, row in lines)
            )
        if name := asked.get(role) or next(iter(candidates), ""):
            column[role] = name
    if "file" not in column:
        raise NoFilesError(
            f"{path}: expected a column of file names, such as 'file', found "
            f"{listed(header)}; name it: --columns file=NAME"
        )
    return column


def _further(path: Path, header: Sequence[str], used: set[str]) -> tuple[str, ...]:
    """Return the columns that fill no role and are kept under their own names."""
    if tuple(header[: len(HEADER)]) == HEADER:  # a data set's own table
        return tuple(name for name in header if name and name not in HEADER)
    further = tuple(name for name in header if name and name not in used)
    if clashing := [name for name in further if clash(name)]:
        raise InputError(
            f"{path}: the column {clashing[0]!r} would clash with that of the data "
            "set's own table; rename or remove it in a copy of the file, and name the "
            "copy with --table"
        )
    return further
