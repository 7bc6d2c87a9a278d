"""compare: say on the test groups who is better, if any, and name the champion."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.evidence import comparison, observations, scoring
from brain_mri.files import tables


def main(
    scratch: Path,
    vgg: Path,
    baselines: Path,
    scratch_trained: Path,
    vgg_trained: Path,
    out: Path,
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
    result = comparison.compare(models, nulls, trained, params.vgg.weights)
    tables.write_json(out, result)
    champion = comparison.selected(
        models[params.model], params.model, params.evaluate.threshold
    )
    tables.write_json(selected, champion)
    tables.write_csv(
        statistics, scoring.statistics(models, nulls, params.evaluate.threshold)
    )
    print(f"compare: {result['sentence']}")


if __name__ == "__main__":
    run(main)
