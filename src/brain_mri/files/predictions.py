"""Lay out predictions as they are kept: a row an image, by image id, no file names."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.errors import InputError

COLUMNS = ("image_id", "group", "part", "y_true", "y_score", "y_pred")
# The verdict and the null baselines call a tumour from this score on, whatever
# `evaluate.threshold` says of the networks' tables.
VERDICT_THRESHOLD = 0.5


def rounded(score: float) -> float:
    """Keep 7 significant digits, as many as float32 has.

    Fewer decimals would lose a rank among tiny scores.
    """
    return float(f"{score:.7g}")


def table(
    indexes: Mapping[str, pd.DataFrame],
    scores: Mapping[str, npt.NDArray],
    threshold: float,
) -> pd.DataFrame:
    """Lay out predictions as they are kept, without file names.

    Args:
        indexes: image_id, group and y_true of the images of each part.
        scores: what a model says of these images, shape (n, 1) for each part.
        threshold: y_score from which an image is called a tumour.

    Returns:
        Columns image_id, group, part, y_true, y_score (`rounded`) and y_pred, sorted by
        image in each part.

    Raises:
        InputError: a score is NaN or infinite.
    """
    tables = []
    for part, index in indexes.items():
        table = index[["image_id", "group", "y_true"]].copy()
        table.insert(2, "part", part)
        table["y_score"] = [rounded(score) for score in scores[part][:, 0]]
        odd = table[~np.isfinite(table["y_score"])]
        if len(odd):
            raise InputError(
                f"{part} image {odd['image_id'].iloc[0]}: expected a score from 0 to "
                f"1, found {odd['y_score'].iloc[0]}: train again"
            )
        table["y_pred"] = (table["y_score"] >= threshold).astype(int)
        tables.append(table.sort_values("image_id"))
    return pd.concat(tables, ignore_index=True)
