"""augment: vary the training images, and only those."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.files import arrays


def main(train: Path, out: Path, *, params: Params) -> None:
    from brain_mri.imaging import augmentation  # loads TensorFlow
    from brain_mri.networks import backend

    backend.prepare(params.seed, threads=params.threads)
    originals = arrays.read(train)
    how = params.augment
    model = augmentation.augmenter(
        rotation=how.rotation,
        zoom=how.zoom,
        widening=how.widening,
        contrast=how.contrast,
        brightness=how.brightness,
        seed=params.seed,
    )
    index = augmentation.variants(originals.index, how.copies)
    chunks = augmentation.augment(originals.values, how.copies, model)
    arrays.write(out, index, chunks)
    print(f"augment: {len(originals.index)} images became {len(index)}")


if __name__ == "__main__":
    run(main)
