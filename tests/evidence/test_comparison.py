import json
from math import comb

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from brain_mri.errors import InputError
from brain_mri.evidence import comparison, intervals, labels, paired, verdict
from brain_mri.evidence.power import FEWEST

pytestmark = pytest.mark.filterwarnings("error")
NUMBERS = (
    "(accuracy of VGG-16, random convolutions, minus that of the CNN from scratch)."
)


def predictions(y_true, y_score, picture=None, part="test"):
    ids = [f"{i:03d}" for i in range(len(y_true))]
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


def answers(y_true, right):
    """Return predictions that are right where they are told to be."""
    y_true = np.asarray(y_true)
    return predictions(y_true, np.where(np.asarray(right) == (y_true == 1), 0.9, 0.1))


def pair(both, scratch_only, vgg_only, neither):
    """Return two models' predictions of which the paired table is known."""
    counts = (both, scratch_only, vgg_only, neither)
    y_true = np.arange(sum(counts)) % 2
    scratch = np.repeat([True, True, False, False], counts)
    vgg = np.repeat([True, False, True, False], counts)
    return {"scratch": answers(y_true, scratch), "vgg": answers(y_true, vgg)}


LEARNT = predictions(np.arange(20) % 2, np.arange(20) % 2, part="train")


def compare(models, baselines=None, weights="random", trained=LEARNT):
    both = {"scratch": LEARNT, "vgg": trained}
    return comparison.compare(models, baselines or {}, both, weights)


def test_paired_counts_by_hand():
    result = compare(
        {
            "scratch": predictions([1, 1, 1, 0, 0], [0.9, 0.9, 0.1, 0.9, 0.1]),
            "vgg": predictions([1, 1, 1, 0, 0], [0.9, 0.1, 0.9, 0.9, 0.1]),
        }
    )
    assert result["paired"] == {
        "both_right": 2,
        "scratch_only": 1,
        "vgg_only": 1,
        "both_wrong": 1,
    }
    assert result["accuracy"]["difference"] == 0
    assert result["secondary"]["mcnemar_exact_p"] == 1
    assert result["n_pictures"] == 5


def test_the_difference_and_its_interval_are_newcombes():
    result = compare(pair(20, 2, 12, 16))  # Newcombe 1998
    low, high = result["accuracy"]["low"], result["accuracy"]["high"]
    assert result["accuracy"]["difference"] == 0.2
    assert (round(low, 4), round(high, 4)) == (0.0562, 0.3292)
    assert result["verdict"] == "vgg better"
    assert result["sentence"] == (
        "VGG-16, random convolutions, is better than the CNN from scratch on 50 "
        f"pictures: difference 0.20, 95 % interval 0.06 to 0.33 {NUMBERS}"
    )


def test_the_other_way_round_the_other_is_better():
    result = compare(pair(20, 12, 2, 16))
    assert result["verdict"] == "scratch better"
    assert result["sentence"] == (
        "The CNN from scratch is better than VGG-16, random convolutions, on 50 "
        f"pictures: difference −0.20, 95 % interval −0.33 to −0.06 {NUMBERS}"
    )


def test_the_slides_at_best_are_not_separable():
    result = compare(pair(21, 0, 4, 4))
    assert result["verdict"] == "not separable"
    assert result["secondary"]["mcnemar_exact_p"] == 0.125
    assert result["sentence"] == (
        "Not separable on 29 pictures: difference 0.14, 95 % interval −0.01 to 0.29 "
        + NUMBERS
    )


FLAT = predictions(np.arange(20) % 2, np.full(20, 0.5), part="train")
BACKWARDS = predictions(np.arange(20) % 2, np.arange(20) % 2 == 0, part="train")


