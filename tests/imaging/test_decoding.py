import io
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import damaged
import h5py
import numpy as np
import numpy.typing as npt
import pytest
import scipy.io
from PIL import Image

from brain_mri.errors import InputError
from brain_mri.imaging import decoding
from brain_mri.imaging.decoded import (
    MAX_BYTES,
    MAX_PIXELS,
    ImageError,
    scale_to_8_bits,
    usual_ends,
)
from brain_mri.imaging.decoding import decode

RAMP = np.tile(np.arange(24, dtype=np.uint8) * 10, (20, 1))  # 20 x 24, 0..230
GREY = Image.fromarray(RAMP)
SOURCE = Path(__file__).resolve().parents[2] / "src"


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


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
    image = Image.fromarray(
        np.repeat([[0, 1, 2]], 16, axis=0).repeat(8, 1).astype("u1")
    )
    image = image.convert("L").convert("P")
    image.putpalette([255, 255, 255, 100, 100, 100, 50, 50, 50])
    grey = decode(save(tmp_path / "a.png", image, transparency=0)).grey
    assert grey[0, [0, 8, 16]].tolist() == [0, 100, 50]


def test_half_alpha_halves_the_grey(tmp_path: Path) -> None:
    image = Image.merge("LA", (GREY, Image.new("L", GREY.size, 128)))
    grey = decode(save(tmp_path / "a.png", image)).grey
    np.testing.assert_allclose(grey, RAMP * (128 / 255), atol=1)


@pytest.mark.parametrize(("name", "dtype"), [("a.png", "u2"), ("a.tif", "f4")])
def test_deep_pixels_are_stretched_and_one_hot_pixel_keeps_the_contrast(
    tmp_path: Path, name: str, dtype: str
) -> None:
    """A twentieth of the pixels has each of the extremes, so they are the ends."""
    deep = (1000 + 7 * RAMP.astype(int)).astype(dtype)
    deep[0, 9], deep[0, 8] = 65_535, 0
    grey = decode(save(tmp_path / name, Image.fromarray(deep))).grey
    np.testing.assert_array_equal(grey[1:], np.round(RAMP * (255 / 230))[1:])
    assert grey[0, [8, 9]].tolist() == [0, 255]


def test_the_usual_ends_are_half_a_percent_inside() -> None:
    levels = np.random.default_rng(0).permutation(1001).reshape(7, 143)
    assert usual_ends(levels) == (5, 995)
    assert usual_ends(levels.astype(np.float32) * 3e35) == (
        pytest.approx(1.5e36),
        pytest.approx(2.985e38),
    )


