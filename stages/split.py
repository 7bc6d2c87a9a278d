"""split: assign every patient to one part, and show that none is shared."""

from itertools import chain
from pathlib import Path

import numpy as np
from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import given, splitting
from brain_mri.files import arrays, png, tables, values
from brain_mri.files.names import LEAKED, PARTS
from brain_mri.files.predictions import INDEX


def main(
    manifest: Path,
    crops: Path,
    cropped: Path,
    parts: Path,
    out: Path,
    summary: Path,
    *,
    params: Params,
) -> None:
    split, counts = splitting.split(
        tables.read_csv(manifest),
        tables.read_csv(crops),
        test_size=params.split.test_size,
        val_size=params.split.val_size,
        seed=params.seed,
    )
    side = params.image_size
    nothing = np.empty((0, side, side), np.uint8)  # a part may hold no image
    for part in (*PARTS, LEAKED):
        rows = given.members(split, part)
        images = (png.read_png(cropped / file)[None] for file in rows["file"])
        arrays.write(parts / part, rows[[*INDEX]], chain([nothing], images))
    tables.write_csv(out, split[[*INDEX, "part"]])
    values.write(summary, counts)
    for line in splitting.told(counts):
        print(f"split: {line}")


if __name__ == "__main__":
    run(main)
