import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from brain_mri import scoring


def predictions(y_true, y_score, group=None):
    ids = [f"{i:03d}" for i in range(len(y_true))]
    table = pd.DataFrame(
        {"image_id": ids, "group": group or ids, "y_true": y_true, "y_score": y_score}
    )
    return table.assign(y_pred=(table["y_score"] >= 0.5).astype(int))


def test_four_labels_by_hand():
    scores = scoring.score(predictions([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]), 0.5)
    assert {name: scores[name] for name in ("tp", "fp", "fn", "tn")} == {
        "tp": 1,
        "fp": 1,
        "fn": 1,
        "tn": 1,
    }
    for name in ("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1"):
        assert scores[name] == 0.5
    assert scores["roc_auc"] == 0.75
    assert scores["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)


def test_metrics_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 200)
    y_score = np.clip(0.3 * y_true + rng.random(200) * 0.7, 0, 1)
    scores = scoring.score(predictions(y_true, y_score), 0.4)
    y_pred = y_score >= 0.4
    outside = {
        "accuracy": metrics.accuracy_score(y_true, y_pred),
        "balanced_accuracy": metrics.balanced_accuracy_score(y_true, y_pred),
        "sensitivity": metrics.recall_score(y_true, y_pred),
        "specificity": metrics.recall_score(y_true, y_pred, pos_label=0),
        "ppv": metrics.precision_score(y_true, y_pred),
        "npv": metrics.precision_score(y_true, y_pred, pos_label=0),
        "f1": metrics.f1_score(y_true, y_pred),
        "roc_auc": metrics.roc_auc_score(y_true, y_score),
        "average_precision": metrics.average_precision_score(y_true, y_score),
        "brier": metrics.brier_score_loss(y_true, y_score),
        "log_loss": metrics.log_loss(y_true, y_score),
    }
    for name, value in outside.items():
        assert scores[name] == pytest.approx(value, abs=1e-6), name


def test_the_threshold_itself_is_a_tumour():
    scores = scoring.score(predictions([0, 1], [0.5, 0.5]), 0.5)
    assert (scores["tp"], scores["fp"]) == (1, 1)


def test_a_group_counts_once_by_the_image_it_is_named_after():
    table = predictions(
        [1, 1, 1, 0], [0.9, 0.1, 0.1, 0.2], group=["000", "000", "000", "003"]
    )
    scores = scoring.score(table, 0.5)
    assert scores["accuracy"] == 1
    assert (scores["n_images"], scores["n_groups"]) == (4, 2)


def test_one_class_leaves_what_is_undefined_null():
    scores = scoring.score(predictions([0, 0], [0.1, 0.2]), 0.5)
    for name in ("sensitivity", "balanced_accuracy", "ppv", "f1", "roc_auc"):
        assert scores[name] is None, name
    assert scores["specificity"] == 1
    assert len(scoring.roc_points(predictions([0, 0], [0.1, 0.2]))) == 0


def test_roc_starts_and_ends_in_the_corners():
    points = scoring.roc_points(predictions([0, 1, 0, 1], [0.2, 0.4, 0.6, 0.8]))
    assert points[["fpr", "tpr"]].iloc[0].tolist() == [0, 0]
    assert points[["fpr", "tpr"]].iloc[-1].tolist() == [1, 1]
    assert metrics.auc(points["fpr"], points["tpr"]) == 0.75


def test_predictions_are_sorted_in_each_part_and_hold_no_file_name():
    index = pd.DataFrame(
        {"image_id": ["b", "a"], "group": ["b", "a"], "y_true": [1, 0], "file": "x.jpg"}
    )
    outputs = {"val": (index, np.array([[0.7], [0.2]], np.float32))}
    outputs["test"] = outputs["val"]
    table = scoring.predictions_table(outputs, 0.5)
    assert table.columns.tolist() == [
        "image_id",
        "group",
        "part",
        "y_true",
        "y_score",
        "y_pred",
    ]
    assert table["image_id"].tolist() == ["a", "b", "a", "b"]
    assert table["y_score"].tolist() == [0.2, 0.7, 0.2, 0.7]
    assert table["y_pred"].tolist() == [0, 1, 0, 1]


def test_tiny_and_sure_scores_keep_their_rank():
    index = pd.DataFrame({"image_id": list("abcd"), "group": list("abcd")})
    probability = np.array([[1e-9], [2e-9], [0.9999996], [0.9999997]], np.float32)
    outputs = {"test": (index.assign(y_true=[0, 1, 0, 1]), probability)}
    table = scoring.predictions_table(outputs, 0.5)
    assert table["y_score"].is_monotonic_increasing
    assert table["y_score"].is_unique
    assert scoring.score(table, 0.5)["roc_auc"] == 0.75


def test_a_sure_error_costs_a_finite_log_loss():
    scores = scoring.score(predictions([1, 0], [0.0, 0.0]), 0.5)
    assert scores["log_loss"] == pytest.approx(-np.log(1e-7) / 2, abs=1e-3)


def test_confusion_rows_speak_in_class_names():
    rows = scoring.confusion_rows(predictions([0, 1], [0.9, 0.8]), ("no", "yes"))
    assert rows.to_dict("list") == {"actual": ["no", "yes"], "predicted": ["yes"] * 2}
