import base64
import io

import numpy as np
from PIL import Image

from brain_mri.imaging import resizing
from brain_mri.imaging.cropping import Box
from brain_mri.presentation import pictures

GREY = np.tile(np.arange(256, dtype=np.uint8), (256, 1))


def decoded(uri):
    head, content = uri.split(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_grey_strip_keeps_every_pixel():
    tile = pictures.tile(GREY)
    image = decoded(pictures.strip([tile, tile]))
    assert image.mode == "L"
    assert image.size == (2 * pictures.TILE + pictures.GAP, pictures.TILE)
    kept = np.asarray(image)
    assert (kept[:, : pictures.TILE] == tile).all()
    assert (kept[:, pictures.TILE : -pictures.TILE] == pictures.BETWEEN).all()


def test_a_strip_with_colour_is_small_and_the_same_each_time():
    tile = pictures.tile(GREY)
    hot = pictures.heated(GREY, np.full((4, 4), 255, np.uint8))
    strip = pictures.strip([tile, hot])
    assert strip == pictures.strip([tile, hot])
    image = decoded(strip)
    assert image.mode == "P"
    # a hue may be rounded, by little
    kept = np.asarray(image.convert("RGB")).astype(int)[:, : pictures.TILE]
    assert np.abs(kept - tile[..., None]).max() <= 8


def test_small_images_are_enlarged_as_the_crops_are():
    small = np.array([[0, 255], [255, 0]], np.uint8)
    side = pictures.TILE
    assert (pictures.tile(small) == resizing.resize(small, side, side)).all()


def test_the_box_lies_where_it_was_cut():
    image = np.zeros((100, 200), np.uint8)
    out = pictures.framed(image, Box(50, 25, 150, 75))
    green = (out == pictures.BOX_COLOUR).all(axis=-1)
    rows, columns = np.nonzero(green)
    scale = pictures.TILE / 200
    top = (pictures.TILE - 64) // 2
    assert (rows.min(), columns.min()) == (top + 16, round(50 * scale))
    assert (rows.max(), columns.max()) == (top + 47, round(150 * scale) - 1)
    assert (out[0, 0] == pictures.BETWEEN).all()  # beside the image


def test_no_heat_leaves_the_image_as_it_is():
    out = pictures.heated(GREY, np.zeros((8, 8), np.uint8))
    assert (out == pictures.tile(GREY)[..., None]).all()


def test_heat_brightens_in_grey_too():
    black = np.zeros((pictures.TILE, pictures.TILE), np.uint8)
    levels = [
        float(pictures.heated(black, np.full((2, 2), heat, np.uint8)).mean())
        for heat in (0, 60, 120, 180, 255)
    ]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]
