"""Shuffle the labels of a small set of phantoms: every classifier must be at chance.

The stages of the cross-validation run as they are, on 60 small phantoms; every fourth
has a copy. Each run permutes the labels of the pictures, half of them yes, before the
folds are stratified. A mean over the runs that is not 0.5 is then a leak or an error.
Two controls show that the script would notice: the true labels must be learnt, and a
copy in another fold must be recognised by the nearest picture.

    python benchmarks/shuffled.py [--shuffles N] [--workers N]

Prints a Markdown table. Ends with status 1 if a mean differs from 0.5 by more than
three standard errors, or a control fails.
"""

import argparse
import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stages"))

import audit
import baseline_folds
import crop
import features
import scratch_fold
import vgg_folds
import vgg_weights
import views

from brain_mri import config, phantoms
from brain_mri.collection import table
from brain_mri.config import Params
from brain_mri.dataset import folds
from brain_mri.evidence import baselines
from brain_mri.evidence.crossval import fold_scores
from brain_mri.files import arrays, predictions, tables
from brain_mri.files.arrays import Part
from brain_mri.files.names import NETWORKS
from brain_mri.files.png import write_png
from brain_mri.imaging.decoding import decode

ROOT = Path(__file__).resolve().parents[1]
PICTURES = 60
EVERY = 4  # which one has a copy
GENERATOR_SEED = 24  # the first without near-duplicates among 60: the classes are equal
TRUE = 4  # runs with the true labels
CHANCE, MOST = 0.5, 3  # standard errors
APART = "nearest, copies apart"
METRICS = ["accuracy", "roc_auc"]
# Small, so that 24 cross-validations take minutes; all else is as in params.yaml.
SMALL = {
    "image_size": 32,
    "batch_size": 8,
    "threads": 1,
    "augment": {"copies": 1},
    "scratch": {"epochs": 6},
    "crossval": {
        "repeats": [1],
        "folds": [1, 2, 3],
        "shares": [],
        "seeds": [],
        "threads": 1,
    },
}


class Labels(NamedTuple):
    """Name the labels of a run, true or permuted, and its seed.

    The seed is that of the permutation, of the folds and of the trainings.
    """

    true: bool
    seed: int


def small(dataset: Path) -> Params:
    """Return the parameters of params.yaml, made small, for a data set."""
    values = config.load(ROOT / "params.yaml").model_dump() | {"dataset": str(dataset)}
    for key, value in SMALL.items():
        values[key] = values[key] | value if isinstance(value, dict) else value
    return Params.model_validate(values)


def prepare(folder: Path) -> Params:
    """Draw the phantoms and their copies, and run the stages up to the features."""
    dataset = folder / "phantoms"
    params = small(dataset)
    phantoms.write_phantoms(
        dataset, images=PICTURES, positives=0.5, seed=GENERATOR_SEED
    )
    for path in sorted(dataset.rglob("*.*"))[::EVERY]:
        brighter = np.minimum(decode(path).grey, 245) + np.uint8(10)
        write_png(path.with_name(f"copy_of_{path.stem}.png"), brighter)
    manifest, crops = folder / "manifest.csv", folder / "crop.csv"
    cropped, weights = folder / "cropped", folder / "npy"
    table.beside(dataset).write_text("file\n")
    audit.main(manifest, folder / "pairs", folder / "counts", params=params)
    crop.main(manifest, cropped, crops, folder / "counts", params=params)
    views.main(manifest, crops, cropped, folder / "views", params=params)
    vgg_weights.main(weights, params=params)
    features.main(weights, folder / "views", folder / "features", params=params)
    return params


