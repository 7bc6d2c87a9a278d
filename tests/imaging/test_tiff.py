"""TIFF: how much is read of it, and how many images it holds."""

import io
import struct

import damaged
import numpy as np
import pytest
from PIL import Image

from brain_mri.imaging.decoded import ImageError
from brain_mri.imaging.decoding import decode


@pytest.fixture
def put(tmp_path):
    def write(content):
        path = tmp_path / "a"
        path.write_bytes(content)
        return path

    return write


def test_more_strips_than_can_be_read_at_once_are_refused(put):
    grey = decode(put(damaged.strips(100_000))).grey
    expected = np.arange(1_600_000, dtype=np.uint8).reshape(-1, 16)
    np.testing.assert_array_equal(grey, expected)
    reason = "^TIFF with 100,001 values of tag 273, more than 100,000$"
    with pytest.raises(ImageError, match=reason):
        decode(put(damaged.strips(100_001)))


def test_tags_of_many_values_are_refused(put):
    """Pillow makes an object of each, here of each fraction."""
    levels = damaged.texture()
    one = {"offsets": ("long", [8]), "lengths": ("long", [levels.size])}
    for count in (1, 100_001):
        many = {"resolution": ("fraction", [1, 1] * count)}
        path = put(damaged.tiff_of(*levels.shape, levels.tobytes(), **one, **many))
        if count == 1:
            np.testing.assert_array_equal(decode(path).grey, levels)
            continue
        with pytest.raises(ImageError, match="^TIFF with 100,001 values of tag 282,"):
            decode(path)


def test_many_tags_are_refused(put):
    content = bytearray(damaged.strips(40))
    at = int.from_bytes(content[4:8], "little")
    big = b"II+\0\x08\0\0\0" + (16).to_bytes(8, "little")
    for count in (100_001, 2**63):
        with pytest.raises(ImageError, match=f"^TIFF with {count:,} tags, more than"):
            decode(put(big + count.to_bytes(8, "little")))
    content[at : at + 2] = b"\xff\xff"  # a plain TIFF may say so, and is cut short
    assert decode(put(content)).grey.shape == (40, 16)


def test_a_tile_larger_than_any_image_is_refused(put):
    with pytest.raises(ImageError, match="one flat grey level"):
        decode(put(damaged.large_tile(48)))
    with pytest.raises(
        ImageError, match="^TIFF with tiles of more than 25,000,000 pix"
    ):
        decode(put(damaged.large_tile(5008)))


def test_several_images_are_refused_with_their_number(put):
    deep = Image.fromarray(damaged.texture().astype(">u2"))  # written big-endian
    others = {"save_all": True, "append_images": [deep] * 19}
    contents = [
        damaged.pages(20),
        damaged.pages(20, compression="tiff_lzw"),
        damaged.pages(20, big_tiff=True),
        damaged.encoded(deep, "TIFF", **others),
    ]
    assert {content[:4] for content in contents} == {b"II*\0", b"II+\0", b"MM\0*"}
    for content in contents:
        assert Image.open(io.BytesIO(content)).n_frames == 20
        with pytest.raises(ImageError, match="^TIFF of 20 pages; expected one image a"):
            decode(put(content))


def followed_by(*entries):
    """Return a TIFF file whose image leads on to its end, and a directory to add."""
    content = damaged.good()["tiff-raw"]
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    end = at + 2 + 12 * count
    linked = content[:end] + struct.pack("<I", len(content)) + content[end + 4 :]
    return linked, struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


@pytest.mark.parametrize(
    ("tags", "pages"),
    [
        ([(254, 4, 1), (256, 4, 20)], 1),  # a copy in a lower resolution
        ([(254, 3, 1), (256, 4, 20)], 1),
        ([(254, 4, 5), (256, 4, 20)], 1),  # the mask of such a copy
        ([(254, 4, 4), (256, 4, 20)], 1),  # a mask
        ([(255, 3, 2), (256, 4, 20)], 1),  # a copy, as it was said of old
        ([(255, 3, 1), (256, 4, 20)], 2),
        ([(256, 4, 20), (513, 4, 8)], 1),  # a thumbnail of EXIF's kind
        ([(254, 4, 0), (256, 4, 20)], 2),
        ([(254, 4, 2), (256, 4, 20)], 2),  # one page of several
        ([(256, 3, 20)], 2),
        ([(270, 4, 20)], 1),  # without a width it is no image
    ],
)
def test_a_copy_in_a_lower_resolution_is_no_page(put, tags, pages):
    entries = [struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags]
    content, directory = followed_by(*entries)
    path = put(content + directory)
    if pages == 1:
        np.testing.assert_array_equal(decode(path).grey, damaged.texture())
    else:
        with pytest.raises(ImageError, match="^TIFF of 2 pages; expected one image"):
            decode(path)


def test_a_chain_of_pages_that_is_damaged_is_no_page(put):
    content, _ = followed_by()
    assert decode(put(content)).grey.shape == damaged.SIDES  # it leads behind the end
    at = content.rindex(struct.pack("<I", len(content)))
    for where in (content[4:8], b"\xff" * 4):  # a ring, and far away
        path = put(content[:at] + where + content[at + 4 :])
        assert decode(path).grey.shape == damaged.SIDES


def test_so_many_pages_are_not_even_counted(put):
    """Each takes 6 bytes, and none is an image."""
    content, _ = followed_by()
    start = len(content)
    links = [struct.pack("<HI", 0, start + 6 * (i + 1)) for i in range(100_001)]
    with pytest.raises(ImageError, match="^TIFF with 100,001 tags, more than 100,000$"):
        decode(put(content + b"".join(links)))