@pytest.mark.parametrize("trained", [FLAT, BACKWARDS])
def test_a_network_that_did_not_learn_is_not_compared(trained):
    """However well it did on the test: its interval alone would call it better."""
    result = compare(pair(20, 2, 12, 16), trained=trained)
    assert result["verdict"] == "did not learn"
    assert result["sentence"].startswith(
        "No verdict: VGG-16, random convolutions did not learn (ROC AUC on the images "
        "that it was trained on"
    )
    assert result["training"]["scratch"]["learned"] is True
    assert result["training"]["vgg"]["learned"] is False
    assert result["accuracy"]["low"] > 0  # still there for who wants to look


def scored(n, area, seed=0):
    rng = np.random.default_rng(seed)
    y_true = np.arange(n) % 2
    return predictions(
        y_true, 1 / (1 + np.exp(-rng.normal(area * y_true))), part="train"
    )


@pytest.mark.parametrize(("shift", "learned"), [(0.1, False), (1.5, True)])
def test_learning_is_a_lower_limit_above_chance(shift, learned):
    found = comparison.training_scores(scored(100, shift))
    assert (found["roc_auc_low"] > 0.5) == learned == found["learned"]
    assert found["n_pictures"] == 100


def test_copies_do_not_make_a_network_learn():
    table = scored(40, 0.5)
    one = comparison.training_scores(table)
    copies = [table.assign(image_id=table["image_id"] + f"-{i}") for i in range(2, 9)]
    assert comparison.training_scores(pd.concat([table, *copies])) == one


@pytest.mark.parametrize(
    ("scratch", "vgg", "said"),
    [
        (
            22,
            22,
            "; neither is shown to be better than file facts, which see no pixel.",
        ),
        (50, 50, "; both are better than file facts, which see no pixel."),
        (22, 50, "; of the two only VGG-16, random convolutions is shown to be better"),
        (50, 22, "; of the two only CNN from scratch is shown to be better than file"),
    ],
)
def test_the_sentence_says_who_beats_file_facts(scratch, vgg, said):
    """Right on so many of 60 groups, of which file facts get the first 20."""
    y_true = np.arange(60) % 2
    right = {"scratch": scratch, "vgg": vgg, "file_facts": 20}
    models = {name: answers(y_true, np.arange(60) < k) for name, k in right.items()}
    facts = models.pop("file_facts")
    result = compare(models, {"file_facts": facts})
    assert said in result["sentence"]
    for model in models:
        beaten = verdict.beats(result["baselines"][model]["file_facts"])
        limits = result["baselines"][model]["file_facts"]
        assert beaten == (limits["low"] > 0)


def random_verdicts(weights="random"):
    rng = np.random.default_rng(0)
    for n in rng.integers(14, 120, 400):
        cells = rng.multinomial(n, rng.dirichlet((4, 1, 1, 2))).tolist()
        first = np.repeat([True, True, False, False], cells)
        second = np.repeat([True, False, True, False], cells)
        difference = paired.accuracy_difference(first, second)
        limits = [float(x) for x in intervals.paired_difference(*cells)]
        yield limits, verdict.judge(difference, int(n), int(n), 2, weights)


def test_better_is_written_only_where_the_interval_excludes_0():
    words = set()
    for (low, high), (word, sentence) in random_verdicts():
        separates = low > 0 or high < 0
        assert ("better" in word + sentence) == separates
        assert sentence.startswith("Not separable") == (not separates)
        if separates:
            assert word == ("vgg better" if low > 0 else "scratch better")
            assert sentence.startswith("VGG-16" if low > 0 else "The CNN from scratch")
        words.add(word)
    assert words == {"vgg better", "scratch better", "not separable"}


@pytest.mark.parametrize(
    ("weights", "said", "unsaid"),
    [
        ("random", "VGG-16, random convolutions", "ImageNet"),
        ("imagenet", "VGG-16, ImageNet", "random"),
    ],
)
def test_the_sentence_says_where_the_weights_come_from(weights, said, unsaid):
    for _, (_, sentence) in random_verdicts(weights):
        assert said in sentence
        assert unsaid not in sentence
    assert compare(pair(5, 2, 2, 5), weights=weights)["vgg_weights"] == weights


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.2), (-0.2, 0.0), (-0.0, 0.3)])
def test_a_limit_of_0_excludes_nothing(low, high):
    difference = {"difference": (low + high) / 2, "low": low, "high": high}
    assert verdict.judge(difference, 31, 31, 2, "random")[0] == "not separable"


