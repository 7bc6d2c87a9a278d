"""Score the images that a network was trained on, to see whether it learnt at all."""

from typing import Any

import numpy as np
import pandas as pd

from brain_mri.files import predictions
from brain_mri.files.arrays import Part
from brain_mri.networks import inference


def score_originals(model: Any, part: Part) -> pd.DataFrame:
    """Let a trained model score its training images, without their variants.

    Args:
        model: from the values of the part to scores.
        part: what the model was trained on; `variant` of the index is 0 for originals.

    Returns:
        A predictions table of the part `train`.
    """
    rows = np.flatnonzero(part.index["variant"] == 0)
    scores = inference.predict(model, part, rows)
    indexes = {"train": part.index.iloc[rows]}
    return predictions.table(indexes, {"train": scores}, predictions.VERDICT_THRESHOLD)
