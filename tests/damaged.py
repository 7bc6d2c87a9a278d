"""Build image files, good ones of every kind and damaged ones beyond decoding.

All are made by code, the same bytes each time.
"""

import contextlib
import io
import struct
import warnings
import zlib
from functools import cache

import cv2
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

SIDES = (40, 48)  # rows and columns of the good images


def texture():
    """Return uint8 (40, 48) levels with a gradient and noise, so that nothing is flat.

    Of noise every byte of the file matters, so that damage cannot go unseen.
    """
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, SIDES, np.uint8)


@contextlib.contextmanager
def unwarned():
    """Let pydicom write odd values without a warning of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@unwarned()
def dicom(
    pixels,
    colours="MONOCHROME2",
    syntax=ExplicitVRLittleEndian,
    pixel_data=None,
    **elements,
):
    """Return a DICOM file of `pixels`; `elements` are set, or with None left out."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel = 1 if pixels.ndim == 2 else pixels.shape[2]
    data.PhotometricInterpretation = colours
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    stored = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    data.PixelData = stored if pixel_data is None else pixel_data
    data["PixelData"].VR = "OB" if syntax.is_encapsulated else "OW"
    for name, value in elements.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return _written(data)


def compressed(pixels, syntax, **elements):
    """Return the same as `dicom`, compressed by what pydicom and Pillow have."""
    data = pydicom.dcmread(io.BytesIO(dicom(pixels, **elements)))
    if syntax == RLELossless:
        data.compress(RLELossless, generate_instance_uid=False)
        return _written(data)
    stream = encoded(Image.fromarray(pixels), "JPEG2000", no_jp2=True)
    frames = pydicom.encaps.encapsulate([stream])
    return dicom(pixels, syntax=syntax, pixel_data=frames, **elements)


def _written(data):
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


