"""Check the results in Git: complete, unedited, up to date, good enough, no worse.

The check needs no data, no DVC cache, no TensorFlow and no Git history. It reads the
files itself, because `dvc metrics show` hides null values and skips missing files.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from brain_mri import config, crossval_run, dvc_lock, pipeline
from brain_mri.config import Params
from brain_mri.errors import InputError
from brain_mri.files import tables
from brain_mri.gate import git, numbers, recompute
from brain_mri.gate.numbers import Values

METRICS = Path("metrics")
DIGITS = 6  # as in the results
ENDS = (".json", "_statistics.csv", "_predictions.csv")  # of an optional pipeline


@dataclass(frozen=True)
class Row:
    """Hold one check: subject, value found, demand, and the cause of a failure."""

    check: str
    found: str
    demanded: str
    cause: str = ""


def check(root: Path, against: str | None = None) -> list[Row]:
    """Run the checks that the section `check` of `root`/params.yaml demands.

    Args:
        root: the project's folder.
        against: the Git revision for comparing drops; None to skip them.

    Raises:
        InputError: the check cannot run: there is no project, no Git repository or no
            such revision, or params.yaml is invalid.
    """
    params = config.load(root / config.FILE)
    files = pipeline.results(root)
    demanded = params.check
    optional = asked([*demanded.floors, *demanded.drops])
    files |= {METRICS / f"{name}{end}": [] for name in optional for end in ENDS}
    git.run(root, "rev-parse", "--git-dir")
    commit = None if against is None else git.revision(root, against)
    now = numbers.present(root, files)
    rows = [*kept(root, files), fresh(root), follows(root, params)]
    rows += [current(root, params, name) for name in optional]
    rows.append(shared(now, demanded.max_patients_shared))
    if demanded.require_imagenet:
        rows.append(pretrained(now))
    rows += [floor(key, limit, now) for key, limit in demanded.floors.items()]
    if commit is not None:
        then = numbers.past(root, files, commit, str(against))
        rows += [
            drop(key, limit, now, then, str(against))
            for key, limit in demanded.drops.items()
        ]
    return rows


def asked(keys: Sequence[str]) -> list[str]:
    """Return the optional pipelines whose numbers are asked for."""
    return [
        name for name in recompute.OPTIONAL if any(k.startswith(name) for k in keys)
    ]


def kept(root: Path, files: Mapping[Path, list[str]]) -> list[Row]:
    """Check that each result is present, readable, in Git and as recorded in dvc.lock.

    Args:
        root: the project's folder.
        files: the required columns of each result.
    """
    demanded = "there, readable, in Git, as in dvc.lock"
    tracked = set(git.run(root, "ls-files", "-z").split("\0"))
    outs = [stage.outs for stage in recorded(root).values()]
    written = {path: md5 for made in outs for path, md5 in made.items()}
    rows = []
    for path, columns in files.items():
        cause = wrong(root, path, columns)
        if not cause and path.as_posix() not in tracked:
            cause = f"not in Git: git add {path}"
        if not cause and edited(root / path, written.get(path.as_posix())):
            cause = "not what the last run wrote: edited since"
        if cause:
            rows.append(Row(path.as_posix(), "", demanded, cause))
    return rows or [Row("results that dvc.yaml names", f"{len(files)} files", demanded)]


def wrong(root: Path, path: Path, columns: Iterable[str]) -> str:
    """Return why a result cannot be used, or an empty string."""
    if not (root / path).is_file():
        return "missing"
    try:
        if path.suffix == ".json":
            tables.read_json(root / path)
            return ""
        table = tables.read_csv(root / path)
    except InputError as error:
        return str(error).removeprefix(f"{root / path}: ")
    lost = [column for column in columns if column not in table]
    return f"expected a column '{lost[0]}', found none" if lost else ""


def edited(path: Path, written: str | None) -> bool:
    """Return whether a file differs from its recorded MD5, if there is one."""
    return written is not None and dvc_lock.md5(path) != written


def recorded(root: Path) -> dict[str, dvc_lock.Stage]:
    """Return what each dvc.lock records, nothing of a file that cannot be read.

    `fresh` and `current` report what is wrong with such a file.
    """
    found: dict[str, dvc_lock.Stage] = {}
    for folder in (Path(), *recompute.OPTIONAL.values()):
        with suppress(InputError):
            found |= dvc_lock.stages(root / folder)
    return found


def follows(root: Path, params: Params) -> Row:
    """Check that the results of the classifiers follow from their predictions."""
    demanded = "as computed from predictions"
    try:
        unlike = recompute.differences(root / METRICS, params)
        unlike += recompute.of_crossval(root) + recompute.of_external(root)
    except InputError as error:
        return Row("results recomputed", "", demanded, str(error))
    more = f", and {len(unlike) - 1} more" if len(unlike) > 1 else ""
    cause = f"{unlike[0]}{more}" if unlike else ""
    return Row("results recomputed", "differ" if cause else "agree", demanded, cause)


def fresh(root: Path) -> Row:
    """Check that code, parameters and results match dvc.lock: no stage would run."""
    try:
        cause = pipeline.stale(root)
    except InputError as error:
        cause = str(error)
    found = "stale" if cause else "fresh"
    return Row("dvc.lock", found, "matches code, params and results", cause)


def current(root: Path, params: Params, name: str) -> Row:
    """Check that an optional pipeline ran on the last run's outputs and parameters."""
    folder = recompute.OPTIONAL[name]
    folds = crossval_run.stages(params) if name == "crossval" else ()
    last = [name, *(stage.rpartition(":")[2] for stage in folds)]
    try:
        taken = dvc_lock.read(root, *last, folder=folder).params
        wanted = config.flatten(params.model_dump())
        changed = [k for k, v in taken.items() if k in wanted and wanted[k] != v]
        cause = f"{changed[0]} was {taken[changed[0]]}" if changed else ""
    except InputError as error:
        cause = str(error)
    cause = cause and f"{cause.partition('; dvc repro')[0]}; make {name}"
    found = "of another run" if cause else "of this run"
    place = (folder / dvc_lock.FILE).as_posix()
    return Row(place, found, "of the last run and its parameters", cause)