def test_a_few_pixels_on_a_flat_ground_are_kept_between_the_extremes() -> None:
    levels = np.full((100, 100), 700, np.uint16)
    levels[:2, :10] = 740, *[900] * 9
    assert usual_ends(levels) == (700, 900)
    grey = scale_to_8_bits(levels)
    assert grey[0, :2].tolist() == [51, 255]
    assert grey[2:].max() == 0


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
        (
            lambda path: Image.fromarray(RAMP > 99).save(path, format="PNG"),
            "^two grey levels, as in a mask; expected a scan$",
        ),
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
        (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file"),
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


def archived(kind: str) -> bytes:
    """Return an archive of one picture, as the standard library writes it."""
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a.png", bytes(900))
    else:
        with tarfile.open(fileobj=stream, mode=kind) as archive:
            member = tarfile.TarInfo("a.png")
            member.size = 900
            archive.addfile(member, io.BytesIO(bytes(900)))
    return stream.getvalue()


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def hdf5(userblock: int) -> bytes:
    """Return an HDF5 file; MATLAB 7.3 writes its own header into a block before it."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", userblock_size=userblock) as file:
        file["image"] = RAMP
    return stream.getvalue()


MATLAB = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (POINTER, "a Git LFS pointer and not the image: git lfs pull"),
        (archived("zip"), "a ZIP archive: unpack it first"),
        (
            written(lambda stream: np.savez(stream, image=RAMP)),
            "a ZIP archive: unpack it first",
        ),
        (archived("w"), "a tar archive: unpack it first"),
        (archived("w:gz"), "a gzip file: unpack it first"),
        (archived("w:bz2"), "a bzip2 file: unpack it first"),
        (archived("w:xz"), "an xz file: unpack it first"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(90), "a 7z archive: unpack it first"),
        (b"Rar!\x1a\x07\0" + bytes(90), "a RAR archive: unpack it first"),
        (
            written(lambda stream: scipy.io.savemat(stream, {"image": RAMP})),
            "a MATLAB file: export each slice as PNG",
        ),
        (MATLAB + hdf5(512)[512:], "a MATLAB file: export each slice as PNG"),
        (hdf5(0), "an HDF5 file: export each slice as PNG"),
        (hdf5(512), "an HDF5 file: export each slice as PNG"),
        (
            written(lambda stream: np.save(stream, RAMP)),
            "a NumPy array: export each slice as PNG",
        ),
        (
            b"\0\0\0\x18ftypheic" + bytes(90),
            "a HEIC image: convert it to PNG or JPEG",
        ),
        (
            b"\0\0\0\x18ftypavif" + bytes(90),
            "an AVIF image: convert it to PNG or JPEG",
        ),
        (b"NRRD0004\ntype: short\n", "an NRRD volume: convert it to NIfTI"),
        (
            b"ObjectType = Image\nNDims = 3\n",
            "a MetaImage volume: convert it to NIfTI",
        ),
        (b"%PDF-1.7\n" + bytes(90), "a PDF document: export each slice as PNG"),
    ],
)
def test_other_files_are_named_with_the_way_to_an_image(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        decode(path)
    assert str(caught.value) == reason


def stated(path: Path, width: int, height: int) -> Path:
    """Write a PGM file that is as large as it says, all black but two pixels."""
    head = b"P5 %d %d 255\n" % (width, height)
    path.write_bytes(head + b"\xff\x7f" + bytes(width * height - 2))
    return path


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_of_the_largest_size_is_read_and_one_more_row_is_not(
    tmp_path: Path,
) -> None:
    path = stated(tmp_path / "a", 5000, MAX_PIXELS // 5000)
    assert decode(path).grey.size == MAX_PIXELS
    path = stated(tmp_path / "a", 5000, MAX_PIXELS // 5000 + 1)
    with pytest.raises(ImageError, match="more than 25,000,000 pixels"):
        decode(path)


def test_pillow_refuses_what_is_too_large_in_any_file(tmp_path: Path) -> None:
    path = stated(tmp_path / "a", 5000, MAX_PIXELS // 5000 + 1)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)


def test_a_file_of_too_many_bytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with path.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)  # takes no room on the disk
    with pytest.raises(ImageError, match="200,000,001 bytes, more than 200,000,000"):
        decode(path)


def test_slow_files_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(damaged.good()["jp2"] + bytes(8_000_000))
    with pytest.raises(ImageError, match="JPEG 2000 of more than 8,000,000 bytes"):
        decode(path)
    for form in ("JPEG", "MPO"):
        path.write_bytes(damaged.many_scans(20, form))
        decoded = decode(path)
        assert (decoded.grey.shape, decoded.format) == (damaged.SIDES, form)
        path.write_bytes(damaged.many_scans(100, form))
        with pytest.raises(ImageError, match="JPEG of more than 100 scans"):
            decode(path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("slow-ppm", "^PPM of a kind that takes long to decode, with more than 2,000"),
        ("slow-ppm-comments", "^PPM of more than 100 comments$"),
        ("slow-ppm-header", "^PPM with a header of more than 1,000 bytes$"),
        ("slow-bmp", "^BMP of a kind that takes long to decode, with more than 2,000,"),
        ("slow-bmp-bytes", "^BMP of a kind .* 2,000,000 samples or 8,000,000 bytes$"),
    ],
)
def test_what_is_decoded_in_python_is_bounded(
    tmp_path: Path, name: str, reason: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(damaged.damaged()[name])
    with pytest.raises(ImageError, match=reason):
        decode(path)


def test_a_little_that_is_decoded_in_python_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    binary = b"P5 # a comment\n24 20 230\n" + RAMP.tobytes()
    plain = b"P2\n24 20 230\n# 1 2\n" + b" ".join(b"%d" % i for i in RAMP.ravel())
    for content in (binary, plain):
        path.write_bytes(content)
        np.testing.assert_array_equal(decode(path).grey, STEPS)
    runs = b"".join(bytes([17 - i, i, i, 200, 0, 0]) for i in range(1, 17))
    path.write_bytes(damaged.bmp_rle(17, runs + b"\x11\x05\0\1"))
    rows = [[i] * (17 - i) + [200] * i for i in range(1, 17)] + [[5] * 17]
    np.testing.assert_array_equal(decode(path).grey, rows[::-1])


def test_a_file_that_may_not_be_read_is_named_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", GREY)

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ImageError, match="^cannot be read: Permission denied$"):
        decode(path)


def test_memory_that_is_short_for_exif_is_not_taken_for_odd_exif(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", GREY)

    def starve(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Exif, "get", starve)
    with pytest.raises(InputError, match="not enough memory"):
        decode(path)


def test_short_memory_stops_the_run_and_loses_no_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the images would depend on what else the machine was doing."""
    path = save(tmp_path / "a.png", GREY)

    def starve(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decoding, "_to_grey", starve)
    with pytest.raises(InputError, match="not enough memory") as caught:
        decode(path)
    assert not isinstance(caught.value, ImageError)
    assert str(path) in str(caught.value)


def test_what_a_decoder_raises_becomes_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", GREY)
    for error, reason in (
        (KeyError(b"\x00secret"), "damaged image: the decoder fails (KeyError)"),
        (ValueError(""), "damaged image: the decoder fails (ValueError)"),
        (OSError("two\n lines"), "damaged image: two lines"),
        (SyntaxError("x" * 999), f"damaged image: {'x' * 200}"),
    ):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(decoding, "_to_grey", fail)
        with pytest.raises(ImageError) as caught:
            decode(path)
        assert str(caught.value) == reason


def test_damaged_files_print_nothing_of_their_own(tmp_path: Path) -> None:
    """Pillow warns and logs, libtiff writes to stderr past Python."""
    lzw = bytearray(damaged.good()["tiff-lzw"])
    lzw[400:700] = bytes(byte ^ 0x55 for byte in lzw[400:700])
    tags = bytearray(damaged.good()["tiff-jpeg"])
    tags[300:1200:7] = bytes(byte ^ 0x55 for byte in tags[300:1200:7])
    samples = bytearray(tiff(RAMP, 1))
    samples[damaged.tiff_entry(samples, 277) + 8] = 122  # SamplesPerPixel
    for i, content in enumerate((lzw, tags, samples)):
        (tmp_path / f"{i}.tif").write_bytes(content)
    code = (
        "from pathlib import Path\n"
        "from brain_mri.imaging.decoded import ImageError\n"
        "from brain_mri.imaging.decoding import decode\n"
        "for path in Path().glob('*.tif'):\n"
        "    try: decode(path)\n    except ImageError: print('refused')\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "refused\n" * 3
    assert told.stderr == ""


# ---- every mode that Pillow hands out


def tiff(pixels: npt.NDArray, photometric: int) -> bytes:
    """Return a TIFF file of (height, width, ...) pixels, uncompressed, as stated."""
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    bits = 8 * pixels.dtype.itemsize
    sample_format = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    fields = [  # the last, so that Pillow reads it as LAB or YCbCr, not as RGB
        (256, pixels.shape[1]),
        (257, pixels.shape[0]),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 0),
        (277, samples),
        (278, pixels.shape[0]),
        (279, pixels.nbytes),
        (339, sample_format),
    ]
    start = 8 + 2 + 12 * len(fields) + 4
    fields[5] = (273, start + 16)
    entries = b""
    for tag, value in fields:
        if tag in (258, 339) and samples > 1:  # one for each sample, behind
            entries += struct.pack("<HHII", tag, 3, samples, start + 8 * (tag == 339))
        else:
            entries += struct.pack("<HHII", tag, 4 if tag > 258 else 3, 1, value)
    behind = struct.pack("<4H", *[bits] * 4) + struct.pack("<4H", *[sample_format] * 4)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(fields))
    return head + entries + bytes(4) + behind + pixels.tobytes()


