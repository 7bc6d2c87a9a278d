"""phantom: draw the embedded data set, brain-like slices with and without a tumour."""

from pathlib import Path

from _stage import run
from tqdm import tqdm

from brain_mri.config import Params
from brain_mri.phantoms import write_phantoms


def main(out: Path, *, params: Params) -> None:
    total = params.phantom.images
    with tqdm(total=total, desc="phantom", leave=False, disable=None) as bar:
        write_phantoms(
            out,
            images=total,
            positives=params.phantom.positives,
            seed=params.phantom.generator_seed,
            progress=lambda written: bar.update(written - bar.n),
        )
    print(f"phantom: {total} images in {out}")


if __name__ == "__main__":
    run(main)
