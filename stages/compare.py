"""compare: set the two networks side by side on the test groups; name the champion."""

import json
from pathlib import Path
from typing import Literal

from _stage import run

from brain_mri import comparison, scoring, tables
from brain_mri.params import Proportion


def main(
    scratch: Path,
    vgg: Path,
    out: Path,
    selected: Path,
    *,
    model: Literal["scratch", "vgg"],
    threshold: Proportion,
    weights: Literal["imagenet", "random"],
) -> None:
    predictions = {"scratch": tables.read_csv(scratch), "vgg": tables.read_csv(vgg)}
    test = {name: table[table["part"] == "test"] for name, table in predictions.items()}
    result = comparison.compare(test["scratch"], test["vgg"], threshold=threshold)
    result = {"vgg_weights": weights, **result}
    tables.write_json(out, result)
    scores = scoring.score(test[model], threshold)
    headline = {name: scores[name] for name in comparison.HEADLINE}
    tables.write_json(selected, {"model": model, **headline})
    print(f"compare: {json.dumps(result)}")


if __name__ == "__main__":
    run(main, "evaluate", "vgg")