def test_no_interval_is_never_a_verdict():
    difference = {"difference": 0.1, "low": None, "high": None}
    with pytest.raises(InputError, match="no interval"):
        verdict.judge(difference, 31, 31, 2, "random")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.094, "0.09"),
        (-0.06, "−0.06"),
        (0.0, "0.00"),
        (0.0041, "0.004"),
        (-0.0041, "−0.004"),
        (0.00041, "0.000410"),
        (0.000001, "0.000001"),
        (1.0, "1.00"),
        (None, "undefined"),
    ],
)
def test_a_difference_shows_on_which_side_of_0_it_is(value, text):
    assert labels.signed(value) == text


def test_few_groups_have_no_verdict():
    for n, word in ((13, "too few pictures"), (14, "vgg better")):
        result = compare(pair(0, 0, n, 0))
        assert result["verdict"] == word
    assert compare(pair(0, 0, 9, 0))["sentence"] == (
        "No verdict: 9 test pictures are too few, at least 14 are needed."
    )
    # the numbers are given all the same
    assert compare(pair(0, 0, 9, 0))["accuracy"]["difference"] == 1
    assert compare(pair(0, 0, 9, 0))["resolution"]["smallest_difference"] is None


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_no_verdict(label):
    y_true = [label] * 20
    models = {
        "scratch": answers(y_true, [False] * 20),
        "vgg": answers(y_true, [True] * 20),
    }
    result = compare(models)
    assert result["verdict"] == "one class"
    assert result["sentence"] == "No verdict: the test part holds one class only."
    assert result["accuracy"]["difference"] == 1
    assert set(result["secondary"]["roc_auc"].values()) == {None}
    assert result["resolution"]["smallest_difference"] is None


def test_the_verdict_is_of_a_threshold_of_a_half_whatever_was_predicted():
    models = pair(20, 2, 12, 16)
    expected = compare(models)
    assert expected["threshold"] == 0.5
    for odd in (0, 1):
        called = {name: table.assign(y_pred=odd) for name, table in models.items()}
        assert compare(called) == expected
    # 0.5 itself is a tumour, and what only another threshold would tell apart is not
    half = models["vgg"].assign(
        y_score=lambda t: np.where(t["y_score"] == 0.9, 0.5, 0.4999)
    )
    result = compare({**models, "vgg": half})
    assert result["paired"] == expected["paired"]
    assert result["sentence"] == expected["sentence"]


def test_a_picture_counts_once():
    picture = ["000", "000", "002"]
    scratch = predictions([1, 1, 0], [0.9, 0.3, 0.1], picture)
    vgg = predictions([1, 1, 0], [0.1, 0.7, 0.1], picture)
    result = compare({"scratch": scratch, "vgg": vgg})
    assert result["paired"]["scratch_only"] == 1
    assert result["paired"]["vgg_only"] == 0
    assert (result["n_pictures"], result["n_images"]) == (2, 3)


def test_few_patients_with_several_pictures_have_no_verdict():
    models = pair(20, 2, 12, 16)
    for name, table in models.items():
        patients = [f"{i % 29:03d}" for i in range(len(table))]
        models[name] = table.assign(patient=patients)
    result = compare(models)
    assert (result["n_pictures"], result["n_patients"]) == (50, 29)
    assert result["verdict"] == "too few patients"
    assert "50 test pictures of 29 patients" in result["sentence"]
    for name, table in models.items():
        patients = [f"{i % 30:03d}" for i in range(len(table))]
        models[name] = table.assign(patient=patients)
    assert "on 50 pictures of 30 patients: " in compare(models)["sentence"]


