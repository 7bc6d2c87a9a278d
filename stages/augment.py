"""augment: vary the training images, and only those."""

from pathlib import Path

from _stage import run

from brain_mri.files import arrays
from brain_mri.params import NonNegative, Seed, Share


def main(
    train: Path,
    out: Path,
    *,
    copies: NonNegative,
    rotation: Share,
    zoom: Share,
    widening: Share,
    contrast: Share,
    brightness: Share,
    seed: Seed,
    threads: NonNegative,
) -> None:
    from brain_mri.imaging import augmentation  # loads TensorFlow
    from brain_mri.networks import training  # loads TensorFlow

    training.prepare(seed, threads=threads)
    originals = arrays.read(train)
    model = augmentation.augmenter(
        rotation=rotation,
        zoom=zoom,
        widening=widening,
        contrast=contrast,
        brightness=brightness,
        seed=seed,
    )
    index = augmentation.variants(originals.index, copies)
    arrays.write(out, index, augmentation.augment(originals.values, copies, model))
    print(f"augment: {len(originals.index)} images became {len(index)}")


if __name__ == "__main__":
    run(main, "augment")
