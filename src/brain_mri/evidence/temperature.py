"""Calibrate scores by a temperature that divides their logits.

Guo, Pleiss, Sun & Weinberger 2017, https://arxiv.org/abs/1706.04599. A temperature
above 1 makes an over-confident network less confident. The order of the scores stays
and no score crosses 0.5, so neither the ROC AUC nor a decision at 0.5 changes.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from brain_mri.evidence.observations import observed

LIMITS = (0.05, 20.0)  # of a temperature; perfect separation would push it to 0
DIGITS = 4
SURE = 1e-7  # float32 cannot hold 1 - 1e-8

Floats = npt.NDArray[np.float64]


def fitted(predictions: pd.DataFrame) -> float | None:
    """Return the temperature that minimises the log loss on the validation part.

    Args:
        predictions: columns image_id, picture, patient, part, y_true and y_score
            (uncalibrated); each picture counts once.

    Returns:
        The temperature, rounded to 4 decimals; None if validation lacks a class.
    """
    y_true, y_score, _ = observed(predictions[predictions["part"] == "val"])
    if len(np.unique(y_true)) < 2:
        return None

    def loss(log_temperature: float) -> float:
        score = divided(y_score, np.exp(log_temperature))
        chosen = np.where(y_true == 1, score, 1 - score)
        return float(-np.log(np.maximum(chosen, SURE)).mean())

    found = minimize_scalar(loss, bounds=np.log(LIMITS), options={"xatol": 1e-9})
    return round(float(np.exp(found.x)), DIGITS)


def divided(y_score: npt.ArrayLike, temperature: float) -> Floats:
    """Divide the logits of scores by a temperature; return scores in [0, 1]."""
    clipped = np.clip(np.asarray(y_score, np.float64), SURE, 1 - SURE)
    return np.asarray(expit(logit(clipped) / temperature))