STEPS = np.round(RAMP * (255 / 230)).astype(np.uint8)  # what a stretch makes of it


@pytest.mark.parametrize(
    ("pixels", "photometric", "mode", "expected"),
    [
        (RAMP, 1, "L", RAMP),
        (255 - RAMP, 0, "L", RAMP),  # white is zero
        (RAMP.astype("<u2") * 9, 1, "I;16", STEPS),
        (RAMP.astype("<i2") * 9 - 900, 1, "I", STEPS),
        (RAMP.astype("<i4") * 900_000 - 9, 1, "I", STEPS),
        (RAMP.astype("<u4") * 18_000_000, 1, "I", STEPS),  # beyond what "I" can say
        (RAMP.astype("<f4") / 7 - 3, 1, "F", STEPS),
        ((65_535 - RAMP.astype("<u2") * 9), 0, "I;16", STEPS),  # white is zero
        (np.stack([RAMP] * 3, -1), 2, "RGB", RAMP),
        (np.stack([RAMP] * 3, -1).astype("<u2") * 17, 2, "RGB", STEPS),
        (np.stack([0 * RAMP] * 3 + [255 - RAMP], -1), 5, "CMYK", RAMP),
        (np.stack([RAMP, 0 * RAMP, 0 * RAMP], -1), 8, "LAB", RAMP),
        (np.stack([RAMP, 0 * RAMP + 128, 0 * RAMP + 128], -1), 6, "YCbCr", RAMP),
    ],
)
def test_tiff_of_every_kind(
    tmp_path: Path,
    pixels: npt.NDArray,
    photometric: int,
    mode: str,
    expected: npt.NDArray[np.uint8],
) -> None:
    path = tmp_path / "a"
    path.write_bytes(tiff(pixels, photometric))
    decoded = decode(path)
    assert decoded.mode == mode
    np.testing.assert_array_equal(decoded.grey, expected)


