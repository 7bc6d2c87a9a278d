"""augment: vary the training images, and only those."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.files import arrays
from brain_mri.imaging import augmentation


def main(train: Path, out: Path, *, params: Params) -> None:
    originals, copies = arrays.read(train), params.augment.copies
    index = augmentation.variants(originals.index, copies)
    ids = originals.index["image_id"].tolist()
    chunks = augmentation.augment(
        originals.values, ids, copies, params.augment, params.seed
    )
    arrays.write(out, index, chunks)
    print(f"augment: {len(originals.index)} images became {len(index)}")


if __name__ == "__main__":
    run(main)
