import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from brain_mri.errors import InputError
from brain_mri.evidence import crossval, summaries
from brain_mri.evidence.crossval_verdict import UNDECIDED, judge
from brain_mri.evidence.paired import accuracy_difference, false_claim
from brain_mri.files import tables, values

pytestmark = pytest.mark.filterwarnings("error")
SIGNALS = {"scratch": 0.6, "vgg": 1.0, "majority": 0.0, "file_facts": 0.2, "edges": 0.8}
DESIGN = {"n_pictures": 100, "n_patients": 100, "repeats": 3, "folds": 5}
LEARNED = dict.fromkeys(("scratch", "vgg"), {"learned": True})


def run(name, repeat, fold, share, seed, pictures, y_true, y_score):
    ids = [f"{i:03d}" for i in pictures]
    table = pd.DataFrame({"image_id": ids, "picture": ids, "patient": ids})
    table = table.assign(y_true=np.asarray(y_true), y_score=np.asarray(y_score))
    for column in ("seed", "share", "fold", "repeat"):
        table.insert(0, column, locals()[column])
    table.insert(0, "classifier", name)
    return table.assign(train_roc_auc=0.99 if name in LEARNED else np.nan)


def drawn(n=100, repeats=2, folds=5, signals=SIGNALS, shares=(25, 50), seeds=4):
    """Return predictions of every run, drawn with more signal in vgg than scratch."""
    rng = np.random.default_rng(1)
    y = np.arange(n) % 2
    tables = []
    for repeat in range(1, repeats + 1):
        fold_of = rng.permutation(np.arange(n) // 2 % folds) + 1
        for fold in range(1, folds + 1):
            held = np.flatnonzero(fold_of == fold)
            runs = [(name, 100, 0) for name in signals]
            if repeat == 1:
                curve = [c for c in ("scratch", "vgg", "edges") if c in signals]
                runs += [(name, share, 0) for share in shares for name in curve]
                if fold == 1:
                    both = ("scratch", "vgg")
                    runs += [(c, 100, s + 1) for s in range(seeds) for c in both]
            for name, share, seed in runs:
                shift = signals[name] * share / 100 * (2 * y[held] - 1)
                score = 1 / (1 + np.exp(-shift - rng.normal(size=len(held))))
                key = (name, repeat, fold, share, seed)
                tables.append(run(*key, held, y[held], score.round(7)))
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="module")
def predictions():
    return drawn()


@pytest.fixture(scope="module")
def found(predictions):
    return crossval.summarise(predictions, rope=0.02, weights="imagenet")


def summary(predictions, weights="imagenet"):
    return crossval.summarise(predictions, rope=0.02, weights=weights)


def folds_of(right, per_class=2, classes=(0, 1)):
    """Return predictions whose accuracy in each fold is known.

    Args:
        right: for each network, the right answers in each fold.
        per_class: pictures of each class in a fold.
        classes: the labels.
    """
    n = len(classes) * per_class
    y = np.repeat(classes, per_class)
    tables = []
    for name, counts in right.items():
        for fold, count in enumerate(counts):
            call = np.where(np.arange(n) < count, y, 1 - y)
            held = np.arange(n) + fold * n
            tables.append(run(name, 1, fold + 1, 100, 0, held, y, 0.1 + 0.8 * call))
    return pd.concat(tables, ignore_index=True)


def test_the_scores_of_a_fold_are_scikit_learns(predictions):
    scores = crossval.fold_scores(predictions)
    assert scores.columns.tolist() == [
        *("classifier", "repeat", "fold", "share", "seed"),
        *("n_pictures", "n_train_pictures", "accuracy", "balanced_accuracy", "roc_auc"),
        "train_roc_auc",
    ]
    keys = [*crossval.RUN]
    assert scores.equals(scores.sort_values(keys).reset_index(drop=True))
    for key, rows in predictions.groupby(keys):
        row = scores.set_index(keys).loc[key]
        y_true, called = rows["y_true"], rows["y_score"] >= 0.5
        assert row["n_pictures"] == len(rows)
        assert row["n_train_pictures"] == round((100 - len(rows)) * key[3] / 100)
        assert row["train_roc_auc"] == 0.99 or key[0] not in LEARNED
        assert [row["accuracy"], row["balanced_accuracy"], row["roc_auc"]] == (
            pytest.approx(
                [
                    accuracy_score(y_true, called),
                    balanced_accuracy_score(y_true, called),
                    roc_auc_score(y_true, rows["y_score"]),
                ],
                abs=1e-6,
            )
        )


