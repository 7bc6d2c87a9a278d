"""Measure the intervals where patients have several pictures, which are alike.

Two promises are checked with 40 patients or more, of 1 to 20 pictures each. A nominal
95 % interval of an accuracy or AUROC up to 0.9 covers the truth at least 0.93 of the
time, in every setting. Two equally good models are told apart in at
most 6.5 %, in every setting.

    python benchmarks/clusters.py [--draws N] [--seed S] [--patients N ...] [--csv FILE]

Prints the extremes of every group of settings; FILE gets every setting. Ends with
status 1 and the broken promises, if there are any.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm, t
from sklearn.metrics import average_precision_score
from tqdm import tqdm

from brain_mri.evidence import clusters, intervals, obuchowski

LEAST_COVERAGE = 0.93
MOST_ERRORS = 0.065
PROMISED = 0.9  # highest accuracy or AUROC with a promise
ENOUGH = 40  # fewest patients with a promise
PATIENTS = (10, 20, 30, 40, 100)
SIZES = ("1 to 20", "uneven")  # pictures of a patient: uniform, or log-normal
ACCURACIES = (0.6, 0.7, 0.8, 0.9, 0.95)
AUROCS = (0.75, 0.9, 0.95)
CORRELATIONS = (0.0, 0.2, 0.4)  # of two pictures of a patient
EFFECTS = ("independent", "shared")  # of a patient on the two models
CLASSES = ("per patient", "mixed")  # of the pictures of a patient
RATES = ("sensitivity", "balanced_accuracy", "f1")
MANY = 200_000  # pictures from which the truth of the average precision is estimated
FEWER = 5  # the AUROC's intervals for comparison get draws / 5
KEYS = ["measure", "patients"]
INTERVALS = ("in use", "G - 1", "naive", "one picture")

Array = npt.NDArray[np.float64]
Limits = tuple[Array, Array]
Row = dict[str, object]


def accuracy(g: int, draws: int, rng: np.random.Generator) -> Iterator[Row]:
    """Draw right and wrong pictures of g patients: coverage of the accuracy."""
    for name, p, rho in product(SIZES, ACCURACIES, CORRELATIONS):
        sizes = pictures((draws, g), rng, name)
        right = rng.binomial(sizes, chances(p, rho, sizes.shape, rng))
        n, k = sizes.sum(axis=1), right.sum(axis=1)
        deff, own = effects(right, k, sizes)
        one = rng.binomial(1, right / sizes).sum(axis=1)
        found = {
            "in use": intervals.wilson(k / deff, n / deff, own),
            "G - 1": intervals.wilson(k / deff, n / deff, t.ppf(0.975, g - 1)),
            "naive": intervals.wilson(k, n),
            "one picture": intervals.wilson(one, np.full(draws, g)),
        }
        setting = {"measure": "accuracy", "truth": p, "correlation": rho}
        yield setting | {"pictures": name} | covered(found, p)


def accuracy_difference(g: int, draws: int, rng: np.random.Generator) -> Iterator[Row]:
    """Draw the pictures of two equal models: how often they are told apart."""
    for p, rho, effect in product(ACCURACIES, CORRELATIONS, EFFECTS):
        if rho == 0 and effect == "shared":
            continue  # no effect to share
        sizes = pictures((draws, g), rng)
        one = chances(p, rho, sizes.shape, rng)
        two = one if effect == "shared" else chances(p, rho, sizes.shape, rng)
        cells = (one * two, one * (1 - two), (1 - one) * two, (1 - one) * (1 - two))
        counts = rng.multinomial(sizes, np.stack(cells, axis=-1))
        first, second = counts[..., 1], counts[..., 2]
        squares = (first + second).sum(axis=1)
        deff, own = effects(second - first, squares, sizes)
        tables = counts.sum(axis=1)
        picked = rng.multinomial(1, counts / sizes[..., None]).sum(axis=1)
        half = (tables / deff[:, None]).T
        found = {
            "in use": intervals.paired_difference(*half, own),
            "G - 1": intervals.paired_difference(*half, t.ppf(0.975, g - 1)),
            "naive": intervals.paired_difference(*tables.T),
            "one picture": intervals.paired_difference(*picked.T),
        }
        setting = {"measure": "accuracy difference", "truth": p, "correlation": rho}
        setting |= {"patient effect": effect}
        yield setting | told_apart(found)


def auroc(g: int, draws: int, rng: np.random.Generator) -> Iterator[Row]:
    """Draw binormal scores of two equal models: AUROC and its difference."""
    settings = product(AUROCS, CORRELATIONS, EFFECTS, CLASSES)
    for area, rho, effect, classes in settings:
        if rho == 0 and effect == "shared":
            continue
        found: dict[str, list[list[float]]] = {}
        for draw in range(draws):
            data = scored(g, area, rho, effect, classes, rng)
            for name, numbers in compared(*data, few=draw < draws // FEWER):
                found.setdefault(name, []).append(numbers)
        setting: Row = {"truth": area, "correlation": rho}
        setting |= {"patient effect": effect, "classes": classes}
        values = {name: np.transpose(each) for name, each in found.items()}
        areas = {n: on_logit_scale(v[0], v[1], v[2]) for n, v in values.items()}
        differences = {n: (v[3] - v[4], v[3] + v[4]) for n, v in values.items()}
        if effect == "independent":
            yield setting | {"measure": "AUROC"} | covered(areas, area)
        yield setting | {"measure": "AUROC difference"} | told_apart(differences)


def rates(g: int, draws: int, rng: np.random.Generator) -> Iterator[Row]:
    """Draw binormal scores: rates at the threshold between the classes, and Brier.

    Half of the pictures are tumours, so that sensitivity, balanced accuracy and F1 have
    the same truth.
    """
    for area, rho, classes in product(AUROCS, CORRELATIONS, CLASSES):
        shift = np.sqrt(2) * norm.ppf(area)
        truths = dict.fromkeys(RATES, norm.cdf(shift / 2))
        truths |= {"average precision": precision(shift), "Brier score": brier(shift)}
        found: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for _ in range(draws):
            y_true, scores, patient = scored(g, area, rho, "shared", classes, rng)
            call = scores[0] >= shift / 2
            off = (expit(shift * (scores[0] - shift / 2)) - y_true) ** 2
            value = average_precision_score(y_true, scores[0])
            for name, of in (("in use", patient), ("naive", None)):
                limits = clusters.rate_limits(y_true, call, of)
                limits["average precision"] = clusters.average_precision(
                    value, y_true, scores[0], of
                )
                limits["Brier score"] = clusters.mean_of_shares(off, of)
                for measure in truths:
                    found.setdefault((measure, name), []).append(limits[measure])
        for measure, truth in truths.items():
            setting = {"measure": measure, "truth": truth, "correlation": rho}
            ends = {n: np.transpose(found[measure, n]) for n in ("in use", "naive")}
            both = {name: (low, high) for name, (low, high) in ends.items()}
            yield setting | {"classes": classes} | covered(both, truth)


def precision(shift: float) -> float:
    """Return the average precision of many binormal scores, half of them tumours."""
    y_true = np.arange(MANY) % 2
    score = np.random.default_rng(0).normal(size=MANY) + shift * y_true
    return float(average_precision_score(y_true, score))


def brier(shift: float) -> float:
    """Return the Brier score of calibrated binormal scores, half of them tumours."""
    x, weight = np.polynomial.hermite_e.hermegauss(80)
    wrong = expit(-shift * (x + shift / 2))
    return float(weight @ wrong**2 / weight.sum())


def compared(
    y_true: Array, scores: Array, patient: Array, few: bool
) -> Iterator[tuple[str, list[float]]]:
    """Yield AUROC, error and quantile, and the difference and its half-width."""
    found = obuchowski.covariance(y_true, scores, patient)
    both = np.array((-1.0, 1.0))
    own = clusters.student(np.stack([found.totals[0], both @ found.totals]))
    simple = np.repeat(t.ppf(0.975, found.totals.shape[1] - 1), 2)
    yield "in use", _numbers(found.aurocs, found.covariance, own)
    yield "G - 1", _numbers(found.aurocs, found.covariance, simple)
    if few:  # the other two, whose coverage is not in doubt
        z = np.repeat(intervals.Z, 2)
        first = np.unique(patient, return_index=True)[1]
        yield "naive", _numbers(*intervals.delong(y_true, scores), z)
        picked = intervals.delong(y_true[first], scores[:, first])
        yield "one picture", _numbers(*picked, z)


def _numbers(aurocs: Array, covariance: Array, quantiles: Array) -> list[float]:
    both = np.array((-1.0, 1.0))
    error = np.sqrt(both @ covariance @ both)
    difference, half = both @ aurocs, quantiles[1] * error
    return [aurocs[0], np.sqrt(covariance[0, 0]), quantiles[0], difference, half]


def scored(
    g: int,
    area: float,
    rho: float,
    effect: str,
    classes: str,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """Return labels, scores of two models (2, n) and the patient of each picture."""
    patient = np.repeat(np.arange(g), pictures((g,), rng))
    n = len(patient)
    y_true = patient % 2 if classes == "per patient" else rng.integers(0, 2, n)
    of_patient = rng.normal(size=(2, g))
    if effect == "shared":
        of_patient[1] = of_patient[0]
    noise = np.sqrt(rho) * of_patient[:, patient]
    noise += np.sqrt(1 - rho) * rng.normal(size=(2, n))
    return y_true, noise + np.sqrt(2) * norm.ppf(area) * y_true, patient


def pictures(
    shape: tuple[int, ...], rng: np.random.Generator, name: str = SIZES[0]
) -> npt.NDArray[np.int64]:
    """Return numbers of pictures: 1 to 20, or mostly few and sometimes hundreds."""
    if name == "1 to 20":
        return rng.integers(1, 21, shape)
    return np.ceil(rng.lognormal(np.log(4), 1.5, shape)).astype(np.int64)


def chances(
    p: float, rho: float, shape: tuple[int, ...], rng: np.random.Generator
) -> Array:
    """Return each patient's chance of a right picture: beta, with mean p.

    Two pictures of a patient then have correlation rho (beta-binomial counts).
    """
    if rho == 0:
        return np.full(shape, p)
    weight = (1 - rho) / rho
    return np.asarray(rng.beta(p * weight, (1 - p) * weight, shape))


def effects(
    totals: npt.NDArray[np.int64], squares: npt.NDArray[np.int64], sizes: Array
) -> Limits:
    """Return the design effect and the quantile of each draw.

    Args:
        totals: shape (draws, g), sum of the values of a patient's pictures.
        squares: shape (draws,), sum of all squared values.
        sizes: shape (draws, g), number of pictures.
    """
    n = sizes.sum(axis=1)
    mean = totals.sum(axis=1) / n
    off = totals - sizes * mean[:, None]
    deff = clusters.design_effect(off, squares - n * mean**2, sizes)
    return deff, clusters.student(off)


def covered(found: dict[str, Limits], truth: float) -> Row:
    """Return the coverage of each interval, and the median half-widths."""
    return {
        name: float(np.mean((low <= truth + 1e-12) & (truth - 1e-12 <= high)))
        for name, (low, high) in found.items()
    } | half_widths(found)


def told_apart(found: dict[str, Limits]) -> Row:
    """Return how often each interval excludes 0, and the median half-widths."""
    return {
        name: float(np.mean((low > 0) | (high < 0)))
        for name, (low, high) in found.items()
    } | half_widths(found)


def half_widths(found: dict[str, Limits]) -> Row:
    return {
        f"half-width, {name}": float(np.nanmedian(high - low)) / 2
        for name, (low, high) in found.items()
    }


def on_logit_scale(value: Array, error: Array, quantile: Array) -> Limits:
    with np.errstate(divide="ignore", invalid="ignore"):
        half = quantile * error / (value * (1 - value))
        return expit(logit(value) - half), expit(logit(value) + half)


# What is computed one draw at a time gets a share of the draws.
SIMULATIONS = {accuracy: 1, accuracy_difference: 1, auroc: 5, rates: 10}


def simulate(draws: int, seed: int, patients: Sequence[int] = PATIENTS) -> pd.DataFrame:
    """Return one row per setting: coverage, or how often two models are told apart."""
    rows: list[Row] = []
    for g, (i, (draw, share)) in tqdm(
        list(product(patients, enumerate(SIMULATIONS.items()))), disable=None
    ):
        if share == 1 or g >= ENOUGH:
            rng = np.random.default_rng((seed, g, i))
            rows += [{"patients": g} | row for row in draw(g, draws // share, rng)]
    table = pd.DataFrame(rows)
    first = [*KEYS, "truth", "correlation", "pictures"]
    first += ["patient effect", "classes"]
    rest = table.columns.difference(first, sort=False)
    return table.reindex(columns=[*first, *rest])


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return the worst setting of each measure and number of patients, by interval."""
    rows = []
    uneven, high = table["pictures"] == "uneven", table["truth"] > PROMISED
    part = np.where(high, f"above {PROMISED}", f"up to {PROMISED}")
    parts = table.assign(truth=np.where(uneven, part + ", uneven", part))
    for (measure, patients, truth), mine in parts.groupby([*KEYS, "truth"], sort=False):
        worst = "max" if "difference" in measure else "min"
        found = mine[list(INTERVALS)].agg(worst)
        row = {"measure": measure, "patients": patients, "truth": truth}
        rows.append(row | {"of all settings": worst} | found.to_dict())
    return pd.DataFrame(rows)


