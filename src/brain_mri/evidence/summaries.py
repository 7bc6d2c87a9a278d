"""Compute the files of metrics/ that follow from predictions.

The stages write these files; the gate computes them again and compares.
"""

from collections.abc import Mapping

import pandas as pd

from brain_mri.evidence import comparison, crossval, curves, rule, scoring
from brain_mri.files.names import CLASSES

Contents = dict[str, Mapping[str, object] | pd.DataFrame]  # by name of the file


def of_network(
    name: str, table: pd.DataFrame, threshold: float, temperature: float | None
) -> Contents:
    """Return the numbers, the ROC curve and the confusions of one network.

    Args:
        name: scratch or vgg.
        table: its predictions of val and test.
        threshold: decision threshold.
        temperature: divisor of its logits; 1 if scores are not calibrated.
    """
    test = table[table["part"] == "test"]
    return {
        f"{name}.json": {
            **scoring.headline(table, threshold),
            "temperature": temperature,
        },
        f"{name}_roc.csv": curves.roc_points(test),
        f"{name}_confusion.csv": curves.confusion_rows(test, CLASSES, threshold),
    }


def of_comparison(
    networks: Mapping[str, pd.DataFrame],
    nulls: Mapping[str, pd.DataFrame],
    trained: Mapping[str, pd.DataFrame],
    *,
    champion: str,
    threshold: float,
    weights: str,
    metric: str = "accuracy",
) -> Contents:
    """Return the verdict, the numbers behind it, the champion's metrics, all metrics.

    Args:
        networks: for scratch and vgg, their predictions of val and test.
        nulls: for each null baseline, the same.
        trained: for scratch and vgg, their predictions of the training images, without
            augmentation.
        champion: scratch or vgg.
        threshold: decision threshold of the networks.
        weights: source of VGG-16's weights, imagenet or random.
        metric: what the verdict compares, accuracy or balanced_accuracy.

    Raises:
        InputError: two of the tables are of different images.
    """
    compared = comparison.compare(networks, nulls, trained, weights, metric)
    cut = rule.threshold(metric, trained["vgg"])
    return {
        "verdict.json": comparison.headline(compared),
        "comparison.csv": compared,
        "selected.json": comparison.selected(networks[champion], champion, threshold),
        "statistics.csv": scoring.statistics(networks, nulls, threshold, cut),
    }


def of_crossval(predictions: pd.DataFrame, *, rope: float, weights: str) -> Contents:
    """Return the scores of the folds, the verdict and the numbers behind it.

    Args:
        predictions: those of all runs; see `crossval.fold_scores`.
        rope: differences in accuracy up to this count as equal in practice.
        weights: source of VGG-16's weights, imagenet or random.

    Raises:
        InputError: the classifiers were not tested on the same folds or pictures.
    """
    found = crossval.summarise(predictions, rope=rope, weights=weights)
    return {
        "crossval_folds.csv": crossval.fold_scores(predictions),
        "crossval.json": crossval.headline(found),
        "crossval_statistics.csv": found,
    }