def test_the_primary_result_follows_from_the_folds_table(predictions, found):
    scores = crossval.fold_scores(predictions)
    main = scores[(scores["share"] == 100) & (scores["seed"] == 0)]
    each = main.set_index(["classifier", "repeat", "fold"])["accuracy"]
    apart = each["vgg"] - each["scratch"]
    half = t.ppf(0.975, 9) * np.sqrt((1 / 10 + 0.25) * apart.var(ddof=1))
    primary = found["primary"]
    assert primary["folds"] == len(apart) == 10
    assert primary["test_per_training"] == pytest.approx(0.25, abs=0.001)
    assert primary["standard_deviation"] == pytest.approx(apart.std(), abs=1e-6)
    assert primary["difference"] == pytest.approx(apart.mean(), abs=1e-6)
    assert primary["half_width"] == pytest.approx(half, rel=0.001)
    assert primary["high"] - primary["low"] == pytest.approx(2 * half, rel=0.001)
    assert found["scores"]["vgg"]["accuracy"] == pytest.approx(each["vgg"].mean())
    facts = (each["vgg"] - each["file_facts"]).mean()
    against = found["against"]["vgg"]["file_facts"]
    assert against["difference"] == pytest.approx(facts, abs=1e-6)


def test_by_hand():
    # differences 0.25, 0.5, 0, 0.25 and 0.25: mean 0.25, s² = 0.03125,
    # variance (1/5 + 1/4) s² = 0.0140625, t of 4 degrees 2.776445
    right = {"scratch": [2, 2, 2, 3, 2], "vgg": [3, 4, 2, 4, 3]}
    found = summary(folds_of(right))
    primary = found["primary"]
    assert primary["difference"] == 0.25
    assert primary["half_width"] == pytest.approx(0.329246, abs=1e-6)
    assert primary["low"] == pytest.approx(-0.079246, abs=1e-6)
    assert primary["high"] == pytest.approx(0.579246, abs=1e-6)
    assert found["verdict"] == "not separable"
    assert found["sentence"] == (
        "Not separable on 20 pictures: mean difference 0.25, 95 % interval −0.08 to "
        "0.58, half-width 0.33 (accuracy of VGG-16, ImageNet, minus that of the CNN "
        "from scratch, in 1 × 5 folds)."
    )
    probability = found["secondary"]["probability"]
    # t of 4 degrees at (±0.02 - 0.25) / 0.118585
    below = t.cdf((np.array((-0.02, 0.02)) - 0.25) / 0.0140625**0.5, 4)
    assert probability["scratch_better"] == pytest.approx(below[0], abs=1e-6)
    assert probability["equal"] == pytest.approx(below[1] - below[0], abs=1e-6)
    assert sum(probability.values()) == pytest.approx(1, abs=2e-6)
    assert found["repeats"]["1"]["scratch_only"] == 0
    assert found["repeats"]["1"]["vgg_only"] == 5


def test_the_better_network_is_named():
    right = {"scratch": [2, 2, 2, 2, 2], "vgg": [4, 4, 3, 4, 4]}
    found = summary(folds_of(right), weights="random")
    assert found["verdict"] == "vgg better"
    assert found["sentence"].startswith(
        "VGG-16, random convolutions, is better than the CNN from scratch on 20 "
        "pictures: mean difference 0.45, "
    )
    found = summary(folds_of({"scratch": right["vgg"], "vgg": right["scratch"]}))
    assert found["verdict"] == "scratch better"
    assert found["sentence"].startswith(
        "The CNN from scratch is better than VGG-16, ImageNet, on 20 pictures: mean "
        "difference −0.45, "
    )


