"""Measure the coverage of the intervals and the type I error of the verdict.

Two promises are checked. A nominal 95 % interval covers the truth at least 0.93 of the
time, on average over the settings of a line. Two equally good models get the verdict
"better" in at most 6.5 % of the test parts, in every setting, even if all images of a
group are right or wrong together.

    python benchmarks/coverage.py [--draws N] [--seed S]

Prints three Markdown tables; the last is of AUROCs with one rare class, for which
nothing is promised. Ends with status 1 and the broken promises, if there are any.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import binom, norm
from sklearn.metrics import average_precision_score
from tqdm import tqdm

from brain_mri.evidence import intervals

LEAST_COVERAGE = 0.93  # mean over the settings of a line
MOST_ERRORS = 0.065  # in every setting
GROUPS = (14, 20, 31, 36, 51, 100, 200)
SLOWER = 10  # intervals computed one draw at a time, such as AUROC, get draws / 10

PROPORTIONS = np.linspace(0.6, 0.95, 71)  # steps of 0.005
ACCURACIES = ((0.6, 0.6), (0.75, 0.75), (0.9, 0.9), (0.724, 0.862), (0.9, 0.6))
ERROR_CORRELATIONS = (0.0, 0.3)  # 0.6 is impossible for accuracies 0.9 and 0.6
AUROCS = (0.6, 0.75, 0.9, 0.95)
AUROC_PAIRS = ((0.75, 0.75), (0.9, 0.9), (0.95, 0.95), (0.75, 0.9))
SCORE_CORRELATIONS = (0.0, 0.6)
POSITIVES = (0.4, 0.5)  # share of the groups
RATES = ((0.6, 0.6), (0.75, 0.75), (0.9, 0.9), (0.9, 0.7), (0.95, 0.97))
SURENESS = (0.5, 1.0, 3.0)  # factors on a calibrated logit
MANY = 200_000  # groups from which the truth is estimated if there is no formula
RARE = (0.1, 0.2)
RARE_GROUPS = (51, 100, 200)

EQUAL = (0.5, 0.6, 0.75, 0.9)  # accuracy of both models
EQUAL_CORRELATIONS = (0.0, 0.3, 0.6)  # between their errors
# Groups of 1, 2, ... images among the 199 distinct of the public set of 253 files.
GROUP_SIZES = (161, 28, 6, 2, 2)

Counts = npt.NDArray[np.int64]  # (draws, 4): both, first only, second only, neither
Floats = npt.NDArray[np.float64]


class Setting(NamedTuple):
    """Hold the coverage of an interval in one setting.

    covered: share of the defined intervals that cover the truth.
    undefined: share of the draws without an interval.
    """

    name: str
    covered: float
    undefined: float


class Errors(NamedTuple):
    """Hold the type I error of the verdict in one setting, by group and by image."""

    name: str
    by_group: float
    by_image: float


Simulation = Callable[..., Iterator[Setting]]  # takes groups, draws, generator


def wilson(n: int, _draws: int, _rng: np.random.Generator) -> Iterator[Setting]:
    """Sum over all outcomes of n groups: exact coverage of a proportion."""
    k = np.arange(n + 1)
    low, high = intervals.wilson(k, np.full(n + 1, n))
    for p in PROPORTIONS:
        yield setting(f"p {p:.3f}", low, high, p, binom.pmf(k, n, p))


def paired_difference(
    n: int, draws: int, rng: np.random.Generator
) -> Iterator[Setting]:
    """Draw paired tables of n groups: coverage of the difference in accuracy."""
    for (first, second), phi in product(ACCURACIES, ERROR_CORRELATIONS):
        counts = rng.multinomial(n, cells(first, second, phi), size=draws)
        low, high = intervals.paired_difference(*counts.T)
        name = f"{first} and {second}, errors correlated {phi}"
        yield setting(name, low, high, second - first)


def auroc(
    n: int,
    draws: int,
    rng: np.random.Generator,
    shares: Sequence[float] = POSITIVES,
) -> Iterator[Setting]:
    """Draw binormal scores of n groups: coverage of the AUROC."""
    for area, share in product(AUROCS, shares):
        found = [
            intervals.auroc(*scored(n, share, (area,), 0.0, rng))
            for _ in range(draws // SLOWER)
        ]
        low, high = np.transpose(found)[1:3]
        yield setting(f"AUROC {area}, {share:.0%} positive", low, high, area)


def auroc_difference(
    n: int,
    draws: int,
    rng: np.random.Generator,
    shares: Sequence[float] = POSITIVES,
) -> Iterator[Setting]:
    """Draw pairs of binormal scores of n groups: coverage of the AUROC difference."""
    for areas, rho, share in product(AUROC_PAIRS, SCORE_CORRELATIONS, shares):
        found = [
            intervals.auroc_difference(*scored(n, share, areas, rho, rng))
            for _ in range(draws // SLOWER)
        ]
        low, high = np.transpose(found)[1:3]
        name = f"{areas[0]} and {areas[1]}, scores correlated {rho}, {share:.0%} pos."
        yield setting(name, low, high, areas[1] - areas[0])


def balanced_accuracy(
    n: int, _draws: int, _rng: np.random.Generator
) -> Iterator[Setting]:
    """Sum over all outcomes of n groups: exact coverage of the balanced accuracy."""
    for name, (first, second), m, (tp, tn), weight in outcomes(n):
        low, high = intervals.balanced_accuracy(tp, m - tp, tn, n - m - tn)
        yield setting(name, low, high, (first + second) / 2, weight)


def f1(n: int, _draws: int, _rng: np.random.Generator) -> Iterator[Setting]:
    """Sum over all outcomes of n groups: exact coverage of F1."""
    for name, (first, second), m, (tp, tn), weight in outcomes(n):
        low, high = intervals.f1(tp, n - m - tn, m - tp)
        found, wrong = m * first, m * (1 - first) + (n - m) * (1 - second)
        yield setting(name, low, high, 2 * found / (2 * found + wrong), weight)


def average_precision(
    n: int, draws: int, rng: np.random.Generator
) -> Iterator[Setting]:
    """Draw binormal scores of n groups: coverage of the average precision."""
    for area, share in product(AUROCS, POSITIVES):
        many = scored(MANY, round(n * share) / n, (area,), 0.0, rng)
        truth = float(average_precision_score(*many))
        found = []
        for _ in range(draws // SLOWER):
            y_true, y_score = scored(n, share, (area,), 0.0, rng)
            value = float(average_precision_score(y_true, y_score))
            found.append(intervals.average_precision(value, int(y_true.sum())))
        low, high = np.transpose(found)
        yield setting(f"AUROC {area}, {share:.0%} positive", low, high, truth)


def brier(n: int, draws: int, rng: np.random.Generator) -> Iterator[Setting]:
    """Draw under- to over-confident scores of n groups: coverage of the Brier score."""
    for area, share, sureness in product(AUROCS, POSITIVES, SURENESS):
        drawn = (round(n * share) / n, area, sureness, rng)
        truth = float(squared_errors(MANY, *drawn).mean())
        found = [
            intervals.mean_of_shares(squared_errors(n, *drawn))
            for _ in range(draws // SLOWER)
        ]
        low, high = np.transpose(found)
        name = f"AUROC {area}, {share:.0%} positive, logits times {sureness}"
        yield setting(name, low, high, truth)


INTERVALS: dict[str, Simulation] = {
    "proportion (Wilson)": wilson,
    "paired difference (Newcombe)": paired_difference,
    "AUROC (DeLong, logit)": auroc,
    "AUROC difference (DeLong)": auroc_difference,
    "balanced accuracy (Agresti-Caffo)": balanced_accuracy,
    "F1 (Wilson of Jaccard)": f1,
    "average precision (logit)": average_precision,
    "Brier score (Student, logit)": brier,
}


def verdict_errors(n: int, draws: int, rng: np.random.Generator) -> Iterator[Errors]:
    """Draw test parts of n groups for two equal models; count the verdicts "better".

    All images of a group are right or wrong together. They are counted by group, as in
    this project, and by image, as is usual.
    """
    shares = np.array(GROUP_SIZES) / sum(GROUP_SIZES)
    sizes = rng.choice(len(shares), (draws, n), p=shares) + 1
    for accuracy, phi in product(EQUAL, EQUAL_CORRELATIONS):
        cell = rng.choice(4, (draws, n), p=cells(accuracy, accuracy, phi))
        by_group = np.stack([(cell == i).sum(axis=1) for i in range(4)], axis=1)
        by_image = np.stack([(sizes * (cell == i)).sum(axis=1) for i in range(4)], 1)
        yield Errors(
            f"accuracy {accuracy}, errors correlated {phi}",
            float(told_apart(by_group).mean()),
            float(told_apart(by_image).mean()),
        )


def told_apart(counts: Counts) -> npt.NDArray[np.bool_]:
    """Tell for each paired table whether the verdict is that one model is better."""
    low, high = intervals.paired_difference(*counts.T)
    return (low > 0) | (high < 0)


def setting(
    name: str, low: Floats, high: Floats, truth: float, weight: npt.ArrayLike = 1.0
) -> Setting:
    """Compute the share of intervals that cover the truth, weighted if asked."""
    defined = ~np.isnan(low)
    weights = np.broadcast_to(weight, low.shape)
    # the truth may equal a limit up to rounding
    covers = (low <= truth + 1e-12) & (truth - 1e-12 <= high)
    held = weights[defined].sum()
    covered = float(weights[covers].sum() / held) if held else np.nan
    return Setting(name, covered, float(1 - held / weights.sum()))


def cells(first: float, second: float, phi: float) -> tuple[float, ...]:
    """Return the probabilities of both right, first only, second only, neither."""
    spread = np.sqrt(first * (1 - first) * second * (1 - second))
    both = first * second + phi * spread
    return both, first - both, second - both, 1 - first - second + both


def scored(
    n: int, share: float, areas: Sequence[float], rho: float, rng: np.random.Generator
) -> list[Floats]:
    """Return n class labels, `share` of them 1, and normal scores with AUROCs `areas`.

    Within a class, the scores of two classifiers have correlation rho.
    """
    y_true = (np.arange(n) < round(n * share)).astype(np.float64)
    shared, own = rng.normal(size=n), rng.normal(size=(len(areas), n))
    shift = np.sqrt(2) * norm.ppf(areas)
    noise = np.sqrt(rho) * shared + np.sqrt(1 - rho) * own
    return [y_true, *(noise + np.outer(shift, y_true))]


def outcomes(
    n: int,
) -> Iterator[tuple[str, tuple[float, float], int, tuple[Floats, Floats], Floats]]:
    """Yield each setting's name, rates, tumours, (TP, TN) and their probabilities."""
    for rates, share in product(RATES, POSITIVES):
        m = round(n * share)
        tp, tn = np.meshgrid(np.arange(m + 1.0), np.arange(n - m + 1.0))
        weight = binom.pmf(tp, m, rates[0]) * binom.pmf(tn, n - m, rates[1])
        name = f"rates {rates[0]} and {rates[1]}, {share:.0%} positive"
        yield name, rates, m, (tp, tn), weight


