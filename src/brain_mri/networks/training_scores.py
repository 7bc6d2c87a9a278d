"""Score the images that a network was trained on, to see whether it learnt at all."""

from typing import Any

import numpy as np
import pandas as pd

from brain_mri.files import predictions
from brain_mri.files.arrays import Packed
from brain_mri.files.predictions import VERDICT_THRESHOLD
from brain_mri.networks import training


def score_originals(model: Any, part: Packed) -> pd.DataFrame:
    """Let a trained model score the images that it learnt from, not their variants.

    Args:
        model: from the values of the part to scores.
        part: what it was trained on; its index has a column `variant`, 0 = original.

    Returns:
        A predictions table of the part `train`.
    """
    rows = np.flatnonzero(part.index["variant"] == 0)
    scores = training.predict(model, part, rows)
    index = part.index.iloc[rows]
    return predictions.table({"train": (index, scores)}, VERDICT_THRESHOLD)
