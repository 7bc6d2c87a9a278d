import io
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from brain_mri.dataset.candidates import fingerprint
from brain_mri.dataset.descriptions import Features
from brain_mri.dataset.duplicates import (
    MIN_CORRELATION,
    MIN_FINE,
    component_labels,
    correlation,
    duplicate_pairs,
    match,
)
from brain_mri.phantoms import phantom_file, source_index

Grey = npt.NDArray[np.uint8]


def head(seed: int) -> Grey:
    """Draw a bright ellipse full of blobs of its own in a black frame."""
    rng = np.random.default_rng(seed)
    blobs = sum(
        cv2.resize(rng.random((n, n)), (256, 256), interpolation=cv2.INTER_CUBIC)
        for n in (8, 16, 32)
    )
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    inside = (x / 0.7) ** 2 + (y / 0.85) ** 2 < 1
    return np.where(inside, 40 + np.clip(blobs, 0, 3) * 60, 0).astype(np.uint8)


def jpeg(grey: Grey) -> Grey:
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, format="JPEG", quality=60)
    return np.asarray(Image.open(buffer))


def turned(grey: Grey, degrees: float) -> Grey:
    turn = cv2.getRotationMatrix2D((127.5, 127.5), degrees, 1)
    return cv2.warpAffine(grey, turn, (256, 256)).astype(np.uint8)


COPIES: dict[str, Callable[[Grey], Any]] = {
    "re-encoded": jpeg,
    "enlarged": lambda grey: cv2.resize(grey, (630, 630)),
    "shrunk": lambda grey: cv2.resize(grey, (170, 170), interpolation=cv2.INTER_AREA),
    "re-cropped": lambda grey: grey[14:246, 34:224],
    "white frame": lambda grey: np.pad(grey, ((0, 0), (60, 60)), constant_values=255),
    "brighter": lambda grey: np.clip(grey * 1.2 + 5, 0, 255).astype(np.uint8),
    "mirrored": lambda grey: grey[:, ::-1],
    "upside down": lambda grey: grey[::-1],
    "turned by 90 degrees": np.rot90,
    "turned by 15 degrees": lambda grey: turned(grey, 15),
    "cropped": lambda grey: grey[30:226, 30:226],
    "shifted": lambda grey: np.pad(grey, ((26, 0), (26, 0)))[:256, :256],
    "quarter size": lambda grey: cv2.resize(
        grey, (64, 64), interpolation=cv2.INTER_AREA
    ),
    "stretched": lambda grey: cv2.resize(grey, (282, 256)),
    "equalised": cv2.equalizeHist,
    "blurred": lambda grey: cv2.GaussianBlur(grey, (0, 0), 2),
    "negative": lambda grey: 255 - grey,
    "negative and mirrored": lambda grey: 255 - grey[:, ::-1],
    "mirrored and cropped": lambda grey: grey[20:236, 236:20:-1],
    "blurred and mirrored": lambda grey: cv2.GaussianBlur(grey, (0, 0), 2)[:, ::-1],
    "turned and saved as JPEG": lambda grey: jpeg(turned(grey, 10)),
}


def find(images: Sequence[Grey]) -> list[tuple[int, ...]]:
    images = [np.ascontiguousarray(image) for image in images]
    pairs = duplicate_pairs(
        [str(hash((image.shape, image.tobytes()))) for image in images],
        np.stack([fingerprint(image) for image in images]),
        lambda i: images[i],
    )
    return [tuple(pair) for pair in pairs.tolist()]


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_found_and_another_picture_is_not(kind: str) -> None:
    assert find([head(0), head(1), COPIES[kind](head(0))]) == [(0, 2)]


def test_different_heads_share_no_transform_even_if_all_are_compared() -> None:
    images = [head(seed) for seed in range(6)]
    # One fingerprint for all makes every pair a candidate.
    same = np.zeros((6, 2), np.uint64)
    pairs = duplicate_pairs(list("abcdef"), same, lambda i: images[i])
    assert pairs.shape == (0, 2)


