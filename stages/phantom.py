"""phantom: draw the embedded data set, brain-like slices with and without a tumour."""

from pathlib import Path
from typing import Annotated

from _stage import run
from annotated_types import Ge, Le
from tqdm import tqdm

from brain_mri.params import Seed
from brain_mri.phantoms import write_phantoms


def main(
    out: Path,
    *,
    images: Annotated[int, Ge(10), Le(100_000)],
    positives: Annotated[float, Ge(0.1), Le(0.9)],
    generator_seed: Seed,
) -> None:
    with tqdm(total=images, desc="phantom", leave=False, disable=None) as bar:
        write_phantoms(
            out,
            images=images,
            positives=positives,
            seed=generator_seed,
            progress=lambda written: bar.update(written - bar.n),
        )
    print(f"phantom: {images} images in {out}")


if __name__ == "__main__":
    run(main, "phantom")
