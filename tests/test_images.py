import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from brain_mri.errors import InputError
from brain_mri.images import ImageError, decode, list_files, write_png

RAMP = np.tile(np.arange(24, dtype=np.uint8) * 10, (20, 1))  # 20 x 24, 0..230
GREY = Image.fromarray(RAMP)


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("no", "yes"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "form", "mode"),
    [
        ("a.png", "PNG", "L"),
        ("a.PNG", "PNG", "L"),
        ("png_named.jpg", "PNG", "RGB"),
        ("a.bmp", "BMP", "L"),
        ("a.gif", "GIF", "L"),
        ("a.tiff", "TIFF", "L"),
        ("a.TIF", "TIFF", "RGB"),
        ("a.webp", "WEBP", "RGB"),
        ("a.pgm", "PPM", "L"),
        ("no_suffix", "PNG", "RGBA"),
        ("a", "PNG", "LA"),
        ("palette.png", "PNG", "P"),
    ],
)
def test_decode_reads_lossless_formats_by_content(
    tmp_path: Path, name: str, form: str, mode: str
) -> None:
    lossless = {"lossless": True} if form == "WEBP" else {}
    path = save(tmp_path / name, GREY.convert(mode), format=form, **lossless)
    decoded = decode(path)
    np.testing.assert_array_equal(decoded.grey, RAMP)
    assert decoded.grey.dtype == np.uint8
    assert decoded.format == form


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_decode_reads_jpeg_named_png(tmp_path: Path, mode: str) -> None:
    path = save(tmp_path / "a.png", GREY.convert(mode), format="JPEG", quality=95)
    decoded = decode(path)
    assert (decoded.format, decoded.mode) == ("JPEG", mode)
    np.testing.assert_allclose(decoded.grey.astype(int), RAMP, atol=6)


def test_colour_becomes_itu_r_601_luma(tmp_path: Path) -> None:
    rgb = np.zeros((16, 48, 3), np.uint8)
    for channel in range(3):
        rgb[:, 16 * channel : 16 * (channel + 1), channel] = 255
    grey = decode(save(tmp_path / "a.png", Image.fromarray(rgb))).grey
    assert grey[0, [0, 16, 32]].tolist() == [76, 150, 29]  # .299, .587, .114 of 255


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_composited_over_black(tmp_path: Path, mode: str) -> None:
    image = GREY.convert(mode)
    alpha = np.zeros(RAMP.shape, np.uint8)
    alpha[:, 12:] = 255
    image.putalpha(Image.fromarray(alpha))
    grey = decode(save(tmp_path / "a.png", image)).grey
    np.testing.assert_array_equal(grey, np.where(alpha == 255, RAMP, 0))


def test_transparent_palette_entry_is_black(tmp_path: Path) -> None:
    image = Image.fromarray(np.repeat([[0, 1]], 16, axis=0).repeat(8, 1).astype("u1"))
    image = image.convert("L").convert("P")
    image.putpalette([255, 255, 255, 100, 100, 100])
    grey = decode(save(tmp_path / "a.png", image, transparency=0)).grey
    assert grey[0, [0, 8]].tolist() == [0, 100]


def test_half_alpha_halves_the_grey(tmp_path: Path) -> None:
    image = Image.merge("LA", (GREY, Image.new("L", GREY.size, 128)))
    grey = decode(save(tmp_path / "a.png", image)).grey
    np.testing.assert_allclose(grey, RAMP * (128 / 255), atol=1)


@pytest.mark.parametrize(("name", "dtype"), [("a.png", "u2"), ("a.tif", "f4")])
def test_deep_pixels_are_stretched_from_minimum_to_maximum(
    tmp_path: Path, name: str, dtype: str
) -> None:
    deep = (1000 + 7 * RAMP.astype(int)).astype(dtype)
    grey = decode(save(tmp_path / name, Image.fromarray(deep))).grey
    np.testing.assert_array_equal(grey, np.round(RAMP * (255 / 230)))


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    path = save(tmp_path / "a.png", GREY, exif=exif)
    np.testing.assert_array_equal(decode(path).grey, np.rot90(RAMP, -1))


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    other = Image.fromarray(RAMP[:, ::-1].copy())
    path = save(tmp_path / "a.gif", GREY, save_all=True, append_images=[other])
    np.testing.assert_array_equal(decode(path).grey, RAMP)


def cut_png(path: Path) -> None:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64), np.uint8)).save(path, format="PNG")
    path.write_bytes(path.read_bytes()[:2000])


def cut_jpeg(path: Path) -> None:
    GREY.resize((200, 200)).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b""), "empty file"),
        (lambda path: path.write_text("an image, honestly"), "not an image"),
        (lambda path: path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n"), "not an image"),
        (cut_png, "damaged image: .*truncated"),
        (cut_jpeg, "damaged image: .*truncated"),
        (
            lambda path: Image.new("L", (15, 90)).save(path, format="PNG"),
            "15 x 90 px, a side under 16 px",
        ),
        (
            lambda path: Image.new("RGB", (20, 20), "grey").save(path, format="PNG"),
            r"one flat grey level \(128\)",
        ),
        (
            lambda path: Image.new("I;16", (20, 20), 700).save(path, format="PNG"),
            "one flat grey level",
        ),
        (lambda path: path.mkdir(), "not a regular file"),
        (lambda path: path.symlink_to("nowhere"), "not a regular file"),
        (os.mkfifo, "not a regular file"),
    ],
)
def test_decode_says_why_it_rejects(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    path = tmp_path / "a.png"
    make(path)
    with pytest.raises(ImageError, match=reason) as caught:
        decode(path)
    assert str(tmp_path) not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("limit", [479, 300, 10])  # of 480 pixels; Pillow warns, raises
def test_decompression_bomb_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    path = save(tmp_path / "a.png", GREY)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(ImageError, match=f"more than {limit} pixels"):
        decode(path)


def test_not_finite_pixels_are_rejected(tmp_path: Path) -> None:
    deep = RAMP.astype(np.float32)
    deep[3, 3] = np.nan
    path = save(tmp_path / "a.tif", Image.fromarray(deep))
    with pytest.raises(ImageError, match="not finite"):
        decode(path)


def test_list_files_is_sorted_recursive_and_misses_nothing(folder: Path) -> None:
    (folder / "yes" / "deep").mkdir()
    names = ["no/b.JPG", "no/a b.png", "yes/deep/.x", "yes/c", "top.txt"]
    for name in names:
        (folder / name).touch()
    (folder / "no" / "dangling").symlink_to("nowhere")
    (folder / "no" / "folder_link").symlink_to(folder / "yes")
    links = ["no/dangling", "no/folder_link"]
    assert list_files(folder) == sorted(names + links)


@pytest.mark.parametrize("missing", ["", "no", "yes"])
def test_list_files_names_the_missing_folder(tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "data"
    for name in {"no", "yes"} - {missing} if missing else ():
        (folder / name).mkdir(parents=True)
    with pytest.raises(InputError, match="expected a folder, found none") as caught:
        list_files(folder)
    assert str(caught.value).startswith(str(folder / missing))


def test_list_files_refuses_a_name_no_table_can_hold(folder: Path) -> None:
    try:
        Path(os.fsdecode(bytes(folder / "no") + b"/\xff.png")).touch()
    except OSError:
        pytest.skip("this file system accepts UTF-8 names only")
    with pytest.raises(InputError, match=r"UTF-8, found 'no/\\udcff.png'"):
        list_files(folder)


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
    with pytest.raises(InputError, match=r"a\.png\.part: .*disk full"):
        write_png(path, RAMP[::-1].copy())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
