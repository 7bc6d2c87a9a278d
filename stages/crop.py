"""crop: cut every image to the whole head and stretch it to one size."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import crops
from brain_mri.files import tables, values


def main(
    manifest: Path, cropped: Path, out: Path, summary: Path, *, params: Params
) -> None:
    audited = tables.read_csv(manifest)
    table = crops.crop_all(Path(params.dataset), audited, cropped, params.image_size)
    tables.write_csv(out, table)
    counts = crops.summary(table)
    values.write(summary, counts)
    print(
        f"crop: {len(table)} images, {counts['flagged']} flagged for a look in {out}; "
        f"enlarged, by class: {counts['enlarged_share']}"
    )
    for told in crops.common_flags(table):
        print(f"crop: half of a class or more: {told}")
    for row in crops.unlike_the_others(table).itertuples():
        print(f"crop: unlike the others: {row.file}")


if __name__ == "__main__":
    run(main)
