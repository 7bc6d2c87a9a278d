"""Compare two networks by repeated cross-validation: folds, interval, verdict.

The rule of the verdict is fixed beforehand: the mean difference in accuracy over the
folds of all repeats, at a threshold of 0.5, with Nadeau and Bengio's interval. All
other results are secondary.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from brain_mri.errors import InputError
from brain_mri.evidence import labels, needed, verdict
from brain_mri.evidence.clusters import effect
from brain_mri.evidence.corrected import Corrected, corrected
from brain_mri.evidence.intervals import delong
from brain_mri.evidence.labels import signed
from brain_mri.evidence.observations import observed, per_picture
from brain_mri.evidence.paired import false_claim
from brain_mri.evidence.power import FEWEST, FEWEST_PATIENTS
from brain_mri.evidence.scoring import Scores, defined, rates, rounded
from brain_mri.files.names import NETWORKS
from brain_mri.files.predictions import VERDICT_THRESHOLD

RUN = ("classifier", "repeat", "fold", "share", "seed")  # one training and its fold
WHOLE = 100  # % of the training patients
METRICS = ("accuracy", "balanced_accuracy", "roc_auc")
LEARNERS = (*NETWORKS, "edges")  # classifiers of the learning curve
POINTS = (5, 10, 15)  # assumed differences in accuracy, in percentage points
NO_SPREAD = "no spread"  # the verdict if all folds have the same difference


def fold_scores(predictions: pd.DataFrame) -> pd.DataFrame:
    """Score each classifier on each fold, each picture counted once.

    Args:
        predictions: columns `RUN`, image_id, picture, patient, y_true (0 or 1) and
            y_score in [0, 1]; one row per run and held-out image.

    Returns:
        One row per run, sorted: columns `RUN`, n_pictures, n_train_pictures (the
        pictures of the other folds of that repeat times the share, rounded), accuracy
        and balanced_accuracy at 0.5, roc_auc. Rounded to 6 decimals; NaN where
        undefined.
    """
    whole = predictions.groupby("repeat")["picture"].nunique()
    rows = []
    for run, table in predictions.groupby(list(RUN)):
        row: dict[str, Any] = dict(zip(RUN, run, strict=True))
        scores = _scores(table)
        others = whole[row["repeat"]] - scores["n_pictures"]
        row["n_pictures"] = scores.pop("n_pictures")
        row["n_train_pictures"] = round(others * row["share"] / WHOLE)
        rows.append(row | scores)
    return pd.DataFrame(rows).astype(dict.fromkeys(METRICS, float))


def summarise(
    predictions: pd.DataFrame, *, rope: float, weights: str
) -> dict[str, Any]:
    """Compare the networks by the folds that both were tested on.

    Args:
        predictions: as for `fold_scores`; the classifiers scratch, vgg and the null
            baselines. Shares below 100 and seeds above 0 belong to repeat 1.
        rope: differences in accuracy up to this count as equal in practice.
        weights: source of VGG-16's weights, imagenet or random.

    Returns:
        Nested values. Every difference is vgg minus scratch, or network minus baseline.
        verdict and sentence: which network is better; only `primary` decides.
        primary: difference, low, high, half_width, and folds, test_per_training and
            standard_deviation, from which they follow.
        design: n_pictures, n_patients, n_images, repeats, folds.
        scores.<classifier>: accuracy, balanced_accuracy and roc_auc, the mean over the
            folds, with `_low` and `_high`.
        against.<network>.<baseline>: difference, low, high of the accuracies.
        secondary.roc_auc: difference of the mean AUROCs, low, high, folds.
        secondary.probability: that the true difference in accuracy is beyond `rope` in
            favour of vgg or scratch, or is within (`equal`).
        secondary.claim: the winner, and the probability that calling it better is
            false: `false` for the two trained networks on other pictures (mean of the
            repeats' counts; Claims Reloaded), `false_retrained` for networks trained
            anew (posterior of `primary`).
        secondary.repeats: n, standard_deviation, lowest and highest of the repeats'
            differences.
        repeats.<r>: accuracies and difference over all pictures of a repeat; pictures
            that only one network got right; difference of the mean AUROCs.
        seeds.<network> and seeds.difference: standard deviation over the trainings of
            fold 1 of repeat 1, which differ in their seed alone.
        learning.<classifier>.<share>, learning.difference.<share>: n_train and scores
            of repeat 1.
        needed.<points>: pictures that would separate an assumed difference of 5, 10 or
            15 percentage points: one_test, cross_validation; see `needed`.

    Raises:
        InputError: the classifiers were not tested on the same folds or pictures.
    """
    scores = fold_scores(predictions)
    main = scores[(scores["share"] == WHOLE) & (scores["seed"] == 0)]
    right = _right(predictions)
    primary = _difference(main, *NETWORKS)
    found = _interval(primary, -1, 1) | {"half_width": _kept(primary.half_width)}
    nulls = [name for name in labels.BASELINES if name in set(main["classifier"])]
    against = {
        network: {
            null: _interval(_difference(main, null, network), -1, 1) for null in nulls
        }
        for network in NETWORKS
    }
    design = _design(predictions, main)
    classes = predictions["y_true"].nunique()
    word, sentence = judge(found, design, classes, against, weights)
    return {
        "verdict": word,
        "sentence": sentence,
        "vgg_weights": weights,
        "threshold": VERDICT_THRESHOLD,
        "rope": rope,
        "primary": found
        | {
            "folds": primary.df + 1,
            "test_per_training": _kept(_ratio(main)),
            "standard_deviation": _kept(_by_fold(main, *NETWORKS).std()),
        },
        "design": design,
        "scores": {
            name: _means(main[main["classifier"] == name])
            for name in (*NETWORKS, *nulls)
        },
        "against": against,
        "secondary": _secondary(main, right, primary, rope),
        "repeats": {
            str(r): _of_repeat(main, right, r) for r in sorted(set(right["repeat"]))
        },
        "seeds": _seeds(scores),
        "learning": _learning(scores),
        "needed": _needed(right, primary, design["n_pictures"]),
    }


def headline(found: Mapping[str, Any]) -> dict[str, object]:
    """Return the numbers of the summary for `metrics/crossval.json`."""
    primary, design, scores = found["primary"], found["design"], found["scores"]
    secondary = found["secondary"]
    return {
        "verdict": found["verdict"],
        "accuracy_difference": primary["difference"],
        **{name: primary[name] for name in ("low", "high", "half_width")},
        **{
            f"{network}_{metric}": scores[network][metric]
            for metric in ("accuracy", "roc_auc")
            for network in NETWORKS
        },
        "roc_auc_difference": secondary["roc_auc"]["difference"],
        "probability_equal": secondary["probability"]["equal"],
        **{
            name: design[name]
            for name in ("n_pictures", "n_patients", "repeats", "folds")
        },
    }


def judge(
    difference: Scores,
    design: Mapping[str, int],
    classes: int,
    against: Mapping[str, Mapping[str, Scores]],
    weights: str,
) -> tuple[str, str]:
    """Return the verdict as a short label and as a sentence.

    Args:
        difference: mean difference in accuracy (vgg minus scratch), low, high and
            half_width; None where undefined.
        design: n_pictures, n_patients, repeats and folds.
        classes: number of classes among the pictures.
        against: differences between networks and null baselines.
        weights: source of VGG-16's weights, imagenet or random.
    """
    word, sentence = _undecided(difference, design, classes)
    if not word:
        word, sentence = _decided(difference, design, weights)
        if all(verdict.BLIND in found for found in against.values()):
            above = [n for n in against if verdict.beats(against[n][verdict.BLIND])]
            sentence += f"; {verdict.against_file_facts(above, weights)}"
    return word, f"{sentence}."


def _undecided(
    difference: Scores, design: Mapping[str, int], classes: int
) -> tuple[str, str]:
    n, patients = design["n_pictures"], design["n_patients"]
    if n < FEWEST:
        few = f"No verdict: {n} pictures are too few, at least {FEWEST} are needed"
        return "too few pictures", few
    if patients < min(n, FEWEST_PATIENTS):
        few = (
            f"No verdict: {n} pictures of {patients} patients; where patients have "
            f"several pictures, at least {FEWEST_PATIENTS} patients are needed"
        )
        return "too few patients", few
    if classes < 2:
        return "one class", "No verdict: all pictures are of one class"
    if difference["low"] is None:
        same = (
            f"No verdict: the difference in accuracy is "
            f"{signed(difference['difference'])} in every fold, and without any spread "
            "it has no interval"
        )
        return NO_SPREAD, same
    return "", ""


def _decided(
    difference: Scores, design: Mapping[str, int], weights: str
) -> tuple[str, str]:
    names = labels.networks(weights)
    low, high = difference["low"] or 0.0, difference["high"] or 0.0
    n, patients = design["n_pictures"], design["n_patients"]
    cases = f"{n} pictures" + (f" of {patients} patients" if patients < n else "")
    numbers = (
        f"mean difference {signed(difference['difference'])}, 95 % interval "
        f"{signed(low)} to {signed(high)}, half-width "
        f"{signed(difference['half_width'])} (accuracy of {names['vgg']}, minus that "
        f"of the {names['scratch']}; {design['repeats']} × {design['folds']}-fold "
        "cross-validation)"
    )
    if low <= 0 <= high:
        return "not separable", f"Not separable on {cases}: {numbers}"
    if low > 0:
        word = "vgg better"
        claim = f"{names['vgg']}, is better than the {names['scratch']}"
    else:
        word = "scratch better"
        claim = f"The {names['scratch']} is better than {names['vgg']},"
    return word, f"{claim} on {cases}: {numbers}"


def _scores(table: pd.DataFrame) -> dict[str, Any]:
    y_true, y_score, _ = observed(table)
    found = rates(y_true, (y_score >= VERDICT_THRESHOLD).astype(np.int64))
    area = defined(delong(y_true, y_score)[0][0])
    return {"n_pictures": len(y_true)} | {
        name: rounded(value)
        for name, value in zip(
            METRICS,
            (found["accuracy"], found["balanced_accuracy"], area),
            strict=True,
        )
    }


def _right(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return per repeat and picture its patient, and whether each network is right."""
    main = predictions[(predictions["share"] == WHOLE) & (predictions["seed"] == 0)]
    tables = []
    for (name, repeat), rows in main.groupby(["classifier", "repeat"]):
        if name in NETWORKS:
            table = per_picture(rows).assign(repeat=repeat)
            called = table["y_score"] >= VERDICT_THRESHOLD
            table[str(name)] = called == (table["y_true"] == 1)
            tables.append(table.set_index(["repeat", "picture", "patient", "y_true"]))
    right = pd.concat([t[[n]] for n in NETWORKS for t in tables if n in t])
    both = right.groupby(level=[0, 1, 2, 3]).first()
    if not len(both) or both.isna().any(axis=None) or set(both) != set(NETWORKS):
        raise InputError("scratch and vgg were not tested on the same pictures")
    return both.astype(bool).reset_index()


def _by_fold(
    scores: pd.DataFrame, first: str, second: str, metric: str = "accuracy"
) -> pd.Series:
    """Return the second classifier's metric minus the first's, for each fold."""
    table = scores.pivot(
        index=["repeat", "fold"], columns="classifier", values=["n_pictures", metric]
    )
    counts = table["n_pictures"].reindex(columns=[first, second])
    if counts.isna().any(axis=None) or (counts[first] != counts[second]).any():
        raise InputError(f"{first} and {second} were not tested on the same folds")
    return table[metric][second] - table[metric][first]


def _difference(
    scores: pd.DataFrame, first: str, second: str, metric: str = "accuracy"
) -> Corrected:
    values = _by_fold(scores, first, second, metric)
    return corrected(values.dropna(), _ratio(scores))


def _ratio(scores: pd.DataFrame) -> float:
    """Return the number of pictures of a fold over that of all others, mean of folds.

    A share of the learning curve leaves training pictures out. The folds share fewer
    of them then, so the ratio of all pictures is the cautious one.
    """
    whole = scores["n_train_pictures"] * WHOLE / scores["share"]
    return float((scores["n_pictures"] / whole).mean())


def _interval(found: Corrected, lowest: float, highest: float) -> Scores:
    low, high = found.limits(lowest, highest)
    values = {"difference": found.mean, "low": low, "high": high}
    return {name: _kept(value) for name, value in values.items()}


def _kept(value: float) -> Any:
    """Round a number as stored, None for NaN."""
    return rounded(defined(value))


def _means(scores: pd.DataFrame) -> Scores:
    """Return the mean of each metric over the folds of one classifier, with limits."""
    found: Scores = {}
    for metric in METRICS:
        mean = corrected(scores[metric].dropna(), _ratio(scores))
        low, high = mean.limits(0, 1)
        found |= {metric: _kept(mean.mean)}
        found |= {f"{metric}_low": _kept(low), f"{metric}_high": _kept(high)}
    return found


def _design(predictions: pd.DataFrame, main: pd.DataFrame) -> dict[str, int]:
    return {
        "n_pictures": predictions["picture"].nunique(),
        "n_patients": predictions["patient"].nunique(),
        "n_images": predictions["image_id"].nunique(),
        "repeats": main["repeat"].nunique(),
        "folds": main["fold"].nunique(),
    }


def _secondary(
    main: pd.DataFrame, right: pd.DataFrame, primary: Corrected, rope: float
) -> dict[str, Any]:
    areas = _difference(main, *NETWORKS, metric="roc_auc")
    repeats = [_accuracies(rows)["difference"] for _, rows in right.groupby("repeat")]
    return {
        "roc_auc": _interval(areas, -1, 1) | {"folds": areas.df + 1},
        "probability": {
            "scratch_better": _kept(primary.below(-rope)),
            "equal": _kept(primary.below(rope) - primary.below(-rope)),
            "vgg_better": _kept(1 - primary.below(rope)),
        },
        "claim": _claim(right, primary),
        "repeats": {
            "n": len(repeats),
            "standard_deviation": _spread(repeats),
            "lowest": _kept(min(repeats)),
            "highest": _kept(max(repeats)),
        },
    }


def _claim(right: pd.DataFrame, primary: Corrected) -> dict[str, Any]:
    if primary.mean == 0:
        return {"winner": None, "false": None, "false_retrained": None}
    vgg = primary.mean > 0
    winner, loser = reversed(NETWORKS) if vgg else NETWORKS
    only = [
        _only(right, *pair) / _effect(right)
        for pair in ((winner, loser), (loser, winner))
    ]
    below = primary.below(0)
    return {
        "winner": winner,
        "false": _kept(false_claim(*only)),
        "false_retrained": _kept(below if vgg else 1 - below),
    }


def _only(right: pd.DataFrame, first: str, second: str) -> float:
    """Return the pictures that only the first got right, mean over the repeats."""
    return float((right[first] & ~right[second]).sum() / right["repeat"].nunique())


def _effect(right: pd.DataFrame) -> float:
    """Return the design effect of the difference, mean over the repeats."""
    found = [
        effect(rows["vgg"].astype(int) - rows["scratch"], rows["patient"].to_numpy())
        for _, rows in right.groupby("repeat")
    ]
    return float(np.mean([each.deff for each in found]))


def _accuracies(rows: pd.DataFrame) -> dict[str, float]:
    found = {f"{name}_accuracy": float(rows[name].mean()) for name in NETWORKS}
    return found | {"difference": found["vgg_accuracy"] - found["scratch_accuracy"]}


def _of_repeat(main: pd.DataFrame, right: pd.DataFrame, repeat: int) -> dict[str, Any]:
    rows = right[right["repeat"] == repeat]
    areas = _by_fold(main[main["repeat"] == repeat], *NETWORKS, metric="roc_auc")
    return {name: _kept(value) for name, value in _accuracies(rows).items()} | {
        "scratch_only": int(_only(rows, "scratch", "vgg")),
        "vgg_only": int(_only(rows, "vgg", "scratch")),
        "roc_auc_difference": _kept(areas.mean()),
    }


def _spread(values: Sequence[float] | pd.Series) -> float | None:
    """Return the standard deviation, None with less than two values."""
    return _kept(float(np.std(values, ddof=1))) if len(values) > 1 else None


def _seeds(scores: pd.DataFrame) -> dict[str, Any]:
    rows = scores[(scores["share"] == WHOLE) & scores["classifier"].isin(NETWORKS)]
    rows = rows[(rows["repeat"] == 1) & (rows["fold"] == 1)]
    found: dict[str, Any] = {}
    wide = {
        metric: rows.pivot(index="seed", columns="classifier", values=metric)
        for metric in ("accuracy", "roc_auc")
    }
    for name in (*NETWORKS, "difference"):
        found[name] = {"trainings": len(wide["accuracy"])}
        for metric, table in wide.items():
            values = table.diff(axis=1)["vgg"] if name == "difference" else table[name]
            found[name] |= {
                metric: _kept(values.mean()),
                f"{metric}_standard_deviation": _spread(values.dropna()),
            }
    return found


def _learning(scores: pd.DataFrame) -> dict[str, Any]:
    first = scores[(scores["repeat"] == 1) & (scores["seed"] == 0)]
    found: dict[str, Any] = {name: {} for name in (*LEARNERS, "difference")}
    for share, rows in first.groupby("share"):
        for name in LEARNERS:
            mine = rows[rows["classifier"] == name]
            if len(mine):
                n_train = {"n_train": round(mine["n_train_pictures"].mean())}
                found[name][str(share)] = n_train | _means(mine)
        difference = _interval(_difference(rows, *NETWORKS), -1, 1)
        found["difference"][str(share)] = difference
    return found


def _needed(right: pd.DataFrame, primary: Corrected, n: int) -> dict[str, Any]:
    cases = len(right) / right["repeat"].nunique()
    discordance = (
        sum(_only(right, *pair) for pair in (NETWORKS, NETWORKS[::-1])) / cases
    )
    accuracy = float(right[list(NETWORKS)].to_numpy().mean())
    found: dict[str, Any] = {
        "power": needed.POWER,
        "discordance": _kept(discordance),
        "design_effect": _kept(_effect(right)),
    }
    for points in POINTS:
        difference = points / 100
        found[str(points)] = {
            "difference": difference,
            "one_test": needed.one_test(
                difference, accuracy, discordance, _effect(right)
            ),
            "cross_validation": needed.cross_validation(
                difference, primary.error, primary.df + 1, n
            ),
        }
    return found
