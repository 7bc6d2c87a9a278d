"""Read colour of 16 bits a sample, of which Pillow itself keeps the upper 8 bits.

Pillow decodes such a file twice: as it is, and as if the two bytes of each sample lay
in the other order, which gives the lower 8 bits.
"""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ImageFile

from brain_mri.imaging.decoded import apply_by_rows

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601
GREY_ALPHA = "LA;16B"  # of PNG
SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def raw_mode(image: ImageFile.ImageFile) -> str:
    """Return Pillow's name of the samples, like "RGB;16B", "" unless of 16 bits.

    Only RGB, RGBA and grey with alpha, in PNG and TIFF, count.
    """
    if image.format not in ("PNG", "TIFF") or image.mode not in ("RGB", "RGBA"):
        return ""
    args: Any = image.tile[0].args if image.tile else ""
    raw = args if isinstance(args, str) else args[0]
    return raw if ";16" in raw else ""


def with_raw_mode(tile: Any, raw: str) -> Any:
    """Return one of Pillow's tiles with another raw mode."""
    args = raw if isinstance(tile.args, str) else (raw, *tile.args[1:])
    return tile._replace(args=args)


def raw_modes(raw: str) -> list[str]:
    """Return the raw modes that give the two bytes of each sample, the upper first.

    A single one gives both: grey with alpha takes four bytes a pixel, like RGBA.
    """
    if raw == GREY_ALPHA:
        return ["RGBA"]
    raw = raw.replace("a;", "A;")  # else Pillow divides the colours by alpha
    return [raw, raw[:-1] + SWAPPED[raw[-1]]]


def samples(halves: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint16]:
    """Return the samples in full depth, uint16 (height, width, channels).

    Args:
        halves: what each of the `raw_modes` gives, uint8 (height, width, channels).
    """
    if len(halves) == 1:
        halves = [halves[0][..., ::2], halves[0][..., 1::2]]
    upper, lower = halves
    return np.asarray((upper.astype(np.uint16) << 8) | lower, np.uint16)


def luma(
    pixels: npt.NDArray[np.uint16],
    raw: str,
    transparent: tuple[int, ...] | None = None,
) -> npt.NDArray[np.uint16]:
    """Return ITU-R 601 luma over black, uint16 (height, width).

    Args:
        pixels: from `samples`.
        raw: from `raw_mode`; with a small `a`, colours are multiplied by alpha already.
        transparent: the one transparent colour of the image, if it has one.
    """
    weights = np.array(LUMA if pixels.shape[2] > 2 else (1.0,))
    colours = len(weights)

    def over_black(part: npt.NDArray[np.uint16]) -> npt.NDArray[np.float64]:
        grey: npt.NDArray[np.float64] = part[..., :colours] @ weights
        if pixels.shape[2] > colours and "a" not in raw:
            grey *= part[..., colours] / 65535
        if transparent:
            grey[(part[..., :colours] == transparent).all(axis=-1)] = 0
        return np.rint(grey)

    return apply_by_rows(over_black, pixels, np.uint16)
