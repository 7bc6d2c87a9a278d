"""external_crop: crop another collection as the training images, and pack it."""

from pathlib import Path

import numpy as np
from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import crops, splitting
from brain_mri.files import arrays, png, tables
from brain_mri.files.predictions import INDEX


def main(
    manifest: Path, cropped: Path, out: Path, packed: Path, *, params: Params
) -> None:
    audited = tables.read_csv(manifest)
    folder = Path(params.external.dataset)
    table = crops.crop_all(folder, audited, cropped, params.image_size)
    tables.write_csv(out, table)
    images = splitting.labelled(audited, table)
    chunks = (png.read_png(cropped / file)[np.newaxis] for file in images["file"])
    arrays.write(packed, images[[*INDEX]], chunks)
    print(f"external_crop: {len(images)} images")


if __name__ == "__main__":
    run(main)
