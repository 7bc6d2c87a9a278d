"""features: run the frozen convolutions once over each image and variant."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.files import arrays
from brain_mri.networks import memory


def main(weights: Path, views: Path, out: Path, *, params: Params) -> None:
    images, precision = arrays.read(views), params.precision
    size = images.values.shape[1]
    memory.check_features(len(images.index), size, precision)

    from brain_mri.networks import backend, inference, vgg16  # loads TensorFlow

    backend.prepare(seed=0, precision=precision, threads=params.threads)  # not random
    backbone = vgg16.backbone(size)
    vgg16.load_convolutions(backbone, weights)
    print(f"features: {len(images.index)} images of {views}", flush=True)
    arrays.write(out, images.index, inference.outputs(backbone, images))


if __name__ == "__main__":
    run(main)
