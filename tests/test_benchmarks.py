import importlib.util
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from scipy.stats import binom, norm
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from brain_mri.dataset import folds
from brain_mri.evidence import (
    baselines,
    clusters,
    crossval,
    intervals,
    obuchowski,
    paired,
    verdict,
)
from brain_mri.files import predictions
from brain_mri.files.arrays import Part
from brain_mri.files.predictions import RUN_COLUMNS

pytestmark = pytest.mark.filterwarnings("error")


def load(name):
    """Import a script of benchmarks/; `coverage` alone would be another package."""
    path = ROOT / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


bench = load("coverage")
# a line each that breaks no promise
COVERED = pd.DataFrame({"mean": [0.95], "interval": ["any"], "groups": [36]})
TOLD = pd.DataFrame({"by group, most": [0.05], "groups": [36]})


def test_covered_and_undefined_by_hand():
    low, high = np.array([0.1, 0.6, 0.5, np.nan]), np.array([0.5, 0.9, 0.5, np.nan])
    assert bench.setting("", low, high, 0.5) == ("", 2 / 3, 0.25)
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    found = bench.setting("", low, high, 0.5, weights)
    assert found[1:] == pytest.approx((0.4 / 0.6, 0.4))
    none = np.full(2, np.nan)
    assert np.isnan(bench.setting("", none, none, 0.5).covered)


def test_wilson_is_summed_over_every_outcome():
    found = {s.name: s.covered for s in bench.wilson(20, 0, None)}
    assert len(found) == len(bench.PROPORTIONS)
    limits = {k: intervals.wilson(k, 20) for k in range(21)}
    held = [k for k, (low, high) in limits.items() if low <= 0.9 <= high]
    assert found["p 0.900"] == pytest.approx(binom.pmf(held, 20, 0.9).sum())


def test_what_is_drawn_has_the_truth_that_it_is_held_to():
    for first, second, phi in ((0.75, 0.75, 0.6), (0.724, 0.862, 0.3), (0.9, 0.6, 0)):
        a, b, c, d = bench.cells(first, second, phi)
        assert a + b + c + d == pytest.approx(1)
        assert (a + b, a + c) == pytest.approx((first, second))
        spread = first * (1 - first) * second * (1 - second)
        assert (a * d - b * c) / spread**0.5 == pytest.approx(phi)
    rng = np.random.default_rng(0)
    y_true, *drawn = bench.scored(40_000, 0.4, (0.75, 0.9), 0.6, rng)
    assert y_true.mean() == 0.4
    for area, score in zip((0.75, 0.9), drawn, strict=True):
        assert roc_auc_score(y_true, score) == pytest.approx(area, abs=0.01)
    assert np.corrcoef(np.array(drawn)[:, y_true == 0])[0, 1] == pytest.approx(
        0.6, abs=0.02
    )


def test_the_projects_intervals_keep_the_promise():
    covered = bench.coverage(draws=400, seed=1, groups=(20,))
    assert covered["interval"].tolist() == list(bench.INTERVALS)
    assert bench.broken(covered, TOLD) == []
    assert (covered["lowest"] <= covered["mean"]).all()
    assert (covered["mean, undefined a miss"] <= covered["mean"]).all()
    # perfect separation is likely with few groups, and has no interval
    assert covered["undefined, at most"].tolist()[:2] == [0, 0]
    assert covered["undefined, at most"].tolist()[2] > 0


def test_a_rare_class_is_measured_apart():
    found = bench.rare(draws=400, seed=1, groups=(100,))
    assert found["interval"].unique().tolist() == ["AUROC", "AUROC difference"]
    assert found["tumours"].tolist() == [10, 20] * 2
    assert (found["lowest"] <= found["mean"]).all()
    assert found["mean"].between(0.8, 1).all()