def broken(table: pd.DataFrame) -> list[str]:
    """Return a message for each setting that breaks a promise."""
    even = table["pictures"] != "uneven"
    promised = table[even & (table["patients"] >= ENOUGH)]
    differs = promised["measure"].str.contains("difference")
    low = promised["measure"].isin(("accuracy", "AUROC"))
    low &= promised["truth"] <= PROMISED
    low &= ~(promised["in use"] >= LEAST_COVERAGE)
    high = differs & ~(promised["in use"] <= MOST_ERRORS)
    return [
        f"{row['measure']} {row['truth']}, {row['patients']} patients, correlation "
        f"{row['correlation']}: {row['in use']:.3f}"
        for _, row in promised[low | high].iterrows()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--draws",
        type=int,
        default=10_000,
        help="per setting; a fifth for AUROC, a tenth for other rates",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--csv", type=Path, help="file that gets every setting")
    parser.add_argument("--patients", type=int, nargs="+", default=PATIENTS)
    arguments = parser.parse_args()
    table = simulate(arguments.draws, arguments.seed, arguments.patients)
    if arguments.csv:
        table.to_csv(arguments.csv, index=False, float_format="%.4g")
    print(summary(table).to_string(index=False, float_format="{:.3f}".format))
    sys.exit("\n".join(broken(table)) or None)


if __name__ == "__main__":
    main()
