import hashlib
import math

import numpy as np
import pandas as pd
import pytest

from brain_mri.config import Augment
from brain_mri.imaging import augmentation
from brain_mri.imaging.augmentation import Variation, vary

STILL = {"rotation": 0, "zoom": 0, "widening": 0, "contrast": 0, "brightness": 0}
SOME = {
    "rotation": 0.03,
    "zoom": 0.1,
    "widening": 0.1,
    "contrast": 0.2,
    "brightness": 0.1,
}
# 0 to 240, no two alike, none the same after a flip or a turn
STEPS = np.arange(0, 250, 10, dtype=np.uint8).reshape(5, 5)
WHITE = np.full((5, 5), 255, np.uint8)


def images(n=4, size=16):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, size, size)).astype(np.uint8)


def augmented(values, copies, ids=None, seed=1, **changes):
    ids = [str(i) for i in range(len(values))] if ids is None else ids
    ranges = Augment(copies=0, **(STILL | changes))
    chunks = augmentation.augment(values, ids, copies, ranges, seed)
    return np.concatenate(list(chunks))


def drawn(n=2000, **changes):
    rng, ranges = np.random.default_rng(0), Augment(copies=0, **(STILL | changes))
    return [augmentation.draw(ranges, rng) for _ in range(n)]


def test_no_change_gives_the_same_image():
    assert (vary(STEPS, Variation()) == STEPS).all()


def test_a_flip_swaps_left_and_right():
    assert (vary(STEPS, Variation(flip=True)) == STEPS[:, ::-1]).all()


@pytest.mark.parametrize("quarters", [-1, 1, 2])
def test_a_quarter_turn_is_counter_clockwise_about_the_centre(quarters):
    turned = vary(STEPS, Variation(turn=quarters * math.pi / 2))
    assert (turned == np.rot90(STEPS, quarters)).all()


def test_a_flip_comes_before_a_turn():
    both = vary(STEPS, Variation(flip=True, turn=math.pi / 2))
    assert (both == np.rot90(STEPS[:, ::-1])).all()


def test_a_zoom_out_by_two_sees_every_other_pixel_in_a_black_frame():
    expected = np.zeros((5, 5))
    expected[1:4, 1:4] = STEPS[::2, ::2]
    assert (vary(STEPS, Variation(zoom=2)) == expected).all()


def test_a_zoom_in_by_two_interpolates_the_middle():
    expected = [
        [60, 65, 70, 75, 80],
        [85, 90, 95, 100, 105],
        [110, 115, 120, 125, 130],
        [135, 140, 145, 150, 155],
        [160, 165, 170, 175, 180],
    ]
    assert (vary(STEPS, Variation(zoom=0.5)) == expected).all()


def test_a_widening_stretches_the_width_alone():
    expected = [[10 + 50 * row + 5 * k for k in range(5)] for row in range(5)]
    assert (vary(STEPS, Variation(width=0.5)) == expected).all()


def test_a_turn_comes_before_a_widening():
    both = vary(STEPS, Variation(turn=math.pi / 2, width=0.5))
    assert (both == vary(np.rot90(STEPS), Variation(width=0.5))).all()


def test_the_edge_blends_with_black():
    """The outermost pixels fall half outside: 127.5 in a side, 63.75 in a corner."""
    varied = vary(WHITE, Variation(zoom=1.25))
    assert varied[0].tolist() == [64, 128, 128, 128, 64]
    assert (varied[1:4, 1:4] == 255).all()


def test_contrast_is_a_factor_about_the_mean():
    grey = np.array([[50, 150], [100, 100]], np.uint8)
    varied = vary(grey, Variation(contrast=1.2))
    assert varied.tolist() == [[40, 160], [100, 100]]


def test_contrast_counts_what_is_uncovered_into_the_mean():
    varied = vary(WHITE, Variation(zoom=2, contrast=0.5))
    mean = 255 * 9 / 25
    assert varied[2, 2] == round((255 + mean) / 2)
    assert varied[0, 0] == round(mean / 2)


def test_levels_are_clipped_by_contrast_before_brightness_is_added():
    grey = np.array([[0, 200]], np.uint8)
    varied = vary(grey, Variation(contrast=3.0, brightness=-5.0))
    assert varied.tolist() == [[0, 250]]
    assert vary(WHITE, Variation(brightness=20.0)).min() == 255
    assert vary(STEPS, Variation(brightness=-300.0)).max() == 0


def test_levels_are_rounded():
    assert vary(STEPS, Variation(brightness=0.6)).tolist() == (STEPS + 1).tolist()


def test_half_of_the_images_are_flipped():
    assert 0.45 < np.mean([one.flip for one in drawn()]) < 0.55


@pytest.mark.parametrize(
    ("ranges", "field", "low", "high"),
    [
        ({"rotation": 0.25}, "turn", -math.pi / 2, math.pi / 2),
        ({"zoom": 0.2}, "zoom", 0.8, 1.2),
        ({"widening": 0.2}, "width", 0.8, 1),
        ({"contrast": 0.2}, "contrast", 1, 1.2),
        ({"brightness": 0.2}, "brightness", -51, 51),
    ],
)
def test_draws_fill_their_range_and_move_nothing_else(ranges, field, low, high):
    variations = drawn(**ranges)
    values = np.array([getattr(one, field) for one in variations])
    assert low <= values.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < values.max() <= high
    still = {one._replace(flip=False, **{field: 0}) for one in variations}
    assert still == {Variation()._replace(**{field: 0})}


def test_one_variant_draws_each_number_anew():
    turn, zoom = np.array([(one.turn, one.zoom) for one in drawn(**SOME)]).T
    assert abs(np.corrcoef(turn, zoom)[0, 1]) < 0.1


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