def test_same_seed_same_tables_other_seed_others(monkeypatch):
    monkeypatch.setattr(bench, "AUROCS", (0.75,))
    monkeypatch.setattr(bench, "AUROC_PAIRS", ((0.75, 0.9),))
    first, again, other = (
        bench.coverage(100, seed, (20,)).to_csv()
        + bench.errors(100, seed, (20,)).to_csv()
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def wald(successes, n, quantile=intervals.Z):
    p = np.asarray(successes) / np.asarray(n)
    half = quantile * np.sqrt(p * (1 - p) / n)
    return p - half, p + half


def test_walds_interval_would_be_caught(monkeypatch):
    monkeypatch.setattr(intervals, "wilson", wald)
    lines = bench.broken(bench.coverage(draws=10, seed=1, groups=(20, 36)), TOLD)
    named = [line for line in lines if "proportion (Wilson)" in line]
    assert named == [
        f"mean coverage below 0.93: proportion (Wilson), {n} groups" for n in (20, 36)
    ]


@pytest.mark.parametrize(
    ("function", "line", "ends"),
    [
        ("paired_difference", "paired difference (Newcombe)", slice(0, 2)),
        ("auroc", "AUROC (DeLong, logit)", slice(1, 3)),
        ("auroc_difference", "AUROC difference (DeLong)", slice(1, 3)),
    ],
)
def test_an_interval_a_quarter_too_narrow_would_be_caught(
    monkeypatch, function, line, ends
):
    right = getattr(intervals, function)

    def narrow(*arguments):
        values = list(right(*arguments))
        low, high = values[ends]
        values[ends] = low + (high - low) / 8, high - (high - low) / 8
        return values

    monkeypatch.setattr(intervals, function, narrow)
    monkeypatch.setattr(bench, "INTERVALS", {line: bench.INTERVALS[line]})
    assert len(bench.broken(bench.coverage(400, 1, (36,)), TOLD)) == 1


def test_equal_models_are_told_apart_too_often_only_by_image():
    told = bench.errors(draws=2000, seed=1, groups=(36,))
    assert bench.broken(COVERED, told) == []
    assert told["by image, mean"].item() > 2 * told["by group, mean"].item()
    by_image = told.assign(**{"by group, most": told["by image, most"]})
    assert bench.broken(COVERED, by_image) == ["type I error above 0.065: 36 groups"]


def test_no_coverage_is_a_broken_promise():
    assert len(bench.broken(COVERED.assign(mean=np.nan), TOLD)) == 1


def test_the_simulated_rule_is_that_of_the_verdict():
    rng = np.random.default_rng(0)
    counts = rng.multinomial(36, rng.dirichlet((6, 2, 2, 2), 200))
    words = set()
    for told, table in zip(bench.told_apart(counts), counts, strict=True):
        right = [np.repeat(each, table) for each in ([1, 1, 0, 0], [1, 0, 1, 0])]
        difference = paired.accuracy_difference(*(np.array(r) == 1 for r in right))
        word = verdict.judge(difference, 36, 36, 2, "random")[0]
        assert told == word.endswith("better")
        words.add(word)
    assert len(words) == 3


def test_a_table_in_markdown():
    table = pd.DataFrame({"interval": ["any"], "groups": [36], "mean": [0.95]})
    assert bench.markdown(table) == (
        "| interval | groups | mean |\n| --- | ---: | ---: |\n| any | 36 | 0.950 |"
    )


alike = load("clusters")


def test_the_simulated_intervals_of_patients_are_those_in_use():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 8, (30, 12))
    right = rng.binomial(sizes, alike.chances(0.7, 0.4, sizes.shape, rng))
    deff, quantile = alike.effects(right, right.sum(axis=1), sizes)
    for k, n, *found in zip(right, sizes, deff, quantile, strict=True):
        each = np.concatenate([np.arange(b) < a for a, b in zip(k, n, strict=True)])
        assert clusters.effect(each, np.repeat(np.arange(12), n)) == pytest.approx(
            found
        )
    y_true, scores, patient = alike.scored(30, 0.8, 0.4, "shared", "mixed", rng)
    found = dict(alike.compared(y_true, scores, patient, few=True))
    assert list(found) == list(alike.INTERVALS)
    value, error, quantile, difference, half = found["in use"]
    limits = alike.on_logit_scale(value, error, quantile)
    expected = obuchowski.auroc(y_true, scores[0], patient)
    assert (value, *limits) == pytest.approx(expected)
    expected = obuchowski.auroc_difference(y_true, *scores, patient)[:3]
    limits = difference - half, difference + half
    assert (difference, *limits) == pytest.approx(expected)


def test_the_pictures_of_a_patient_are_drawn_with_their_correlation():
    rng = np.random.default_rng(0)
    chance = alike.chances(0.8, 0.4, (100_000,), rng)
    pair = rng.random((2, 100_000)) < chance
    assert pair.mean() == pytest.approx(0.8, abs=0.01)
    assert np.corrcoef(pair)[0, 1] == pytest.approx(0.4, abs=0.02)
    y_true, scores, patient = alike.scored(4000, 0.8, 0.4, "shared", "per patient", rng)
    assert roc_auc_score(y_true, scores[0]) == pytest.approx(0.8, abs=0.02)
    off = scores - scores[:, y_true == 0].mean() - y_true * np.sqrt(2) * norm.ppf(0.8)
    pairs = np.flatnonzero(patient[:-1] == patient[1:])
    for k in (0, 1):  # within a model, and between the two
        both = np.corrcoef(off[0, pairs], off[k, pairs + 1])
        assert both[0, 1] == pytest.approx(0.4, abs=0.03)


