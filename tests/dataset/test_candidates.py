import imagehash
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from brain_mri.dataset import candidates
from brain_mri.dataset.candidates import (
    NEAREST,
    VARIANTS,
    by_hash,
    by_words,
    fingerprint,
    nearest,
    strip,
    vocabulary,
)
from brain_mri.dataset.descriptions import Descriptions, mirror, negate, unit

Grey = npt.NDArray[np.uint8]


def noise(seed: int) -> Grey:
    cells = np.random.default_rng(seed).integers(0, 256, (24, 24), np.uint8)
    large = Image.fromarray(cells).resize((200, 200), Image.Resampling.BICUBIC)
    return np.asarray(large)


def descriptions(pictures: list[Grey]) -> Descriptions:
    return Descriptions(len(pictures), lambda i: np.ascontiguousarray(pictures[i]))


def altered(grey: Grey, mirrored: bool, negative: bool) -> Grey:
    grey = grey[:, ::-1] if mirrored else grey
    return 255 - grey if negative else grey


def test_fingerprint_bits_are_imagehash_bits() -> None:
    framed = np.pad(noise(0), 20)
    raw, stripped = fingerprint(framed).tolist()
    assert f"{raw:016x}" == str(imagehash.phash(Image.fromarray(framed)))
    assert f"{stripped:016x}" == str(imagehash.phash(Image.fromarray(strip(framed))))


@pytest.mark.parametrize("level", [0, 255])
def test_strip_cuts_a_uniform_margin(level: int) -> None:
    inner = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
    framed = np.pad(inner, ((3, 4), (5, 6)), constant_values=level)
    np.testing.assert_array_equal(strip(framed), inner)
    flat = np.full((20, 20), level, np.uint8)
    assert strip(flat).shape == (20, 20)


@pytest.mark.parametrize("number", range(4))
def test_hash_and_words_find_the_variant(number: int) -> None:
    others = [noise(seed) for seed in range(1, 20)]
    pictures = [noise(0), *others, altered(noise(0), *VARIANTS[number])]
    hashes = np.stack([fingerprint(np.ascontiguousarray(p)) for p in pictures])
    for similarity in (by_hash(hashes), by_words(descriptions(pictures))):
        found = [similarity(slice(0, 1), k)[0, 20] for k in range(4)]
        assert np.argmax(found) == number
        assert found[number] > 0.4
        assert found[number] > similarity(slice(0, 1), number)[0, 1:20].max()


def test_equal_bits_are_counted() -> None:
    drawn = np.random.default_rng(0).integers(0, 2**64, (50, 2), np.uint64)
    bits = np.bitwise_count(drawn[:, None] ^ drawn[None]).min(axis=2)
    expected = 0.5 - bits / 64
    np.testing.assert_array_equal(by_hash(drawn)(slice(0, 50), 0), expected)


@pytest.mark.parametrize("block", [candidates.BLOCK, 256 * 600, 1])
def test_nearest_are_those_of_a_full_sort_across_blocks(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(candidates, "BLOCK", block)
    rng = np.random.default_rng(0)
    table = rng.integers(-2, 40, (4, 600, 600))
    table = np.maximum(table, table.transpose(0, 2, 1)).astype(np.float32)
    found = nearest(600, lambda rows, number: table[number, rows].copy())
    best = table.max(axis=0)
    np.fill_diagonal(best, 0)
    order = np.argsort(-best, axis=1, kind="stable")[:, :NEAREST]
    expected = {(min(i, j), max(i, j)) for i in range(600) for j in order[i].tolist()}
    assert {(i, j) for i, j in found[:, :2].tolist()} == expected
    for i, j, number in found[::50].tolist():
        assert table[number, i, j] == best[i, j]


def test_many_copies_of_one_picture_stay_connected() -> None:
    same = np.ones((30, 30), np.float32)
    pairs = nearest(30, lambda rows, _: same[rows].copy())[:, :2]
    assert {j for i, j in pairs.tolist() if i == 0} == set(range(1, 30))


def test_vocabulary_is_closed_under_its_variants_and_drawn_alike() -> None:
    held = descriptions([noise(0), noise(1)])
    words = vocabulary(held)
    plain, negative, mirrored, both = np.split(words, 4)
    np.testing.assert_allclose(negate(plain), negative)
    np.testing.assert_allclose(mirror(plain), mirrored)
    np.testing.assert_allclose(negate(mirrored), both)
    np.testing.assert_array_equal(words, vocabulary(held))
    everything = np.concatenate([unit(held.coarse(i).descriptors) for i in range(2)])
    assert {row.tobytes() for row in plain} <= {row.tobytes() for row in everything}


def test_pictures_without_a_point_have_no_words() -> None:
    flat = [np.full((40, 40), level, np.uint8) for level in (0, 9)]
    assert not by_words(descriptions(flat))(slice(0, 2), 0).any()
