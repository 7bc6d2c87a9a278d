"""Decode image files to grey levels, or refuse them with the reason."""

import contextlib
import ctypes
import io
import logging
import re
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
from PIL import (
    ExifTags,
    Image,
    ImageFile,
    ImageOps,
    TiffImagePlugin,
    UnidentifiedImageError,
    _imaging,
)

from brain_mri.errors import InputError
from brain_mri.imaging import (
    deep_colour,
    dicom_files,
    nifti,
    oddities,
    signatures,
    tiff,
)
from brain_mri.imaging.decoded import (
    A_VOLUME,
    MAX_BYTES,
    MAX_PIXELS,
    MAX_PNM_COMMENTS,
    MAX_PNM_HEADER,
    MAX_SLOW_BYTES,
    MAX_SLOW_SAMPLES,
    SALT,
    Decoded,
    ImageError,
    check_scans,
    check_size,
    scale_to_8_bits,
)

# A closed list, because Pillow would run Ghostscript on a file that claims to be EPS.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

MAX_LETTERS = 200  # of a decoder's message

# Pillow refuses images above twice its limit and only warns below. The limit also
# applies to images embedded in other files.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2

# The reason for a refusal says what is wrong with a file, so warnings are not printed.
warnings.filterwarnings("ignore", module=r"PIL\b")
logging.getLogger("PIL").setLevel(logging.CRITICAL)
with contextlib.suppress(AttributeError, OSError):  # if Pillow lacks libtiff
    # libtiff, part of Pillow's own library, prints its errors itself.
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def decode(path: Path, salt: bytes = SALT) -> Decoded:
    """Decode one file to grey levels, by its content and not by its suffix.

    The EXIF orientation is applied if it can be read. The first frame of an animation
    is used. Alpha is composited over black. Colour becomes ITU-R 601 luma, as in
    Pillow's "L"; CMYK is converted to RGB as (255 - C) (255 - K) / 255 without a colour
    profile, and reduced to its upper 8 bits; LAB gives its L channel. Grey or luma of
    more than 8 bits is scaled linearly from its own 0.5..99.5 percentiles to 0..255
    (`decoded.usual_ends`).
    For DICOM, and what `salt` is for, see `dicom.decode`; for volumes `volumes.read`.

    Raises:
        ImageError: The file is empty, damaged, not an image, a TIFF of several images,
            beyond a limit in `decoded`, of fewer than three grey levels, a volume, or
            DICOM while pydicom is not installed.
        InputError: There is not enough memory.
    """
    content = read_bytes(path)
    if nifti.is_nifti(content):
        raise ImageError(f"NIfTI, {A_VOLUME}")
    try:
        file = dicom_files.completed(content)
        if file is None:
            decoded = _picture(content)
        else:
            decoded = dicom_module().decode(file, salt)
    except MemoryError:
        raise InputError(
            f"{path}: not enough memory to decode it; an image needs 1 GB at most"
        ) from None
    _check_levels(decoded.grey)
    return decoded


def _check_levels(grey: npt.NDArray[np.uint8]) -> None:
    low, high = grey.min(), grey.max()
    if low == high:
        raise ImageError(f"one flat grey level ({low})")
    if ((grey == low) | (grey == high)).all():
        raise ImageError("two grey levels, as in a mask; expected a scan")


def read_bytes(path: Path) -> bytes:
    """Read a file of at most 200 million bytes.

    Raises:
        ImageError: the file is larger, empty, not a regular file, or cannot be read.
    """
    # Read whole, so that a length in a damaged header cannot allocate memory.
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ImageError("not a regular file")
        if size > MAX_BYTES:
            raise ImageError(f"{size:,} bytes, more than {MAX_BYTES:,}")
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}") from None
    if not content:
        raise ImageError("empty file")
    return content


def dicom_module() -> ModuleType:
    """Return the module `dicom`, which needs pydicom.

    Raises:
        ImageError: pydicom, which is optional, is not installed.
    """
    try:
        from brain_mri.imaging import dicom
    except ModuleNotFoundError:
        raise ImageError(
            "DICOM, which needs pydicom: pip install -e '.[dicom]', "
            "then dvc repro -f audit"  # without -f, DVC would skip the audit
        ) from None
    return dicom


