import numpy as np

from brain_mri import phantoms_elsewhere
from brain_mri.files.png import read_png
from brain_mri.imaging.cropping import head_box
from brain_mri.phantoms_elsewhere import IMAGES, SIDE, elsewhere, write_elsewhere


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*.png")
    }


def test_same_bytes_each_time_and_half_of_them_with_a_tumour(tmp_path, monkeypatch):
    monkeypatch.setattr(phantoms_elsewhere, "IMAGES", 6)
    one, two = tmp_path / "one", tmp_path / "two"
    write_elsewhere(one)
    write_elsewhere(two)
    assert contents(one) == contents(two)
    assert sorted(path.parts[0] for path in map(type(one), contents(one))) == [
        *3 * ["no"],
        *3 * ["yes"],
    ]
    assert IMAGES % 2 == 0
    for path in one.rglob("*.png"):
        grey = read_png(path)
        assert grey.shape == (SIDE, SIDE)
        # a head with air around it, found in spite of the noise
        assert 0.2 * grey.size < head_box(grey).area < 0.9 * grey.size


def test_a_white_square_becomes_smaller_and_noisy_in_a_black_frame():
    white = np.full((100, 100), 255, np.uint8)
    changed = elsewhere(white, np.random.default_rng(0))
    bright = changed > 128
    side = np.sqrt(bright.sum())
    assert 0.55 * SIDE <= side <= 0.8 * SIDE
    assert 0.85 * 255 < changed[bright].mean() < 0.95 * 255
    assert 0.01 * 255 < changed[bright].std() < 0.03 * 255
    assert changed[~bright].mean() < 0.05 * 255


def test_dark_shades_become_brighter():
    step = np.repeat([[64, 255]], 100, axis=0).repeat(50, axis=1).astype(np.uint8)
    changed = elsewhere(step, np.random.default_rng(1))
    row = np.median(changed[changed.max(axis=1) > 200], axis=0)
    assert row[(row > 40) & (row < 200)].mean() > 0.9 * 64 * 1.2
