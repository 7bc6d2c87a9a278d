"""Query DVC about the stages, in the only module that uses its Python interface.

That interface is not documented; requirements/ pins the version.
"""

import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from brain_mri import config, dvc_lock
from brain_mri.errors import InputError


def results(root: Path) -> dict[Path, list[str]]:
    """Return the metrics and plots files of the stages, which Git keeps.

    Returns:
        For each path, the columns of its plot; none for metrics.

    Raises:
        InputError: `root` is not the project's folder, or DVC cannot read dvc.yaml.
    """
    found = {}
    for stage in _stages(_repo(root)):
        for out in stage.outs:
            if not out.use_cache:
                plot = out.plot if isinstance(out.plot, dict) else {}
                columns = [plot[axis] for axis in ("x", "y") if axis in plot]
                found[Path(out.def_path)] = columns
    return found


def outputs(root: Path, name: str) -> list[Path]:
    """Return the outputs of a stage by DVC's name of it; none for an unknown stage."""
    called = name.removeprefix("dvc.yaml:")
    return [
        root / out.def_path  # every stage runs in the project's folder
        for stage in _repo(root).index.stages
        if stage.addressing == called
        for out in stage.outs
    ]


def remove_outputs(root: Path, name: str) -> None:
    """Remove the outputs that a stage has written so far, by DVC's name of it."""
    for path in outputs(root, name):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def set_param(root: Path, section: str, key: str, value: str) -> None:
    """Write a parameter to params.yaml, as `dvc exp run -S` does; comments stay."""
    from dvc.utils.serialize import modify_yaml

    with modify_yaml(str(root / config.FILE)) as values:
        values[section][key] = value


def stale(root: Path) -> str:
    """Return why dvc.lock does not match code and parameters, or an empty string.

    Data and models may be missing, as in a fresh clone. dvc.lock then shows that each
    stage read what an earlier stage wrote.

    Raises:
        InputError: DVC cannot read the project, or another DVC command is running.
    """
    repo = _repo(root)
    stages = {stage.addressing: stage for stage in _stages(repo)}
    status = _status(repo, list(stages))
    # by the path that a status has: def_path is relative to the file of a data set
    made = {str(out): out for stage in stages.values() for out in stage.outs}
    if frozen := [n for n, s in stages.items() if s.frozen and not s.is_data_source]:
        return f"{frozen[0]} is frozen, so DVC never runs it: dvc unfreeze"
    changed = []
    for name, parts in status.items():
        for path, state in _changes(parts):
            if state == "deleted" and path not in made:
                return f"{name} needs {path}, which is missing: git checkout {path}"
            if not (state == "deleted" and _is_recorded(stages[name], made[path])):
                changed.append(name)
    if changed:
        named = ", ".join(dict.fromkeys(changed))
        return f"{named} would run: dvc repro, then commit dvc.lock and metrics/"
    return _lost(root, stages)


def unfinished(root: Path, names: Sequence[str]) -> list[str]:
    """Return those of the named stages that `dvc repro` would run or restore.

    Raises:
        InputError: DVC cannot read the project, or another DVC command is running.
    """
    status = _status(_repo(root), names)
    return [name for name in names if name in status]


def _status(repo: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return what DVC says of those stages that are not up to date.

    DVC is asked for whole files: for each stage that is named, it reads the stage's
    file and the lock again.
    """
    from dvc.exceptions import DvcException

    try:
        said = repo.status(targets=sorted({_file(name) for name in names}))
    except DvcException as error:
        raise InputError(f"dvc status: {_plain(error)}") from error
    return {name: said[name] for name in names if name in said}


def _file(name: str) -> str:
    """Return the file that defines a stage or a data set, by DVC's name of it."""
    return name if name.endswith(".dvc") else name.rpartition(":")[0] or "dvc.yaml"


def _changes(parts: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield the changes that `dvc status` reports of a stage: path or text, state."""
    for part in parts:
        if isinstance(part, str):  # changed command
            yield part, part
            continue
        for path, state in part.get("changed deps", {}).items():
            yield path, state if isinstance(state, str) else "parameters"
        for path, state in part.get("changed outs", {}).items():
            if state == "modified":  # a missing output is allowed
                yield path, state


def _is_recorded(stage: Any, made: Any) -> bool:
    """Return whether a stage read what another wrote, by dvc.lock."""
    [dep] = {d.hash_info.value for d in stage.deps if str(d) == str(made)}
    return bool(dep) and dep == made.hash_info.value


def _lost(root: Path, stages: dict[str, Any]) -> str:
    """Name a stage or path missing from dvc.yaml, which DVC does not compare."""
    recorded = dvc_lock.stages(root)
    if lost := sorted(set(recorded) - set(stages)):
        return f"{lost[0]} is in dvc.lock but not in dvc.yaml: add or remove it"
    for name, entry in recorded.items():
        stage = stages[name]
        deps = {d.def_path for d in stage.deps if not hasattr(d, "params")}
        outs = {out.def_path for out in stage.outs}
        if odd := sorted((deps ^ set(entry.deps)) | (outs ^ set(entry.outs))):
            return f"{name}: {odd[0]} is only in one of dvc.yaml, dvc.lock: dvc repro"
    return ""


def _repo(root: Path) -> Any:
    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # its errors are reported here
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    if not (root / "dvc.yaml").is_file():
        raise InputError(
            f"{root / 'dvc.yaml'}: not found; run this in the project's folder"
        )
    try:
        return Repo(str(root))
    except DvcException as error:
        raise InputError(f"{root}: DVC cannot open it ({_plain(error)})") from error


def _stages(repo: Any) -> list[Any]:
    """Return the stages of the root's dvc.yaml, and the data sets that they read.

    Those of optional pipelines, in folders, are left out: they need not have run, and
    DVC takes long to read them.
    """
    from dvc.exceptions import DvcException

    try:
        stages = list(repo.stage.load_all("dvc.yaml"))
        sources = sorted({file for stage in stages for file in _sources(repo, stage)})
        found = [
            *stages,
            *(one for file in sources for one in repo.stage.load_all(file)),
        ]
    except DvcException as error:
        raise InputError(f"dvc.yaml: DVC cannot read it ({_plain(error)})") from error
    if not stages:
        raise InputError("dvc.yaml: expected stages, found none")
    return found


def _sources(repo: Any, stage: Any) -> Iterator[str]:
    """Yield the files by which DVC keeps what a stage reads from the project."""
    for dep in stage.deps:
        path = Path(dep.def_path)
        if path.is_absolute() or ".." in path.parts:
            continue
        for place in (path, *path.parents[:-1]):
            file = place.with_name(f"{place.name}.dvc")
            if (Path(repo.root_dir) / file).is_file():
                yield file.as_posix()


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
