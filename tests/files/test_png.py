from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from brain_mri.errors import InputError
from brain_mri.files import png
from brain_mri.files.png import write_png
from brain_mri.imaging.decoded import ImageError

RAMP = np.tile(np.arange(24, dtype=np.uint8) * 10, (20, 1))  # 20 x 24, 0..230


def test_an_own_image_is_read_back_though_it_is_flat(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for levels in (RAMP, RAMP * 0):
        write_png(path, levels)
        np.testing.assert_array_equal(png.read_png(path), levels)
    path.write_bytes(path.read_bytes()[:50])
    for told in ("damaged image", "cannot be read: No such file"):
        with pytest.raises(InputError, match=rf"a\.png: {told}.*dvc repro") as caught:
            png.read_png(path)
        assert not isinstance(caught.value, ImageError)
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("shape", [(20, 24), (20, 24, 3)])
def test_write_png_is_lossless_and_deterministic(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, image)
    with Image.open(tmp_path / "a.png") as back:
        np.testing.assert_array_equal(np.asarray(back), image)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    write_png(path, RAMP)
    before = path.read_bytes()

    def half(self: Image.Image, target: Path, **_: Any) -> None:
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(InputError, match=r"a\.png: .*disk full"):
        write_png(path, RAMP[::-1].copy())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