def encoded(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def deep_colour(suffix, levels):
    """Return a file of 16-bit colour, which Pillow cannot write."""
    pixels = np.stack([levels.astype(np.uint16)] * 3, axis=-1)
    return cv2.imencode(suffix, pixels)[1].tobytes()


@cache
def good():
    """Return by name a whole file of every kind that is decoded."""
    levels = texture()
    grey = Image.fromarray(levels)
    deep = levels.astype(np.uint16) * 16
    tiff = {"raw": None, "lzw": "tiff_lzw", "deflate": "tiff_deflate", "jpeg": "jpeg"}
    return {
        "png": encoded(grey, "PNG"),
        "png-rgba": encoded(grey.convert("RGBA"), "PNG"),
        "png-palette": encoded(grey.convert("P"), "PNG", transparency=0),
        "png-16": encoded(Image.fromarray(deep), "PNG"),
        "png-rgb-16": deep_colour(".png", deep),
        "jpeg": encoded(grey, "JPEG"),
        "jpeg-progressive": encoded(grey.convert("RGB"), "JPEG", progressive=True),
        "jpeg-cmyk": encoded(grey.convert("CMYK"), "JPEG"),
        "bmp": encoded(grey, "BMP"),
        "bmp-rgb": encoded(grey.convert("RGB"), "BMP"),
        "gif": encoded(grey, "GIF"),
        "webp": encoded(grey.convert("RGB"), "WEBP"),
        "webp-lossless": encoded(grey.convert("RGBA"), "WEBP", lossless=True),
        "jp2": encoded(grey, "JPEG2000"),
        "pgm": encoded(grey, "PPM"),
        **{
            f"tiff-{name}": encoded(grey, "TIFF", compression=compression)
            for name, compression in tiff.items()
        },
        "tiff-16": encoded(Image.fromarray(deep), "TIFF"),
        "tiff-rgb-16": deep_colour(".tif", deep),
        "tiff-float": encoded(Image.fromarray(levels.astype(np.float32)), "TIFF"),
        "dicom": dicom(deep, WindowCenter=2000, WindowWidth=3000, PatientID="P17"),
        "dicom-implicit": dicom(deep, syntax=ImplicitVRLittleEndian, RescaleSlope=2),
        "dicom-big": dicom(deep, syntax=ExplicitVRBigEndian),
        "dicom-rgb": dicom(np.stack([levels] * 3, axis=-1), "RGB"),
        "dicom-rle": compressed(deep, RLELossless),
        "dicom-jpeg2000": compressed(levels, JPEG2000Lossless),
    }


@cache
def damaged():
    """Return by name files that are beyond decoding."""
    return {
        **_cut(),
        **_no_images(),
        **_wrong_signatures(),
        **_sizes(),
        **_odd_png(),
        **_wrong_lengths(),
        **_odd_dicom(),
        **_bombs(),
    }


def _cut():
    """Cut off in the header, early, in the middle."""
    shares = {"header": 0.0, "tenth": 0.1, "half": 0.5}
    return {
        f"cut-{name}-{where}": content[: max(12, round(share * len(content)))]
        for name, content in good().items()
        for where, share in shares.items()
        # these three shares of the plain kinds; half of the variants
        if "-" not in name or where == "half"
    }


def _no_images():
    rng = np.random.default_rng(1)
    return {
        "text": b"an image, honestly\n" * 20,
        "html": b"<!doctype html><title>404</title>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"/>',
        "pdf": b"%PDF-1.7\n" + bytes(90),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 90\n",
        "zip": b"PK\x03\x04" + bytes(90),
        "gzip": zlib.compress(bytes(900), wbits=31),
        "zeros": bytes(5000),
        "noise": rng.bytes(5000),
        "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os",
    }


def _wrong_signatures():
    """Flip the first bytes of each plain kind, or of DICOM its prefix."""
    found = {}
    for name, content in good().items():
        if "-" not in name:
            start = 128 if name == "dicom" else 0
            flipped = bytes(byte ^ 0xFF for byte in content[start : start + 12])
            found[f"signature-{name}"] = (
                content[:start] + flipped + content[start + 12 :]
            )
    return found


def _sizes():
    """State no pixels, or billions, in each format's own header."""
    return {
        f"size-{name}-{side}": resized(name, side)
        for name in ("png", "bmp", "gif", "jpeg", "tiff-raw", "pgm", "dicom", "jp2")
        for side in (0, 65535)
    } | {"size-webp-16383": resized("webp", 16383)}


def resized(name, side):
    """Return a good file whose header says that it is `side` x `side` px."""
    content = bytearray(good()[name])
    rows, columns = SIDES
    if name == "png":
        header = struct.pack(">II", side, side) + content[24:29]
        content[8:33] = png_chunk(b"IHDR", header)
    elif name == "bmp":
        content[18:26] = struct.pack("<ii", side, side)
    elif name == "gif":
        content[6:10] = struct.pack("<HH", side, side)
        start = content.index(b"\x2c", 13 + 3 * 256) + 5  # of the frame
        content[start : start + 4] = struct.pack("<HH", side, side)
    elif name == "jpeg":
        start = content.index(b"\xff\xc0") + 5
        content[start : start + 4] = struct.pack(">HH", side, side)
    elif name == "tiff-raw":
        for tag in (256, 257):
            start = tiff_entry(content, tag)
            content[start + 2 : start + 12] = struct.pack("<HII", 4, 1, side)
    elif name == "webp":
        start = content.index(b"\x9d\x01\x2a") + 3
        content[start : start + 4] = struct.pack("<HH", side, side)
    elif name == "jp2":
        start = content.index(b"ihdr") + 4
        content[start : start + 8] = struct.pack(">II", side, side)
        start = content.index(b"\xff\x51") + 6
        content[start : start + 8] = struct.pack(">II", side, side)
    elif name == "pgm":
        head, _, rest = bytes(content).partition(b"%d %d" % (columns, rows))
        return head + b"%d %d" % (side, side) + rest
    elif name == "dicom":
        return dicom(texture().astype(np.uint16), Rows=side, Columns=side)
    return bytes(content)


def png_chunk(kind, body, length=None):
    size = len(body) if length is None else length
    return (
        struct.pack(">I", size)
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body))
    )


def tiff_entry(content, tag):
    """Return where the entry of a tag starts in a little-endian TIFF file."""
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    for i in range(entries):
        at = start + 2 + 12 * i
        if struct.unpack_from("<H", content, at) == (tag,):
            return at
    raise KeyError(tag)


def _odd_png():
    signature = good()["png"][:8]
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 48, 40, 8, 0, 0, 0, 0))
    rows = b"".join(b"\0" + bytes(row) for row in texture())
    packed = zlib.compress(rows)
    end = png_chunk(b"IEND", b"")

    def png(*chunks):
        return signature + b"".join(chunks)

    return {
        "png-no-data": png(header, end),
        "png-no-header": png(png_chunk(b"IDAT", packed), end),
        "png-empty-data": png(header, png_chunk(b"IDAT", b""), end),
        "png-data-no-zlib": png(header, png_chunk(b"IDAT", b"\xff" * 900), end),
        "png-checksum": png(header[:-1] + b"\0", png_chunk(b"IDAT", packed), end),
        "png-chunk-of-4-gb": png(header, png_chunk(b"tEXt", packed, 2**32 - 1)),
        "png-depth-3": png(
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", 48, 40, 3, 0, 0, 0, 0)),
            png_chunk(b"IDAT", packed),
            end,
        ),
        "png-signature-alone": signature,
        "png-palette-missing": png(
            png_chunk(b"IHDR", struct.pack(">IIBBBBB", 48, 40, 8, 9, 0, 0, 0)),
            png_chunk(b"IDAT", packed),
            end,
        ),
    }


