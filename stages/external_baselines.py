"""external_baselines: score the null baselines, fitted on the training part."""

from pathlib import Path

import pandas as pd
from _stage import run

from brain_mri.config import Params
from brain_mri.evidence import baselines, external
from brain_mri.files import arrays, tables


def main(
    trained: Path,
    train: Path,
    manifest: Path,
    packed: Path,
    out: Path,
    *,
    params: Params,
) -> None:
    facts = pd.concat([tables.read_csv(trained), tables.read_csv(manifest)])
    parts = {"train": arrays.read(train), external.PART: arrays.read(packed)}
    tables.write_csv(out, baselines.predict(parts, facts, seed=params.seed))


if __name__ == "__main__":
    run(main)
