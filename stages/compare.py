"""compare: compare the networks on the test pictures, and record the champion."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.evidence import observations, summaries
from brain_mri.files import values


def main(
    scratch: Path,
    vgg: Path,
    baselines: Path,
    scratch_trained: Path,
    vgg_trained: Path,
    verdict: Path,
    compared: Path,
    selected: Path,
    statistics: Path,
    *,
    params: Params,
) -> None:
    models = {"scratch": observations.read(scratch), "vgg": observations.read(vgg)}
    nulls = observations.read_baselines(baselines)
    trained = {
        "scratch": observations.read(scratch_trained, observations.TRAINED),
        "vgg": observations.read(vgg_trained, observations.TRAINED),
    }
    contents = summaries.of_comparison(
        models,
        nulls,
        trained,
        champion=params.model,
        threshold=params.evaluate.threshold,
        weights=params.vgg.weights,
        metric=params.evaluate.verdict_metric,
    )
    for path in (verdict, compared, selected, statistics):
        values.write(path, contents[path.name])
    print(f"compare: {contents['comparison.csv']['sentence']}")


if __name__ == "__main__":
    run(main)