def squared_errors(
    n: int, share: float, area: float, sureness: float, rng: np.random.Generator
) -> Floats:
    """Return squared errors of n binormal scores, true logits times `sureness`."""
    y_true, score = scored(n, share, (area,), 0.0, rng)
    shift = np.sqrt(2) * norm.ppf(area)
    calibrated = shift * (score - shift / 2) + logit(share)
    return np.asarray((expit(sureness * calibrated) - y_true) ** 2)


def coverage(draws: int, seed: int, groups: Sequence[int] = GROUPS) -> pd.DataFrame:
    """Return the coverage, one row per interval and number of groups."""
    rows = []
    lines = list(product(INTERVALS.items(), groups))
    for (name, simulate), n in tqdm(lines, "coverage", disable=None):
        found = pd.DataFrame(simulate(n, draws, np.random.default_rng((seed, n))))
        lowest = found.loc[found["covered"].idxmin()]
        row = {"interval": name, "groups": n, "settings": len(found)}
        row |= {"mean": found["covered"].mean(), "lowest": lowest["covered"]}
        row |= {"where lowest": lowest["name"]}
        row |= {"undefined, at most": found["undefined"].max()}
        missed = found["covered"] * (1 - found["undefined"])
        rows.append(row | {"mean, undefined a miss": missed.mean()})
    return pd.DataFrame(rows)


