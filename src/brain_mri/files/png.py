"""Write and read the project's own images: lossless PNG files."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from brain_mri.errors import InputError
from brain_mri.files.writing import writing


def write_png(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write `image`, (height, width) or (height, width, 3) RGB, as a lossless PNG.

    The same pixels give the same bytes. The file appears only when it is complete.

    Raises:
        InputError: writing failed; an older file of that name is kept.
    """
    with writing(path) as part:
        Image.fromarray(image).save(part, format="PNG")


def read_png(path: Path) -> npt.NDArray[np.uint8]:
    """Return the grey levels, (height, width), of an image that `write_png` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return np.asarray(image.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:
        fault = getattr(error, "strerror", None)  # set by the system, not by Pillow
        reason = f"cannot be read: {fault}" if fault else "damaged image"
        raise InputError(f"{path}: {reason}; `dvc repro` makes it again") from None
