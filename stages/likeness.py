"""likeness: describe the training images, to notice images unlike them later."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import likeness
from brain_mri.files import arrays, tables


def main(train: Path, crops: Path, out: Path, *, params: Params) -> None:
    reference = likeness.reference(arrays.read(train), tables.read_csv(crops))
    arrays.write(out, reference.index, [reference.values])
    print(f"likeness: {len(reference.index)} training images described")


if __name__ == "__main__":
    run(main)
