import json

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from brain_mri.evidence import intervals, scoring
from brain_mri.files import tables

pytestmark = pytest.mark.filterwarnings("error")


def predictions(y_true, y_score, picture=None, part="test"):
    ids = [f"{part}{i:03d}" for i in range(len(y_true))]
    return pd.DataFrame(
        {
            "image_id": ids,
            "picture": picture or ids,
            "patient": picture or ids,
            "part": part,
            "y_true": y_true,
            "y_score": y_score,
        }
    )


def random_part(n=200, seed=0, part="test"):
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, 2, n)
    y_score = np.clip(0.3 * y_true + rng.random(n) * 0.7, 0, 1)
    return predictions(y_true, y_score, part=part)


def test_four_labels_by_hand():
    scores = scoring.score(predictions([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]), 0.5)
    assert [scores[name] for name in ("tp", "fp", "fn", "tn")] == [1] * 4
    for name in ("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1"):
        assert scores[name] == 0.5
    assert scores["roc_auc"] == 0.75
    assert scores["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)


@pytest.mark.parametrize(("seed", "threshold"), [(0, 0.4), (1, 0.5), (2, 0.9)])
def test_metrics_agree_with_scikit_learn(seed, threshold):
    table = random_part(seed=seed)
    y_true, y_score = table["y_true"], table["y_score"]
    scores = scoring.score(table, threshold)
    y_pred = y_score >= threshold
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
    counted = metrics.confusion_matrix(y_true, y_pred).ravel().tolist()
    assert [scores[name] for name in ("tn", "fp", "fn", "tp")] == counted


def test_limits_agree_with_statsmodels_each_with_its_own_denominator():
    scores = scoring.score(random_part(60), 0.5)
    tp, fp, fn, tn = (scores[name] for name in ("tp", "fp", "fn", "tn"))
    for name, k, n in (
        ("accuracy", tp + tn, 60),
        ("sensitivity", tp, tp + fn),
        ("specificity", tn, tn + fp),
    ):
        limits = scores[f"{name}_low"], scores[f"{name}_high"]
        outside = proportion_confint(k, n, method="wilson")
        assert limits == pytest.approx(outside, abs=1e-6)


def test_limits_stand_beside_what_has_an_interval():
    names = [name for name in scoring.score(random_part(), 0.5) if "_" in name]
    bounded = (*scoring.PROPORTIONS, "roc_auc")
    bounded += ("balanced_accuracy", "f1", "average_precision", "brier")
    ends = {f"{name}_{end}" for name in bounded for end in ("low", "high")}
    assert {name for name in names if name.endswith(("_low", "_high"))} == ends


def test_auroc_limits_are_those_of_delong():
    table = random_part(60)
    scores = scoring.score(table, 0.5)
    value, low, high = intervals.auroc(table["y_true"], table["y_score"])
    names = ("roc_auc", "roc_auc_low", "roc_auc_high")
    assert [scores[n] for n in names] == pytest.approx([value, low, high], abs=1e-6)


def test_the_threshold_itself_is_a_tumour():
    scores = scoring.score(predictions([0, 1], [0.5, 0.5]), 0.5)
    assert (scores["tp"], scores["fp"]) == (1, 1)


def test_a_picture_counts_once_by_the_mean_of_its_copies():
    picture = ["test000", "test000", "test000", "test003"]
    table = predictions([1, 1, 1, 0], [0.9, 0.8, 0.1, 0.2], picture)
    scores = scoring.score(table, 0.5)
    assert scores["accuracy"] == 1
    assert scores["brier"] == pytest.approx((0.4**2 + 0.2**2) / 2)
    assert (scores["n_images"], scores["n_pictures"]) == (4, 2)
    assert scores["n_patients"] == 2


def test_validation_and_test_are_scored_apart():
    val = predictions([0, 1], [0.9, 0.1], part="val")
    test = predictions([0, 1, 1], [0.1, 0.9, 0.9])
    scores = scoring.by_part(pd.concat([val, test]), 0.5)
    assert [scores[part]["accuracy"] for part in ("val", "test")] == [0, 1]
    assert [scores[part]["n_pictures"] for part in ("val", "test")] == [2, 3]


def test_ten_numbers_are_for_comparing_runs():
    val, test = random_part(30, 1, "val"), random_part(40, 2)
    together = pd.concat([val, test])
    scores, few = scoring.by_part(together, 0.4), scoring.headline(together, 0.4)
    assert sum(map(len, few.values())) == 10
    assert all(few[part][key] == scores[part][key] for part in few for key in few[part])


def test_scores_come_back_from_the_statistics(tmp_path):
    together = pd.concat([random_part(30, 1, "val"), random_part(40, 2)])
    path = tmp_path / "statistics.csv"
    found = scoring.statistics({"scratch": together}, {"nearest": together}, 0.4)
    tables.write_csv(path, found)
    back = scoring.from_statistics(tables.read_csv(path))
    assert list(back) == ["scratch", "nearest"]
    for name, threshold in (("scratch", 0.4), ("nearest", 0.5)):
        expected = scoring.by_part(together, threshold)["test"]
        assert all(
            back[name][key] == expected[key]
            for key in expected
            if key not in ("n_images", "n_patients")
        )
    nothing = together.assign(y_true=0)
    table = scoring.statistics({"vgg": nothing}, {}, 0.5)
    tables.write_csv(path, table)
    assert scoring.from_statistics(tables.read_csv(path))["vgg"]["roc_auc"] is None


# Of three images of one class, none called a tumour: too few for a Brier's interval.
NEVER = {"brier_low", "brier_high"} | {
    f"{name}{end}"
    for name in ("ppv", "balanced_accuracy", "roc_auc", "average_precision")
    for end in ("", "_low", "_high")
}
UNDEFINED = {
    0: NEVER
    | {f"{n}{e}" for n in ("sensitivity", "f1") for e in ("", "_low", "_high")},
    1: NEVER | {f"specificity{end}" for end in ("", "_low", "_high")},
}


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_leaves_what_is_undefined_null(label):
    scores = scoring.score(predictions([label] * 3, [0.1, 0.2, 0.3]), 0.5)
    null = {name for name, value in scores.items() if value is None}
    assert null == UNDEFINED[label]
    assert scores["accuracy"] == 1 - label
    assert (scores["accuracy_low"] == 0) == (label == 1)


def test_a_part_without_images_is_all_null():
    scores = scoring.score(random_part().head(0), 0.5)
    counts = {"tp", "fp", "fn", "tn", "n_images", "n_pictures", "n_patients"}
    assert {name for name, value in scores.items() if value is not None} == counts
    assert {scores[name] for name in counts} == {0}


def test_all_scores_equal():
    scores = scoring.score(predictions([0, 1] * 6, [0.5] * 12), 0.5)
    assert scores["roc_auc"] == 0.5
    assert scores["roc_auc_low"] is None
    assert scores["npv"] is None  # nobody was called healthy
    assert (scores["sensitivity"], scores["specificity"]) == (1, 0)


def test_perfect_separation_has_an_auroc_without_limits():
    scores = scoring.score(predictions([0, 1] * 6, [0.1, 0.9] * 6), 0.5)
    assert (scores["roc_auc"], scores["roc_auc_low"]) == (1, None)
    assert scores["accuracy_high"] == 1
    assert 0.7 < scores["accuracy_low"] < 0.8


def test_a_sure_error_costs_a_finite_log_loss():
    scores = scoring.score(predictions([1, 0], [0.0, 0.0]), 0.5)
    assert scores["log_loss"] == pytest.approx(-np.log(1e-7) / 2, abs=1e-3)


def test_json_never_says_minus_0():
    assert str(scoring.rounded(-1e-9)) == "0.0"
    assert scoring.rounded(-0.25) == -0.25


# Ten of each class. Calling 0.5 and above a tumour leaves one false alarm of ten, 0.3
# would make two: 0.5 is the lowest threshold of a specificity of 0.90. Nine of ten
# tumours score 0.25 or more: the highest threshold of a sensitivity of 0.90.
VAL = predictions(
    [0] * 10 + [1] * 10,
    [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.3, 0.6]
    + [0.2, 0.25, 0.5, 0.55, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9],
    part="val",
)
TEST = predictions(
    [0] * 5 + [1] * 4, [0.05, 0.1, 0.26, 0.55, 0.7] + [0.24, 0.3, 0.5, 0.9]
)


@pytest.mark.parametrize(
    ("wanted", "threshold"), [("specificity", 0.5), ("sensitivity", 0.25)]
)
def test_operating_thresholds_by_hand(wanted, threshold):
    assert scoring.operating_threshold(VAL, wanted) == threshold


def met(table, wanted, threshold):
    """Return the wanted rate at a threshold, and the other."""
    called = table["y_score"] >= threshold
    rates = {
        "sensitivity": called[table["y_true"] == 1].mean(),
        "specificity": (~called[table["y_true"] == 0]).mean(),
    }
    return rates[wanted]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("wanted", ["specificity", "sensitivity"])
def test_the_threshold_is_the_outermost_that_meets_what_is_wanted(wanted, seed):
    table = random_part(40, seed, part="val")
    table["y_score"] = table["y_score"].round(1 + seed % 3)
    chosen = scoring.operating_threshold(table, wanted)
    good = [
        t for t in (*table["y_score"].unique(), np.inf) if met(table, wanted, t) >= 0.9
    ]
    assert chosen == (min(good) if wanted == "specificity" else max(good))


def rows_of(table, threshold=0.5):
    found = scoring.statistics({"vgg": table}, {}, threshold)
    return found.set_index(["part", "metric"])


def test_statistics_by_hand():
    table = scoring.statistics({"vgg": pd.concat([VAL, TEST])}, {}, 0.6)
    assert table.columns.tolist() == (
        ["model", "part", "metric", "value", "low", "high", "count", "n", "threshold"]
    )
    found = table.set_index(["part", "metric"])
    # of the test at 0.6: 1 of 4 tumours found, 1 of 5 healthy called ill
    for metric, count, n, threshold in (
        ("accuracy", 5, 9, 0.6),
        ("sensitivity", 1, 4, 0.6),
        ("specificity", 4, 5, 0.6),
        ("ppv", 1, 2, 0.6),
        ("npv", 4, 7, 0.6),
        ("sensitivity_at_specificity_90", 2, 4, 0.5),
        ("specificity_at_specificity_90", 3, 5, 0.5),
        ("sensitivity_at_sensitivity_90", 3, 4, 0.25),
        ("specificity_at_sensitivity_90", 2, 5, 0.25),
    ):
        row = found.loc["test", metric]
        assert (row["count"], row["n"], row["threshold"]) == (count, n, threshold)
        assert row["value"] == pytest.approx(count / n, abs=1e-6)
        limits = proportion_confint(count, n, method="wilson")
        assert (row["low"], row["high"]) == pytest.approx(limits, abs=1e-6)
    assert found.loc["val", "accuracy"]["n"] == 20
    assert found.loc["test", "brier"]["n"] == 9
    # four tumours are too few for an interval
    assert found.loc["test", "roc_auc"][["low", "high"]].isna().all()
    assert found.loc["val", "roc_auc"][["low", "high"]].notna().all()
    assert found.loc["test", "f1"][["count", "n"]].isna().all()
    for name in ("f1", "balanced_accuracy", "brier"):
        low, value, high = found.loc["test", name][["low", "value", "high"]]
        assert low < value < high
    assert found.loc["test", "log_loss"][["low", "high"]].isna().all()


def test_statistics_hold_what_the_summaries_hold():
    together = pd.concat([random_part(30, 1, "val"), random_part(40, 2)])
    found = scoring.statistics({"scratch": together}, {"nearest": together}, 0.4)
    scores = {
        "scratch": scoring.by_part(together, 0.4),
        "nearest": scoring.by_part(together, 0.5),  # a null baseline, so at 0.5
    }
    assert not found.duplicated(["model", "part", "metric"]).any()
    compared = 0
    for row in found.itertuples():
        mine = scores[row.model][row.part]
        if row.metric in mine:
            assert row.value == mine[row.metric]
            if f"{row.metric}_low" in mine:
                assert row.low == mine[f"{row.metric}_low"]
                assert row.high == mine[f"{row.metric}_high"]
            compared += 1
    assert compared == 2 * 2 * 11


def test_a_threshold_may_be_infinite():
    # no tumour scores as high as the healthy: only calling none a tumour will do
    val = predictions([0, 0, 1, 1], [0.9, 0.9, 0.1, 0.1], part="val")
    assert scoring.operating_threshold(val, "specificity") == np.inf
    found = rows_of(pd.concat([val, TEST]))
    row = found.loc["test", "sensitivity_at_specificity_90"]
    assert (row["value"], row["count"], row["n"]) == (0, 0, 4)
    assert row["threshold"] == np.inf
    assert found.loc["test", "specificity_at_specificity_90"]["value"] == 1


def test_without_both_classes_in_validation_there_is_no_operating_point():
    val = VAL[VAL["y_true"] == 1]
    assert scoring.operating_threshold(val, "sensitivity") is None
    found = rows_of(pd.concat([val, TEST])).loc["test"]
    operating = found[found.index.str.contains("_at_")]
    assert len(operating) == 4
    assert operating.drop(columns="model").isna().all(axis=None)  # null, never 0


def test_one_class_in_the_test_leaves_its_rates_null():
    found = rows_of(pd.concat([VAL, TEST[TEST["y_true"] == 0]])).loc["test"]
    for name in ("sensitivity", "sensitivity_at_specificity_90"):
        assert found.loc[name, ["value", "low", "high"]].isna().all()
        assert found.loc[name, "n"] == 0
    row = found.loc["specificity_at_specificity_90"]
    assert (row["count"], row["n"]) == (3, 5)


def test_a_threshold_is_kept_so_that_it_cuts_where_it_did(tmp_path):
    # of a network that is sure of everything, the scores differ in the tenth digit
    y_true = [0, 0, 0, 1, 0, 1, 1, 1]
    y_score = [1.1e-9, 2.2e-9, 3.3e-9, 4.4e-9, 0.1234567, 0.1234568, 0.9999996, 1]
    both = [predictions(y_true, y_score, part=part) for part in ("val", "test")]
    tables.write_csv(
        tmp_path / "s.csv", scoring.statistics({"": pd.concat(both)}, {}, 0.5)
    )
    found = pd.read_csv(tmp_path / "s.csv").set_index("metric")
    for wanted in ("specificity", "sensitivity"):
        row = found.loc[f"sensitivity_at_{wanted}_90"]
        called = both[1]["y_score"] >= row["threshold"]
        assert called[both[1]["y_true"] == 1].sum() == row["count"]


@pytest.mark.parametrize(
    "table",
    [
        random_part().head(0),
        predictions([1], [0.5]),
        predictions([0] * 12, [0.5] * 12),
        predictions([1] * 12, np.linspace(0, 1, 12)),
        predictions([0, 1] * 8, [0] * 16),
        predictions([0, 1] * 8, [1] * 16),
        predictions([0, 1] * 8, [1.0, 0.0] * 8),
        predictions([0] * 11 + [1], np.linspace(0, 1, 12)),
        predictions([0, 1, 0], [0.1, 0.2, 0.3]),
    ],
    ids=[
        "empty",
        "one",
        "no",
        "yes",
        "all-0",
        "all-1",
        "reversed",
        "one-positive",
        "few",
    ],
)
def test_whatever_the_predictions_the_summary_is_json(table):
    both = pd.concat(
        [table, table.assign(part="val", image_id="v", picture="v", patient="v")]
    )
    json.dumps(scoring.by_part(both, 0.5), allow_nan=False)
    found = scoring.statistics({"vgg": both}, {}, 0.5)
    values = found["value"].dropna()
    assert np.isfinite(values.astype(float)).all()
    limits = found[["value", "low", "high"]].astype(float).dropna()
    assert (limits["low"] <= limits["value"]).all()
    assert (limits["value"] <= limits["high"]).all()
