import numpy as np
import pandas as pd
import pytest

from brain_mri.errors import InputError
from brain_mri.evidence import comparison, curves, external, scoring
from brain_mri.files import tables
from brain_mri.files.predictions import COLUMNS

N = 30


def predictions(scores, distance=None, part="external"):
    """Predictions of images that each are a picture and a patient of their own."""
    n = len(scores)
    ids = [f"{i:012d}" for i in range(n)]
    table = pd.DataFrame(
        {
            "image_id": ids,
            "picture": ids,
            "patient": ids,
            "part": part,
            "y_true": np.arange(n) % 2,
            "y_score": scores,
            "y_pred": (np.asarray(scores) >= 0.5).astype(int),
        }
    )
    return table.assign(distance=np.arange(n) / 1 if distance is None else distance)


def right_on(chosen):
    """Scores 0.9 and 0.1, right on the chosen images and wrong on the others."""
    y_true = np.arange(N) % 2
    return np.where(np.isin(np.arange(N), chosen), y_true, 1 - y_true) * 0.8 + 0.1


@pytest.fixture
def classifiers():
    return {
        "scratch": predictions(right_on(range(20))),
        "vgg": predictions(right_on(range(25))),
        "file_facts": predictions(right_on(range(15))),
        "majority": predictions(np.full(N, 0.5)),
    }


