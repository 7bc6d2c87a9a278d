"""vgg_weights: get the convolutions of VGG-16, ImageNet's or random ones by seed."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.files import vectors
from brain_mri.networks import vgg16_weights


def main(out: Path, *, params: Params) -> None:
    wanted = params.vgg.weights
    if wanted == "imagenet":
        vector, source = vgg16_weights.imagenet()
    else:
        vector, source = vgg16_weights.random(params.seed), f"seed {params.seed}"
    vectors.write(out, vector)
    print(f"vgg_weights: {wanted}, {len(vector):,} parameters from {source}")


if __name__ == "__main__":
    run(main)