def rare(draws: int, seed: int, groups: Sequence[int] = RARE_GROUPS) -> pd.DataFrame:
    """Return the coverage, one row per interval, share of tumours, number of groups."""
    rows = []
    simulations = {"AUROC": auroc, "AUROC difference": auroc_difference}
    lines = list(product(simulations.items(), RARE, groups))
    for (name, simulate), share, n in tqdm(lines, "rare", disable=None):
        rng = np.random.default_rng((seed, n))
        found = pd.DataFrame(simulate(n, draws, rng, shares=(share,)))
        row = {"interval": name, "groups": n, "tumours": round(n * share)}
        row |= {"mean": found["covered"].mean(), "lowest": found["covered"].min()}
        rows.append(row)
    return pd.DataFrame(rows)


def errors(draws: int, seed: int, groups: Sequence[int] = GROUPS) -> pd.DataFrame:
    """Return the type I error of the verdict, one row per number of groups."""
    rows = []
    for n in tqdm(groups, "verdict", disable=None):
        rng = np.random.default_rng((seed, n))
        found = pd.DataFrame(verdict_errors(n, draws, rng))
        row = {"groups": n, "settings": len(found)}
        for unit in ("group", "image"):
            rates = found[f"by_{unit}"]
            row |= {f"by {unit}, mean": rates.mean(), f"by {unit}, most": rates.max()}
        rows.append(row)
    return pd.DataFrame(rows)


