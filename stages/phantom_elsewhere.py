"""phantom_elsewhere: draw phantoms as another hospital might take them."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.phantoms_elsewhere import IMAGES, write_elsewhere


def main(out: Path, *, params: Params) -> None:
    write_elsewhere(out)
    print(f"phantom_elsewhere: {IMAGES} images in {out}")


if __name__ == "__main__":
    run(main)
