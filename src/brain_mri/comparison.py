"""Compare two classifiers on the same groups of images."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from brain_mri.errors import InputError
from brain_mri.scoring import Scores, one_per_group, score

# What `metrics/selected.json` holds of the champion.
HEADLINE = (
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "roc_auc",
    "average_precision",
    "brier",
    "log_loss",
)


def compare(
    scratch: pd.DataFrame, vgg: pd.DataFrame, *, threshold: float
) -> dict[str, object]:
    """Compare two models' predictions of one part, each group counted once.

    Args:
        scratch: columns image_id, group, y_true (0 or 1), y_score in [0, 1].
        vgg: the same images in the same order.
        threshold: y_score from which an image is called a tumour.

    Returns:
        `difference`: vgg minus scratch for each headline metric; `paired`: how many
        groups both, one or none classified right; the exact McNemar p; n.

    Raises:
        InputError: the two tables are not of the same images.
    """
    keys = ["image_id", "group", "y_true"]
    if (
        not scratch[keys]
        .reset_index(drop=True)
        .equals(vgg[keys].reset_index(drop=True))
    ):
        raise InputError("the two predictions files are not of the same images")
    counts = paired_counts(_right(scratch, threshold), _right(vgg, threshold))
    return {
        "n_groups": sum(counts.values()),
        "n_images": len(scratch),
        "difference": _difference(score(scratch, threshold), score(vgg, threshold)),
        "paired": counts,
        "mcnemar_exact_p": mcnemar_exact(counts["scratch_only"], counts["vgg_only"]),
    }


def paired_counts(scratch: pd.Series, vgg: pd.Series) -> dict[str, int]:
    """Count the groups by which model classified them right; both are booleans."""
    a, b = scratch.to_numpy(), vgg.to_numpy()
    return {
        "both_right": int(np.sum(a & b)),
        "scratch_only": int(np.sum(a & ~b)),
        "vgg_only": int(np.sum(~a & b)),
        "both_wrong": int(np.sum(~a & ~b)),
    }


def mcnemar_exact(first_only: int, second_only: int) -> float:
    """Return the two-sided exact p-value of McNemar's test on the discordant pairs.

    A binomial test of one half (McNemar 1947, doi:10.1007/BF02295996); 1 where the two
    models never disagree.
    """
    n = first_only + second_only
    return round(float(binomtest(first_only, n).pvalue), 6) if n else 1.0


def _right(predictions: pd.DataFrame, threshold: float) -> pd.Series:
    rows = one_per_group(predictions)
    return (rows["y_score"] >= threshold) == (rows["y_true"] == 1)


def _difference(scratch: Scores, vgg: Scores) -> Scores:
    differences: Scores = {}
    for name in HEADLINE:
        a, b = scratch[name], vgg[name]
        differences[name] = None if a is None or b is None else round(b - a, 6)
    return differences
