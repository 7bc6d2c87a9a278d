"""evaluate: run one whole network, from pixels, over validation and test images."""

from pathlib import Path

import pandas as pd
from _stage import run

from brain_mri.evidence import curves, scoring, temperature
from brain_mri.files import arrays, predictions, tables
from brain_mri.imaging import decoding
from brain_mri.params import NonNegative, Proportion


def main(
    name: str,
    frozen: Path,
    trained: Path,
    val: Path,
    test: Path,
    metrics: Path,
    out: Path,
    roc: Path,
    confusion: Path,
    explanations: Path,
    *,
    threshold: Proportion,
    calibrate: bool,
    threads: NonNegative,
) -> None:
    from brain_mri.networks import gradcam, models, training  # loads TensorFlow

    training.prepare(seed=0, threads=threads)  # not random; always float32
    parts = {"val": arrays.read(val), "test": arrays.read(test)}
    size = parts["test"].values.shape[1]
    model = models.load(name, size, frozen, trained)

    def scored() -> pd.DataFrame:
        return predictions.table(
            {part: (p.index, training.predict(model, p)) for part, p in parts.items()},
            threshold,
        )

    table, divisor = scored(), 1.0
    if calibrate and (divisor := temperature.fitted(table) or 1.0) != 1.0:
        models.divide_logit(model, divisor)
        table = scored()
    tables.write_csv(out, table)
    by_part = scoring.by_part(table, threshold)
    tables.write_json(metrics, {"temperature": divisor, **by_part})
    tested = table[table["part"] == "test"]
    tables.write_csv(roc, curves.roc_points(tested))
    tables.write_csv(confusion, curves.confusion_rows(tested, decoding.CLASSES))
    maps = gradcam.heatmaps(model, parts["test"], gradcam.LAST_MAPS[name])
    arrays.write(explanations, parts["test"].index, [gradcam.to_grey(maps)])


if __name__ == "__main__":
    run(main, "evaluate")
