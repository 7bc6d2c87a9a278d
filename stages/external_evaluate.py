"""external_evaluate: run one whole network, from pixels, on another collection."""

from pathlib import Path

import numpy as np
from _stage import run

from brain_mri.config import Params
from brain_mri.evidence import external
from brain_mri.files import arrays, predictions, tables


def main(
    name: str,
    frozen: Path,
    trained: Path,
    metrics: Path,
    packed: Path,
    out: Path,
    explanations: Path,
    *,
    params: Params,
) -> None:
    from brain_mri.networks import backend, gradcam, models  # loads TensorFlow
    from brain_mri.networks.inference import predict

    backend.prepare(seed=0, threads=params.threads)  # not random; always float32
    images = arrays.read(packed)
    model = models.load(name, images.values.shape[1], frozen, trained)
    models.divide_logit(model, tables.read_json(metrics)["temperature"])
    scores = {external.PART: predict(model, images)}
    indexes = {external.PART: images.index}
    table = predictions.table(indexes, scores, params.evaluate.threshold)
    tables.write_csv(out, table)
    errors = external.surest_errors(table)
    ids = images.index["image_id"].tolist()
    rows = np.array([ids.index(image_id) for image_id in errors["image_id"]])
    shown = arrays.Part(images.values[rows], errors)
    maps = gradcam.heatmaps(model, shown, gradcam.LAST_MAPS[name])
    arrays.write(explanations, errors, [gradcam.to_grey(maps)])


if __name__ == "__main__":
    run(main)
