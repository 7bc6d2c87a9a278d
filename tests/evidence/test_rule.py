"""The verdict on balanced accuracy: threshold, interval, sentence, what is left out."""

import json

import numpy as np
import pytest
from test_comparison import LEARNT, answers, pair, predictions

from brain_mri.evidence import baselines, comparison, intervals, paired, rule, summaries
from brain_mri.evidence.power import FEWEST
from brain_mri.files import predictions as stored

pytestmark = pytest.mark.filterwarnings("error")
NUMBERS = (
    "(balanced accuracy of VGG-16, random convolutions, minus that of the CNN from "
    "scratch)."
)


def compare(models, nulls=None, metric=rule.BALANCED, trained=LEARNT):
    both = {"scratch": trained, "vgg": trained}
    return comparison.compare(models, nulls or {}, both, "random", metric)


def of_classes(yes, no):
    """Return two models' predictions with these paired tables of both classes."""
    y_true = np.repeat([1, 0], (sum(yes), sum(no)))
    cells = [*yes, *no]
    scratch = np.repeat([True, True, False, False] * 2, cells)
    vgg = np.repeat([True, False, True, False] * 2, cells)
    return {"scratch": answers(y_true, scratch), "vgg": answers(y_true, vgg)}


# 16 of 100 pictures are tumours; scratch finds 3 of them and VGG-16 14, with more false
# alarms: 85 and 90 pictures are right
RARE = of_classes((3, 0, 11, 2), (76, 6, 0, 2))


def test_two_intervals_are_joined_as_by_hand():
    # Newcombe 1998: 0.2, from 0.0562 to 0.3292; and 10 of 10 right by both, Wilson's
    # lower limit is 10 / (10 + 1.96²) = 0.7225, so 0, from -0.2775 to 0.2775
    result = compare(of_classes((20, 2, 12, 16), (10, 0, 0, 0)))
    found = result["balanced_accuracy"]
    assert found["difference"] == 0.1
    assert found["low"] == pytest.approx(0.1 - np.hypot(0.1438, 0.2775) / 2, abs=1e-4)
    assert found["high"] == pytest.approx(0.1 + np.hypot(0.1292, 0.2775) / 2, abs=1e-4)


def test_a_correlation_widens_the_joined_interval():
    # errors of 0.1 and 0.3: they add up if both estimates go together
    limits = [[0.5, 0.4], [0.4, 0.1], [0.6, 0.7]]
    for correlation, half in ((0, np.hypot(0.1, 0.3) / 2), (1, 0.2), (-1, 0.1)):
        low, high = intervals.mean_of_two(*limits, correlation)
        assert (low, high) == pytest.approx((0.45 - half, 0.45 + half))


def test_a_rare_class_separates_what_accuracy_does_not():
    assert compare(RARE, metric="accuracy")["verdict"] == "not separable"
    result = compare(RARE)
    assert result["verdict"] == "vgg better"
    found = result["balanced_accuracy"]
    assert found["difference"] == pytest.approx((11 / 16 - 6 / 84) / 2, abs=1e-6)
    assert result["sentence"] == (
        "VGG-16, random convolutions, is better than the CNN from scratch on 100 "
        "pictures: difference 0.31, 95 % interval "
        f"{found['low']:.2f} to {found['high']:.2f} {NUMBERS}"
    )


def test_what_the_difference_is_made_of():
    result = compare(RARE)
    assert list(result["by_class"]["yes"].values()) == [3, 0, 11, 2]
    assert list(result["by_class"]["no"].values()) == [76, 6, 0, 2]
    assert result["scores"]["scratch"]["balanced_accuracy"] == pytest.approx(
        (3 / 16 + 82 / 84) / 2, abs=1e-6
    )
    values = [
        result["scores"][name]["balanced_accuracy"] for name in ("vgg", "scratch")
    ]
    difference = result["balanced_accuracy"]["difference"]
    assert values[0] - values[1] == pytest.approx(difference, abs=2e-6)


def test_what_holds_for_accuracy_only_is_left_out():
    result = compare(RARE)
    assert "accuracy" not in result
    assert "resolution" not in result
    assert list(result["secondary"]) == ["roc_auc"]
    small = comparison.headline(result)
    assert small["verdict_metric"] == rule.BALANCED == rule.metric_of(result)
    assert small["difference"] == result["balanced_accuracy"]["difference"]


def test_accuracy_is_compared_and_named_as_ever():
    result = compare(pair(20, 2, 12, 16), metric="accuracy")
    assert {"verdict_metric", "scores", "by_class", rule.BALANCED}.isdisjoint(result)
    assert list(comparison.headline(result)) == [
        "verdict",
        "difference",
        "low",
        "high",
        "n_pictures",
        "n_patients",
    ]
    assert rule.metric_of(result) == "accuracy"


def drawn(seed):
    """Return two models' predictions of patients with several pictures."""
    rng = np.random.default_rng(seed)
    y_true = (rng.random(300) < 0.3).astype(int)
    patient = [f"{g:03d}" for g in rng.integers(0, 90, 300)]
    return {
        name: predictions(y_true, rng.random(300).round(2)).assign(patient=patient)
        for name in ("scratch", "vgg")
    }


@pytest.mark.parametrize("models", [RARE, *map(drawn, range(5))])
def test_models_in_the_other_order_give_the_other_verdict(models):
    one = compare(models)
    two = compare({"scratch": models["vgg"], "vgg": models["scratch"]})
    swapped = {"vgg better": "scratch better", "scratch better": "vgg better"}
    assert two["verdict"] == swapped.get(one["verdict"], one["verdict"])
    there, back = one["balanced_accuracy"], two["balanced_accuracy"]
    for end, other in (("difference", "difference"), ("low", "high"), ("high", "low")):
        assert there[end] == pytest.approx(-back[other], abs=1e-6)


