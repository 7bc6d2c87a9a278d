"""False colours and negatives, on phantoms; the public set is only measured."""

import io
from functools import cache

import cv2
import damaged
import matplotlib
import numpy as np
import pytest
from PIL import Image

from brain_mri.collection.listing import list_files
from brain_mri.imaging.decoding import decode
from brain_mri.imaging.oddities import has_bright_background, is_coloured
from brain_mri.phantoms import phantom_file

PHANTOMS = [*range(8), *range(9, 12)]  # the ninth has a white frame


@cache
def phantom(index):
    _, content = phantom_file(index, positives=0.5, seed=5)
    return np.asarray(Image.open(io.BytesIO(content)).convert("L"))


def painted(grey, name):
    return np.round(matplotlib.colormaps[name](grey)[..., :3] * 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["jet", "turbo", "hot", "viridis", "inferno", "hsv"])
def test_a_colour_map_is_found_in_any_file(tmp_path, name):
    for index in PHANTOMS:
        rgb = painted(phantom(index), name)
        assert is_coloured(rgb)
        assert is_coloured(rgb.astype(np.uint16) * 16)
    deep = rgb.astype(np.uint16) * 16
    image = Image.fromarray(rgb)
    for content in (
        damaged.encoded(image, "JPEG"),
        damaged.encoded(image.quantize(), "PNG"),
        damaged.encoded(image.convert("RGBA"), "PNG"),
        damaged.dicom(rgb, "RGB"),
        damaged.dicom(deep, "RGB", BitsStored=12, HighBit=11),
        cv2.imencode(".png", deep)[1].tobytes(),
    ):
        (tmp_path / "a").write_bytes(content)
        assert decode(tmp_path / "a").coloured


@pytest.mark.parametrize("tint", [(1, 1, 1), (1, 0.93, 0.86), (0.85, 1, 1)])
def test_grey_and_a_slight_tint_are_not_false_colours(tmp_path, tint):
    for index in PHANTOMS:
        rgb = np.round(phantom(index)[..., None] * tint).astype(np.uint8)
        rgb[:9, :30] = (255, 0, 0)  # a label
        (tmp_path / "a").write_bytes(damaged.encoded(Image.fromarray(rgb), "JPEG"))
        assert not decode(tmp_path / "a").coloured


def test_black_has_no_colour():
    assert not is_coloured(np.zeros((16, 16, 3), np.uint8))


@pytest.mark.parametrize("width", [0, 9])
def test_a_negative_is_found_within_a_frame_too(width):
    for index in PHANTOMS:
        grey = np.pad(phantom(index), 3)
        framed = np.pad(255 - grey, width, constant_values=255)
        assert has_bright_background(framed)
        assert not has_bright_background(np.pad(grey, width, constant_values=255))


@pytest.mark.parametrize("margin", [0.7, 1.0])
def test_a_negative_without_noise_is_found(margin):
    """Its background is as uniform as a frame, and peeled up to the head."""
    y, x = np.mgrid[-1:1:200j, -1:1:160j] / margin
    head = np.where(np.hypot(x, y) < 1, 90 + 40 * x, 0).astype(np.uint8)
    assert has_bright_background(255 - head)
    assert not has_bright_background(head)


def test_the_drawn_phantoms_are_not_flagged(tmp_path):
    for index in range(0, 166, 2):
        _, content = phantom_file(index, positives=0.48, seed=1)
        (tmp_path / "a").write_bytes(content)
        decoded = decode(tmp_path / "a")
        assert not decoded.coloured
        assert not has_bright_background(decoded.grey)


@pytest.mark.parametrize("shape", [(16, 16), (16, 3000), (700, 20)])
def test_any_shape_is_measured(shape):
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert not has_bright_background(noise)


def test_one_of_the_public_set_lies_on_a_bright_page(public_set):
    files = list_files(public_set)
    decoded = {file: decode(public_set / file) for file in files}
    assert not any(one.coloured for one in decoded.values())
    bright = [f for f, one in decoded.items() if has_bright_background(one.grey)]
    assert bright == ["yes/Y89.JPG"]
    negatives = sum(has_bright_background(255 - one.grey) for one in decoded.values())
    assert negatives >= 0.95 * len(files)
