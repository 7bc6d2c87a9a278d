"""phantom: draw the embedded data set, brain-like slices with and without a tumour."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.phantoms import write_phantoms


def main(out: Path, *, params: Params) -> None:
    wanted = params.phantom
    write_phantoms(
        out,
        images=wanted.images,
        positives=wanted.positives,
        seed=wanted.generator_seed,
    )
    print(f"phantom: {wanted.images} images in {out}")


if __name__ == "__main__":
    run(main)
