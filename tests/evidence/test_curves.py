import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from brain_mri.evidence import curves

pytestmark = pytest.mark.filterwarnings("error")


def predictions(y_true, y_score, picture=None):
    ids = [f"{i:03d}" for i in range(len(y_true))]
    table = pd.DataFrame(
        {
            "image_id": ids,
            "picture": picture or ids,
            "patient": picture or ids,
            "y_true": y_true,
            "y_score": y_score,
        }
    )
    return table.assign(y_pred=(table["y_score"] >= 0.5).astype(int))


def many(n, seed=0):
    rng = np.random.default_rng(seed)
    y_score = rng.random(n)
    return predictions((rng.random(n) < y_score).astype(int), y_score)


def test_roc_by_hand_starts_and_ends_in_the_corners():
    points = curves.roc_points(predictions([0, 1, 0, 1], [0.2, 0.4, 0.6, 0.8]))
    assert points["fpr"].tolist() == [0, 0, 0.5, 0.5, 1]
    assert points["tpr"].tolist() == [0, 0.5, 0.5, 1, 1]
    assert np.isnan(points["threshold"].iloc[0])  # infinite, so an empty cell
    assert points["threshold"].tolist()[1:] == [0.8, 0.6, 0.4, 0.2]


def test_areas_under_the_curves_are_those_of_the_scores():
    table = many(300)
    roc = curves.roc_points(table)
    area = metrics.roc_auc_score(table["y_true"], table["y_score"])
    assert metrics.auc(roc["fpr"], roc["tpr"]) == pytest.approx(area, abs=1e-5)
    pr = curves.pr_points(table)
    precision = metrics.average_precision_score(table["y_true"], table["y_score"])
    steps = -np.diff(pr["recall"]) * pr["precision"][:-1]
    assert steps.sum() == pytest.approx(precision, abs=1e-5)


def test_precision_and_recall_by_hand():
    points = curves.pr_points(predictions([0, 1, 0, 1], [0.2, 0.4, 0.6, 0.8]))
    assert points["recall"].tolist() == [1, 1, 0.5, 0.5, 0]
    assert points["precision"].tolist() == [0.5, 0.666667, 0.5, 1, 1]


@pytest.mark.parametrize("curve", [curves.roc_points, curves.pr_points])
def test_all_scores_equal_make_a_curve_of_the_ends(curve):
    points = curve(predictions([0, 1, 1], [0.5] * 3))
    assert len(points) == 2
    ends = points[points.columns[:2]].to_numpy().tolist()
    assert ends in ([[0, 0], [1, 1]], [[1, 0.666667], [0, 0.666667]])


@pytest.mark.parametrize("curve", [curves.roc_points, curves.pr_points])
@pytest.mark.parametrize("only", [0, 1])
def test_one_class_makes_no_curve(curve, only):
    assert curve(predictions([only] * 3, [0.2, 0.4, 0.6])).empty


def test_copies_count_by_the_mean_of_their_scores():
    alone = predictions([0, 1, 0, 1], [0.25, 0.4, 0.6, 0.75])
    picture = ["000", "001", "002", "003", "003", "000"]
    copied = predictions([0, 1, 0, 1, 1, 0], [0.25, 0.4, 0.6, 0.5, 1, 0.25], picture)
    for curve in (curves.roc_points, curves.pr_points, curves.calibration):
        pd.testing.assert_frame_equal(curve(alone), curve(copied))


def test_no_curve_has_its_columns_all_the_same():
    one_class = predictions([0, 0], [0.1, 0.2])
    assert curves.roc_points(one_class).columns.tolist() == ["fpr", "tpr", "threshold"]
    assert curves.pr_points(one_class).columns.tolist() == ["recall", "precision"]


def test_no_image_no_curve():
    nothing = predictions([], [])
    assert curves.roc_points(nothing).empty
    assert curves.pr_points(nothing).empty
    assert curves.calibration(nothing).empty
    assert np.isnan(curves.calibration_error(curves.calibration(nothing)))
    assert curves.confusion_rows(nothing, ("no", "yes"), 0.5).empty


def test_calibration_by_hand():
    # [0, 0.2): 0 and 0.1; [0.2, 0.4): 0.2; none up to 0.6; 0.6; 0.9 and 1 in the last
    table = predictions([0, 1, 1, 0, 1, 1], [0, 0.1, 0.2, 0.6, 0.9, 1])
    bins = curves.calibration(table)
    assert bins.columns.tolist() == ["n", "y_score", "observed", "low", "high"]
    assert bins["n"].tolist() == [2, 1, 1, 2]
    assert bins["y_score"].tolist() == [0.05, 0.2, 0.6, 0.95]
    assert bins["observed"].tolist() == [0.5, 1, 0, 1]
    limits = proportion_confint([1, 1, 0, 2], bins["n"], method="wilson")
    assert bins["low"].tolist() == pytest.approx(limits[0].tolist(), abs=1e-6)
    assert bins["high"].tolist() == pytest.approx(limits[1].tolist(), abs=1e-6)
    gaps = 2 * abs(0.05 - 0.5) + abs(0.2 - 1) + abs(0.6 - 0) + 2 * abs(0.95 - 1)
    assert curves.calibration_error(bins) == pytest.approx(gaps / 6, abs=1e-6)


@pytest.mark.parametrize(("n", "bins"), [(499, 5), (500, 10)])
def test_many_groups_are_shown_in_ten_bins(n, bins):
    table = many(n)
    found = curves.calibration(table)
    assert len(found) == bins
    assert found["n"].sum() == n
    edges = np.linspace(0, 1, bins + 1)
    assert found["n"].tolist() == np.histogram(table["y_score"], edges)[0].tolist()


def test_well_calibrated_scores_have_a_small_error():
    assert curves.calibration_error(curves.calibration(many(20_000))) < 0.02
    turned = many(20_000).assign(y_score=lambda t: 1 - t["y_score"])
    assert curves.calibration_error(curves.calibration(turned)) > 0.4


def test_confusion_rows_speak_in_class_names_a_row_a_picture():
    table = predictions([0, 1, 1], [0.9, 0.8, 0.3], ["000", "001", "001"])
    rows = curves.confusion_rows(table, ("no", "yes"), 0.55)
    assert rows.to_dict("list") == {"actual": ["no", "yes"], "predicted": ["yes"] * 2}