def shared(now: Values, limit: int) -> Row:
    """Check that not more than `limit` patients lie in two parts."""
    key = "split_counts.patients_shared"
    cause = unusable(key, now)
    if not cause and now[key] > limit:
        cause = "a patient is in two parts, which leaks"
    return Row(key, as_text(now.get(key)), f"at most {limit}", cause)


def pretrained(now: Values) -> Row:
    """Check that VGG-16 has ImageNet weights."""
    key = "comparison.vgg_weights"
    found = now.get(key)
    cause = "" if found == "imagenet" else "not pretrained: set vgg.weights: imagenet"
    return Row(key, as_text(found), "imagenet", cause)


def floor(key: str, limit: float, now: Values) -> Row:
    """Check that a metric reaches its floor, or stays below its ceiling."""
    low = config.lower_is_better(key)
    cause = unusable(key, now)
    if not cause and (now[key] > limit if low else now[key] < limit):
        cause = "above its ceiling" if low else "below its floor"
    demanded = f"at {'most' if low else 'least'} {limit:g}"
    return Row(key, as_text(now.get(key)), demanded, cause)


def drop(key: str, limit: float, now: Values, then: Values, against: str) -> Row:
    """Check that a metric is not much worse than at another revision.

    A metric that is missing or undefined at the revision counts as new and passes.
    """
    demanded = f"at most {limit:g} worse than at {against}"
    cause = unusable(key, now)
    if unusable(key, then):
        found = f"{as_text(now.get(key))} (new: none at {against})"
        return Row(key, found, demanded, cause)
    found = f"{as_text(now.get(key))} (was {as_text(then[key])})"
    if not cause:
        change = now[key] - then[key]
        worse = round(change if config.lower_is_better(key) else -change, DIGITS)
        cause = f"worse by {worse:g}" if worse > limit else ""
    return Row(key, found, demanded, cause)


def unusable(key: str, found: Values) -> str:
    """Return why a metric cannot be judged, or an empty string."""
    stem = key.split(".")[0]
    if not any(name.startswith(f"{stem}.") for name in found):
        return f"{METRICS} holds nothing of {stem} that can be read"
    if key not in found:
        near = difflib.get_close_matches(key, found, n=1, cutoff=0.8)
        return "no such metric" + (f"; did you mean {near[0]}?" if near else "")
    value = found[key]
    if value is None:
        return "undefined (null)"
    if type(value) not in (int, float) or not abs(value) < 1e9:
        return "not a number, or too large"
    return ""


def as_text(value: object) -> str:
    """Format a value that was found."""
    return str(round(value, DIGITS)) if isinstance(value, float) else str(value)


def table(rows: Iterable[Row]) -> str:
    """Format the checks as a Markdown table, aligned for reading in a terminal."""
    lines = [["check", "found", "demanded", "result"]]
    for row in rows:
        result = f"**FAIL**: {row.cause}" if row.cause else "ok"
        cells = (row.check, row.found, row.demanded, result)
        lines.append([" ".join(cell.split()).replace("|", "\\|") for cell in cells])
    # the last column holds the causes and is not padded
    widths = [*(max(len(line[i]) for line in lines) for i in range(3)), 3]
    lines.insert(1, ["-" * width for width in widths])
    padded = (map(str.ljust, line, widths) for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def verdict(rows: Sequence[Row]) -> str:
    """Return how many checks pass, in one line."""
    failed = sum(1 for row in rows if row.cause)
    if failed:
        return f"{failed} of {len(rows)} checks fail."
    return f"All {len(rows)} checks pass."