def _wrong_lengths():
    """Point behind the end, or state a length that is not there."""
    tiff, offset = bytearray(good()["tiff-raw"]), bytearray(good()["tiff-raw"])
    start = tiff_entry(offset, 273)  # StripOffsets
    offset[start + 8 : start + 12] = struct.pack("<I", 2**31)
    entries = bytearray(tiff)
    entries[4:8] = struct.pack("<I", len(tiff) + 9)
    bmp = bytearray(good()["bmp"])
    bmp[10:14] = struct.pack("<I", 10**6)  # where the pixels start
    jpeg = good()["jpeg"]
    tables = jpeg.index(b"\xff\xdb")
    return {
        "tiff-strip-behind-end": bytes(offset),
        "tiff-directory-behind-end": bytes(entries),
        "tiff-pages": pages(3),
        "bmp-pixels-behind-end": bytes(bmp),
        "jpeg-no-scan": jpeg[: jpeg.index(b"\xff\xda")] + b"\xff\xd9",
        "jpeg-no-tables": jpeg[:tables] + jpeg[jpeg.index(b"\xff\xc0") :][:40],
        "gif-no-frame": good()["gif"][:13] + b"\x3b",
        "webp-empty-riff": b"RIFF\x04\x00\x00\x00WEBP",
        "dicom-prefix-alone": bytes(128) + b"DICM",
    }


def _odd_dicom():
    deep = texture().astype(np.uint16) * 16
    stored = deep.tobytes()
    frames = pydicom.encaps.encapsulate([b"\xff" * 200])
    return {
        "dicom-frames": dicom(deep, pixel_data=stored * 3, NumberOfFrames=3),
        "dicom-no-pixels": dicom(deep, PixelData=None),
        "dicom-no-rows": dicom(deep, Rows=None),
        "dicom-no-bits": dicom(deep, BitsAllocated=None),
        "dicom-no-colours": dicom(deep, PhotometricInterpretation=None),
        "dicom-few-pixels": dicom(deep, pixel_data=stored[:1000]),
        "dicom-odd-colours": dicom(deep, "DOE^JANE"),
        "dicom-grey-of-three": dicom(np.stack([deep] * 3, axis=-1)),
        "dicom-odd-bits": dicom(deep, BitsAllocated=17),
        "dicom-odd-high-bit": dicom(deep, BitsStored=12, HighBit=15),
        "dicom-odd-window": dicom(deep, WindowCenter=9, WindowWidth=0),
        "dicom-jpeg-ls": dicom(deep, syntax=JPEGLSLossless, pixel_data=frames),
        "dicom-jpeg2000-noise": dicom(deep, syntax=JPEG2000Lossless, pixel_data=frames),
        "dicom-rle-noise": dicom(deep, syntax=RLELossless, pixel_data=frames),
    }


def bmp_rle(side, lengths):
    """Return a square BMP of 256 greys in run lengths, which start at the bottom."""
    palette = b"".join(bytes([grey, grey, grey, 0]) for grey in range(256))
    start = 14 + 40 + len(palette)
    header = struct.pack(
        "<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(lengths), 0, 0, 0, 0
    )
    file = struct.pack("<2sIHHI", b"BM", start + len(lengths), 0, 0, start)
    return file + header + palette + lengths


