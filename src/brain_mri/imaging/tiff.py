"""What a TIFF file says of itself, read before Pillow makes objects of all of it."""

import contextlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

from brain_mri.imaging.decoded import MAX_PIXELS, ImageError

# Of one tag, so of strips or tiles, and tags: so many strips take 0.5 s and 0.2 GB.
MAX_VALUES = 100_000

# Tags, the last of a JPEG file within, as which EXIF keeps a thumbnail.
SUBFILE, OLD_SUBFILE, WIDTH, TILE_WIDTH, TILE_LENGTH = 254, 255, 256, 322, 323
THUMBNAIL = 513
REDUCED, MASK, OLD_REDUCED = 1, 4, 2  # what a page says of itself that is no image
BYTES = (1, 2, 7)  # types of a byte a value, which Pillow takes in one piece
WHOLE = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l", 16: "Q", 17: "q"}  # numbers


class Entry(NamedTuple):
    """Hold one tag: its type, how many values, and the value if it is one whole one."""

    tag: int
    type: int
    values: int
    value: int


def check_tiff(tiff: bytes) -> None:
    """Check that there is one image, without more parts than can be read at once.

    A page that says it is another's mask, or its copy in a lower resolution, does not
    count. What is damaged is left to Pillow to complain of.

    Raises:
        ImageError: there are several images, more than 100,000 tags or values of one
            tag, or tiles of more than 25 million pixels.
    """
    images = tags = 0
    for entries in _pages(tiff):
        tags += 1 + len(entries)
        _check_number(tags, "tags")
        if not images:
            _check_first(entries)
            images = 1
        elif _get(entries, WIDTH) and not _helps(entries):
            images += 1
    if images > 1:
        raise ImageError(f"TIFF of {images} pages; expected one image a file")


def _check_first(entries: list[Entry]) -> None:
    for entry in entries:
        if entry.type not in BYTES:
            _check_number(entry.values, f"values of tag {entry.tag}")
    # libtiff unpacks a tile as a whole, however small the image
    if _get(entries, TILE_WIDTH) * _get(entries, TILE_LENGTH) > MAX_PIXELS:
        raise ImageError(f"TIFF with tiles of more than {MAX_PIXELS:,} pixels")


def _helps(entries: list[Entry]) -> bool:
    """Say whether a page is another's copy in a lower resolution, or its mask."""
    return bool(
        _get(entries, SUBFILE) & (REDUCED | MASK)
        or _get(entries, OLD_SUBFILE) == OLD_REDUCED
        or _get(entries, THUMBNAIL)
    )


def _check_number(number: int, what: str) -> None:
    if number > MAX_VALUES:
        raise ImageError(f"TIFF with {number:,} {what}, more than {MAX_VALUES:,}")


def _get(entries: list[Entry], tag: int) -> int:
    # the largest, where a damaged file has several
    return max((entry.value for entry in entries if entry.tag == tag), default=0)


def _pages(tiff: bytes) -> Iterator[list[Entry]]:
    """Yield the tags of each page, up to one that is not there or was seen before."""
    order = "<" if tiff[:2] == b"II" else ">"
    big = tiff[2:3] == b"+"  # as Pillow tells BigTIFF
    count, entry, offset = ("Q", "HHQ8s", "Q") if big else ("H", "HHL4s", "L")
    seen = {0}
    with contextlib.suppress(struct.error, OverflowError):
        (at,) = struct.unpack_from(order + offset, tiff, 8 if big else 4)
        while at not in seen:
            seen.add(at)
            (tags,) = struct.unpack_from(order + count, tiff, at)
            _check_number(tags, "tags")
            at += struct.calcsize(order + count)
            end = at + tags * struct.calcsize(order + entry)
            yield list(_entries(tiff[at:end], order, entry))
            (at,) = struct.unpack_from(order + offset, tiff, end)


def _entries(table: bytes, order: str, entry: str) -> Iterator[Entry]:
    size = struct.calcsize(order + entry)
    rows = table[: len(table) // size * size]  # Pillow uses what a cut file has
    for tag, kind, count, field in struct.iter_unpack(order + entry, rows):
        value = _value(kind, field, order) if count == 1 else 0
        yield Entry(tag, kind, count, value)


def _value(kind: int, field: bytes, order: str) -> int:
    code = order + WHOLE.get(kind, "")
    if kind not in WHOLE or struct.calcsize(code) > len(field):  # it stands elsewhere
        return 0
    return int(struct.unpack_from(code, field)[0])