def _picture(content: bytes) -> Decoded:
    """Decode a file with Pillow, which may raise anything if the file is damaged."""
    try:
        _check_header(content)
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            check_size(*image.size)
            _check_decoder(image, content)
            grey, coloured = _to_grey(image, content)
            form, upright = image.format or "", _upright(grey, image)
            return Decoded(upright, form, image.mode, coloured=coloured)
    except (ImageError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise _unidentified(content) from None
    except Image.DecompressionBombError:
        raise ImageError(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:
        raise ImageError(f"damaged image: {_message(error)}") from None


def _check_header(content: bytes) -> None:
    """Refuse a file that Pillow opens slowly, before it is passed to Pillow."""
    if content[:2] in (b"II", b"MM"):
        tiff.check_tiff(content)
    if len(content) > MAX_PNM_HEADER and re.match(rb"P[0-6fy]\S{0,4}\s", content):
        head = re.sub(rb"#[^\r\n]*[\r\n]?", b"", content[:MAX_PNM_HEADER])
        # kind, width, height and maximum; P1 and P4 (one bit) have no maximum
        if len(head.split()) < (3 if content[1:2] in b"14" else 4):
            raise ImageError(f"PPM with a header of more than {MAX_PNM_HEADER:,} bytes")


def _check_decoder(image: ImageFile.ImageFile, content: bytes) -> None:
    """Refuse a file that is too large for its slow decoder."""
    form, decoder = image.format, image.tile[0][0] if image.tile else ""
    if form == "JPEG2000" and len(content) > MAX_SLOW_BYTES:
        raise ImageError(f"JPEG 2000 of more than {MAX_SLOW_BYTES:,} bytes")
    if form in ("JPEG", "MPO"):  # MPO: several JPEG images in one file
        check_scans(content)  # in TIFF, libtiff limits the scans itself
    samples = image.width * image.height * len(image.getbands())
    if decoder in Image.DECODERS and (  # decoders in Python: run lengths, text
        samples > MAX_SLOW_SAMPLES or len(content) > MAX_SLOW_BYTES
    ):
        raise ImageError(
            f"{form} of a kind that takes long to decode, with more than "
            f"{MAX_SLOW_SAMPLES:,} samples or {MAX_SLOW_BYTES:,} bytes"
        )
    if decoder == "ppm_plain" and content.count(b"#") > MAX_PNM_COMMENTS:
        raise ImageError(f"PPM of more than {MAX_PNM_COMMENTS} comments")


def _load(image: ImageFile.ImageFile) -> None:
    """Decode the pixels; Pillow also turns a TIFF upright here."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        deep_planes = tiff.has_deep_planes(image.tag_v2)
        if tiff.pixel_type(image.tag_v2) == (8, 2) or deep_planes:
            raise tiff.unsupported(image.tag_v2)  # Pillow would read other levels
        # Keeps Pillow from reading EXIF and XMP, which are unused and may be damaged.
        image.is_animated = True
        if not isinstance(image.info.get("xmp"), bytes):
            image.info.pop("xmp", None)
    image.load()


def _to_grey(
    image: ImageFile.ImageFile, content: bytes
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Decode to grey levels, and tell whether the image is coloured.

    The image is then loaded, and upright if TIFF.
    """
    raw = deep_colour.raw_mode(image)
    if raw:
        return _deep_luma(image, raw, content)
    _load(image)
    if image.mode[0] in "IF":
        return _deep_to_grey(image), False
    if image.mode == "LAB":
        return np.asarray(image.getchannel("L")), False
    # Via RGB, because Pillow cannot convert CMYK or a palette with alpha directly.
    rgb = _over_black(image).convert("RGB")
    coloured = image.mode not in ("1", "L", "LA")
    coloured = coloured and oddities.is_coloured(np.asarray(rgb))
    return np.asarray(rgb.convert("L")), coloured


def _over_black(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    rgba = image.convert("RGBA")
    black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, rgba)


def _deep_luma(
    image: ImageFile.ImageFile, raw: str, content: bytes
) -> tuple[npt.NDArray[np.uint8], bool]:
    """Decode 16-bit colour in full depth, where `image` has passed all limits."""
    halves = []
    for i, mode in enumerate(deep_colour.raw_modes(raw)):
        half = Image.open(io.BytesIO(content), formats=FORMATS) if i else image
        half.tile = [deep_colour.with_raw_mode(tile, mode) for tile in half.tile]
        _load(half)
        halves.append(np.asarray(half))
    samples, transparent = deep_colour.samples(halves), image.info.get("transparency")
    coloured = samples.shape[2] > 2 and oddities.is_coloured(samples[..., :3])
    return scale_to_8_bits(deep_colour.luma(samples, raw, transparent)), coloured


def _deep_to_grey(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Scale 16 or 32 bits a pixel (modes I, I;16 and F), following any TIFF tags."""
    levels, tags = np.asarray(image), getattr(image, "tag_v2", {})
    if image.mode == "I" and tiff.pixel_type(tags) == (32, 1):
        levels = levels.view(np.uint32)  # Pillow reads them as signed
    grey = scale_to_8_bits(levels)
    return 255 - grey if tags.get(tiff.PHOTOMETRIC) == 0 else grey  # white is zero


def _upright(grey: npt.NDArray[np.uint8], image: Image.Image) -> npt.NDArray[np.uint8]:
    """Apply the EXIF orientation of `image` to its grey levels, if it can be read."""
    tag = ExifTags.Base.Orientation
    try:
        picture = Image.fromarray(grey)
        picture.getexif()[tag] = image.getexif().get(tag)
        return np.asarray(ImageOps.exif_transpose(picture))
    except MemoryError:
        raise
    except Exception:  # Pillow may raise anything on damaged EXIF
        return grey


def _unidentified(content: bytes) -> ImageError:
    """Return the error for a file that Pillow does not know."""
    known = signatures.reason(content)
    if known:
        return ImageError(known)
    try:
        tiff.check_pixel_type(content)
    except ImageError as error:
        return error
    except Exception:  # Pillow may raise anything on a damaged file
        pass
    return ImageError(f"not an image of a known kind ({', '.join(FORMATS)}, DICOM)")


def _message(error: Exception) -> str:
    words = " ".join(str(error).split())[:MAX_LETTERS]
    if isinstance(error, (OSError, SyntaxError, ValueError, EOFError)) and words:
        return words
    return f"the decoder fails ({type(error).__name__})"