def test_retakes_of_phantoms_are_joined_and_different_heads_are_not() -> None:
    def phantom(index: int) -> Grey:
        content = phantom_file(index, positives=0.5, seed=3)[1]
        return np.asarray(Image.open(io.BytesIO(content)).convert("L"))

    source = [source_index(index, positives=0.5, seed=3) for index in range(24)]
    pairs = combinations(range(24), 2)
    expected = [(i, j) for i, j in pairs if source[i] == source[j]]
    assert expected
    assert find([phantom(index) for index in range(24)]) == expected


def test_many_points_near_one_are_no_match() -> None:
    rng = np.random.default_rng(0)
    descriptors = rng.integers(0, 120, (100, 128)).astype(np.uint8)
    one = np.clip(descriptors[0] + rng.integers(0, 3, (100, 128)), 0, 255)
    points = rng.random((100, 2)).astype(np.float32) * 300
    crowd = Features(points, one.astype(np.uint8), 300)
    assert match(crowd, Features(points, descriptors, 300))[0] == 0


def test_inliers_count_a_similarity_and_not_a_scramble() -> None:
    rng = np.random.default_rng(0)
    points = (rng.random((100, 2)) * 300).astype(np.float32)
    descriptors = rng.integers(0, 200, (100, 128)).astype(np.uint8)
    turn = np.array([[0.0, -0.5], [0.5, 0.0]], np.float32)
    here = Features(points, descriptors, 300)
    count, found = match(here, Features(points @ turn + 20, descriptors, 300))
    assert count == 100
    np.testing.assert_allclose(found[:, :2], turn.T, atol=1e-3)
    np.testing.assert_allclose(found[:, 2], 20, atol=0.1)
    scrambled = points[rng.permutation(100)]
    assert match(here, Features(scrambled, descriptors, 300))[0] < MIN_FINE


def test_correlation_sees_details_where_two_pictures_overlap() -> None:
    small = cv2.resize(head(0), (100, 100), interpolation=cv2.INTER_AREA)
    stay = np.eye(2, 3)
    assert correlation(small, small, stay) == pytest.approx(1)
    assert correlation(255 - small, small, stay) == pytest.approx(-1)
    assert correlation((small // 2 + 90).astype(np.uint8), small, stay) > 0.98
    other = cv2.resize(head(1), (100, 100), interpolation=cv2.INTER_AREA)
    assert correlation(other, small, stay) < min(MIN_CORRELATION.values())
    moved = np.array([[1.0, 0, 20], [0, 1, 10]])
    assert correlation(small[10:, 20:], small, moved) > 0.98
    assert correlation(small, small, np.array([[1.0, 0, 80], [0, 1, 0]])) == 0
    assert correlation(np.zeros_like(small), small, stay) == 0


def test_identical_pixels_are_pairs_without_being_read() -> None:
    def load(_: int) -> Grey:
        pytest.fail("read although all pixels are the same")

    pairs = duplicate_pairs(["a"] * 3, np.zeros((3, 2), np.uint64), load)
    assert pairs.tolist() == [[0, 1], [0, 2], [1, 2]]


def test_each_image_is_read_once_and_copies_of_it_never() -> None:
    images = [head(0), jpeg(head(0)), head(0), COPIES["brighter"](head(0))]
    read: list[int] = []

    def load(i: int) -> Grey:
        read.append(i)
        return images[i]

    prints = np.stack([fingerprint(image) for image in images])
    pairs = duplicate_pairs(["a", "b", "a", "c"], prints, load)
    assert sorted(read) == [0, 1, 3]
    assert len(pairs) == 6


def test_pairs_are_the_same_on_every_run() -> None:
    images = [head(seed // 2) for seed in range(8)]
    images = [jpeg(image) if i % 2 else image for i, image in enumerate(images)]
    assert find(images) == find(images) == [(0, 1), (2, 3), (4, 5), (6, 7)]


@pytest.mark.parametrize("n", [0, 1])
def test_no_pair_in_less_than_two_images(n: int) -> None:
    prints = np.zeros((n, 2), np.uint64)
    pairs = duplicate_pairs(["a"] * n, prints, lambda i: head(i))
    assert pairs.shape == (0, 2)
    assert len(component_labels(n, pairs)) == n


def test_groups_are_transitive() -> None:
    labels = component_labels(6, np.array([[0, 4], [1, 2], [4, 5]]))
    assert labels[0] == labels[4] == labels[5]
    assert labels[1] == labels[2]
    assert len(set(labels.tolist())) == 3