def test_only_naive_intervals_of_patients_break_the_promise(monkeypatch):
    monkeypatch.setattr(alike, "AUROCS", ())
    table = alike.simulate(draws=1000, seed=1, patients=(40,))
    table = table[table["correlation"] > 0]
    assert alike.broken(table) == []
    naive = table.assign(**{"in use": table["naive"]})
    # every accuracy, and every difference but where the patient's effect cancels
    assert len(alike.broken(naive)) == 8 + 10
    worst = alike.summary(table).set_index(["measure", "truth"])
    assert worst.loc[("accuracy", "up to 0.9"), "naive"] < 0.8
    assert worst.loc[("accuracy difference", "up to 0.9"), "naive"] > 0.15


def test_the_truth_of_the_brier_score():
    rng = np.random.default_rng(0)
    shift = np.sqrt(2) * norm.ppf(0.9)
    y_true, scores, _ = alike.scored(20_000, 0.9, 0.0, "shared", "mixed", rng)
    off = (1 / (1 + np.exp(-shift * (scores[0] - shift / 2))) - y_true) ** 2
    assert alike.brier(shift) == pytest.approx(off.mean(), abs=0.002)


balanced = load("balanced")


@pytest.mark.parametrize("classes", balanced.CLASSES)
def test_the_simulated_interval_of_balanced_accuracy_is_that_in_use(classes):
    rng = np.random.default_rng(0)
    mixed = classes != "one class"
    yes, no = balanced.sizes(6, 20, mixed, 8, rng)
    counts = [
        rng.multinomial(n, rng.dirichlet((4, 1, 2, 1), n.shape)) for n in (yes, no)
    ]
    low, high = balanced.clustered(counts, mixed)
    for k, (tumours, others) in enumerate(zip(*counts, strict=True)):
        cells = [
            tumours,
            others,
        ]  # of each patient: both, first only, second only, none
        size = [table.sum(axis=1) for table in cells]
        patient = [np.arange(6), np.arange(20) if mixed else np.arange(6, 20)]
        of = np.concatenate(
            [np.repeat(p, n) for p, n in zip(patient, size, strict=True)]
        )
        y_true = np.repeat([1, 0], [n.sum() for n in size])
        kind = np.concatenate([np.repeat(range(4), row) for t in cells for row in t])
        found = clusters.balanced_paired_difference(y_true, kind < 2, kind % 2 == 0, of)
        assert found == pytest.approx((low[k], high[k]))
        tables = [table.sum(axis=0)[None] for table in cells]
        alone = clusters.balanced_paired_difference(y_true, kind < 2, kind % 2 == 0)
        assert np.ravel(balanced.joined(tables)) == pytest.approx(alone)


def test_networks_of_balanced_accuracy_have_the_rates_they_are_held_to(monkeypatch):
    drawn = []

    def noted(counts, mixed):
        drawn.append([each.sum(axis=(0, 1)) / each.sum() for each in counts])
        return np.zeros(50), np.zeros(50)

    monkeypatch.setattr(balanced, "clustered", noted)
    rows = list(balanced.patients(100, 400, 50, np.random.default_rng(0)))
    assert len(rows) == len(drawn) == 48
    for k, (first, second) in enumerate(balanced.RATES_OF_PATIENTS):
        for of_classes in drawn[12 * k : 12 * k + 12]:
            for cells, one, two in zip(of_classes, first, second, strict=True):
                found = cells[0] + cells[1], cells[0] + cells[2]
                assert found == pytest.approx((one, two), abs=0.02)
    # told apart is counted where both are equally good
    assert [np.isnan(row["told apart"]) for row in rows] == [False] * 36 + [True] * 12


def test_only_enough_pictures_of_a_rare_class_are_promised(monkeypatch):
    monkeypatch.setattr(balanced, "PICTURES", {0.05: (40, 280)})
    table = balanced.of_pictures(1000, 1)
    assert table["rarer class"].tolist() == [2, 14]
    assert table["most"][0] > 0.09
    assert balanced.broken(table.assign(least=0.95, most=[0.12, 0.06])) == []
    (told,) = balanced.broken(table.assign(least=0.95, most=[0.12, 0.07]))
    assert told.startswith("280 pictures, 14 of the rarer class: told apart 0.070")
    assert len(balanced.broken(table.assign(most=0.05, least=[0.9, 0.92]))) == 1


