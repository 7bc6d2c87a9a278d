"""split: assign every patient to one part, and show that none is shared."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import freezing, splitting
from brain_mri.files import arrays, png, tables, values
from brain_mri.files.names import PARTS
from brain_mri.files.predictions import INDEX


def main(
    manifest: Path,
    crops: Path,
    cropped: Path,
    frozen_split: Path,
    parts: Path,
    out: Path,
    summary: Path,
    *,
    params: Params,
) -> None:
    frozen = freezing.read(frozen_split)
    split, counts = splitting.split(
        tables.read_csv(manifest),
        tables.read_csv(crops),
        frozen,
        test_size=params.split.test_size,
        val_size=params.split.val_size,
        seed=params.seed,
    )
    for part in PARTS:
        rows = split[split["part"] == part]
        images = (png.read_png(cropped / file)[None] for file in rows["file"])
        arrays.write(parts / part, rows[[*INDEX]], images)
    tables.write_csv(out, split[[*INDEX, "part"]])
    values.write(summary, counts)
    for line in splitting.told(counts):
        print(f"split: {line}")


if __name__ == "__main__":
    run(main)
