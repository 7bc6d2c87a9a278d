"""Score a network's own training images, to check that it learnt at all."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from brain_mri.files import arrays, predictions
from brain_mri.files.arrays import Part
from brain_mri.networks import inference


def score_originals(model: Any, part: Part) -> pd.DataFrame:
    """Score the original training images, without their augmented variants.

    Args:
        model: the trained model, from values of the part to scores.
        part: the training part; column `variant` of its index is 0 for originals.

    Returns:
        A predictions table of the part `train`.
    """
    rows = np.flatnonzero(part.index["variant"] == 0)
    scores = inference.predict(model, part, rows)
    indexes = {"train": part.index.iloc[rows]}
    return predictions.table(indexes, {"train": scores}, predictions.VERDICT_THRESHOLD)


def ranking(model: Any, part: Part) -> float:
    """Return the ROC AUC of a network on its original training images, rounded.

    Args:
        model: the trained model, from values of the part to scores.
        part: as for `score_originals`, with images of both classes.
    """
    images = arrays.originals(part)
    scores = inference.predict(model, images)[:, 0]
    return round(float(roc_auc_score(images.y_true, scores)), 6)