def test_every_kind_of_copy_differs_from_its_picture_and_is_a_picture():
    copies = load("copies")
    picture = copies.phantom(0, 1)
    for kind, change in copies.KINDS.items():
        copy = change(picture)
        assert copy.dtype == np.uint8, kind
        assert copy.ndim == 2, kind
        assert not np.array_equal(copy, picture), kind


def test_the_table_of_copies_counts_what_each_method_joins(monkeypatch):
    copies = load("copies")
    kinds = {kind: copies.KINDS[kind] for kind in ("mirrored", "gamma 0.6")}
    monkeypatch.setattr(copies, "KINDS", kinds)
    found = copies.table(copies.heads(1, 6), [0, 3])
    assert found.to_numpy().tolist() == [
        ["mirrored", 2, 0, 0, 2, 2],
        ["gamma 0.6", 2, 2, 2, 2, 2],
    ]


repeated = load("crossval")


def stored(folds, right):
    """Return the answers on one drawn data set as predictions."""
    rows = []
    for k, name in enumerate(("scratch", "vgg")):
        for repeat, fold in np.ndindex(folds.shape[:2]):
            for j, picture in enumerate(folds[repeat, fold]):
                y = int(picture) % 2
                score = 0.9 if right[k, repeat, fold, j] == (y == 1) else 0.1
                key = (name, repeat + 1, fold + 1, 100, 0)
                rows.append((*key, *[f"{picture:03d}"] * 3, y, score, 0.99))
    return pd.DataFrame(rows, columns=[*RUN_COLUMNS])


def test_the_simulated_cross_validation_is_that_of_the_project():
    rng = np.random.default_rng(0)
    setting = repeated.Setting(patients=60)
    folds = repeated.divided(2, 60, rng)
    x = repeated.drawn(setting, np.array([[0.5, 1.0]] * 2), rng)
    drawn = repeated.crossvalidate(x, folds)
    rule = repeated.primary(drawn)
    for i in range(2):
        table = stored(folds[i], drawn.right[i])
        found = crossval.summarise(table, rope=0.02, weights="random")
        low, high = rule.limits(-1, 1)
        expected = {"difference": rule.mean[i], "low": low[i], "high": high[i]}
        primary = {name: found["primary"][name] for name in expected}
        assert primary == pytest.approx(expected, abs=2e-6)
        each = drawn.right[i, 1] & ~drawn.right[i, 0]
        assert found["repeats"]["2"]["vgg_only"] == each[1].sum()


def test_the_learners_are_trained_on_the_other_folds_and_told_the_truth():
    rng = np.random.default_rng(0)
    folds = repeated.divided(2, 60, rng)
    assert (np.sort(folds.reshape(2, 3, -1)) == np.arange(60)).all()  # each once
    assert (folds[..., :6] % 2 == 0).all()  # as many of each class in every fold
    assert (folds[..., 6:] % 2 == 1).all()
    x = repeated.drawn(repeated.Setting(patients=60), np.array([[0.7, 0.7]] * 2), rng)
    found = repeated.crossvalidate(x, folds)
    y = np.where(np.arange(60) % 2, 1.0, -1.0)
    held = folds[1, 2, 3]
    others = np.setdiff1d(np.arange(60), held)
    ridge = Ridge(alpha=repeated.RIDGE, fit_intercept=False)
    score = ridge.fit(x[1, 0, others, 0], y[others]).predict(x[1, 0, held, 0])
    assert (found.right[1, 0, 2, 3] == ((score >= 0) == (y[held] > 0))).all()
    area = roc_auc_score(y[held], score)
    assert found.areas[1, 0, 2, 3] == pytest.approx(area)


def test_the_true_accuracy_is_that_on_very_many_pictures():
    rng = np.random.default_rng(1)
    draws, far = 100, 20_000
    found = []
    for _ in range(draws):
        x = repeated.drawn(repeated.Setting(160 + far), np.array([[0.72, 0.72]]), rng)
        x, y = x[0, 0, :, 0], np.where(np.arange(160 + far) % 2, 1.0, -1.0)
        ridge = Ridge(alpha=repeated.RIDGE, fit_intercept=False).fit(x[:160], y[:160])
        found.append(np.mean((ridge.predict(x[160:]) >= 0) == (y[160:] > 0)))
    error = np.std(found) / draws**0.5
    assert repeated.true_accuracy(0.72) == pytest.approx(np.mean(found), abs=4 * error)
    assert error < 0.003


