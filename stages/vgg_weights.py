"""vgg_weights: get the convolutions of VGG-16, from ImageNet or random by seed."""

from pathlib import Path
from typing import Literal

from _stage import run

from brain_mri.params import Seed
from brain_mri.weights import imagenet_file


def main(out: Path, *, weights: Literal["imagenet", "random"], seed: Seed) -> None:
    source = imagenet_file() if weights == "imagenet" else None

    from brain_mri import models, training  # loads TensorFlow

    training.prepare(seed)
    # 32 pixels are the least; convolutions have the same weights at every size
    convolutions = models.backbone(models.vgg16_classifier(32, dropout=0))
    if source:
        models.load_weights(convolutions, source)
    models.save_weights(convolutions, out)
    print(f"vgg_weights: {weights}, {convolutions.count_params():,} parameters")


if __name__ == "__main__":
    run(main, "vgg")
