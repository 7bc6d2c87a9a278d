"""Lay out predictions as stored: one row per image, by image id, no file names."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.errors import InputError

INDEX = ("image_id", "picture", "patient", "y_true")
COLUMNS = ("image_id", "picture", "patient", "part", "y_true", "y_score", "y_pred")
# Of cross-validation: a row per classifier, run and held-out image.
RUN = ("repeat", "fold", "share", "seed")
RUN_COLUMNS = ("classifier", *RUN, *INDEX, "y_score", "train_roc_auc")
# Decision threshold of the verdict and the null baselines. `evaluate.threshold` holds
# for the networks' tables only.
VERDICT_THRESHOLD = 0.5


def rounded(score: float) -> float:
    """Round to 7 significant digits, the precision of float32.

    Rounding to few decimals would turn different tiny scores into ties.
    """
    return float(f"{score:.7g}")


def table(
    indexes: Mapping[str, pd.DataFrame],
    scores: Mapping[str, npt.NDArray],
    threshold: float,
) -> pd.DataFrame:
    """Lay out predictions as stored, without file names.

    Args:
        indexes: columns `INDEX` of the images of each part.
        scores: scores of these images by one model, shape (n, 1) for each part.
        threshold: decision threshold; y_pred is 1 from this y_score on.

    Returns:
        Columns `COLUMNS`, the scores `rounded`; sorted by image in each part.

    Raises:
        InputError: a score is NaN or infinite.
    """
    tables = []
    for part, index in indexes.items():
        table = _scored(index, scores[part][:, 0], part)
        table.insert(3, "part", part)
        table["y_pred"] = (table["y_score"] >= threshold).astype(int)
        tables.append(table.sort_values("image_id"))
    return pd.concat(tables, ignore_index=True)


def of_run(
    classifier: str,
    run: Sequence[int],
    index: pd.DataFrame,
    scores: npt.NDArray,
    train_roc_auc: float = np.nan,
) -> pd.DataFrame:
    """Lay out the predictions of one run of cross-validation.

    Args:
        classifier: scratch, vgg or a null baseline.
        run: the numbers named in RUN.
        index: columns `INDEX` of the images held out.
        scores: their scores, shape (n,).
        train_roc_auc: ROC AUC of a network on the images that it was trained on.

    Returns:
        Columns `RUN_COLUMNS`, the scores `rounded`; sorted by image.

    Raises:
        InputError: a score is NaN or infinite.
    """
    table = _scored(index, scores, f"fold {run[1]} of repeat {run[0]},")
    table = table.assign(
        classifier=classifier,
        **dict(zip(RUN, run, strict=True)),
        train_roc_auc=train_roc_auc,
    )
    return table[[*RUN_COLUMNS]].sort_values("image_id", ignore_index=True)


def _scored(index: pd.DataFrame, scores: npt.NDArray, where: str) -> pd.DataFrame:
    table = index[[*INDEX]].copy()
    table["y_score"] = [rounded(score) for score in scores]
    odd = table[~np.isfinite(table["y_score"])]
    if len(odd):
        raise InputError(
            f"{where} image {odd['image_id'].iloc[0]}: expected a score from 0 to "
            f"1, found {odd['y_score'].iloc[0]}: train again"
        )
    return table
