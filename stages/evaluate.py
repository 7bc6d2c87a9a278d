"""evaluate: run one whole network, from pixels, over validation and test images."""

from pathlib import Path

from _stage import run

from brain_mri import arrays, images, scoring, tables
from brain_mri.params import Proportion


def main(
    name: str,
    convolutions: Path,
    trained: Path,
    val: Path,
    test: Path,
    metrics: Path,
    predictions: Path,
    roc: Path,
    confusion: Path,
    *,
    threshold: Proportion,
) -> None:
    from brain_mri import models, training  # loads TensorFlow

    training.prepare(seed=0)  # nothing here is random; always float32
    parts = {"val": arrays.read(val), "test": arrays.read(test)}
    size = parts["test"].values.shape[1]
    model = models.load(name, size, convolutions, trained)
    table = scoring.predictions_table(
        {
            part: (packed.index, training.predict(model, packed, training.to_rgb))
            for part, packed in parts.items()
        },
        threshold,
    )
    tables.write_csv(predictions, table)
    by_part = {part: table[table["part"] == part] for part in parts}
    tables.write_json(
        metrics, {part: scoring.score(by_part[part], threshold) for part in parts}
    )
    tables.write_csv(roc, scoring.roc_points(by_part["test"]))
    tables.write_csv(confusion, scoring.confusion_rows(by_part["test"], images.CLASSES))


if __name__ == "__main__":
    run(main, "evaluate")