def png(samples: npt.NDArray, kind: int, *chunks: bytes) -> bytes:
    """Return a PNG file of (height, width, channels) of 8 or 16 bits.

    Args:
        samples: uint8 or uint16.
        kind: 2 for RGB, 4 for grey with alpha, 6 for RGB with alpha.
        chunks: those between header and pixels.
    """
    height, width = samples.shape[:2]
    bits = 8 * samples.dtype.itemsize
    rows = samples.astype(samples.dtype.newbyteorder(">"))
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            damaged.png_chunk(b"IHDR", header),
            *chunks,
            damaged.png_chunk(
                b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
            ),
            damaged.png_chunk(b"IEND", b""),
        )
    )


TWELVE = np.linspace(0, 4095, 40 * 48).astype(np.uint16).reshape(40, 48)


def of_grey_and(pixels: npt.NDArray, alpha: int | None) -> npt.NDArray:
    """Return RGB, or RGB and alpha, of one grey."""
    last = [] if alpha is None else [np.full_like(pixels, alpha)]
    return np.stack([pixels] * 3 + last, -1)


@pytest.mark.parametrize(
    "content",
    [
        png(of_grey_and(TWELVE, None), 2),
        png(of_grey_and(TWELVE, 65_535), 6),
        png(of_grey_and(TWELVE, 40_000), 6),  # no level is lost to alpha
        png(np.stack([TWELVE, np.full_like(TWELVE, 65_535)], -1), 4),
        tiff(of_grey_and(TWELVE, None), 2),
        tiff(of_grey_and(TWELVE, 65_535), 2),
    ],
)
def test_12_bits_in_16_bit_colour_keep_the_contrast_of_16_bit_grey(
    tmp_path: Path, content: bytes
) -> None:
    expected = decode(save(tmp_path / "grey.png", Image.fromarray(TWELVE))).grey
    assert len(np.unique(expected)) == 256
    path = tmp_path / "colour"
    path.write_bytes(content)
    np.testing.assert_allclose(decode(path).grey.astype(int), expected, atol=1)


