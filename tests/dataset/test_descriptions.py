from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from brain_mri.dataset.descriptions import (
    COARSE,
    FINE,
    Descriptions,
    Features,
    Size,
    describe,
    mirror,
    negate,
    unit,
    variant,
)
from brain_mri.imaging.resizing import longest_side

Grey = npt.NDArray[np.uint8]


def blobs(seed: int = 0) -> Grey:
    rng = np.random.default_rng(seed)
    coarse = rng.random((20, 16)) * 200 + 20
    grown = cv2.resize(coarse, (240, 300), interpolation=cv2.INTER_CUBIC)
    return np.clip(grown, 0, 255).astype(np.uint8)


def at_the_same_place(a: Features, b: Features) -> npt.NDArray[np.float64]:
    """Return for each point of `a` its best cosine to a point of `b` within 1 px."""
    apart = np.linalg.norm(a.points[:, None] - b.points[None], axis=2)
    cosine = unit(a.descriptors) @ unit(b.descriptors).T
    return np.where(apart < 1, cosine, 0).max(axis=1)


@pytest.mark.parametrize("size", [FINE, COARSE])
@pytest.mark.parametrize(
    ("mirrored", "negative", "change"),
    [
        (True, False, lambda grey: grey[:, ::-1]),
        (False, True, lambda grey: 255 - grey),
        (True, True, lambda grey: 255 - grey[:, ::-1]),
    ],
)
def test_a_variant_is_what_sift_finds_in_the_altered_picture(
    size: Size, mirrored: bool, negative: bool, change: Callable[[Grey], Grey]
) -> None:
    plain = describe(blobs(), size)
    found = describe(np.ascontiguousarray(change(blobs())), size)
    alike = at_the_same_place(variant(plain, mirrored, negative), found) > 0.95
    assert alike.mean() > 0.8
    assert (at_the_same_place(plain, found) > 0.95).mean() < 0.1


def test_each_variant_undoes_itself_and_both_commute() -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (5, 128), np.uint8)
    for change in (mirror, negate):
        assert not np.array_equal(change(drawn), drawn)
        np.testing.assert_array_equal(change(change(drawn)), drawn)
    np.testing.assert_array_equal(mirror(negate(drawn)), negate(mirror(drawn)))


def test_describe_bounds_size_and_takes_a_featureless_image() -> None:
    for size in (FINE, COARSE):
        features = describe(blobs(), size)
        assert features.points.shape == (len(features.descriptors), 2)
        assert 50 < len(features.points) <= size.points
        assert features.descriptors.dtype == np.uint8
        assert features.points.max() < size.side
        assert features.width == size.side * 0.8
    flat = np.zeros((16, 4000), np.uint8)
    flat[:, 2000:] = 1
    assert describe(flat).descriptors.shape == (0, 128)


def test_descriptions_give_back_what_describe_finds() -> None:
    pictures = [blobs(0), np.zeros((30, 30), np.uint8), blobs(1)]
    held = Descriptions(3, lambda i: pictures[i])
    for i, picture in enumerate(pictures):
        np.testing.assert_array_equal(held.picture(i), longest_side(picture, 100))
        for found, size in ((held.fine(i), FINE), (held.coarse(i), COARSE)):
            for mine, expected in zip(found, describe(picture, size), strict=True):
                np.testing.assert_array_equal(mine, expected)
