from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from brain_mri.collection.listing import list_files
from brain_mri.imaging.cropping import Box, crop_to_square, head_box, iou
from brain_mri.imaging.decoding import decode

Grey = npt.NDArray[np.uint8]


def edges(box: Box) -> tuple[int, int, int, int]:
    return box.x0, box.y0, box.x1, box.y1


def rectangle(x0: int, y0: int, x1: int, y1: int, level: int = 120) -> Grey:
    """Draw a bright rectangle in a black 256 x 256 frame."""
    grey = np.zeros((256, 256), np.uint8)
    grey[y0:y1, x0:x1] = level
    return grey


def test_box_is_the_rectangle_and_its_margin() -> None:
    box = head_box(rectangle(60, 40, 160, 240))  # margins 2 and 4 px
    assert edges(box) == (58, 36, 162, 244)
    assert box.flags == ()
    assert box.agreement == 1.0


@pytest.mark.parametrize("corner", [(30, 20), (110, 20), (30, 100), (110, 100)])
def test_an_off_centre_head_is_followed(corner: tuple[int, int]) -> None:
    x, y = corner
    box = head_box(rectangle(x, y, x + 100, y + 100))
    assert edges(box) == (x - 2, y - 2, x + 102, y + 102)


@pytest.mark.parametrize("factor", [2, 3])
def test_box_scales_with_the_image(factor: int) -> None:
    small = head_box(rectangle(60, 40, 160, 240))
    large = head_box(rectangle(60, 40, 160, 240).repeat(factor, 0).repeat(factor, 1))
    assert edges(large) == tuple(factor * edge for edge in edges(small))


def test_a_white_frame_is_peeled() -> None:
    framed = np.pad(
        rectangle(60, 40, 160, 240), ((7, 5), (20, 30)), constant_values=255
    )
    box = head_box(framed)
    assert edges(box) == (78, 43, 182, 251)
    assert box.flags == ("frame peeled",)


def test_a_head_at_the_edge_is_clipped_and_not_flagged() -> None:
    box = head_box(rectangle(0, 50, 120, 256))
    assert edges(box) == (0, 45, 123, 256)
    assert box.flags == ()


@pytest.mark.parametrize(
    "grey",
    [
        rectangle(0, 0, 0, 0) + 1,
        rectangle(100, 100, 140, 140),  # 2 % of the area
        rectangle(10, 100, 250, 130),  # a bar: high enough in area, too flat
    ],
)
def test_nothing_found_keeps_the_frame(grey: Grey) -> None:
    box = head_box(grey)
    assert edges(box) == (0, 0, 256, 256)
    assert "frame kept" in box.flags


def test_nothing_found_in_a_frame_keeps_what_is_inside() -> None:
    framed = np.pad(np.zeros((200, 200), np.uint8), 30, constant_values=250)
    framed[100, 100] = 90
    box = head_box(framed)
    assert edges(box) == (30, 30, 230, 230)
    assert box.flags == ("frame peeled", "frame kept")


def test_a_dark_scalp_round_a_bright_brain_is_kept() -> None:
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    radius = np.hypot(x, y)
    grey = np.zeros((256, 256), np.uint8)
    grey[radius < 0.60] = 140
    grey[(radius > 0.64) & (radius < 0.68)] = 35  # below 45, 5 px from the brain
    box = head_box(grey)
    assert max(box.x0, box.y0) <= 41  # 0.68 of the half side is column 41
    assert min(box.x1, box.y1) >= 215
    assert box.flags == ("thresholds disagree",)
    assert box.agreement < 0.8


def test_letters_do_not_widen_the_box() -> None:
    grey = rectangle(60, 60, 200, 200)
    grey[10:30:6, 5:40] = 255  # strokes of 1 px
    assert edges(head_box(grey)) == (57, 57, 203, 203)


def test_a_grey_background_is_no_head() -> None:
    grey = rectangle(60, 60, 200, 200)
    grey[grey == 0] = 40
    assert edges(head_box(grey)) == (57, 57, 203, 203)


@pytest.mark.parametrize("shape", [(16, 16), (16, 3000), (1427, 1920)])
def test_any_shape_gives_a_box_inside_the_image(shape: tuple[int, int]) -> None:
    grey = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    box = head_box(grey)
    assert 0 <= box.x0 < box.x1 <= shape[1]
    assert 0 <= box.y0 < box.y1 <= shape[0]


def test_iou() -> None:
    box = Box(0, 0, 4, 4)
    assert iou(box, box) == 1.0
    assert iou(box, Box(2, 0, 6, 4)) == pytest.approx(8 / 24)
    assert iou(box, Box(4, 4, 8, 8)) == 0.0


def test_crop_to_square_averages_areas() -> None:
    grey = np.zeros((10, 12), np.uint8)
    grey[2:6, 4:8] = [[10, 20, 0, 0]] * 2 + [[30, 40, 8, 8]] * 2
    square = crop_to_square(grey, Box(4, 2, 8, 6), 2)
    assert square.tolist() == [[15, 0], [35, 8]]
    assert square.dtype == np.uint8


def test_crop_to_square_stretches_both_sides() -> None:
    grey = np.tile(np.repeat(np.array([0, 200], np.uint8), 30), (20, 1))
    square = crop_to_square(grey, Box(0, 0, 60, 20), 40)
    assert square.shape == (40, 40)
    assert (square[:, :19] == 0).all()
    assert (square[:, 21:] == 200).all()


def test_public_set_keeps_the_heads(public_set: Path) -> None:
    boxes = {}
    for file in list_files(public_set):
        grey = decode(public_set / file).grey
        boxes[file] = (head_box(grey), grey.size)
    assert len(boxes) == 253
    kept = pd.Series({file: box.area / size for file, (box, size) in boxes.items()})
    # The files that the extreme-point crop cuts gravely: the brain spans these shares.
    assert kept[["no/N22.JPG", "yes/Y259.JPG", "yes/Y244.JPG"]].min() > 0.75
    assert kept.min() > 0.2
    assert not any("frame kept" in box.flags for box, _ in boxes.values())
    by_class = kept.groupby(lambda file: file.partition("/")[0]).median()
    assert by_class["no"] == pytest.approx(0.74, abs=0.02)
    assert by_class["yes"] == pytest.approx(0.95, abs=0.02)