def broken(covered: pd.DataFrame, told: pd.DataFrame) -> list[str]:
    """Return a message for each line that breaks a promise."""
    low = covered[~(covered["mean"] >= LEAST_COVERAGE)]
    high = told[~(told["by group, most"] <= MOST_ERRORS)]
    return [
        f"mean coverage below {LEAST_COVERAGE}: {row.interval}, {row.groups} groups"
        for row in low.itertuples()
    ] + [
        f"type I error above {MOST_ERRORS}: {row.groups} groups"
        for row in high.itertuples()
    ]


def markdown(table: pd.DataFrame) -> str:
    """Format a table in Markdown, with numbers aligned to the right."""
    numeric = [pd.api.types.is_numeric_dtype(table[name]) for name in table]
    rows = [list(table), ["---:" if right else "---" for right in numeric]]
    for values in table.itertuples(index=False):
        rows.append([f"{v:.3f}" if isinstance(v, float) else str(v) for v in values])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--draws",
        type=int,
        default=20_000,
        help="per setting; a tenth for AUROC, average precision and Brier score",
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    covered = coverage(arguments.draws, arguments.seed)
    told = errors(arguments.draws, arguments.seed)
    lopsided = rare(arguments.draws, arguments.seed)
    print(*map(markdown, (covered, told, lopsided)), sep="\n\n")
    sys.exit("\n".join(broken(covered, told)) or None)


if __name__ == "__main__":
    main()