@pytest.mark.parametrize(
    ("facts", "clause"),
    [
        ([2, 1, 2, 2, 2], "; of the two only VGG-16, ImageNet is shown to be better"),
        ([0, 1, 0, 0, 0], "; both are better than file facts, which see no pixel."),
        ([3, 4, 3, 4, 3], "; neither is shown to be better than file facts"),
    ],
)
def test_the_sentence_names_who_beats_file_facts(facts, clause):
    right = {"scratch": [2, 2, 2, 3, 2], "vgg": [4, 4, 3, 4, 4], "file_facts": facts}
    assert clause in summary(folds_of(right))["sentence"]


@pytest.mark.parametrize(
    ("changed", "classes", "word", "start"),
    [
        ({"n_pictures": 13}, 2, "too few pictures", "No verdict: 13 pictures are too"),
        ({"n_patients": 29}, 2, "too few patients", "No verdict: 100 pictures of 29 "),
        ({}, 1, "one class", "No verdict: all pictures are of one class."),
    ],
)
def test_no_verdict_whatever_the_interval(changed, classes, word, start):
    difference = {"difference": 0.2, "low": 0.1, "high": 0.3, "half_width": 0.1}
    better = {"scratch": {"file_facts": difference}, "vgg": {"file_facts": difference}}
    design = (
        DESIGN | {"n_patients": 13} | changed
        if "n_pictures" in changed
        else (DESIGN | changed)
    )
    found = judge(difference, design, classes, LEARNED, better, "imagenet")
    assert found[0] == word
    assert found[1].startswith(start)
    assert "file facts" not in found[1]
    assert word in UNDECIDED


def test_a_network_that_did_not_learn_is_not_compared():
    predictions = folds_of({"scratch": [1, 2, 1, 2, 2], "vgg": [4, 4, 3, 4, 4]})
    assert summary(predictions)["verdict"] == "vgg better"
    poor = {1: 0.5, 2: 0.55, 3: 0.45, 4: 0.52, 5: 0.49}
    mine = predictions["classifier"] == "scratch"
    predictions.loc[mine, "train_roc_auc"] = predictions["fold"].map(poor)
    found = summary(predictions)
    assert found["verdict"] == "did not learn"
    assert found["verdict"] in UNDECIDED
    assert found["sentence"].startswith(
        "No verdict: CNN from scratch did not learn (ROC AUC on the images that it "
        "was trained on 0.50, 95 % interval 0.4"
    )
    assert found["training"]["vgg"]["roc_auc"] == 0.99


@pytest.mark.parametrize("ahead", [0, 1])
def test_equal_differences_make_no_claim(ahead):
    found = summary(folds_of({"scratch": [2] * 5, "vgg": [2 + ahead] * 5}))
    primary = found["primary"]
    assert primary["difference"] == ahead / 4
    assert [primary[name] for name in ("low", "high", "half_width")] == [None] * 3
    assert found["verdict"] == "no spread"
    assert found["sentence"] == (
        f"No verdict: the difference in accuracy is {ahead / 4:.2f} in every fold; "
        "without spread it has no interval."
    )
    assert set(found["secondary"]["probability"].values()) == {None}
    assert found["secondary"]["claim"]["false_retrained"] is None
    assert found["needed"]["10"]["cross_validation"] is None


def test_one_class_has_no_verdict_and_no_roc_auc():
    found = summary(folds_of({"scratch": [2, 3, 1], "vgg": [3, 3, 3]}, 5, classes=(1,)))
    assert found["verdict"] == "one class"
    areas = {"difference": None, "low": None, "high": None, "folds": 3}
    assert found["secondary"]["roc_auc"] == areas
    assert found["repeats"]["1"]["roc_auc_difference"] is None
    json.dumps(found, allow_nan=False)


