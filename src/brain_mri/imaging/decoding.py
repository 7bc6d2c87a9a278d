"""Decode and write the image files."""

import contextlib
import ctypes
import hashlib
import io
import logging
import re
import stat
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import (
    ExifTags,
    Image,
    ImageFile,
    TiffImagePlugin,
    UnidentifiedImageError,
    _imaging,
)

from brain_mri.errors import InputError
from brain_mri.files.writing import writing
from brain_mri.imaging.decoded import (
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SLOW_BYTES,
    MAX_SLOW_SAMPLES,
    Decoded,
    check_scans,
    check_size,
    stretch,
)
from brain_mri.imaging.decoded import ImageError as ImageError  # also handed on
from brain_mri.imaging.tiff import check_tiff

# Named one by one: Pillow would also run Ghostscript on a file that says it is EPS.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

ID_DIGITS = 12  # 48 bits: two of 100,000 images collide with probability 2e-5

# 16 and 32 bits a pixel: nothing says which range is in use, so it is measured.
DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")

# EXIF 2.32, 4.6.4: by orientation, what turns the rows and columns upright.
TURNS: dict[int, Callable[[npt.NDArray], npt.NDArray]] = {
    1: lambda grey: grey,
    2: np.fliplr,
    3: lambda grey: np.rot90(grey, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda grey: np.rot90(grey, -1),
    7: lambda grey: np.rot90(np.transpose(grey), 2),
    8: np.rot90,
}

SAMPLE_FORMATS = {1: "unsigned", 2: "signed", 3: "float"}  # of TIFF

WORDS = 200  # letters of a decoder's complaint

# Pillow reads the header of PNM letter by letter, and for each comment among pixels in
# text it copies what is left of them: 20 MB of the one take 3 s, 1 MB of the other 5 s.
PNM = rb"P[0-6fy]\S{0,4}\s"
COMMENT = rb"#[^\r\n]*[\r\n]?"
MAX_HEAD = 1000  # bytes
MAX_COMMENTS = 100

# Pillow refuses above twice its limit, and up to there only warns. This holds for
# pictures inside other files too.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2

# What is wrong with a file is told once, in the reason for leaving it out.
warnings.filterwarnings("ignore", module=r"PIL\b")
logging.getLogger("PIL").setLevel(logging.CRITICAL)
with contextlib.suppress(AttributeError, OSError):  # where Pillow comes without libtiff
    # libtiff prints its errors itself; found by way of Pillow's own library.
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def decode(path: Path) -> Decoded:
    """Decode one file by its content to grey levels; its suffix is not looked at.

    The EXIF orientation is applied, where it can be read, the first frame of an
    animation taken, alpha composited over black. Colour becomes ITU-R 601 luma, as in
    Pillow's "L"; of colours in 16 bits the upper 8 count; CMYK goes through RGB as
    (255 - C) (255 - K) / 255, without a profile; LAB gives its L. Grey of more than 8
    bits is scaled linearly from its own minimum..maximum to 0..255. For DICOM see
    `dicom.decode`.

    Raises:
        ImageError: The file is empty, damaged, no image, a TIFF of several, larger than
            `MAX_BYTES` or `MAX_PIXELS` or slow for its size, under 16 px on a side, of
            one flat grey level, or DICOM where pydicom is not installed.
        InputError: Memory is short, which is no fault of the file.
    """
    content = _read(path)
    try:
        decoded = _dicom(content) if _is_dicom(content) else _picture(content)
    except MemoryError:
        raise InputError(
            f"{path}: not enough memory to decode it; an image needs 1 GB at most"
        ) from None
    low, high = decoded.grey.min(), decoded.grey.max()
    if low == high:
        raise ImageError(f"one flat grey level ({low})")
    return decoded


def pixel_hash(grey: npt.NDArray[np.uint8]) -> str:
    """Return the SHA-256 of an image's grey levels; its first digits are its id."""
    # The shape too: a 2 x 8 and a 4 x 4 image have the same bytes in a row.
    shape = f"{grey.shape[0]}x{grey.shape[1]}:".encode()
    return hashlib.sha256(shape + np.ascontiguousarray(grey).tobytes()).hexdigest()


def write_png(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write `image`, (height, width) or (height, width, 3) RGB, as a lossless PNG.

    Same pixels, same bytes. The file appears under its name only when it is whole.
    """
    with writing(path) as part:
        Image.fromarray(image).save(part, format="PNG")


def read_png(path: Path) -> npt.NDArray[np.uint8]:
    """Return the grey levels of an image that `write_png` wrote; it may be flat.

    Raises:
        InputError: It is missing or damaged; the line names it.
    """
    try:
        return _picture(_read(path)).grey
    except ImageError as error:
        raise InputError(f"{path}: {error}; `dvc repro` makes it again") from None


def _read(path: Path) -> bytes:
    # Whole, as a length that a damaged header states then asks for no memory.
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ImageError("not a regular file")
        size = found.st_size
        if size > MAX_BYTES:
            raise ImageError(f"{size:,} bytes, more than {MAX_BYTES:,}")
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}") from None
    if not content:
        raise ImageError("empty file")
    return content


def _is_dicom(content: bytes) -> bool:
    # DICOM, PS3.10, 7.1: a preamble, which may look like a TIFF file, and a prefix.
    return content[128:132] == b"DICM"


def _dicom(content: bytes) -> Decoded:
    try:
        from brain_mri.imaging import dicom  # asks for pydicom, which is optional
    except ModuleNotFoundError:
        raise ImageError(
            "DICOM, which needs pydicom: pip install -e '.[dicom]', "
            "then dvc repro -f audit"  # which DVC else takes for done
        ) from None
    return dicom.decode(content)


def _picture(content: bytes) -> Decoded:
    """Decode what Pillow reads; a damaged file may make it raise anything."""
    try:
        _check_head(content)
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            check_size(*image.size)
            _check_cost(image, content)
            if _samples(_tags(image)) == (8, 2):  # Pillow takes them for unsigned
                raise ImageError(_unsupported(_tags(image)))
            _load(image)
            grey = _to_grey(image)
            # Pillow turns it round itself, but for deep pixels.
            if image.mode in DEEP_MODES and _white_is_zero(_tags(image)):
                grey = 255 - grey
            upright = np.ascontiguousarray(TURNS[_orientation(image)](grey))
            return Decoded(upright, image.format or "", image.mode)
    except (ImageError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise ImageError(_unknown(content)) from None
    except Image.DecompressionBombError:
        raise ImageError(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:
        raise ImageError(f"damaged image: {_words(error)}") from None


def _check_head(content: bytes) -> None:
    """Refuse what Pillow would take long to open, let alone to decode."""
    if content[:2] in (b"II", b"MM"):
        check_tiff(content)
    if len(content) > MAX_HEAD and re.match(PNM, content):
        words = re.sub(COMMENT, b"", content[:MAX_HEAD]).split()
        # the kind, the sides and the maximum, which P1 and P4 have not
        if len(words) < (3 if content[1:2] in b"14" else 4):
            raise ImageError(f"PPM with a header of more than {MAX_HEAD:,} bytes")


def _check_cost(image: ImageFile.ImageFile, content: bytes) -> None:
    """Refuse what a few pixels or bytes make slow."""
    if image.format == "JPEG2000" and len(content) > MAX_SLOW_BYTES:
        raise ImageError(f"JPEG 2000 of more than {MAX_SLOW_BYTES:,} bytes")
    if image.format in ("JPEG", "MPO"):  # a JPEG with others behind it
        check_scans(content)  # of one within a TIFF libtiff counts them itself
    decoder = image.tile[0][0] if image.tile else ""
    if decoder in Image.DECODERS:  # those written in Python
        _check_samples(image, content)
    if decoder == "ppm_plain" and content.count(b"#") > MAX_COMMENTS:
        raise ImageError(f"PPM of more than {MAX_COMMENTS} comments")


def _check_samples(image: ImageFile.ImageFile, content: bytes) -> None:
    samples = image.width * image.height * len(image.getbands())
    if samples > MAX_SLOW_SAMPLES or len(content) > MAX_SLOW_BYTES:
        raise ImageError(
            f"{image.format} of a kind that takes long to decode, with more than "
            f"{MAX_SLOW_SAMPLES:,} samples or {MAX_SLOW_BYTES:,} bytes"
        )


def _load(image: ImageFile.ImageFile) -> None:
    """Decode the pixels. A TIFF is turned upright by Pillow as it does so."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # Else Pillow also reads EXIF that is not used, and fails where that is odd.
        image.is_animated = True
        if not isinstance(image.info.get("xmp"), bytes):
            image.info.pop("xmp", None)
    image.load()


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, or 1, upright, where none can be read."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation)
        return int(found) if found in TURNS else 1
    except MemoryError:
        raise
    except Exception:  # odd data may make Pillow raise anything
        return 1


def _tags(image: Image.Image) -> Mapping[int, Any]:
    return getattr(image, "tag_v2", {})  # of TIFF alone


def _samples(tags: Mapping[int, Any]) -> tuple[int, int]:
    return tags.get(258, (1,))[0], tags.get(339, (1,))[0]  # bits and SAMPLE_FORMATS


def _white_is_zero(tags: Mapping[int, Any]) -> bool:
    return bool(tags.get(262) == 0)  # PhotometricInterpretation


def _unknown(content: bytes) -> str:
    """Say why Pillow knows no file like this: of TIFF it may be the pixels alone."""
    with contextlib.suppress(Exception):  # whatever is damaged
        stream = io.BytesIO(content)
        try:
            TiffImagePlugin.TiffImageFile(stream)
        except SyntaxError as error:
            if str(error) == "unknown pixel mode":
                head = content[: 16 if content[2] == 43 else 8]  # BigTIFF's is longer
                tags = TiffImagePlugin.ImageFileDirectory_v2(head)
                stream.seek(tags.next)
                tags.load(stream)
                return _unsupported(tags)
    return f"not an image of a known kind ({', '.join(FORMATS)}, DICOM)"


def _unsupported(tags: Mapping[int, Any]) -> str:
    bits, kind = _samples(tags)
    words = [f"{bits} bits", SAMPLE_FORMATS.get(kind, "of another kind")]
    words += ["white is zero"] * _white_is_zero(tags)
    return f"TIFF of a pixel type that is not supported ({', '.join(words)})"


def _words(error: Exception) -> str:
    words = " ".join(str(error).split())[:WORDS]
    if isinstance(error, (OSError, SyntaxError, ValueError, EOFError)) and words:
        return words
    return f"the decoder fails ({type(error).__name__})"


def _to_grey(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode in DEEP_MODES:
        deep = np.asarray(image)
        if image.mode == "I" and _samples(_tags(image)) == (32, 1):
            deep = deep.view(np.uint32)  # which Pillow takes for signed
        return stretch(deep)
    if image.mode == "LAB":
        return np.asarray(image.getchannel("L"))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, rgba)
    # By way of RGB, as Pillow has no direct path from CMYK or a palette with alpha.
    return np.asarray(image.convert("RGB").convert("L"))