def test_16_bit_colour_becomes_luma_over_black(tmp_path: Path) -> None:
    samples = np.zeros((16, 64, 4), np.uint16)
    samples[..., 3] = 65_535
    for channel in range(3):
        samples[:, 16 * channel : 16 * (channel + 1), channel] = 4000
    samples[:, 48:] = (4000, 4000, 4000, 65_535 // 2)
    path = tmp_path / "a"
    path.write_bytes(png(samples, 6))
    luma = np.array([0.299, 0.587, 0.114, 0.5])  # of 4000; blue is black, green white
    expected = (luma - 0.114) / (0.587 - 0.114) * 255
    grey = decode(path).grey[0, [0, 16, 32, 48]]
    np.testing.assert_allclose(grey, expected, atol=0.6)


def test_the_transparent_colour_of_16_bits_is_black(tmp_path: Path) -> None:
    samples = of_grey_and(TWELVE + 100, None)
    samples[:20] = (9000, 9000, 9001)
    transparent = struct.pack(">HHH", 9000, 9000, 9001)
    path = tmp_path / "a"
    path.write_bytes(png(samples, 2, damaged.png_chunk(b"tRNS", transparent)))
    grey = decode(path).grey
    assert (grey[:20] == 0).all()
    assert grey[20:].min() > 0


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_16_bit_colour_is_turned_once(tmp_path: Path, orientation: int) -> None:
    pixels = of_grey_and(TWELVE, None)
    turned = np.rot90(TWELVE, {1: 0, 3: 2, 6: -1}[orientation])
    expected = scale_to_8_bits(turned)
    deep_tiff = damaged.tiff_of(
        *TWELVE.shape,
        pixels.tobytes(),
        bits=("short", [16] * 3),
        black=("short", [2]),
        samples=("short", [3]),
        offsets=("long", [8]),
        lengths=("long", [pixels.nbytes]),
        orientation=("short", [orientation]),
    )
    exif = exif_of((274, 3, struct.pack("<H", orientation)))[6:]
    for content in (deep_tiff, png(pixels, 2, damaged.png_chunk(b"eXIf", exif))):
        path = tmp_path / "a"
        path.write_bytes(content)
        np.testing.assert_array_equal(decode(path).grey, expected)


def test_colours_of_16_bits_that_lie_apart_are_refused(tmp_path: Path) -> None:
    """Pillow would take the first half of each plane for 8 bits a pixel."""
    path = tmp_path / "a"
    path.write_bytes(
        damaged.tiff_of(
            *TWELVE.shape,
            TWELVE.tobytes() * 3,
            bits=("short", [16] * 3),
            black=("short", [2]),
            samples=("short", [3]),
            offsets=("long", [8 + i * TWELVE.nbytes for i in range(3)]),
            lengths=("long", [TWELVE.nbytes] * 3),
            planes=("short", [2]),
        )
    )
    with pytest.raises(ImageError, match=r"\(16 bits, unsigned, colours apart\)$"):
        decode(path)


@pytest.mark.parametrize(
    ("pixels", "photometric", "told"),
    [
        (RAMP.astype("i1"), 1, "8 bits, signed"),  # which Pillow takes for unsigned
        (RAMP.astype("<f8"), 1, "64 bits, float"),
        (RAMP.astype("<i2"), 0, "16 bits, signed, white is zero"),
        (RAMP.astype("<u8"), 1, "64 bits, unsigned"),
        (np.stack([RAMP] * 3, -1).astype("<f4"), 2, "32 bits, float"),
    ],
)
def test_tiff_of_pixels_that_cannot_be_read_is_named_so(
    tmp_path: Path, pixels: npt.NDArray, photometric: int, told: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(tiff(pixels, photometric))
    message = rf"^TIFF of a pixel type that is not supported \({told}\)$"
    with pytest.raises(ImageError, match=message):
        decode(path)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_tiff_without_a_known_pixel_type_is_no_known_kind(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"II*\0", b"MM\0*" + bytes(40), tiff(RAMP, 1)[:30]):
        path.write_bytes(content)
        with pytest.raises(ImageError, match="^not an image of a known kind .*TIFF"):
            decode(path)


def test_one_bit_a_pixel_is_a_mask(tmp_path: Path) -> None:
    bits = Image.fromarray(RAMP > 100)
    for name in ("a.png", "a.bmp", "a.tif", "a.pbm"):
        with pytest.raises(ImageError, match="^two grey levels, as in a mask; "):
            decode(save(tmp_path / name, bits))


def test_cmyk_is_the_stated_rule(tmp_path: Path) -> None:
    inks = np.zeros((16, 64, 4), np.uint8)
    for i, ink in enumerate([(255, 0, 0, 0), (0, 0, 0, 200), (0, 0, 0, 0)]):
        inks[:, 16 * i : 16 * (i + 1)] = ink
    inks[:, 48:] = (51, 51, 51, 51)
    path = tmp_path / "a"
    path.write_bytes(tiff(inks, 5))
    rgb = (255.0 - inks[..., :3]) * (255.0 - inks[..., 3:]) / 255
    luma = np.round(rgb @ [0.299, 0.587, 0.114])
    np.testing.assert_allclose(decode(path).grey, luma, atol=1)


def test_cmyk_jpeg_is_read_as_adobe_writes_it(tmp_path: Path) -> None:
    """As 255 - ink, with Adobe's own segment and without."""
    marked = damaged.encoded(GREY.convert("CMYK"), "JPEG", quality=95)
    start = marked.index(b"\xff\xee")
    (length,) = struct.unpack(">H", marked[start + 2 : start + 4])
    assert marked[start + 4 :].startswith(b"Adobe")
    path = tmp_path / "a"
    for content in (marked, marked[:start] + marked[start + 2 + length :]):
        path.write_bytes(content)
        np.testing.assert_allclose(decode(path).grey.astype(int), RAMP, atol=6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_each_exif_orientation_in_each_format(
    tmp_path: Path, form: str, orientation: int
) -> None:
    """The eight of EXIF 2.32, 4.6.4, as NumPy says them."""
    turn = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(np.transpose(a), 2),
        8: np.rot90,
    }[orientation]
    whole = RAMP // 2 + np.arange(20, dtype=np.uint8)[:, None] * 5
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a", Image.fromarray(whole), format=form, exif=exif)
    np.testing.assert_allclose(decode(path).grey.astype(int), turn(whole), atol=24)


def exif_of(*fields: tuple[int, int, bytes]) -> bytes:
    """Return EXIF data of tags, each with its type and one value or some letters."""
    entries, behind = b"", b""
    for tag, kind, value in fields:
        field = value.ljust(4, b"\0")
        if len(value) > 4:
            field = struct.pack("<I", 8 + 2 + 12 * len(fields) + 4 + len(behind))
            behind += value
        count = len(value) if kind == 2 else 1
        entries += struct.pack("<HHI4s", tag, kind, count, field)
    head = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(fields))
    return head + entries + bytes(4) + behind


QUARTER = (274, 3, b"\x06\0")  # to be turned a quarter clockwise


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("odd", "turned"),
    [
        ([QUARTER], True),
        ([QUARTER, (272, 5, struct.pack("<II", 7, 0))], True),  # a model in numbers
        ([(256, 2, b"20px\0"), QUARTER], True),
        ([QUARTER, (282, 10, struct.pack("<ii", -72, 1))], True),
        ([QUARTER, (34665, 9, struct.pack("<i", -5))], True),  # leads before the start
        ([QUARTER, (700, 2, b"<x:x>\0")], True),
        ([(274, 2, b"6\0")], False),  # no number
        ([(274, 5, struct.pack("<II", 6, 0))], False),
        ([(274, 3, b"\x09\0")], False),  # none of the eight
        ([], False),
    ],
)
def test_odd_exif_harms_no_image(
    tmp_path: Path, form: str, odd: list[tuple[int, int, bytes]], turned: bool
) -> None:
    lossless = {"lossless": True} if form == "WEBP" else {}
    image = GREY.convert("RGB")
    path = tmp_path / "a"
    path.write_bytes(damaged.encoded(image, form, exif=exif_of(*odd), **lossless))
    expected = np.rot90(RAMP, -1) if turned else RAMP
    np.testing.assert_allclose(decode(path).grey.astype(int), expected, atol=9)


