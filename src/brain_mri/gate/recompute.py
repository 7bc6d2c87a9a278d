"""Recompute the results from the predictions and compare them with the stored files.

Only the predictions need a network. All other results of a classifier follow from
them, and so do the counts of the parts, so an edited number is found. The predictions
do not give the counts of the audit, the temperature of a calibration and the history
of a training.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri import config, dvc_lock
from brain_mri.config import Params
from brain_mri.errors import InputError
from brain_mri.evidence import external, observations, summaries
from brain_mri.evidence.observations import miscalled
from brain_mri.files import predictions, tables, values
from brain_mri.files.names import NETWORKS
from brain_mri.presentation import wording

TOLERANCE = 1.5e-6  # six decimals are kept; another machine may round the last one
SPLIT = "split_counts.csv"
PARTLY = (SPLIT, external.HEADLINE, external.STATISTICS)
# folder of each optional pipeline, by its last stage
OPTIONAL = {"crossval": Path("evidence"), "external": Path("evidence", "external")}

Leaves = dict[str, Any]


def differences(metrics: Path, params: Params) -> list[str]:
    """List the values in a folder that differ from those computed from predictions.

    Args:
        metrics: the folder.
        params: gives the champion, the threshold, the metric of the verdict, the
            weights of VGG-16 and whether scores are calibrated. The temperature is not
            recomputed, because the uncalibrated scores are not kept.

    Returns:
        One line per value that differs: file, key, found and expected.

    Raises:
        InputError: a file is missing or unreadable, or its predictions are invalid.
    """
    networks = _predictions(metrics, "predictions", observations.EVALUATED)
    trained = _predictions(metrics, "train_predictions", observations.TRAINED)
    nulls = observations.read_baselines(metrics / "baselines_predictions.csv")
    threshold = params.evaluate.threshold
    expected = summaries.of_comparison(
        networks,
        nulls,
        trained,
        champion=params.model,
        threshold=threshold,
        weights=params.vgg.weights,
        metric=params.evaluate.verdict_metric,
    )
    for name, table in networks.items():
        divisor = stored(metrics / f"{name}.json").get("temperature")
        if not params.evaluate.calibrate:
            divisor = 1.0
        expected |= summaries.of_network(name, table, threshold, divisor)
    expected[SPLIT] = of_split(pd.concat([networks["scratch"], trained["scratch"]]))
    lines = {name: _file(metrics / name, wanted) for name, wanted in expected.items()}
    lines |= _answers(networks, trained, nulls, threshold)
    return [
        f"{metrics / name}: {line}" for name in sorted(lines) for line in lines[name]
    ]


def of_crossval(root: Path) -> list[str]:
    """List the values of metrics/crossval* that differ from those computed.

    None are compared if the last cross-validation was not of the last run's images.

    Args:
        root: the project's folder.

    Raises:
        InputError: a file is missing or unreadable.
    """
    folder = OPTIONAL["crossval"]
    if not dvc_lock.belongs(root, "crossval", folder):
        return []
    taken = dvc_lock.stages(root / folder)["crossval"].params
    metrics = root / "metrics"
    expected = summaries.of_crossval(
        tables.read_csv(metrics / "crossval_predictions.csv"),
        rope=float(taken["crossval.rope"]),
        weights=str(taken["vgg.weights"]),
    )
    return [
        f"{metrics / name}: {line}"
        for name, wanted in expected.items()
        for line in _file(metrics / name, wanted)
    ]


def of_external(root: Path) -> list[str]:
    """List the values of metrics/external* that differ from those computed.

    None are compared if no other collection was tested with the networks of the last
    run. The counts of pictures left out, the distances of the training images and the
    networks' fingerprints do not follow from predictions.

    Args:
        root: the project's folder.

    Raises:
        InputError: a file is missing or unreadable, or its predictions are invalid.
    """
    folder = OPTIONAL["external"]
    if not dvc_lock.belongs(root, "external", folder):
        return []
    taken = dvc_lock.stages(root / folder)["external"].params
    metrics = root / "metrics"
    expected = external.summarise(
        external.read(metrics / "external_predictions.csv"),
        _predictions(metrics, "train_predictions", observations.TRAINED),
        threshold=float(taken["evaluate.threshold"]),
        weights=str(taken["vgg.weights"]),
        drawn=wording.is_mechanics_only(taken["dataset"], taken["external.dataset"]),
    )
    return [
        f"{metrics / name}: {line}"
        for name, wanted in expected.items()
        for line in _file(metrics / name, wanted)
    ]


def of_split(table: pd.DataFrame) -> dict[str, object]:
    """Return the counts of metrics/split_counts.csv that predictions give."""
    return {
        str(part): {
            "images": len(rows),
            "pictures": rows["picture"].nunique(),
            "patients": rows["patient"].nunique(),
            "no": int((rows["y_true"] == 0).sum()),
            "yes": int((rows["y_true"] == 1).sum()),
        }
        for part, rows in table.groupby("part")
    }


def stored(path: Path) -> Leaves:
    """Read a file of metrics/, with one key per value.

    Raises:
        InputError: the file is missing or cannot be read.
    """
    try:
        if path.suffix == ".json":
            return config.flatten(tables.read_json(path))
        text = path.read_text(encoding="utf-8")
        return values.parse(text) if values.is_table(text) else cells(text)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def leaves(content: Mapping[str, object] | pd.DataFrame) -> Leaves:
    """Return the content as `stored` would read it from a file."""
    if isinstance(content, pd.DataFrame):
        return cells(content.to_csv(index=False))
    return config.flatten(json.loads(json.dumps(content)))


def cells(text: str) -> Leaves:
    """Return the cells of a CSV text by line and column, numbers as floats.

    Raises:
        ValueError: there is no header, or a line has another length.
    """
    header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    if not header:
        raise ValueError("expected a header, found none")
    found: Leaves = {"columns": ",".join(header)}
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(
                f"line {line}: {len(header)} cells expected, {len(row)} found"
            )
        for column, cell in zip(header, row, strict=True):
            found[f"line {line}, {column}"] = _number(cell)
    return found


def unlike(found: Leaves, expected: Leaves) -> list[str]:
    """List the values that differ, are missing or are unexpected."""
    lines = []
    for key in (*expected, *(key for key in found if key not in expected)):
        if key not in found:
            lines.append(f"{key}: missing")
        elif key not in expected:
            lines.append(f"{key}: unexpected, found {found[key]!r}")
        elif not same(found[key], expected[key]):
            lines.append(f"{key}: found {found[key]!r}, expected {expected[key]!r}")
    return lines


def same(found: Any, expected: Any) -> bool:
    """Compare two values: numbers within `TOLERANCE`, other types exactly."""
    numbers = (int, float)
    # by type, because Python treats True as 1
    if type(found) in numbers and type(expected) in numbers:
        return expected - TOLERANCE <= found <= expected + TOLERANCE
    return found == expected and type(found) is type(expected)


def _predictions(
    metrics: Path, kind: str, parts: Sequence[str]
) -> dict[str, pd.DataFrame]:
    return {
        name: observations.read(metrics / f"{name}_{kind}.csv", parts)
        for name in NETWORKS
    }


def _file(path: Path, wanted: Mapping[str, object] | pd.DataFrame) -> list[str]:
    expected, found = leaves(wanted), stored(path)
    if path.name in PARTLY:  # the predictions do not give its other values
        found = {key: value for key, value in found.items() if key in expected}
    return unlike(found, expected)


def _answers(
    networks: Mapping[str, pd.DataFrame],
    trained: Mapping[str, pd.DataFrame],
    nulls: Mapping[str, pd.DataFrame],
    threshold: float,
) -> dict[str, list[str]]:
    """List, by file, the answers that contradict their score."""
    fixed = predictions.VERDICT_THRESHOLD
    lines = {"baselines_predictions.csv": miscalled(pd.concat(nulls.values()), fixed)}
    for name in NETWORKS:
        lines[f"{name}_predictions.csv"] = miscalled(networks[name], threshold)
        lines[f"{name}_train_predictions.csv"] = miscalled(trained[name], fixed)
    return lines


def _number(cell: str) -> str | float:
    try:
        return float(cell)
    except ValueError:
        return cell