def labelled(index: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Permute the labels of the pictures, if asked; copies of one keep one label."""
    y_true = index.groupby("picture")["y_true"].first()
    if not labels.true:
        y_true[:] = np.random.default_rng(labels.seed).permutation(y_true)
    return index.assign(y_true=index["picture"].map(y_true))


def copies_apart(images: Part, params: Params) -> Iterator[pd.DataFrame]:
    """Score the nearest picture in folds that ignore which images are copies."""
    own = images.index["image_id"]
    each = Part(images.values, images.index.assign(picture=own, patient=own))
    for run in folds.ordinary(params.crossval):
        train, held = folds.parts(each, run, len(params.crossval.folds), params.seed)
        scores = baselines.nearest(train, held)
        yield predictions.of_run(APART, run, held.index, scores)


def crossvalidated(folder: Path, params: Params, labels: Labels) -> pd.DataFrame:
    """Cross-validate every classifier once; return the mean metrics over the folds."""
    params = params.model_copy(update={"seed": labels.seed})
    with tempfile.TemporaryDirectory() as name, silence():
        out = Path(name)
        for kind in ("views", "features"):
            part = arrays.read(folder / kind)
            arrays.write(out / kind, labelled(part.index, labels), [part.values])
        for fold in params.crossval.folds:
            to = out / f"{fold}.csv"
            scratch_fold.main(out / "views", 1, fold, 100, 0, to, params=params)
        vgg_folds.main(out / "features", out / "vgg.csv", params=params)
        facts = folder / "manifest.csv"
        baseline_folds.main(facts, out / "views", out / "null.csv", params=params)
        found = [tables.read_csv(file) for file in sorted(out.glob("*.csv"))]
        images = arrays.originals(arrays.read(out / "views"))
        found += copies_apart(images, params)
    return means(pd.concat(found)).assign(true=labels.true)


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean metrics over the folds of each classifier's predictions."""
    scores = fold_scores(table)
    return scores.groupby("classifier")[METRICS].mean().reset_index()


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Send what the stages print nowhere, and TensorFlow's advice on speed."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return for each classifier the mean and its standard error over the shuffles.

    Args:
        runs: columns classifier, true (whether the labels are), accuracy, roc_auc.
    """
    rows = []
    for name, mine in runs.groupby("classifier"):
        row: dict[str, object] = {"classifier": name}
        for metric in METRICS:
            values = mine.loc[~mine["true"], metric]
            row[metric] = values.mean()
            row[f"{metric}, error"] = values.std() / np.sqrt(len(values))
            row[f"{metric}, true labels"] = mine.loc[mine["true"], metric].mean()
        rows.append(row)
    return pd.DataFrame(rows)


def problems(table: pd.DataFrame) -> list[str]:
    """Return a message for each classifier that is not where it should be."""
    told = []
    for row in table.to_dict("records"):
        for metric in METRICS:
            off, error = row[metric] - CHANCE, row[f"{metric}, error"]
            name = f"{metric} of {row['classifier']}, {row[metric]:.3f} ± {error:.3f}"
            if row["classifier"] == APART:
                if off <= MOST * error:
                    told.append(f"{name}: a leak would not be noticed")
            elif abs(off) > MOST * error:
                told.append(f"{name}: not at chance")
            learnt = row[f"{metric}, true labels"] - CHANCE > MOST * error
            if row["classifier"] in NETWORKS and not learnt:
                told.append(f"{name}: the true labels are not learnt either")
    return told


def markdown(table: pd.DataFrame) -> str:
    """Format the table in Markdown."""
    lines = ["| classifier | accuracy | ROC AUC | true labels: accuracy | ROC AUC |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for row in table.to_dict("records"):
        cells = [f"{row[m]:.3f} ± {row[f'{m}, error']:.3f}" for m in METRICS]
        cells += [f"{row[f'{m}, true labels']:.3f}" for m in METRICS]
        lines.append(f"| {row['classifier']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shuffles", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    runs = [Labels(False, seed) for seed in range(1, given.shuffles + 1)]
    runs += [Labels(True, seed) for seed in range(1, TRUE + 1)]
    # new processes: a fork of one that has started TensorFlow may hang
    pool = ProcessPoolExecutor(given.workers, mp_context=get_context("spawn"))
    with tempfile.TemporaryDirectory() as name, pool:
        with silence():
            params = prepare(Path(name))
        measure = partial(crossvalidated, Path(name), params)
        found = pool.map(measure, runs)
        together = pd.concat(tqdm(found, "runs", len(runs), disable=None))
    table = summary(together)
    print(markdown(table))
    sys.exit("\n".join(problems(table)) or None)


if __name__ == "__main__":
    main()