def test_levels_are_clipped_not_wrapped():
    white = np.full((64, 8, 8), 250, np.uint8)
    assert augmented(white, 1, brightness=0.1)[64:].min() >= 224


@pytest.mark.parametrize("chunk", [1, 3 * 8 * 8])
def test_same_seed_same_bytes_whatever_the_chunks(chunk, monkeypatch):
    values = images(10, 8)
    first, other = (augmented(values, 2, seed=seed, **SOME) for seed in (1, 2))
    monkeypatch.setattr(augmentation, "CHUNK", chunk)
    assert (augmented(values, 2, seed=1, **SOME) == first).all()
    assert (first != other).any()


def test_the_bytes_are_those_of_every_processor():
    """Seen with a processor's wider instructions on and off; OpenCV's would differ."""
    steps = np.arange(2 * 32 * 32).reshape(2, 32, 32) % 251
    result = augmented(steps.astype(np.uint8), 2, **SOME)
    assert hashlib.sha256(result.tobytes()).hexdigest()[:16] == "629c4027d84e641f"


def test_a_variant_depends_on_no_other_image():
    values, ids = images(6), list("abcdef")
    together = augmented(values, 2, ids, **SOME).reshape(3, 6, 16, 16)
    chosen = [4, 1]
    alone = augmented(values[chosen], 2, [ids[i] for i in chosen], **SOME)
    assert (alone.reshape(3, 2, 16, 16) == together[:, chosen]).all()


def test_the_same_pixels_under_two_ids_vary_differently():
    twice = np.repeat(images(1), 2, axis=0)
    first, second = augmented(twice, 1, ["a", "b"], **SOME)[2:]
    assert (first != second).any()


def test_images_are_read_from_disk_as_they_are_needed(tmp_path):
    values = images(8)
    np.save(tmp_path / "values.npy", values)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    assert (augmented(mapped, 1, **SOME) == augmented(values, 1, **SOME)).all()


def test_the_index_follows_the_images():
    index = pd.DataFrame({"image_id": ["a", "b"], "y_true": [0, 1]})
    table = augmentation.variants(index, 2)
    assert table["image_id"].tolist() == ["a", "b"] * 3
    assert table["variant"].tolist() == [0, 0, 1, 1, 2, 2]


BLACK = {"fill_mode": "constant", "fill_value": 0.0}
LEVELS = {"value_range": (0, 255)}
# Keras' layer; its name of what it draws; our name, and a unit of theirs in ours
KERAS = {
    "rotation": (
        lambda layers: layers.RandomRotation(0.3, seed=1, **BLACK),
        ("angle", "turn", math.pi / 180),
    ),
    "zoom": (
        lambda layers: layers.RandomZoom((-0.3, 0.3), seed=2, **BLACK),
        ("height_zoom", "zoom", 1),
    ),
    "widening": (
        lambda layers: layers.RandomZoom(0.0, (-0.3, 0.0), seed=3, **BLACK),
        ("width_zoom", "width", 1),
    ),
    "contrast": (
        lambda layers: layers.RandomContrast(0.3, seed=4, **LEVELS),
        ("contrast_factor", "contrast", 1),
    ),
    "brightness": (
        lambda layers: layers.RandomBrightness(0.3, seed=5, **LEVELS),
        ("rgb_delta", "brightness", 1),
    ),
}


def by_keras(name, values):
    """Images varied by Keras' layer, float, and in our terms what it drew for each."""
    keras = pytest.importorskip("keras")
    build, (theirs, ours, unit) = KERAS[name]
    layer = build(keras.layers)
    batch = keras.ops.convert_to_tensor(values[..., np.newaxis].astype(np.float32))
    chosen = layer.get_random_transformation(batch, training=True)
    varied = layer.transform_images(batch, chosen)[..., 0]
    numbers = keras.ops.convert_to_numpy(chosen[theirs]).ravel().astype(float)
    return keras.ops.convert_to_numpy(varied), ours, unit * numbers


@pytest.mark.parametrize("size", [16, 17])
@pytest.mark.parametrize("name", KERAS)
def test_each_operation_does_what_keras_does(name, size):
    """Within half a level of rounding and Keras' single precision, at every pixel."""
    values = images(8, size)
    varied, field, numbers = by_keras(name, values)
    assert np.ptp(numbers) > 0.1
    for image, theirs, number in zip(values, varied, numbers, strict=True):
        ours = vary(image, Variation(**{field: number}))
        assert np.abs(ours - theirs).max() < 0.51


@pytest.mark.parametrize("name", KERAS)
def test_draws_span_what_keras_draws(name):
    """The contrast too: Keras documents both ways, but its layer only raises it."""
    _, field, theirs = by_keras(name, np.zeros((2000, 2, 2)))
    ours = [getattr(one, field) for one in drawn(**{name: 0.3})]
    parts = (0, 0.25, 0.5, 0.75, 1)
    near = 0.05 * np.ptp(theirs)
    assert np.quantile(ours, parts) == pytest.approx(
        np.quantile(theirs, parts), abs=near
    )


def test_the_operations_come_in_the_order_of_keras():
    """On a smooth image, which Keras' three resamplings in a row blur but little."""
    row, column = np.mgrid[:64, :64]
    blob = 200 * np.exp(-((row - 22) ** 2 + (column - 38) ** 2) / 128)
    image = np.rint(blob).astype(np.uint8)
    theirs, chosen = image[np.newaxis, :, ::-1], {"flip": True}
    for name in KERAS:
        theirs, field, numbers = by_keras(name, theirs)
        chosen[field] = numbers[0]
    assert np.abs(vary(image, Variation(**chosen)) - theirs[0]).max() < 3
