"""Measure the verdict on balanced accuracy, above all where one class is rare.

Two promises are checked from 14 pictures, or patients, of each class on. Two networks
of equal balanced accuracy get the verdict "better" in at most 6.5 % of the test parts,
in every setting. The nominal 95 % interval covers the true difference at least 0.93 of
the time, in every setting.

    python benchmarks/balanced.py [--draws N] [--seed S]

Prints two Markdown tables, of one picture a patient and of 1 to 20, and ends with
status 1 and the broken promises, if there are any.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm
from tqdm import tqdm

from brain_mri.evidence import clusters, intervals
from brain_mri.evidence.power import FEWEST

LEAST_COVERAGE = 0.93
MOST_ERRORS = 0.065
# Share of the rarer class, and numbers of test pictures.
PICTURES = {
    0.05: (40, 100, 200, 260, 280, 300),
    0.1: (40, 100, 140, 200, 300),
    0.2: (40, 70, 100, 200, 300),
    0.5: (28, 40, 100),
}
# Sensitivity and specificity of both networks; those of the last three are not equal.
RATES = (
    *(((s, c), (s, c)) for s in (0.5, 0.6, 0.75, 0.9) for c in (0.6, 0.75, 0.9, 0.97)),
    ((0.9, 0.7), (0.7, 0.9)),
    ((0.6, 0.9), (0.9, 0.6)),
    ((0.6, 0.9), (0.8, 0.9)),
    ((0.5, 0.95), (0.9, 0.9)),
    ((0.9, 0.6), (0.95, 0.75)),
)
ERROR_CORRELATIONS = (0.0, 0.3, 0.6)  # of both networks, on one picture
PATIENTS = ((5, 50), (14, 70), (14, 140), (30, 150))  # with a tumour, and all
RATES_OF_PATIENTS = (
    ((0.5, 0.9), (0.5, 0.9)),
    ((0.75, 0.75), (0.75, 0.75)),
    ((0.9, 0.7), (0.7, 0.9)),
    ((0.6, 0.9), (0.8, 0.9)),
)
CORRELATIONS = (0.2, 0.5)  # of two pictures of a patient, before the threshold
EFFECTS = ("independent", "shared")  # of a patient on the two networks
# Is a patient of one class? If not, are the pictures of both easy, or easily called?
CLASSES = {"one class": (), "both, hard or easy": (1,), "both, called alike": (-1,)}
FEWER = 5  # patients get draws / 5

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]  # (..., 4): both right, first only, second only, neither
Limits = tuple[Floats, Floats]
Row = dict[str, object]


def pictures(m: int, n: int, draws: int, rng: np.random.Generator) -> Iterator[Row]:
    """Draw n pictures, m of them of the rarer class, for two networks."""
    for (first, second), phi in product(RATES, ERROR_CORRELATIONS):
        chances = [cells(*each, phi) for each in zip(first, second, strict=True)]
        if min(map(min, chances)) < 0:
            continue  # no two networks err so
        counts = [
            rng.multinomial(k, chance, draws)
            for k, chance in zip((m, n - m), chances, strict=True)
        ]
        low, high = joined(counts)
        yield setting(first, second, f"errors correlated {phi}", low, high)


def patients(ill: int, g: int, draws: int, rng: np.random.Generator) -> Iterator[Row]:
    """Draw the pictures of g patients, `ill` of them with a tumour, for two networks.

    Whether a network is right depends on a normal number of the patient and one of the
    picture. The first helps in both classes, or in one at the cost of the other.
    """
    settings = product(RATES_OF_PATIENTS, CORRELATIONS, EFFECTS, CLASSES.items())
    for (first, second), rho, effect, (classes, sign) in settings:
        yes, no = sizes(ill, g, bool(sign), draws, rng)
        of_patient = rng.normal(size=(2, draws, g))
        if effect == "shared":
            of_patient[1] = of_patient[0]
        helped = (of_patient[..., :ill], of_patient[..., -no.shape[1] :])
        counts = []
        for k, size in enumerate((yes, no)):
            pull = (1, *sign, 1)[k] * np.sqrt(rho) * helped[k]
            level = norm.ppf((first[k], second[k]))[:, None, None]
            one, two = norm.cdf((level + pull) / np.sqrt(1 - rho))
            both = (one * two, one * (1 - two), (1 - one) * two, (1 - one) * (1 - two))
            counts.append(rng.multinomial(size, np.stack(both, axis=-1)))
        name = f"patients correlated {rho}, {effect}, {classes}"
        yield setting(first, second, name, *clustered(counts, bool(sign)))


def sizes(
    ill: int, g: int, mixed: bool, draws: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the pictures with and without a tumour, 1 to 20, of each patient.

    Args:
        ill: patients with a tumour, the first ones; g: all.
        mixed: whether four in ten pictures of the ill show it, or all.
    """
    total = rng.integers(1, 21, (draws, g))
    if not mixed:
        return total[:, :ill], total[:, ill:]
    total[:, :ill] = np.maximum(total[:, :ill], 2)
    yes = 1 + rng.binomial(total[:, :ill] - 2, 0.4)
    total[:, :ill] -= yes
    return yes, total


