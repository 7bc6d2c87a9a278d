"""evaluate: run one whole network, from pixels, over validation and test images."""

from pathlib import Path

from _stage import run

from brain_mri import arrays, curves, images, predictions, scoring, tables
from brain_mri.params import Proportion


def main(
    name: str,
    convolutions: Path,
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
) -> None:
    from brain_mri import explain, models, training  # loads TensorFlow

    training.prepare(seed=0)  # nothing here is random; always float32
    parts = {"val": arrays.read(val), "test": arrays.read(test)}
    size = parts["test"].values.shape[1]
    model = models.load(name, size, convolutions, trained)
    table = predictions.table(
        {
            part: (packed.index, training.predict(model, packed, training.to_rgb))
            for part, packed in parts.items()
        },
        threshold,
    )
    tables.write_csv(out, table)
    tables.write_json(metrics, scoring.by_part(table, threshold))
    tested = table[table["part"] == "test"]
    tables.write_csv(roc, curves.roc_points(tested))
    tables.write_csv(confusion, curves.confusion_rows(tested, images.CLASSES))
    layer = explain.LAST_MAPS[name]
    maps = explain.heatmaps(model, parts["test"], training.to_rgb, layer)
    arrays.write(explanations, parts["test"].index, [explain.to_grey(maps)])


if __name__ == "__main__":
    run(main, "evaluate")
