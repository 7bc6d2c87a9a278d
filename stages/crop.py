"""crop: cut every image to the whole head and stretch it to one size."""

from pathlib import Path
from typing import Annotated

from _stage import run
from annotated_types import Ge, Le, MinLen

from brain_mri.files import tables
from brain_mri.imaging import cropping


def main(
    manifest: Path,
    cropped: Path,
    table: Path,
    counts: Path,
    *,
    dataset: Annotated[str, MinLen(1)],
    image_size: Annotated[int, Ge(32), Le(1024)],
) -> None:
    audited = tables.read_csv(manifest)
    crops = cropping.crop_all(Path(dataset), audited, cropped, image_size)
    tables.write_csv(table, crops)
    counted = cropping.summary(crops)
    tables.write_json(counts, counted)
    print(
        f"crop: {len(crops)} images, {counted['flagged']} flagged for a look in "
        f"{table}; enlarged, by class: {counted['enlarged_share']}"
    )
    odd = crops[crops["flags"].str.contains("unlike the others")]
    for row in odd.sort_values("oddness", ascending=False).itertuples():
        print(f"crop: unlike the others: {row.file}")


if __name__ == "__main__":
    run(main)
