"""crossval: gather the scores of all runs, and say which network is better."""

from pathlib import Path

import pandas as pd
from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import folds
from brain_mri.evidence import crossval
from brain_mri.files import tables, values
from brain_mri.files.predictions import RUN_COLUMNS


def main(
    scratch: Path,
    vgg: Path,
    baselines: Path,
    predictions: Path,
    scores: Path,
    statistics: Path,
    summary: Path,
    *,
    params: Params,
) -> None:
    # by name: the folder may hold runs of earlier parameters
    names = ("-".join(map(str, one)) for one in folds.runs(params.crossval))
    files = [*(scratch / f"{name}.csv" for name in names), vgg, baselines]
    together = pd.concat([tables.read_csv(file) for file in files])
    together = together.sort_values([*RUN_COLUMNS[:6]], ignore_index=True)
    found = crossval.summarise(
        together, rope=params.crossval.rope, weights=params.vgg.weights
    )
    tables.write_csv(predictions, together)
    tables.write_csv(scores, crossval.fold_scores(together))
    values.write(statistics, found)
    values.write(summary, crossval.headline(found))
    print(f"crossval: {found['sentence']}")


if __name__ == "__main__":
    run(main)