def test_exif_that_is_no_exif_harms_no_image(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for exif in (b"Exif\0\0nonsense", exif_of(QUARTER)[:20]):
        path.write_bytes(damaged.encoded(GREY, "PNG", exif=exif))
        np.testing.assert_array_equal(decode(path).grey, RAMP)


@pytest.mark.parametrize(
    "odd",
    [
        {"exif": ("below", [-5])},
        {"xmp": ("short", [1, 2, 3, 4])},
        {"xmp": ("letters", [ord(letter) for letter in "<x:x>"])},
    ],
)
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_odd_exif_harms_no_tiff(
    tmp_path: Path, odd: dict[str, tuple[str, list[int]]], orientation: int
) -> None:
    """Pillow turns a TIFF itself, and reads its EXIF by the way."""
    fields = {"offsets": ("long", [8]), "lengths": ("long", [RAMP.size])} | odd
    if orientation > 1:
        fields["orientation"] = ("short", [orientation])
    path = tmp_path / "a"
    path.write_bytes(damaged.tiff_of(*RAMP.shape, RAMP.tobytes(), **fields))
    turns = {1: 0, 3: 2, 6: -1}[orientation]
    np.testing.assert_array_equal(decode(path).grey, np.rot90(RAMP, turns))


def test_deep_levels_far_apart_do_not_overflow(tmp_path: Path) -> None:
    huge = (RAMP.astype(np.float32) - 115) * np.float32(2.9e36)
    grey = decode(save(tmp_path / "a.tif", Image.fromarray(huge))).grey
    np.testing.assert_array_equal(grey, STEPS)


def test_not_finite_pixels_are_rejected(tmp_path: Path) -> None:
    deep = RAMP.astype(np.float32)
    deep[3, 3] = np.nan
    path = save(tmp_path / "a.tif", Image.fromarray(deep))
    with pytest.raises(ImageError, match="not finite"):
        decode(path)