def test_equal_learners_are_told_apart_only_without_the_correction(monkeypatch):
    monkeypatch.setattr(repeated, "EQUAL", (repeated.Setting(),))
    table = pd.DataFrame(repeated.errors(draws=400, seed=1))
    assert repeated.broken(table) == []
    naive = table.assign(primary=table["uncorrected"])
    assert len(repeated.broken(naive)) == 1
    assert len(repeated.broken(table.assign(primary=np.nan))) == 1


def test_a_share_of_the_training_patients_is_the_same_in_all_folds():
    rng = np.random.default_rng(0)
    folds = repeated.divided(1, 200, rng)
    x = repeated.drawn(repeated.Setting(), np.array([[0.7, 0.7]]), rng)
    kept = folds.reshape(1, 3, 5, 2, 20)[..., :5].reshape(1, 3, 5, 10)
    found = repeated.crossvalidate(x, folds, share=0.25)
    y = np.where(np.arange(200) % 2, 1.0, -1.0)
    others = kept[0, 1, [0, 1, 3, 4]].ravel()
    assert len(others) == 40
    ridge = Ridge(alpha=repeated.RIDGE, fit_intercept=False)
    held = folds[0, 1, 2]
    score = ridge.fit(x[0, 1, others, 0], y[others]).predict(x[0, 1, held, 0])
    assert (found.right[0, 1, 1, 2] == ((score >= 0) == (y[held] > 0))).all()


permuted = load("shuffled")


def noise(pictures):
    """Return images of noise; every picture has a copy."""
    names = [f"{i:012x}" for i in range(2 * pictures)]
    owners = names[:pictures] * 2
    index = pd.DataFrame({"image_id": names, "picture": owners, "patient": owners})
    index = index.assign(y_true=np.arange(2 * pictures) % 2, variant=0)
    values = np.random.default_rng(0).integers(0, 256, (pictures, 8, 8), np.uint8)
    return Part(np.concatenate([values, values]), index)


def test_copies_keep_one_label_and_half_of_the_pictures_are_yes():
    index = noise(20).index
    assert permuted.labelled(index, permuted.Labels(True, 1)).equals(index)
    found = [permuted.labelled(index, permuted.Labels(False, s)) for s in (1, 2)]
    for table in found:
        assert table.groupby("picture")["y_true"].nunique().eq(1).all()
        assert table["y_true"].mean() == 0.5
    assert not found[0].equals(found[1])


def test_shuffled_labels_are_at_chance_unless_copies_lie_apart(tmp_path):
    images, rows = noise(30), []
    params = permuted.small(tmp_path)
    for seed in range(1, 9):
        labels = permuted.Labels(False, seed)
        part = Part(images.values, permuted.labelled(images.index, labels))
        seeded = params.model_copy(update={"seed": seed})
        found = list(permuted.copies_apart(part, seeded))
        for run in folds.ordinary(params.crossval):
            train, held = folds.parts(part, run, len(params.crossval.folds), seed)
            scores = baselines.nearest(train, held)
            found.append(predictions.of_run("nearest", run, held.index, scores))
        rows.append(permuted.means(pd.concat(found)).assign(true=False))
    table = permuted.summary(pd.concat(rows))
    assert table["classifier"].tolist() == ["nearest", permuted.APART]
    assert permuted.problems(table) == []
    assert table["accuracy"].tolist() == pytest.approx([0.5, 0.5 + 1 / 3], abs=0.1)
    swapped = table.assign(classifier=table["classifier"].tolist()[::-1])
    told = [line.rpartition(": ")[2] for line in permuted.problems(swapped)]
    assert sorted(set(told)) == ["a leak would not be noticed", "not at chance"]


def test_a_network_that_learns_nothing_proves_nothing():
    runs = pd.DataFrame({"classifier": "vgg", "true": [False] * 4 + [True]})
    values = [0.4, 0.6, 0.45, 0.55, 0.5]
    table = permuted.summary(runs.assign(accuracy=values, roc_auc=values))
    assert [line.rpartition(": ")[2] for line in permuted.problems(table)] == [
        "the true labels are not learnt either"
    ] * 2
    values[-1] = 0.9
    table = permuted.summary(runs.assign(accuracy=values, roc_auc=values))
    assert permuted.problems(table) == []
    assert "| vgg | 0.500 ± 0.046 | 0.500 ± 0.046 | 0.900 | 0.900 |" in (
        permuted.markdown(table)
    )
