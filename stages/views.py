"""views: pack every image and its variants, from which the folds take theirs."""

from pathlib import Path

import numpy as np
from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import splitting
from brain_mri.files import arrays, png, tables
from brain_mri.files.predictions import INDEX
from brain_mri.imaging import augmentation


def main(
    manifest: Path, crops: Path, cropped: Path, out: Path, *, params: Params
) -> None:
    images = splitting.labelled(tables.read_csv(manifest), tables.read_csv(crops))
    originals = np.stack([png.read_png(cropped / file) for file in images["file"]])
    ids, copies = images["image_id"].tolist(), params.augment.copies
    chunks = augmentation.augment(originals, ids, copies, params.augment, params.seed)
    index = augmentation.variants(images[[*INDEX]], copies)
    arrays.write(out, index, chunks)
    print(f"views: {len(images)} images became {len(index)}")


if __name__ == "__main__":
    run(main)