def test_patients_are_counted_beside_pictures():
    predictions = folds_of({"scratch": [2, 2, 2, 3, 2], "vgg": [3, 4, 2, 4, 3]}, 10)
    n = predictions["picture"].astype(int)
    predictions["patient"] = (n // 2).astype(str)  # of one fold and class
    found = summary(predictions)
    assert found["sentence"].startswith("Not separable on 100 pictures of 50 patients")
    assert found["design"]["n_patients"] == 50
    # vgg's answers differ from those of scratch on single pictures of a pair, or both
    assert found["needed"]["design_effect"] >= 1
    few = summary(predictions.assign(patient=(n // 5).astype(str)))
    assert few["verdict"] == "too few patients"


def test_swapped_networks_have_the_opposite_result(predictions, found):
    other = {"scratch": "vgg", "vgg": "scratch"}
    swapped = summary(predictions.replace({"classifier": other}))
    mine, theirs = found["primary"], swapped["primary"]
    for one, two in (("difference", "difference"), ("low", "high"), ("high", "low")):
        assert theirs[one] == -mine[two]
    assert theirs["half_width"] == mine["half_width"]
    probability = swapped["secondary"]["probability"]
    assert probability["vgg_better"] == pytest.approx(
        found["secondary"]["probability"]["scratch_better"], abs=1e-6
    )
    claim = found["secondary"]["claim"]
    assert claim["winner"] == "vgg"
    assert swapped["secondary"]["claim"] == pytest.approx(claim | {"winner": "scratch"})
    assert swapped["needed"] == found["needed"]
    assert swapped["against"]["scratch"] == found["against"]["vgg"]


def test_the_order_of_rows_does_not_matter(predictions, found):
    assert summary(predictions.sample(frac=1, random_state=0)) == found
    shuffled = predictions.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        crossval.fold_scores(shuffled), crossval.fold_scores(predictions)
    )


def test_copies_of_a_picture_count_once(predictions, found):
    copies = predictions[predictions["picture"] < "050"]
    copies = copies.assign(image_id="z" + copies["image_id"])
    copied = summary(pd.concat([predictions, copies]))
    assert copied["design"].pop("n_images") == 150
    assert copied == found | {
        "design": {k: v for k, v in found["design"].items() if k != "n_images"}
    }


def test_a_picture_is_scored_by_the_mean_of_its_copies():
    predictions = folds_of({"scratch": [2, 2, 2, 3, 2], "vgg": [4, 4, 2, 4, 3]})
    vgg = predictions["classifier"] == "vgg"
    first = predictions[vgg & (predictions["picture"] == "000")]
    wrong = first.assign(image_id="copy", y_score=0.96)  # mean of 0.1 and 0.96
    scores = crossval.fold_scores(pd.concat([predictions, wrong]))
    assert scores.set_index(["classifier", "fold"])["accuracy"]["vgg", 1] == 0.75


def test_runs_that_do_not_match_are_refused(predictions):
    main = predictions[(predictions["share"] == 100) & (predictions["seed"] == 0)]
    vgg = main["classifier"] == "vgg"
    for wrong in (
        main[~vgg],
        main[~(vgg & (main["repeat"] == 2) & (main["fold"] == 3))],
        main[~(vgg & (main["picture"] == "007"))],
    ):
        with pytest.raises(InputError, match="not tested on the same folds"):
            summary(wrong)
    other = main.assign(
        **{
            column: main[column].mask(vgg & (main[column] == "007"), "other")
            for column in ("image_id", "picture", "patient")
        }
    )
    with pytest.raises(InputError, match="not tested on the same pictures"):
        summary(other)


def test_shares_and_seeds_do_not_touch_the_primary_result(predictions, found):
    main = predictions[(predictions["share"] == 100) & (predictions["seed"] == 0)]
    alone = summary(main)
    for name in ("verdict", "sentence", "primary", "scores", "against", "secondary"):
        assert alone[name] == found[name]
    assert alone["seeds"]["vgg"]["trainings"] == 1
    assert alone["seeds"]["vgg"]["accuracy_standard_deviation"] is None
    assert list(alone["learning"]["vgg"]) == ["100"]


def test_the_spread_of_repeats_and_seeds(predictions, found):
    each = []
    for repeat in (1, 2):
        rows = predictions[
            (predictions["repeat"] == repeat)
            & (predictions["share"] == 100)
            & (predictions["seed"] == 0)
        ].sort_values("picture")
        scratch, vgg = (
            ((mine["y_score"] >= 0.5) == mine["y_true"]).to_numpy()
            for mine in (rows[rows["classifier"] == n] for n in ("scratch", "vgg"))
        )
        expected = accuracy_difference(scratch, vgg)["difference"]
        given = found["repeats"][str(repeat)]
        assert given["difference"] == pytest.approx(expected, abs=1e-6)
        assert given["scratch_only"] == (scratch & ~vgg).sum()
        each.append(expected)
    repeats = found["secondary"]["repeats"]
    assert repeats["standard_deviation"] == pytest.approx(
        np.std(each, ddof=1), abs=1e-6
    )
    assert (repeats["lowest"], repeats["highest"]) == (min(each), max(each))

    scores = crossval.fold_scores(predictions)
    first = scores[(scores["repeat"] == 1) & (scores["fold"] == 1)]
    first = first[first["share"] == 100].set_index(["classifier", "seed"])["accuracy"]
    apart = first["vgg"] - first["scratch"]
    assert len(first["vgg"]) == found["seeds"]["vgg"]["trainings"] == 5
    assert found["seeds"]["vgg"]["accuracy_standard_deviation"] == pytest.approx(
        first["vgg"].std(), abs=1e-6
    )
    assert found["seeds"]["difference"]["accuracy_standard_deviation"] == pytest.approx(
        apart.std(), abs=1e-6
    )


def test_the_learning_curve_is_that_of_repeat_1(predictions, found):
    scores = crossval.fold_scores(predictions)
    curve = found["learning"]
    assert list(curve) == ["scratch", "vgg", "edges", "difference"]
    for name in ("scratch", "vgg", "edges"):
        assert list(curve[name]) == ["25", "50", "100"]
        for share, point in curve[name].items():
            rows = scores[
                (scores["classifier"] == name)
                & (scores["repeat"] == 1)
                & (scores["share"] == int(share))
                & (scores["seed"] == 0)
            ]
            assert len(rows) == 5
            assert point["n_train"] == 80 * int(share) / 100
            for metric in ("accuracy", "roc_auc"):
                half = np.sqrt(0.45 * rows[metric].var()) * t.ppf(0.975, 4)
                mean = rows[metric].mean()
                assert point[metric] == pytest.approx(mean, abs=1e-6)
                low = max(mean - half, 0)
                assert point[f"{metric}_low"] == pytest.approx(low, abs=0.002)
    apart = curve["difference"]["50"]["difference"]
    both = curve["vgg"]["50"]["accuracy"] - curve["scratch"]["50"]["accuracy"]
    assert apart == pytest.approx(both, abs=2e-6)


def test_the_false_claim_is_that_of_the_dirichlet_distribution():
    # the formula of the paper, by drawing: cells A only, B only, and the rest
    rng = np.random.default_rng(0)
    for x, y, n in ((12, 5, 40), (3, 3, 20), (30, 20, 200)):
        p, q, _ = rng.dirichlet((x + 1, y + 1, n - x - y + 2), 200_000).T
        assert false_claim(x, y) == pytest.approx((p <= q).mean(), abs=0.005)
    assert false_claim(10, 0) == pytest.approx(0.5**11)
    assert false_claim(7.5, 7.5) == pytest.approx(0.5)
    assert false_claim(4, 9) == pytest.approx(1 - false_claim(9, 4))


def test_what_is_committed(predictions, found, tmp_path):
    contents = summaries.of_crossval(predictions, rope=0.02, weights="imagenet")
    assert list(contents) == [
        "crossval_folds.csv",
        "crossval.json",
        "crossval_statistics.csv",
    ]
    assert list(contents["crossval.json"]) == [
        *("verdict", "accuracy_difference", "low", "high", "half_width"),
        *("scratch_accuracy", "vgg_accuracy", "scratch_roc_auc", "vgg_roc_auc"),
        *("roc_auc_difference", "probability_equal"),
        *("n_pictures", "n_patients", "repeats", "folds"),
    ]
    for name, content in contents.items():
        values.write(tmp_path / name, content)
    read = values.read(tmp_path / "crossval_statistics.csv")
    assert read == json.loads(json.dumps(found))
    # and the same from the file of predictions
    tables.write_csv(tmp_path / "predictions.csv", predictions)
    assert summary(tables.read_csv(tmp_path / "predictions.csv")) == found
