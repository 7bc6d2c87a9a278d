"""compare: say on the test groups who is better, if any, and name the champion."""

from pathlib import Path
from typing import Literal

from _stage import run

from brain_mri.evidence import comparison, scoring
from brain_mri.files import predictions, tables
from brain_mri.params import Proportion


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
    model: Literal["scratch", "vgg"],
    threshold: Proportion,
    weights: Literal["imagenet", "random"],
) -> None:
    models = {"scratch": predictions.read(scratch), "vgg": predictions.read(vgg)}
    nulls = predictions.read_baselines(baselines)
    trained = {
        "scratch": predictions.read(scratch_trained, predictions.TRAINED),
        "vgg": predictions.read(vgg_trained, predictions.TRAINED),
    }
    result = comparison.compare(models, nulls, trained, weights)
    tables.write_json(out, result)
    champion = comparison.selected(models[model], model, threshold)
    tables.write_json(selected, champion)
    tables.write_csv(statistics, scoring.statistics(models, nulls, threshold))
    print(f"compare: {result['sentence']}")


if __name__ == "__main__":
    run(main, "evaluate", "vgg")
