"""List, decode and write the image files."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from brain_mri.errors import InputError, writing

CLASSES = ("no", "yes")

# Named one by one: Pillow would also run Ghostscript on a file that says it is EPS.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

MIN_SIDE = 16  # px; below it no head can be told from noise

# 16 and 32 bits a pixel: nothing says which range is in use, so it is measured.
DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


class ImageError(InputError):
    """Raise for a file that is no usable image; the text is the reason in words."""


@dataclass(frozen=True)
class Decoded:
    """Hold one image: `grey` (height, width) in [0, 255], and what the file was."""

    grey: npt.NDArray[np.uint8]
    format: str
    mode: str


def list_files(folder: Path) -> list[str]:
    """List all that is no folder below `folder`: relative POSIX paths, sorted.

    Links and other odd entries are listed too, so that they are rejected by name
    instead of missed.

    Raises:
        InputError: `folder`, or its `no` or `yes`, is no folder; or a name is not
            UTF-8 and so cannot stand in a table.
    """
    for needed in (folder, *(folder / name for name in CLASSES)):
        if not needed.is_dir():
            raise InputError(
                f"{needed}: expected a folder, found none; put the images without "
                f"a tumour in {folder / 'no'} and those with one in {folder / 'yes'}"
            )
    paths = (p for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())
    files = sorted(path.relative_to(folder).as_posix() for path in paths)
    for file in files:
        # Python stands in for bytes that are no UTF-8 with code points of their own.
        if any("\ud800" <= letter <= "\udfff" for letter in file):
            raise InputError(
                f"{folder}: expected file names in UTF-8, found {ascii(file)}; "
                "rename the file"
            )
    return files


def decode(path: Path) -> Decoded:
    """Decode one file by its content to grey levels; its suffix is not looked at.

    The EXIF orientation is applied, the first frame of an animation taken, alpha
    composited over black. Colour becomes ITU-R 601 luma, as in Pillow's "L". Pixels
    of more than 8 bits are scaled linearly from their own minimum..maximum to 0..255.

    Raises:
        ImageError: The file is empty, damaged, no image, larger than Pillow's
            `MAX_IMAGE_PIXELS`, under 16 px on a side, or of one flat grey level.
    """
    if not path.is_file():
        raise ImageError("not a regular file")
    if path.stat().st_size == 0:
        raise ImageError("empty file")
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_size(*image.size)
            grey = _to_grey(ImageOps.exif_transpose(image))
            form, mode = image.format or "", image.mode
    except UnidentifiedImageError:
        raise ImageError(f"not an image ({', '.join(FORMATS)})") from None
    except Image.DecompressionBombError:
        raise ImageError(_too_large()) from None
    except ImageError:
        raise
    # What Pillow raises for damaged files, by format.
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"damaged image: {' '.join(words.split())}") from None
    if grey.min() == grey.max():
        raise ImageError(f"one flat grey level ({grey.min()})")
    return Decoded(grey, form, mode)


def write_png(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write `image`, (height, width) or (height, width, 3) RGB, as a lossless PNG.

    Same pixels, same bytes. The file appears under its name only when it is whole.
    """
    part = path.with_name(f"{path.name}.part")
    with writing(part):
        Image.fromarray(image).save(part, format="PNG")
        os.replace(part, path)


def _too_large() -> str:
    return f"more than {Image.MAX_IMAGE_PIXELS} pixels"


def _check_size(width: int, height: int) -> None:
    """Check the size in the header, before any pixel is decoded."""
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{width} x {height} px, a side under {MIN_SIDE} px")
    # Pillow only warns up to twice its limit.
    if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
        raise ImageError(_too_large())


def _to_grey(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode in DEEP_MODES:
        return _stretch(np.asarray(image, np.float64))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, rgba)
    # By way of RGB, as Pillow has no direct path from CMYK or a palette with alpha.
    return np.asarray(image.convert("RGB").convert("L"))


def _stretch(deep: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    if not np.isfinite(deep).all():
        raise ImageError("pixels that are not finite numbers")
    low, high = deep.min(), deep.max()
    scale = 255.0 / (high - low) if high > low else 0.0
    return np.round((deep - low) * scale).astype(np.uint8)
