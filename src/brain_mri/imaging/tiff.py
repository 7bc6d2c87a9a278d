"""Check the tags of a TIFF file before Pillow makes an object of each.

Source: TIFF 6.0, sections 2, 8 and 15, and BigTIFF as libtiff reads it.
"""

import contextlib
import io
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from PIL import TiffImagePlugin

from brain_mri.imaging.decoded import MAX_PIXELS, MAX_TIFF_VALUES, ImageError

SUBFILE, OLD_SUBFILE, WIDTH, BITS, PHOTOMETRIC = 254, 255, 256, 258, 262
PLANES, TILE_WIDTH, TILE_LENGTH, SAMPLE_FORMAT = 284, 322, 323, 339
THUMBNAIL = 513  # EXIF: an embedded JPEG file
REDUCED, MASK, OLD_REDUCED = 1, 4, 2  # values of SUBFILE and OLD_SUBFILE
BYTES = (1, 2, 7)  # types of one byte a value, which Pillow reads in one piece
SIZES = {1: 1, 3: 2, 4: 4, 6: 1, 8: 2, 9: 4, 16: 8, 17: 8}  # bytes of integer types
SAMPLE_FORMATS = {1: "unsigned", 2: "signed", 3: "float"}


class Entry(NamedTuple):
    """Hold a tag, its type and number of values, and its value if a single integer."""

    tag: int
    type: int
    values: int
    value: int


def check_tiff(tiff: bytes) -> None:
    """Check that a TIFF file holds one image, within the limits for tags and tiles.

    Masks and copies at lower resolution do not count as images. Damage is not reported
    here but by Pillow; the readable part of the file is checked.

    Raises:
        ImageError: there are several images, more than 100,000 tags or values of one
            tag, or tiles of more than 25 million pixels.
    """
    tags = images = 0
    for entries in _directories(tiff):
        tags += 1 + len(entries)
        _check_number(tags, "tags")
        if images == 0:
            _check_first(entries)
            images = 1
        elif _value(entries, WIDTH) and not _is_auxiliary(entries):
            images += 1
    if images > 1:
        raise ImageError(f"TIFF of {images} pages; expected one image a file")


def pixel_type(tags: Mapping[int, Any]) -> tuple[int, int]:
    """Return bits and format (see `SAMPLE_FORMATS`) of a sample, from Pillow's tags."""
    return tags.get(BITS, (1,))[0], tags.get(SAMPLE_FORMAT, (1,))[0]


def has_deep_planes(tags: Mapping[int, Any]) -> bool:
    """Tell whether each colour of 16 bits lies by itself; Pillow reads 8 bits then."""
    return tags.get(PLANES) == 2 and pixel_type(tags)[0] == 16


def unsupported(tags: Mapping[int, Any]) -> ImageError:
    """Return the error for a pixel type that Pillow cannot read."""
    bits, form = pixel_type(tags)
    words = [f"{bits} bits", SAMPLE_FORMATS.get(form, "of another kind")]
    words += ["white is zero"] * (tags.get(PHOTOMETRIC) == 0)
    words += ["colours apart"] * (tags.get(PLANES) == 2)
    return ImageError(
        f"TIFF of a pixel type that is not supported ({', '.join(words)})"
    )


def check_pixel_type(tiff: bytes) -> None:
    """Refuse a TIFF file that Pillow cannot open only because of its pixel type."""
    stream = io.BytesIO(tiff)
    try:
        TiffImagePlugin.TiffImageFile(stream)
    except SyntaxError as error:
        if str(error) == "unknown pixel mode":
            head = tiff[: 16 if tiff[2] == 43 else 8]  # BigTIFF has a longer header
            tags = TiffImagePlugin.ImageFileDirectory_v2(head)
            stream.seek(tags.next)
            tags.load(stream)
            raise unsupported(tags) from None


def _check_number(number: int, what: str) -> None:
    if number > MAX_TIFF_VALUES:
        raise ImageError(f"TIFF with {number:,} {what}, more than {MAX_TIFF_VALUES:,}")


def _check_first(entries: list[Entry]) -> None:
    for entry in entries:
        if entry.type not in BYTES:
            _check_number(entry.values, f"values of tag {entry.tag}")
    # libtiff decodes whole tiles, however small the image
    if _value(entries, TILE_WIDTH) * _value(entries, TILE_LENGTH) > MAX_PIXELS:
        raise ImageError(f"TIFF with tiles of more than {MAX_PIXELS:,} pixels")


def _is_auxiliary(entries: list[Entry]) -> bool:
    """Tell whether a page is a mask of another, or its copy at lower resolution."""
    return bool(
        _value(entries, SUBFILE) & (REDUCED | MASK)
        or _value(entries, OLD_SUBFILE) == OLD_REDUCED
        or _value(entries, THUMBNAIL)
    )


def _value(entries: list[Entry], tag: int) -> int:
    # the largest, if a damaged file has several
    return max((entry.value for entry in entries if entry.tag == tag), default=0)


def _directories(tiff: bytes) -> Iterator[list[Entry]]:
    """Yield the entries of each directory; stop at a missing or repeated one."""
    order = "<" if tiff[:2] == b"II" else ">"
    big = tiff[2:3] == b"+"  # as Pillow recognises BigTIFF
    number, offset = (order + "Q", order + "Q") if big else (order + "H", order + "L")
    entry = struct.Struct(order + ("HHQ8s" if big else "HHL4s"))
    seen = {0}
    with contextlib.suppress(struct.error, OverflowError):
        (at,) = struct.unpack_from(offset, tiff, 8 if big else 4)
        while at not in seen:
            seen.add(at)
            (count,) = struct.unpack_from(number, tiff, at)
            _check_number(count, "tags")
            at += struct.calcsize(number)
            end = at + count * entry.size
            table = tiff[at:end]
            whole = table[: len(table) // entry.size * entry.size]  # if cut short
            yield [_entry(row, order) for row in entry.iter_unpack(whole)]
            (at,) = struct.unpack_from(offset, tiff, end)


def _entry(row: tuple[int, int, int, bytes], order: str) -> Entry:
    tag, kind, values, field = row
    inline = field[: SIZES.get(kind, 0)] if values == 1 else b""
    value = int.from_bytes(inline, "little" if order == "<" else "big")
    return Entry(tag, kind, values, value)