@pytest.mark.parametrize("models", [RARE, *map(drawn, range(5))])
def test_classes_in_the_other_order_give_the_same_interval(models):
    y_true = models["vgg"]["y_true"].to_numpy()
    patient = models["vgg"]["patient"].to_numpy()
    right = [
        ((table["y_score"] >= 0.5) == (y_true == 1)).to_numpy()
        for table in models.values()
    ]
    found = paired.balanced_accuracy_difference(y_true, *right, patient)
    assert found == paired.balanced_accuracy_difference(1 - y_true, *right, patient)


def trained(tumours, images):
    y_true = (np.arange(images) < tumours).astype(int)
    return predictions(y_true, 0.1 + 0.8 * y_true, part="train")


def test_the_threshold_is_the_share_of_tumours_in_training_and_that_of_a_half():
    assert rule.threshold("accuracy", trained(1, 9)) == 0.5
    assert rule.threshold(rule.BALANCED, trained(10, 20)) == 0.5
    # a network of equally frequent classes, corrected for the prior of 1 in 9, which
    # has the logit log(1 / 8)
    balanced = np.array([0.01, 0.49999, 0.50001, 0.99])
    corrected = 1 / (1 + np.exp(-(np.log(balanced / (1 - balanced)) + np.log(1 / 8))))
    threshold = rule.threshold(rule.BALANCED, trained(1, 9))
    assert ((corrected >= threshold) == (balanced >= 0.5)).all()


def test_the_verdict_is_of_the_threshold_whatever_was_predicted():
    y_true = np.repeat([1, 0], (20, 80))
    low = {
        name: predictions(y_true, np.where(table["y_score"] > 0.5, 0.12, 0.01))
        for name, table in of_classes((5, 0, 12, 3), (70, 2, 4, 4)).items()
    }
    few = trained(10, 100)
    result = compare(low, trained=few)
    assert result["threshold"] == 0.1
    assert result["verdict"] == "vgg better"
    assert compare(low, metric="accuracy", trained=few)["verdict"] == "not separable"
    other = compare(low, trained=trained(20, 100))  # no score reaches it
    assert other["balanced_accuracy"]["difference"] == 0


@pytest.mark.parametrize(("tumours", "images"), [(1, 3), (3, 7), (17, 99)])
def test_the_majority_class_is_worth_a_half(tumours, images):
    """Its score is the threshold itself, and rounding must not decide."""
    few = trained(tumours, images)
    y_true = np.repeat([1, 0], (14, 40))
    index = predictions(y_true, y_true).drop(columns=["part", "y_score"])
    part = type("Part", (), {"index": few, "y_true": few["y_true"].to_numpy()})
    test = type("Part", (), {"index": index})
    score = baselines.majority(part, test)
    null = stored.table({"test": index}, {"test": score[:, None]}, 0.5)
    models = of_classes((9, 2, 2, 1), (30, 3, 5, 2))
    contents = summaries.of_comparison(
        models,
        {"majority": null},
        {"scratch": few, "vgg": few},
        champion="vgg",
        threshold=0.5,
        weights="random",
        metric=rule.BALANCED,
    )
    rows = contents["statistics.csv"].set_index(["model", "part", "metric"])
    assert rows.loc[("majority", "test", "balanced_accuracy"), "value"] == 0.5
    assert rows.loc[("majority", "test", "sensitivity"), "value"] == 1
    compared = contents["comparison.csv"]
    against = compared["baselines"]["vgg"]["majority"]["difference"]
    value = compared["scores"]["vgg"]["balanced_accuracy"]
    assert against == pytest.approx(value - 0.5, abs=2e-6)


def test_a_constant_network_beats_nothing_however_rare_a_class():
    y_true = np.repeat([1, 0], (20, 180))
    models = {
        "scratch": answers(y_true, y_true == 0),
        "vgg": answers(y_true, y_true == 1),
    }
    assert compare(models, metric="accuracy")["verdict"] == "scratch better"
    result = compare(models)
    assert result["balanced_accuracy"]["difference"] == 0
    assert result["verdict"] == "not separable"


def test_few_pictures_of_the_rarer_class_have_no_verdict():
    for m, word in ((FEWEST - 1, "too few pictures"), (FEWEST, "vgg better")):
        assert compare(of_classes((0, 0, m, 0), (90, 0, 0, 0)))["verdict"] == word
        assert compare(of_classes((90, 0, 0, 0), (0, 0, m, 0)))["verdict"] == word
    result = compare(of_classes((0, 0, 9, 0), (90, 0, 0, 0)))
    assert result["sentence"] == (
        "No verdict: 9 test pictures of the rarer class are too few; for balanced "
        "accuracy, at least 14 of each class are needed."
    )
    assert result["balanced_accuracy"]["difference"] == 0.5  # given all the same


def test_few_patients_of_the_rarer_class_have_no_verdict():
    models = of_classes((0, 0, 40, 0), (90, 0, 0, 0))
    for few, word in ((FEWEST - 1, "too few patients"), (FEWEST, "vgg better")):
        patient = [f"{i % few:03d}" if i < 40 else f"{i:03d}" for i in range(130)]
        tables = {name: table.assign(patient=patient) for name, table in models.items()}
        result = compare(tables)
        assert result["verdict"] == word
    assert result["n_patients"] == 90 + FEWEST


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_verdict(label):
    y_true = [label] * 20
    models = {
        "scratch": answers(y_true, [False] * 20),
        "vgg": answers(y_true, [True] * 20),
    }
    result = compare(models, {"majority": models["scratch"]})
    assert result["verdict"] == "one class"
    assert set(result["balanced_accuracy"].values()) == {None}
    json.dumps(result, allow_nan=False)
