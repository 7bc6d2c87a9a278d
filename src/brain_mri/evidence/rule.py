"""The rule of the verdict: what is compared, and at which threshold.

params.yaml names the metric before the test part is scored: accuracy, or balanced
accuracy for a rare class (docs/method.md).
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from brain_mri.evidence.observations import Observed
from brain_mri.evidence.paired import (
    Right,
    accuracy_difference,
    balanced_accuracy_difference,
)
from brain_mri.evidence.scoring import Scores
from brain_mri.files import predictions
from brain_mri.files.predictions import VERDICT_THRESHOLD

BALANCED = "balanced_accuracy"


def threshold(metric: str, trained: pd.DataFrame) -> float:
    """Return the threshold of the verdict, on which no test picture has an influence.

    It is 0.5 for accuracy. For balanced accuracy it is the share of tumours among the
    training images, which is 0.5 for a network of equally frequent classes.

    Args:
        metric: accuracy or balanced_accuracy.
        trained: predictions of the training images by a network.
    """
    if metric != BALANCED:
        return VERDICT_THRESHOLD
    # rounded as scores are, so that a score of just this share reaches it
    return predictions.rounded(float(trained["y_true"].mean()))


def difference(metric: str, first: Right, second: Right, cases: Observed) -> Scores:
    """Return the second metric minus the first, with its paired interval.

    Args:
        metric: accuracy or balanced_accuracy.
        first: shape (n,), whether the first classifier is right; second likewise.
        second: shape (n,).
        cases: the n pictures.
    """
    if metric != BALANCED:
        return accuracy_difference(first, second, cases.patient)
    return balanced_accuracy_difference(cases.y_true, first, second, cases.patient)


def metric_of(compared: Mapping[str, Any]) -> str:
    """Return the metric of the verdict from the content of metrics/comparison.csv."""
    return str(compared.get("verdict_metric", "accuracy"))
