"""vgg_features: run the frozen convolutions once over each image."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.files import arrays
from brain_mri.networks import memory


def main(
    weights: Path,
    train: Path,
    val: Path,
    train_features: Path,
    val_features: Path,
    *,
    params: Params,
) -> None:
    images, precision = arrays.read(train), params.precision
    size = images.values.shape[1]
    memory.check_features(len(images.index), size, precision)

    from brain_mri.networks import backend, inference, vgg16  # loads TensorFlow

    backend.prepare(seed=0, precision=precision, threads=params.threads)  # not random
    backend.hint(precision)
    backbone = vgg16.backbone(size)
    vgg16.load_convolutions(backbone, weights)
    for source, out in ((train, train_features), (val, val_features)):
        part = arrays.read(source)
        print(f"vgg_features: {len(part.index)} images of {source}", flush=True)
        arrays.write(out, part.index, inference.outputs(backbone, part))


if __name__ == "__main__":
    run(main)
