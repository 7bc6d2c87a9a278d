"""crop: cut every image to the whole head and stretch it to one size."""

from pathlib import Path
from typing import Annotated

from _stage import run
from annotated_types import Ge, Le

from brain_mri import cropping, tables


def main(
    dataset: Path,
    manifest: Path,
    cropped: Path,
    table: Path,
    *,
    image_size: Annotated[int, Ge(32), Le(1024)],
) -> None:
    crops = cropping.crop_all(dataset, tables.read_csv(manifest), cropped, image_size)
    tables.write_csv(table, crops)
    flagged = int((crops["flags"] != "").sum())
    print(f"crop: {len(crops)} images, {flagged} flagged for a look in {table}")
    odd = crops[crops["flags"].str.contains("unlike the others")]
    for row in odd.sort_values("oddness", ascending=False).itertuples():
        print(f"crop: unlike the others: {row.file}")


if __name__ == "__main__":
    run(main)
