"""baseline_folds: score what needs no network in the same folds as the networks."""

from pathlib import Path

import pandas as pd
from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import folds
from brain_mri.evidence import baselines
from brain_mri.files import arrays, predictions, tables


def main(manifest: Path, views: Path, out: Path, *, params: Params) -> None:
    images, facts = arrays.originals(arrays.read(views)), tables.read_csv(manifest)
    found = []
    for numbers in folds.ordinary(params.crossval) + folds.shares(params.crossval):
        train, held = folds.parts(
            images, numbers, len(params.crossval.folds), params.seed
        )
        own_seed = folds.training_seed(params.seed, numbers)
        for name, scorer in baselines.scorers(facts, own_seed).items():
            if numbers.share == 100 or name == "edges":  # the learning curve's
                scores = scorer(train, held)
                found.append(predictions.of_run(name, numbers, held.index, scores))
    tables.write_csv(out, pd.concat(found, ignore_index=True))


if __name__ == "__main__":
    run(main)