@pytest.fixture
def trained():
    table = predictions(np.tile([0.1, 0.9], N // 2), part="train")
    return {"scratch": table, "vgg": table}


def summarise(classifiers, trained, **change):
    given = {"threshold": 0.5, "weights": "imagenet", "drawn": False} | change
    return external.summarise(classifiers, trained, **given)


def test_the_rule_and_the_numbers_are_those_of_the_test_part(classifiers, trained):
    found = summarise(classifiers, trained)
    tests = {name: rows.assign(part="test") for name, rows in classifiers.items()}
    networks = {name: tests.pop(name) for name in ("scratch", "vgg")}
    expected = comparison.compare(networks, tests, trained, "imagenet")
    statistics = found["external_statistics.csv"]
    for key in ("verdict", "accuracy", "paired", "secondary", "baselines", "training"):
        assert statistics[key] == expected[key]
    assert statistics["sentence"].endswith(f". {expected['sentence']}")
    headline = found["external.json"]
    assert headline["verdict"] == expected["verdict"]
    assert headline["scratch_accuracy"] == round(20 / N, 6)
    assert headline["vgg_accuracy"] == round(25 / N, 6)
    assert headline["accuracy_difference"] == round(5 / N, 6)
    assert headline["low"] == expected["accuracy"]["low"]
    scores = scoring.score(networks["vgg"], 0.5)
    assert headline["vgg_roc_auc"] == scores["roc_auc"]
    assert headline["vgg_roc_auc_low"] == scores["roc_auc_low"]
    assert statistics["classifiers"]["vgg"] == scores
    assert list(statistics["classifiers"]) == list(classifiers)


@pytest.mark.parametrize("drawn", [True, False])
def test_the_sentence_says_that_it_is_another_collection(classifiers, trained, drawn):
    found = summarise(classifiers, trained, drawn=drawn)
    sentence = found["external_statistics.csv"]["sentence"]
    assert sentence.startswith("Tested on another collection, which nothing was tr")
    assert ("mechanics only" in sentence) is drawn
    assert found["external.json"]["mechanics_only"] is drawn


def test_the_networks_threshold_moves_no_verdict_and_no_baseline(classifiers, trained):
    half, high = (
        summarise(classifiers, trained, threshold=threshold)
        for threshold in (0.5, 0.95)
    )
    assert half["external.json"] == high["external.json"]
    scores = [found["external_statistics.csv"]["classifiers"] for found in (half, high)]
    assert scores[0]["file_facts"] == scores[1]["file_facts"]
    assert scores[1]["vgg"]["sensitivity"] == 0  # no score reaches 0.95


def test_thirds_are_those_of_the_distance(classifiers):
    networks = {name: classifiers[name] for name in ("scratch", "vgg")}
    thirds = external.by_distance(networks, 0.5)
    assert list(thirds) == ["nearest", "middle", "farthest"]
    limits = [(t["distance_low"], t["distance_high"]) for t in thirds.values()]
    assert limits == [(0, 9), (10, 19), (20, 29)]
    assert [t["n_pictures"] for t in thirds.values()] == [10, 10, 10]
    assert [t["scratch"]["accuracy"] for t in thirds.values()] == [1, 1, 0]
    assert [t["vgg"]["accuracy"] for t in thirds.values()] == [1, 1, 0.5]
    expected = scoring.score(networks["vgg"].iloc[20:], 0.5)
    assert thirds["farthest"]["vgg"]["roc_auc"] == expected["roc_auc"]
    shuffled = {n: t.sample(frac=1, random_state=0) for n, t in networks.items()}
    assert external.by_distance(shuffled, 0.5) == thirds


def test_the_distance_of_a_picture_is_the_mean_of_its_copies():
    table = predictions([0.1, 0.9, 0.1, 0.9], distance=[9.0, 2, 3, 1])
    table.loc[3, ["picture", "patient"]] = table.loc[0, "image_id"]
    table.loc[3, "y_true"] = 0
    thirds = external.by_distance({"scratch": table}, 0.5)
    # of the pictures 0 (9 and 1), 1 and 2
    assert [t["distance_low"] for t in thirds.values()] == [2, 3, 5]


def test_two_pictures_give_two_parts():
    thirds = external.by_distance({"scratch": predictions([0.1, 0.9])}, 0.5)
    assert list(thirds) == ["nearest", "middle"]


def test_calibration_is_that_of_the_page(classifiers, trained):
    found = summarise(classifiers, trained)["external_statistics.csv"]["calibration"]
    bins = curves.calibration(classifiers["vgg"])
    assert list(found["vgg"]["bins"].values()) == bins.to_dict("records")
    assert found["vgg"]["error"] == round(curves.calibration_error(bins), 6)


def test_the_surest_errors_come_first():
    scores = np.array([0.95, 0.2, 0.4, 0.45, 0.1, 0.6])  # labels 0, 1, 0, 1, 0, 1
    found = external.surest_errors(predictions(scores))
    assert found["image_id"].map(int).tolist() == [0, 1, 3, 2, 5, 4]
    assert found["wrong"].tolist() == [True, True, True, False, False, False]
    assert len(external.surest_errors(predictions(right_on([])))) == external.SHOWN


def test_copies_are_one_surest_error_and_equal_scores_keep_the_order_of_ids():
    table = predictions([0.9, 0.9, 0.9, 0.9])
    table.loc[3, ["picture", "patient", "y_true"]] = [*2 * [table.loc[0, "picture"]], 0]
    found = external.surest_errors(table.sample(frac=1, random_state=1))
    assert found["image_id"].map(int).tolist() == [0, 2, 1]


def test_what_is_written_is_read_again(classifiers, tmp_path):
    networks = {name: classifiers[name] for name in ("scratch", "vgg")}
    nulls = pd.concat(
        classifiers[name].assign(baseline=name) for name in ("file_facts", "majority")
    )
    distance_of = dict(zip(nulls["image_id"], nulls["distance"], strict=True))
    bare = {name: rows.drop(columns="distance") for name, rows in networks.items()}
    table = external.together(bare, nulls.drop(columns="distance"), distance_of)
    assert list(table) == ["classifier", *COLUMNS, "distance"]
    tables.write_csv(tmp_path / "table.csv", table)
    found = external.read(tmp_path / "table.csv")
    assert list(found) == list(classifiers)
    for name, rows in found.items():
        pd.testing.assert_frame_equal(rows, classifiers[name])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"distance": ""}, "distance: expected numbers of 0 or more"),
        ({"distance": -1}, "distance: expected numbers of 0 or more"),
        ({"part": "test"}, "part of 000000000000: expected external, found 'test'"),
        ({"y_score": 1.5}, "y_score of 000000000000: expected a number from 0 to 1"),
    ],
)
def test_an_edited_table_is_one_clear_error(tmp_path, change, told):
    table = predictions([0.1, 0.9]).assign(classifier="scratch", **change)
    tables.write_csv(tmp_path / "table.csv", table)
    with pytest.raises(InputError, match=told):
        external.read(tmp_path / "table.csv")


@pytest.mark.parametrize("column", ["classifier", "distance"])
def test_a_missing_column_is_named(tmp_path, column):
    table = predictions([0.1, 0.9]).assign(classifier="scratch").drop(columns=column)
    tables.write_csv(tmp_path / "table.csv", table)
    with pytest.raises(InputError, match=f"expected a column '{column}', found none"):
        external.read(tmp_path / "table.csv")


def test_one_class_gives_no_verdict_and_no_area(classifiers, trained):
    one = {name: rows[rows["y_true"] == 1] for name, rows in classifiers.items()}
    found = summarise(one, trained)["external.json"]
    assert found["verdict"] == "one class"
    assert found["vgg_roc_auc"] is None
