import numpy as np
import pandas as pd
import pytest

keras = pytest.importorskip("keras")

from brain_mri.imaging import augmentation  # noqa: E402
from brain_mri.networks import backend  # noqa: E402

STILL = {
    "rotation": 0,
    "zoom": 0,
    "widening": 0,
    "contrast": 0,
    "brightness": 0,
}
SOME = {
    "rotation": 0.03,
    "zoom": 0.1,
    "widening": 0.1,
    "contrast": 0.2,
    "brightness": 0.1,
}


def images(n=4, size=16):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, size, size)).astype(np.uint8)


def augmented(values, copies, seed=1, **changes):
    backend.prepare(seed)
    model = augmentation.augmenter(**(STILL | changes), seed=seed)
    return np.concatenate(list(augmentation.augment(values, copies, model)))


def test_originals_come_first_and_unchanged():
    values = images()
    result = augmented(values, 2, **SOME)
    assert result.shape == (12, 16, 16)
    assert result.dtype == np.uint8
    assert (result[:4] == values).all()
    assert (result[4:8] != values).any()
    assert (result[4:8] != result[8:]).any()


def test_no_copies_leaves_the_originals():
    values = images()
    assert (augmented(values, 0, **SOME) == values).all()


def test_flip_is_left_to_right_only():
    values = images(40)
    result = augmented(values, 1)[40:]
    kept = (result == values).all(axis=(1, 2))
    mirrored = (result == values[:, :, ::-1]).all(axis=(1, 2))
    assert (kept | mirrored).all()
    assert kept.any()
    assert mirrored.any()


def test_what_a_turn_uncovers_is_black():
    white = np.full((8, 32, 32), 255, np.uint8)
    result = augmented(white, 1, rotation=0.1)[8:]
    corners = result[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 0).mean() > 0.5
    assert (result[:, 16, 16] == 255).all()


def test_a_zoom_out_leaves_a_black_frame():
    white = np.full((16, 32, 32), 255, np.uint8)
    result = augmented(white, 1, zoom=0.4)[16:]
    assert (result[:, 0, 16] == 0).any()


def test_widening_stretches_the_width_alone():
    stripe = np.zeros((16, 33, 33), np.uint8)
    stripe[:, :, 13:20] = 255  # full height: it must stay so
    result = augmented(stripe, 1, widening=0.4)[16:]
    widths = (result[:, 16] > 127).sum(axis=1)
    assert (widths >= 7).all()
    assert widths.max() > 8
    assert (result[:, :, 16] == 255).all()


def test_brightness_shifts_by_a_share_of_255():
    grey = np.full((64, 8, 8), 100, np.uint8)
    result = augmented(grey, 1, brightness=0.1)[64:].astype(int) - 100
    assert np.abs(result).max() <= 26
    assert result.min() < 0 < result.max()


def test_levels_are_clipped_not_wrapped():
    white = np.full((64, 8, 8), 250, np.uint8)
    assert augmented(white, 1, brightness=0.1)[64:].min() >= 224


@pytest.mark.parametrize("chunk", [augmentation.CHUNK, 3 * 8 * 8])
def test_same_seed_same_bytes(chunk, monkeypatch):
    monkeypatch.setattr(augmentation, "CHUNK", chunk)
    values = images(10, 8)
    first, again, other = (
        augmented(values, 1, seed=seed, **SOME) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_the_index_follows_the_images():
    index = pd.DataFrame({"image_id": ["a", "b"], "y_true": [0, 1]})
    table = augmentation.variants(index, 2)
    assert table["image_id"].tolist() == ["a", "b"] * 3
    assert table["variant"].tolist() == [0, 0, 1, 1, 2, 2]
