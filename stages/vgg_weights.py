"""vgg_weights: get the convolutions of VGG-16, ImageNet's or random ones by seed."""

from pathlib import Path
from typing import Literal

from _stage import run

from brain_mri.networks import convolutions
from brain_mri.networks import vgg16_weights as sources
from brain_mri.params import Seed


def main(out: Path, *, weights: Literal["imagenet", "random"], seed: Seed) -> None:
    if weights == "imagenet":
        vector, source = sources.imagenet()
    else:
        vector, source = sources.random(seed), f"seed {seed}"
    convolutions.write(vector, out)
    print(f"vgg_weights: {weights}, {len(vector):,} parameters from {source}")


if __name__ == "__main__":
    run(main, "vgg")
