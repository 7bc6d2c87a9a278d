"""Read from dvc.yaml what each stage runs, depends on and takes."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from brain_mri import config
from brain_mri.errors import InputError

KINDS = ("outs", "metrics", "plots")


@dataclass(frozen=True)
class Stage:
    """Hold one stage of dvc.yaml: `params` are dotted keys, the rest as written."""

    name: str
    script: Path
    cmd: str
    deps: list[str]
    params: list[str]


def stages(root: Path) -> list[Stage]:
    """Return the stages of `root`/dvc.yaml in their order.

    Raises:
        InputError: there is no dvc.yaml, so this is not the project's folder.
    """
    return [_stage(name, entry) for name, entry in _read(root)["stages"].items()]


def results(root: Path) -> dict[Path, list[str]]:
    """Return what the stages give Git to keep: their metrics and plots files.

    Returns:
        For each path, the columns that its plot draws; none for metrics.
    """
    found = {}
    for _, body, filled in _each(root):
        for path, plot in _options(body, "metrics", "plots").items():
            columns = [plot[axis] for axis in ("x", "y") if axis in plot]
            found[Path(_fill(path, filled))] = columns
    return found


def outputs(root: Path, name: str) -> list[Path]:
    """Return the paths that a stage, as DVC calls it, writes; none if there is none."""
    called = name.rpartition(":")[2]
    return [
        root / _fill(path, filled)
        for stage, body, filled in _each(root)
        if stage == called
        for path in _options(body, *KINDS)
    ]


def paths(
    root: Path, values: Mapping[str, Any]
) -> dict[str, tuple[set[str], set[str]]]:
    """Return what each stage, as DVC calls it, depends on and what it writes.

    Args:
        root: the project's folder.
        values: the parameters, some of which stand in dvc.yaml's paths.
    """
    leaves = {key: str(value) for key, value in config.flatten(values).items()}
    return {
        stage: (
            {_fill(path, leaves | filled) for path in body.get("deps", [])},
            {_fill(path, leaves | filled) for path in _options(body, *KINDS)},
        )
        for stage, body, filled in _each(root)
    }


def remove_outputs(root: Path, name: str) -> None:
    """Remove what a stage, as DVC calls it, has written so far."""
    for path in outputs(root, name):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _read(root: Path) -> dict[str, Any]:
    path = root / "dvc.yaml"
    if not path.is_file():
        raise InputError(f"{path}: not found; run this in the project's folder")
    try:
        graph = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is not valid YAML ({reason})") from error
    if not isinstance(graph, dict) or not isinstance(graph.get("stages"), dict):
        raise InputError(f"{path}: expected stages, found none")
    return graph


def _each(root: Path) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """Give each stage that DVC runs: its name there, its body, what fills its ${}."""
    for name, entry in _read(root)["stages"].items():
        if "foreach" not in entry:
            yield name, entry, {}
            continue
        for key, item in entry["foreach"].items():
            filled = {f"item.{name}": str(value) for name, value in item.items()}
            yield f"{name}@{key}", entry["do"], {"key": key, **filled}


def _options(body: Mapping[str, Any], *kinds: str) -> dict[str, dict[str, Any]]:
    """Return the outputs of some kinds as written, each with its options."""
    outs = [out for kind in kinds for out in body.get(kind) or []]
    return {
        path: options
        for out in outs
        for path, options in ({out: {}} if isinstance(out, str) else out).items()
    }


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Put values into the ${} of a text; those that are unknown stay."""
    return re.sub(r"\$\{([\w.]+)\}", lambda name: values.get(name[1], name[0]), text)


def _stage(name: str, entry: dict[str, Any]) -> Stage:
    body = entry.get("do", entry)
    return Stage(
        name=name,
        script=Path(re.findall(r"stages/\w+\.py", body["cmd"])[0]),
        cmd=body["cmd"],
        deps=body.get("deps", []),
        params=body.get("params", []),
    )
