"""vgg_features: run the frozen convolutions once over each image."""

from pathlib import Path
from typing import Literal

from _stage import run

from brain_mri.files import arrays
from brain_mri.networks import memory
from brain_mri.params import NonNegative


def main(
    weights: Path,
    train: Path,
    val: Path,
    train_features: Path,
    val_features: Path,
    *,
    precision: Literal["float32", "mixed_bfloat16"],
    threads: NonNegative,
) -> None:
    images = arrays.read(train)
    size = images.values.shape[1]
    memory.check_features(len(images.index), size, precision)

    from brain_mri.networks import models, training  # loads TensorFlow

    training.prepare(seed=0, precision=precision, threads=threads)  # not random
    training.hint(precision)
    backbone = models.backbone(models.vgg16_classifier(size, dropout=0))
    models.load_convolutions(backbone, weights)
    for source, out in ((train, train_features), (val, val_features)):
        part = arrays.read(source)
        print(f"vgg_features: {len(part.index)} images of {source}", flush=True)
        arrays.write(out, part.index, training.outputs(backbone, part))


if __name__ == "__main__":
    run(main)
