"""evaluate: run one whole network, from pixels, over validation and test images."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.evidence import summaries, temperature
from brain_mri.files import arrays, predictions, tables, values
from brain_mri.files.names import LEAKED


def main(
    name: str,
    frozen: Path,
    trained: Path,
    val: Path,
    test: Path,
    leaked: Path,
    metrics: Path,
    out: Path,
    roc: Path,
    confusion: Path,
    explanations: Path,
    *,
    params: Params,
) -> None:
    from brain_mri.networks import backend, gradcam, models  # loads TensorFlow
    from brain_mri.networks.inference import predict

    backend.prepare(seed=0, threads=params.threads)  # not random; always float32
    threshold = params.evaluate.threshold
    folders = {"val": val, "test": test, LEAKED: leaked}
    parts = {part: arrays.read(folder) for part, folder in folders.items()}
    parts = {part: images for part, images in parts.items() if len(images.index)}
    model = models.load(name, parts["test"].values.shape[1], frozen, trained)
    indexes = {part: images.index for part, images in parts.items()}
    scores = {part: predict(model, images) for part, images in parts.items()}
    table, divisor = predictions.table(indexes, scores, threshold), 1.0
    if params.evaluate.calibrate:
        divisor = temperature.fitted(table) or 1.0
        models.divide_logit(model, divisor)
        scores = {part: predict(model, images) for part, images in parts.items()}
        table = predictions.table(indexes, scores, threshold)
    tables.write_csv(out, table)
    contents = summaries.of_network(name, table, threshold, divisor)
    for path in (metrics, roc, confusion):
        values.write(path, contents[path.name])
    maps = gradcam.heatmaps(model, parts["test"], gradcam.LAST_MAPS[name])
    arrays.write(explanations, parts["test"].index, [gradcam.to_grey(maps)])


if __name__ == "__main__":
    run(main)