def tiff_of(rows, columns, body, **fields):
    """Return a TIFF file of 8 bits a pixel; `body` starts at byte 8.

    A field is a tag's name with its type and values; a fraction is two of these.
    """
    numbers = {"width": 256, "rows": 257, "bits": 258, "packing": 259, "black": 262,
               "offsets": 273, "orientation": 274, "samples": 277, "per_strip": 278,
               "lengths": 279, "resolution": 282, "planes": 284,
               "tile_width": 322, "tile_rows": 323, "tile_offsets": 324,
               "tile_lengths": 325, "xmp": 700, "exif": 34665}  # fmt: skip
    types = {"letters": (2, "u1", 1), "short": (3, "<u2", 1), "long": (4, "<u4", 1),
             "fraction": (5, "<u4", 2), "below": (9, "<i4", 1)}  # fmt: skip
    plain = {"width": columns, "rows": rows, "bits": 8, "packing": 1, "black": 1}
    fields = {name: ("long", [value]) for name, value in plain.items()} | fields
    content, entries = bytearray(b"II*\0\0\0\0\0" + body), b""
    for name in sorted(fields, key=numbers.__getitem__):
        kind, dtype, each = types[fields[name][0]]
        values = np.asarray(fields[name][1], dtype)
        value = values.tobytes()
        if len(value) > 4:
            content += value
            value = struct.pack("<I", len(content) - len(value))
        count = len(values) // each
        entries += struct.pack("<HHI4s", numbers[name], kind, count, value)
    content[4:8] = struct.pack("<I", len(content))
    return bytes(content) + struct.pack("<H", len(fields)) + entries + bytes(4)


def pages(count, **options):
    """Return a TIFF file of several images."""
    levels = texture()
    first, *others = (Image.fromarray(np.roll(levels, i)) for i in range(count))
    return encoded(first, "TIFF", save_all=True, append_images=others, **options)


def strips(count):
    """Return a TIFF file of one row of 16 px a strip."""
    body = np.arange(16 * count, dtype=np.uint8).tobytes()
    offsets, lengths = 8 + 16 * np.arange(count), [16] * count
    return tiff_of(count, 16, body, offsets=("long", offsets), per_strip=("long", [1]),
                   lengths=("long", lengths))  # fmt: skip


def large_tile(side):
    """Return a TIFF file of 16 x 16 px in a tile of `side` x `side`, all black."""
    row, packed = bytes(side), zlib.compressobj(1)
    body = b"".join(packed.compress(row) for _ in range(side)) + packed.flush()
    tile = {"tile_width": side, "tile_rows": side, "tile_offsets": 8}
    tile |= {"tile_lengths": len(body), "packing": 8}
    fields = {name: ("long", [value]) for name, value in tile.items()}
    return tiff_of(16, 16, body, **fields)


def _bombs():
    """Few bytes that would become gigabytes, or take long."""
    side = 9000
    rows = zlib.compressobj(9)
    packed = (
        b"".join(rows.compress(bytes(side + 1)) for _ in range(side)) + rows.flush()
    )
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    small = texture()
    deflated = dicom(small, syntax=DeflatedExplicitVRLittleEndian)
    frames = pydicom.encaps.encapsulate([resized("jp2", 9000)])
    return {
        "bomb-png": good()["png"][:8]
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", packed)
        + png_chunk(b"IEND", b""),
        "bomb-dicom-deflated": deflated,
        "bomb-in-dicom": dicom(small, syntax=JPEG2000Lossless, pixel_data=frames),
        "bomb-scans": many_scans(150),
        "bomb-scans-mpo": many_scans(150, "MPO"),
        "bomb-scans-in-dicom": dicom(
            small,
            syntax=JPEGBaseline8Bit,
            pixel_data=pydicom.encaps.encapsulate([many_scans(150)]),
        ),
        **_slow(),
        "bomb-strips": strips(200_000),
        "bomb-tile": large_tile(20_000),
    }


def _slow():
    """What Pillow decodes in Python, of more than that manages."""
    levels = np.random.default_rng(2).integers(0, 200, (1500, 1500), np.uint8)
    plain = b" ".join(b"%d" % level for level in texture().ravel())
    return {
        "slow-ppm": b"P5 1500 1500 200\n" + levels.tobytes(),
        "slow-ppm-comments": b"P2 48 40 255\n" + 50_000 * b"#\n" + plain,
        "slow-ppm-header": b"P5\n#" + bytes(9000) + b"\n48 40 255\n" + bytes(1920),
        "slow-bmp": bmp_rle(1500, b"\1\7" * 1500**2),
        "slow-bmp-bytes": bmp_rle(48, bytes(8_000_000)),
    }


def many_scans(times, form="JPEG"):
    """Return a progressive JPEG whose last scan, a pass over all pixels, is repeated.

    As MPO, what some cameras write, there is a second image behind it.
    """
    image = Image.fromarray(texture())
    more = {"save_all": True, "append_images": [image]} if form == "MPO" else {}
    content = encoded(image, form, progressive=True, **more)
    end = content.index(b"\xff\xd9")
    scan = content[content.rindex(b"\xff\xda", 0, end) : end]
    return content[:end] + times * scan + content[end:]
