"""Read dvc.lock and refuse results that do not belong to one complete run.

After `dvc repro STAGE`, an interrupted run or a copied file, the outputs of a project
may come from different parameters. DVC notices; code that uses results without DVC has
to check it too.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from brain_mri import config
from brain_mri.errors import InputError

FILE = "dvc.lock"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # C, if it was compiled
NO_RUN = "expected the record of a complete run, found none; dvc repro first"


@dataclass(frozen=True)
class Stage:
    """Hold the record of one stage: MD5 by path, parameters by dotted key."""

    deps: Mapping[str, str]
    outs: Mapping[str, str]
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """Hold the stages of one run that a result depends on, and the project's folder."""

    root: Path
    stages: Mapping[str, Stage]

    @property
    def params(self) -> dict[str, Any]:
        """Return the parameters of all stages, by dotted key."""
        return {k: v for stage in self.stages.values() for k, v in stage.params.items()}

    def output(self, path: Path) -> Path:
        """Return the path of an output after checking that this run wrote it.

        Raises:
            InputError: the output is missing or is not the one of this run.
        """
        place = self.root / path
        if not place.exists():
            raise InputError(f"{place}: missing; get it by dvc repro or dvc pull")
        written = {p: m for s in self.stages.values() for p, m in s.outs.items()}
        if written.get(path.as_posix()) != md5(place):
            raise InputError(
                f"{place}: is not what the run in {FILE} wrote; get that back by dvc "
                "repro or dvc checkout dvc.yaml"
            )
        return place


def read(root: Path, *last: str, folder: Path = Path()) -> Run:
    """Read the stages `last` and all that they depend on from dvc.lock.

    Args:
        root: the project's folder.
        last: the stages, by DVC's names of them.
        folder: the folder below `root` of an optional pipeline, whose dvc.lock has the
            stages; what they depend on may be of the main pipeline.

    Raises:
        InputError: there is no such record, or its stages belong to different runs.
    """
    path, recorded = root / folder / FILE, stages(root) | stages(root / folder)
    if not recorded.keys() >= set(last):
        raise InputError(f"{path}: {NO_RUN}")
    run = _upstream(path, recorded, last)
    _check_params(path, run)
    return Run(root, run)


def stages(root: Path) -> dict[str, Stage]:
    """Read all stages of `root`/dvc.lock, by DVC's names of the stages.

    Raises:
        InputError: there is no such record.
    """
    path = root / FILE
    if not path.exists():
        raise InputError(
            f"{path}: not found; run this in the project's folder, after dvc repro"
        )
    try:
        entries = yaml.load(path.read_text(encoding="utf-8"), _Loader)["stages"]
        return {name: _stage(entry) for name, entry in entries.items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        raise InputError(f"{path}: {NO_RUN}") from None


def belongs(root: Path, last: str, folder: Path) -> bool:
    """Return whether an optional pipeline has ended and read what the last run wrote.

    Args:
        root, last, folder: as for `read`, one stage.

    Raises:
        InputError: a dvc.lock cannot be read.
    """
    if not (root / folder / FILE).exists() or last not in stages(root / folder):
        return False
    try:
        read(root, last, folder=folder)
    except InputError:
        return False
    return True


def md5(path: Path) -> str:
    """Return the MD5 of a file or folder, as computed by DVC 3."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, _md5).hexdigest()
    files = {
        file.relative_to(path).as_posix(): file
        for file in path.rglob("*")
        if not file.is_dir()
    }
    listed = [{"md5": md5(files[name]), "relpath": name} for name in sorted(files)]
    return _md5(json.dumps(listed).encode()).hexdigest() + ".dir"


def _md5(content: bytes = b"") -> Any:
    return hashlib.md5(content, usedforsecurity=False)


def _stage(entry: Mapping[str, Any]) -> Stage:
    deps, outs = (
        {str(one["path"]): str(one["md5"]) for one in entry.get(kind, [])}
        for kind in ("deps", "outs")
    )
    return Stage(
        deps, outs, config.flatten(entry.get("params", {}).get("params.yaml", {}))
    )


def _upstream(
    path: Path, stages: Mapping[str, Stage], last: Sequence[str]
) -> dict[str, Stage]:
    """Return stages and those they depend on, if each read what the others wrote."""
    makers = {out: name for name, stage in stages.items() for out in stage.outs}
    found: dict[str, Stage] = {}
    todo = list(last)
    while todo:
        name = todo.pop()
        found[name] = stages[name]
        for dep, read in stages[name].deps.items():
            if dep not in makers:
                continue
            if stages[makers[dep]].outs[dep] != read:
                raise InputError(
                    f"{path}: mixes two runs: {name} did not read the {dep} that "
                    f"{makers[dep]} wrote; dvc repro"
                )
            if makers[dep] not in found:
                todo.append(makers[dep])
    return found


def _check_params(path: Path, run: Mapping[str, Stage]) -> None:
    first: dict[str, tuple[Any, str]] = {}
    for name, stage in run.items():
        for key, value in stage.params.items():
            known, where = first.setdefault(key, (value, name))
            if value != known:
                raise InputError(
                    f"{path}: mixes two runs: {key} was {known} in {where}, {value} in "
                    f"{name}; dvc repro"
                )