def test_copies_change_no_number():
    models = pair(20, 2, 12, 16)
    expected = compare(models)
    for name, table in models.items():
        copies = table.head(30).assign(image_id=lambda t: "c" + t["image_id"])
        models[name] = pd.concat([table, copies])
    assert compare(models) == {**expected, "n_images": 80}


def test_validation_counts_nowhere():
    models = pair(20, 2, 12, 16)
    expected = compare(models)
    for i, (name, table) in enumerate(models.items()):
        val = predictions([0, 1, 1], [0.1 * i] * 3, part="val")
        models[name] = pd.concat([val.assign(image_id=list("xyz")), table])
    assert compare(models) == expected


@pytest.mark.parametrize("n", range(1, 14))
def test_mcnemar_agrees_with_statsmodels_and_fagerlands_definition(n):
    for b in range(n + 1):
        c = n - b
        exact = mcnemar([[0, b], [c, 0]], exact=True).pvalue
        assert paired.mcnemar_exact(b, c) == pytest.approx(exact, abs=1e-9)
        # mid-p: twice the one-sided tail, of which what was observed counts half;
        # his rule of a tie is another, and stands among the known tables
        if b != c:
            fewer = min(b, c)
            tail = sum(comb(n, k) for k in range(fewer)) + comb(n, fewer) / 2
            mid = paired.mcnemar_mid(b, c)
            assert mid == pytest.approx(2 * tail / 2**n, abs=1e-9)


@pytest.mark.parametrize(
    ("b", "c", "exact", "mid"),
    [
        (0, 4, 0.125, 0.0625),  # the slides' 21 against 25 of 29, at best
        (0, 6, 0.03125, 0.015625),
        (1, 7, 0.0703, 0.0391),  # Bentur et al. 2009, in Fagerland et al. 2013
        (6, 16, 0.0525, 0.0347),  # Cavo et al. 2012, in Fagerland et al. 2013
        (3, 3, 1.0, 1 - comb(6, 3) / 2**7),  # a tie: 1 less half its probability
        (0, 0, 1.0, 1.0),
    ],
)
def test_mcnemar_of_known_tables(b, c, exact, mid):
    for first, second in ((b, c), (c, b)):
        p = paired.mcnemar_exact(first, second)
        assert p == pytest.approx(exact, abs=5e-5)
        assert paired.mcnemar_mid(first, second) == pytest.approx(mid, abs=5e-5)


def test_secondary_numbers_are_of_the_right_order():
    models = pair(21, 0, 4, 4)
    found = compare(models)["secondary"]
    assert found["mcnemar_mid_p"] == 0.0625
    y_true = models["vgg"]["y_true"]
    difference, low, high, p = intervals.auroc_difference(
        y_true, models["scratch"]["y_score"], models["vgg"]["y_score"]
    )
    assert difference > 0  # vgg minus scratch
    assert found["roc_auc"] == pytest.approx(
        {"difference": difference, "low": low, "high": high, "p": p}, abs=1e-6
    )


def test_differences_to_the_baselines_are_network_minus_baseline():
    models = pair(20, 2, 12, 16)  # scratch 22 of 50 right, vgg 32
    y_true = models["vgg"]["y_true"]
    majority = answers(y_true, np.arange(50) < 25)
    found = compare(models, {"majority": majority})["baselines"]
    assert found["scratch"]["majority"]["difference"] == pytest.approx(-3 / 50)
    assert found["vgg"]["majority"]["difference"] == pytest.approx(7 / 50)
    # vgg right: 0-19, 22-33; majority right: 0-24
    limits = intervals.paired_difference(23, 2, 9, 16)
    row = found["vgg"]["majority"]
    assert (row["low"], row["high"]) == pytest.approx(limits, abs=1e-6)


