"""Join scans side by side into small PNG strips, for the cards of the report."""

import base64
import io
from collections.abc import Sequence

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image

from brain_mri.imaging.cropping import Box
from brain_mri.imaging.resizing import resize

TILE = 128  # px per side of each picture in a strip
GAP = 4  # px between the pictures
BETWEEN = 128  # grey level between and beside pictures: neither white nor black glares
BOX_COLOUR = (0, 158, 115)  # Okabe & Ito's bluish green
COLOURS = 96  # palette of a colour strip: a third of the bytes, no visible loss
# Brightness rises from black to yellow, so the map is readable in grey too.
HEAT = (matplotlib.colormaps["inferno"](np.arange(256))[:, :3] * 255).astype(np.uint8)

Grey = npt.NDArray[np.uint8]
Rgb = npt.NDArray[np.uint8]


def strip(tiles: Sequence[npt.NDArray[np.uint8]]) -> str:
    """Join tiles, grey or RGB, TILE px per side, into one PNG as a data URI."""
    return data_uri(png(tiles))


def png(tiles: Sequence[npt.NDArray[np.uint8]], side: int = TILE) -> bytes:
    """Join tiles, grey or RGB, `side` px per side, into one PNG."""
    grey = all(tile.ndim == 2 for tile in tiles)
    gap = np.full((side, GAP) if grey else (side, GAP, 3), BETWEEN, np.uint8)
    parts: list[npt.NDArray[np.uint8]] = []
    for tile in tiles:
        parts += [gap, tile if grey or tile.ndim == 3 else _rgb(tile)]
    image = Image.fromarray(np.hstack(parts[1:]))
    if not grey:
        image = image.quantize(COLOURS, dither=Image.Dither.NONE)
    content = io.BytesIO()
    image.save(content, format="PNG", optimize=True)
    return content.getvalue()


def data_uri(content: bytes) -> str:
    """Return a PNG as a data URI, which embeds it in the page."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def tile(image: Grey, side: int = TILE) -> Grey:
    """Resize a square image to `side` px per side."""
    return resize(image, side, side)


def framed(image: Grey, box: Box, side: int = TILE) -> Rgb:
    """Fit a whole image of any shape into a tile, and draw its crop box."""
    height, width = image.shape
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = _rgb(resize(image, *size))
    corners = [round(edge * scale) for edge in (box.x0, box.y0, box.x1, box.y1)]
    x0, y0 = corners[0], corners[1]
    x1, y1 = min(corners[2], size[0]) - 1, min(corners[3], size[1]) - 1
    cv2.rectangle(small, (x0, y0), (x1, y1), BOX_COLOUR, 1)
    out = np.full((side, side, 3), BETWEEN, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    out[top : top + size[1], left : left + size[0]] = small
    return out


def heated(image: Grey, heat: Grey, side: int = TILE) -> Rgb:
    """Overlay a heat map, 0-255, on an image; a heat of 0 changes nothing."""
    hot = resize(heat, side, side)
    share = (0.65 * hot / 255)[..., np.newaxis]
    mixed = _rgb(tile(image, side)) * (1 - share) + HEAT[hot] * share
    return np.round(mixed).astype(np.uint8)


def _rgb(grey: Grey) -> Rgb:
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)
