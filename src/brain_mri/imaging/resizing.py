"""Resize images, with the same method in all stages."""

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Grey = npt.NDArray[np.uint8]


def resize(grey: Grey, width: int, height: int) -> Grey:
    """Resize an image, uint8 (rows, columns), to (height, width), each axis separately.

    A shrinking axis is averaged over areas, so that no pixel is skipped. A growing axis
    is interpolated by cubics (Keys 1981, doi:10.1109/TASSP.1981.1163711), because the
    area method would repeat pixels there and make small originals recognisable.
    """
    rows, columns = grey.shape
    smaller = cv2.resize(
        grey,
        (min(width, columns), min(height, rows)),
        interpolation=cv2.INTER_AREA,
    )
    # Pillow's cubics use integer arithmetic, which is the same on every processor
    larger = Image.fromarray(np.asarray(smaller, np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.asarray(larger)


def longest_side(grey: Grey, side: int) -> Grey:
    """Resize an image to `side` px on its longer side, keeping its proportions."""
    scale = side / max(grey.shape)
    height, width = (max(1, round(length * scale)) for length in grey.shape)
    return resize(grey, width, height)