def test_other_images_are_refused():
    models = pair(5, 2, 2, 5)
    table = models["vgg"]
    for other in (
        table.assign(y_true=1 - table["y_true"]),
        table.assign(picture="000"),
        table.head(13),
        table[::-1],  # the arrays are compared row by row
    ):
        with pytest.raises(InputError, match="scratch and of vgg are not of the same"):
            compare({**models, "vgg": other})
        with pytest.raises(InputError, match="scratch and of nearest are not of the"):
            compare(models, {"nearest": other})


def score_everything(y_true, first, second):
    return {"scratch": predictions(y_true, first), "vgg": predictions(y_true, second)}


@pytest.mark.parametrize(
    "models",
    [
        score_everything([], [], []),
        score_everything([1], [0.5], [0.4]),
        score_everything([0, 1, 1], [0.1, 0.2, 0.3], [0.9, 0.8, 0.7]),
        score_everything([0] * 12, [0.1] * 12, [0.9] * 12),
        score_everything([1] * 12, [0.1] * 12, np.linspace(0, 1, 12)),
        score_everything([0, 1] * 8, [0.5] * 16, [0.5] * 16),
        score_everything([0, 1] * 8, [0] * 16, [1] * 16),
        score_everything([0, 1] * 8, [0.1, 0.9] * 8, [0.9, 0.1] * 8),
        score_everything([0] * 11 + [1], [0.5] * 12, np.linspace(0, 1, 12)),
    ],
    ids=[
        "empty",
        "one",
        "few",
        "no",
        "yes",
        "equal",
        "all-0-or-1",
        "reversed",
        "one-positive",
    ],
)
def test_whatever_the_predictions_the_result_is_json(models):
    result = compare(models, {"majority": models["scratch"]})
    text = json.dumps(result, allow_nan=False)
    assert "-0.0," not in text.replace("}", ",")
    champion = comparison.selected(models["vgg"], "vgg", 0.5)
    json.dumps(champion, allow_nan=False)
    if result["n_pictures"] < FEWEST:
        assert result["verdict"] == "too few pictures"


def test_identical_models_differ_by_0_without_a_p_of_the_aurocs():
    models = score_everything([0, 1] * 8, np.linspace(0, 1, 16), np.linspace(0, 1, 16))
    result = compare(models)
    assert result["verdict"] == "not separable"
    assert result["accuracy"]["difference"] == 0
    assert result["secondary"]["roc_auc"] == {
        "difference": 0,
        "low": None,
        "high": None,
        "p": None,
    }


def test_the_champions_headline():
    table = pd.concat(
        [
            predictions([0, 1], [0.9, 0.1], part="val"),
            predictions([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]),
        ]
    )
    found = comparison.selected(table, "vgg", 0.5)
    assert tuple(found) == ("model", *comparison.HEADLINE)
    assert (found["model"], found["accuracy"], found["roc_auc"]) == ("vgg", 0.5, 0.75)
    one_class = comparison.selected(predictions([0, 0], [0.1, 0.2]), "scratch", 0.5)
    assert one_class["sensitivity"] is None


def leaky(right):
    """Return predictions of 30 clean test images, and of 10 that leak."""
    y_true = np.arange(40) % 2
    table = answers(y_true, right)
    table.loc[30:, "part"] = "leaked"
    table.loc[30:, ["picture", "patient"]] = "999"  # of a training image
    return table


def test_leaked_images_stay_out_of_the_verdict_and_stand_beside_it():
    right = np.arange(40) < 15
    models = {"scratch": leaky(right), "vgg": leaky(right | (np.arange(40) >= 30))}
    found = compare(models, weights="imagenet")
    clean = {name: table[table["part"] == "test"] for name, table in models.items()}
    alone = compare(clean, weights="imagenet")
    assert found.pop("as_given") == {
        "n_images": 40,
        "n_leaked": 10,
        "scratch": 15 / 40,
        "vgg": 25 / 40,
    }
    assert found == alone
    assert "as_given" not in alone
    assert found["n_pictures"] == 30