def joined(counts: list[Counts]) -> Limits:
    """Return the interval for independent pictures, from the tables of both classes."""
    found = [intervals.paired_difference(*each.T) for each in counts]
    return intervals.mean_of_two(
        [gain(each) for each in counts], *map(list, zip(*found, strict=True))
    )


def clustered(counts: list[Counts], mixed: bool) -> Limits:
    """Return the interval for patients, from the tables (draws, patients, 4)."""
    found, totals = [], []
    for each in counts:
        size = each.sum(axis=-1)
        differences = each[..., 2] - each[..., 1]
        mean = differences.sum(axis=1) / size.sum(axis=1)
        off = differences - size * mean[:, None]
        squares = (each[..., 1] + each[..., 2]).sum(axis=1) - size.sum(axis=1) * mean**2
        deff = clusters.design_effect(off, squares, size)
        table = each.sum(axis=1).T / deff
        found.append(intervals.paired_difference(*table, clusters.student(off)))
        totals.append(off)
    together = correlation(*totals) if mixed else 0.0
    values = [gain(each.sum(axis=1)) for each in counts]
    return intervals.mean_of_two(values, *map(list, zip(*found, strict=True)), together)


def correlation(yes: Floats, no: Floats) -> Floats:
    """Return `clusters.between_classes` of totals; only the first have both classes."""
    product = np.sqrt((yes**2).sum(axis=1) * (no**2).sum(axis=1))
    shared = (yes * no[:, : yes.shape[1]]).sum(axis=1)
    return np.maximum(
        np.where(product > 0, shared / np.where(product > 0, product, 1), 0), 0
    )


def gain(counts: Counts) -> Floats:
    """Return the second rate minus the first."""
    return np.asarray((counts[..., 2] - counts[..., 1]) / counts.sum(axis=-1))


def cells(first: float, second: float, phi: float) -> tuple[float, ...]:
    """Return the probabilities of both right, first only, second only, neither."""
    spread = np.sqrt(first * (1 - first) * second * (1 - second))
    both = first * second + phi * spread
    return both, first - both, second - both, 1 - first - second + both


def setting(
    first: tuple[float, float],
    second: tuple[float, float],
    name: str,
    low: Floats,
    high: Floats,
) -> Row:
    """Return coverage and, for equal networks, how often they are told apart."""
    truth = (sum(second) - sum(first)) / 2
    equal = abs(truth) < 1e-9
    return {
        "setting": f"{first} and {second}, {name}",
        "told apart": float(np.mean((low > 0) | (high < 0))) if equal else np.nan,
        "covered": float(np.mean((low <= truth + 1e-12) & (truth - 1e-12 <= high))),
    }


def line(rows: Iterator[Row]) -> Row:
    """Return the mean and the worst setting."""
    found = pd.DataFrame(rows)
    worst = found.loc[found["told apart"].idxmax()]
    return {
        "settings": len(found),
        "told apart, mean": found["told apart"].mean(),
        "most": worst["told apart"],
        "where most": worst["setting"],
        "covered, mean": found["covered"].mean(),
        "least": found["covered"].min(),
    }


def of_pictures(draws: int, seed: int) -> pd.DataFrame:
    """Return one row per number of pictures and share of the rarer class."""
    rows = []
    for share, numbers in tqdm(PICTURES.items(), "pictures", disable=None):
        for n in numbers:
            m, rng = (
                round(share * n),
                np.random.default_rng((seed, n, round(share * n))),
            )
            row: Row = {"pictures": n, "rarer class": m}
            rows.append(row | line(pictures(m, n, draws, rng)))
    return pd.DataFrame(rows)


def of_patients(draws: int, seed: int) -> pd.DataFrame:
    """Return one row per number of patients with a tumour, and of all."""
    rows = []
    for ill, g in tqdm(PATIENTS, "patients", disable=None):
        rng = np.random.default_rng((seed, g, ill))
        row: Row = {"patients": g, "rarer class": ill}
        rows.append(row | line(patients(ill, g, draws, rng)))
    return pd.DataFrame(rows)


def broken(table: pd.DataFrame) -> list[str]:
    """Return a message for each line that breaks a promise."""
    promised = table[table["rarer class"] >= FEWEST]
    odd = (promised["most"] > MOST_ERRORS) | (promised["least"] < LEAST_COVERAGE)
    return [
        f"{row.iloc[0]} {table.columns[0]}, {row['rarer class']} of the rarer class: "
        f"told apart {row['most']:.3f}, covered {row['least']:.3f}"
        for _, row in promised[odd].iterrows()
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
        "--draws", type=int, default=20_000, help="per setting; a fifth for patients"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    single = of_pictures(arguments.draws, arguments.seed)
    print(f"{markdown(single)}\n", flush=True)
    several = of_patients(arguments.draws // FEWER, arguments.seed)
    print(markdown(several))
    sys.exit("\n".join(broken(single) + broken(several)) or None)


if __name__ == "__main__":
    main()
