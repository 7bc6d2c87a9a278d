"""Score patients: is a patient called a tumour if any picture is?"""

import numpy as np
import numpy.typing as npt

from brain_mri.evidence import intervals
from brain_mri.evidence.scoring import Scores, defined, rates, rounded


def patient_level(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, clusters: npt.NDArray | None = None
) -> Scores:
    """Return the rates of the 2x2 table with each patient counted once.

    A patient is a tumour if any picture is labelled one, and called one if any picture
    is called one. The more pictures, the likelier is such a call; so the number of
    pictures, which sees no pixel, stands beside it as a null baseline.

    Args:
        y_true: shape (n,), 0 or 1.
        y_pred: shape (n,), 0 or 1.
        clusters: shape (n,), the patient of each picture; None if each has its own.

    Returns:
        The result of `scoring.rates` by patient (accuracy, sensitivity and specificity
        with Wilson's limits `_low` and `_high`), `n_patients`, and `pictures_roc_auc`
        with its limits: the AUROC of the number of pictures as a score. Rounded to 6
        decimals; None where undefined.
    """
    truth, call = (np.asarray(y, np.int64) for y in (y_true, y_pred))
    patient = np.arange(len(truth)) if clusters is None else np.asarray(clusters)
    codes, pictures = np.unique(patient, return_inverse=True, return_counts=True)[1:]
    any_truth, any_call = (
        (np.bincount(codes, y, len(pictures)) > 0).astype(np.int64)
        for y in (truth, call)
    )
    value, low, high = map(defined, intervals.auroc(any_truth, pictures))
    scores: Scores = {
        **rates(any_truth, any_call),
        "n_patients": len(pictures),
        "pictures_roc_auc": value,
        "pictures_roc_auc_low": low,
        "pictures_roc_auc_high": high,
    }
    return {name: rounded(number) for name, number in scores.items()}
