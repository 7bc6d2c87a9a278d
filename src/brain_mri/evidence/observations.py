"""Read predictions and reduce them to observations, one per picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.errors import InputError
from brain_mri.files import tables
from brain_mri.files.names import LEAKED
from brain_mri.files.predictions import COLUMNS

EVALUATED = ("val", "test", LEAKED)  # the parts that a network is evaluated on
TRAINED = ("train",)


class Observed(NamedTuple):
    """Hold one observation per picture: y_true 0 or 1, y_score in [0, 1], patient."""

    y_true: npt.NDArray[np.int64]
    y_score: npt.NDArray[np.float64]
    patient: npt.NDArray[np.str_]


def per_picture(predictions: pd.DataFrame) -> pd.DataFrame:
    """Reduce predictions of images to one row per picture, sorted by picture.

    Copies of one image are one observation, scored by the mean of their scores.
    Counting each copy would make every interval too narrow.

    Args:
        predictions: columns image_id, picture, patient, y_true and y_score.

    Returns:
        Columns picture, patient, y_true (of the image that the picture is named after,
        since copies may be labelled differently) and y_score.
    """
    named = predictions[predictions["image_id"] == predictions["picture"]]
    means = predictions.groupby("picture")["y_score"].mean()
    rows = named[["picture", "patient", "y_true"]].sort_values("picture")
    return rows.assign(y_score=rows["picture"].map(means)).reset_index(drop=True)


def observed(predictions: pd.DataFrame) -> Observed:
    """Return the observations as arrays, each of shape (n pictures,)."""
    rows = per_picture(predictions)
    return Observed(
        rows["y_true"].to_numpy(dtype=np.int64),
        rows["y_score"].to_numpy(dtype=np.float64),
        rows["patient"].to_numpy(dtype=np.str_),
    )


def read(path: Path, parts: Sequence[str] = EVALUATED) -> pd.DataFrame:
    """Read and check a predictions file, which a person may have edited.

    Args:
        path: the file.
        parts: the parts that it may contain.

    Raises:
        InputError: the file or a column is missing; a label or score is out of range or
            not a number; an image is listed twice; a patient lies in two parts; a
            picture belongs to two patients or lacks the image that it is named after.
    """
    return _checked(tables.read_csv(path), path, parts)


def read_baselines(path: Path) -> dict[str, pd.DataFrame]:
    """Read and check the predictions of the null baselines, by name."""
    return read_classifiers(path, "baseline", EVALUATED)


def read_classifiers(
    path: Path, column: str, parts: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Read and check the predictions of several classifiers, by name.

    Args:
        path: the file.
        column: the column that names the classifier.
        parts: the parts that it may contain.

    Raises:
        InputError: the column is missing; see `read`.
    """
    together = tables.read_csv(path)
    if column not in together:
        raise InputError(f"{path}: expected a column {column!r}, found none")
    _check_filled(together, path)
    return {
        str(name): _checked(
            rows.drop(columns=column).reset_index(drop=True), path, parts
        )
        for name, rows in together.groupby(column, sort=False)
    }


def miscalled(predictions: pd.DataFrame, threshold: float) -> list[str]:
    """Return a message for each image whose y_pred contradicts score and threshold."""
    called = (predictions["y_score"] >= threshold).astype(int)
    odd = predictions[predictions["y_pred"] != called]
    return [
        f"y_pred of {image_id}: found {found}, expected {1 - found}"
        for image_id, found in zip(odd["image_id"], odd["y_pred"], strict=True)
    ]


def _checked(
    predictions: pd.DataFrame, path: Path, parts: Sequence[str]
) -> pd.DataFrame:
    """Check the predictions and return them with numeric columns as numbers."""
    _check_filled(predictions, path)
    numbers = predictions.assign(
        **{
            column: pd.to_numeric(predictions[column], errors="coerce")
            for column in ("y_true", "y_score", "y_pred")
        }
    )
    known: dict[str, Sequence[object]] = {"part": parts}
    for column, allowed in (
        known | dict.fromkeys(("y_true", "y_pred"), (0, 1))
    ).items():
        odd = predictions[~numbers[column].isin(allowed)]
        _refuse(odd, column, " or ".join(map(str, allowed)), path)
    odd = predictions[~numbers["y_score"].between(0, 1)]  # also true of NaN
    _refuse(odd, "y_score", "a number from 0 to 1", path)
    _check_units(numbers, path)
    return numbers.astype({"y_true": int, "y_score": float, "y_pred": int})


def _check_filled(predictions: pd.DataFrame, path: Path) -> None:
    missing = [column for column in COLUMNS if column not in predictions]
    if missing:
        raise InputError(f"{path}: expected a column {missing[0]!r}, found none")
    if predictions.empty:
        raise InputError(f"{path}: expected one row per image, found none")


def _refuse(odd: pd.DataFrame, column: str, expected: str, path: Path) -> None:
    if len(odd):
        raise InputError(
            f"{path}: {column} of {odd['image_id'].iloc[0]}: expected {expected}, "
            f"found {str(odd[column].iloc[0])!r}"
        )


def _check_units(predictions: pd.DataFrame, path: Path) -> None:
    twice = predictions["image_id"][predictions["image_id"].duplicated()]
    if len(twice):
        raise InputError(f"{path}: image {twice.iloc[0]} is listed twice")
    # a leaked image belongs to a picture or patient of another part, so it is no case
    cases = predictions[predictions["part"] != LEAKED]
    for unit, whole in (("patient", "part"), ("picture", "patient")):
        counts = cases.groupby(unit)[whole].nunique()
        if (counts > 1).any():
            raise InputError(
                f"{path}: {unit} {counts.idxmax()} is in two {whole}s, which would leak"
            )
    lost = cases[~cases["picture"].isin(cases["image_id"])]
    if len(lost):
        raise InputError(
            f"{path}: picture {lost['picture'].iloc[0]} lacks the image of the same "
            "id, which it is named after"
        )
