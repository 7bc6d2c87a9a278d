"""Decode one DICOM image; the only patient information kept is a salted hash in memory.

Only the elements in `READ` are read, so that no other element can leak. Errors and
warnings of pydicom may quote the file, so their text is not passed on.
"""

import hashlib
import io
import logging
import re
import warnings
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.filereader import read_dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import (
    apply_color_lut,
    apply_modality_lut,
    apply_windowing,
)
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, JPEGTransferSyntaxes

from brain_mri.imaging import functional_groups, oddities
from brain_mri.imaging.decoded import (
    A_VOLUME,
    MAX_SLOW_BYTES,
    SALT,
    Decoded,
    Ends,
    ImageError,
    apply_by_rows,
    check_scans,
    check_size,
    scale_to_8_bits,
    usual_ends,
)
from brain_mri.imaging.functional_groups import PER_FRAME, PIXELS, SHARED, Groups

NEEDED = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
)
# Both elements of a pair are ignored if one of them is empty or missing.
PAIRS = (("WindowCenter", "WindowWidth"), ("RescaleSlope", "RescaleIntercept"))
TABLES = ("ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction")
COLOURS = ("Red", "Green", "Blue")  # not segmented tables, which may expand a lot
READ = [
    *NEEDED,
    *PIXELS,
    *TABLES,
    *(name for pair in PAIRS for name in pair),
    *(f"{name}PaletteColorLookupTableDescriptor" for name in COLOURS),
    *(f"{name}PaletteColorLookupTableData" for name in COLOURS),
    "SpecificCharacterSet",
    "HighBit",
    "NumberOfFrames",
    "PlanarConfiguration",
    "PixelDataProviderURL",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "PatientID",
    PER_FRAME,
    SHARED,
]
MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")

ITEM = b"\xfe\xff\x00\xe0"  # the tag that begins an item, little endian
MAX_ITEMS = 100_000

Read = TypeVar("Read")
Function = Callable[[npt.NDArray], npt.NDArray]  # pixelwise

# Placeholders for an identifier, in lower case, without spaces and punctuation: a word
# for absence, a word for the field itself, or both in either order.
ABSENT = (
    "anon(ym(ous|i[sz]ed)?)?|deidentified|removed|redacted|hidden|private|default|test"
    "|un(known|named|specified|defined|available)|not(known|specified|available|given)"
    "|no|none|null|nil|nan?|blank|empty"
)
FIELD = "(patient|subject|id|name)"
PLACEHOLDER = f"({ABSENT})?{FIELD}*|{FIELD}+({ABSENT})|0*|x{{2,}}"

warnings.filterwarnings("ignore", module=r"pydicom\b")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)


def decode(content: bytes, salt: bytes = SALT) -> Decoded:
    """Decode a DICOM file of one frame to grey levels.

    Window, rescale slope and intercept of the frame's functional group count before
    those shared by all frames, and these before those of the file. The functional
    groups are left out as soon as they are read.

    Stored values go through the modality table or rescale slope and intercept, then
    through the first VOI table or window. The output range of that table or window is
    scaled to 0..255; without either, the 0.5..99.5 percentiles of the pixels other than
    padding are. MONOCHROME1 is inverted. Colour becomes luma.

    `patient` is a hash of `PatientID` with a random salt that is kept in memory only,
    so it can be compared only with hashes of the same salt. It is "" for a missing
    identifier and for a placeholder (see `is_placeholder`).

    Raises:
        ImageError: there is no image, there are several frames, a needed element is
            missing, unknown or damaged, or no decoder for the compression is installed.

    Source: DICOM PS3.3, C.11.1, C.11.2 and C.7.6.3, as pydicom implements it.
    """
    return guarded(lambda: _decode(content, salt))


def guarded(read: Callable[[], Read]) -> Read:
    """Return what `read` returns; pydicom may raise anything on a damaged file."""
    try:
        return read()
    except (ImageError, MemoryError):
        raise
    except Exception:
        raise ImageError("damaged DICOM file") from None


def is_placeholder(identifier: str) -> bool:
    """Tell whether a patient's identifier is a placeholder.

    Without spaces and punctuation, a placeholder is empty, all zeros, two or more X, or
    a phrase like "Unknown Patient". "1" and "anonymous17" identify a patient.
    """
    plain = re.sub(r"[\W_]", "", identifier.casefold())
    return re.fullmatch(PLACEHOLDER, plain) is not None


class Opened(NamedTuple):
    """Hold the elements in `READ`, the frames' own window and rescaling, the frames."""

    data: Dataset
    groups: Groups
    frames: int


def opened(content: bytes) -> Opened:
    """Read and check the header before any pixel is decoded."""
    _check_syntax(content)
    data = dcmread(io.BytesIO(content), specific_tags=READ)
    groups = functional_groups.take(data)
    _check(data)
    return Opened(data, groups, int(data.get("NumberOfFrames") or 1))


def _decode(content: bytes, salt: bytes) -> Decoded:
    data, groups, frames = opened(content)
    if frames != 1:
        raise ImageError(f"DICOM of {frames} frames, {A_VOLUME}")
    colour_space = str(data.PhotometricInterpretation)
    pixels, of_frame = _pixels(data), settings(data, groups, 0)
    if colour_space in MONOCHROME:
        grey, coloured = monochrome(pixels, of_frame), False
    else:
        colours = _colours(pixels, of_frame)
        grey = np.asarray(Image.fromarray(colours).convert("L"))
        coloured = oddities.is_coloured(colours)
    return Decoded(grey, "DICOM", colour_space, patient(data, salt), coloured)


def settings(data: Dataset, groups: Groups, frame: int) -> Dataset:
    """Return the elements for a frame, without pairs of which one is missing."""
    found = groups.settings(data, frame)
    for pair in PAIRS:
        if any(found.get(name) in (None, "") for name in pair):
            for name in pair:
                found.pop(name, None)
    return found


def _check_syntax(content: bytes) -> None:
    """Check the compression before anything is decompressed, even a deflated header."""
    stream = io.BytesIO(content)
    stream.seek(132)
    meta = read_dataset(
        stream, False, True, stop_when=lambda tag, vr, length: tag.group != 2
    )
    syntax = meta.get("TransferSyntaxUID")
    if not isinstance(syntax, UID) or not syntax:
        raise ImageError("DICOM without a transfer syntax")
    try:
        decoder = get_decoder(syntax)
        readable = syntax != DeflatedExplicitVRLittleEndian and decoder.is_available
    except NotImplementedError:
        readable = False
    if not readable:
        known = syntax.name if syntax.name != str(syntax) else "an unknown kind"
        raise ImageError(f"DICOM compressed as {known}, for which there is no decoder")
    if syntax.is_encapsulated and len(content) > MAX_SLOW_BYTES:
        raise ImageError(
            f"compressed DICOM of {len(content):,} bytes, more than {MAX_SLOW_BYTES:,}"
        )
    if syntax in JPEGTransferSyntaxes:
        check_scans(content)
    # pydicom makes an object of each item of a sequence
    if max(content.count(ITEM), content.count(ITEM[1::-1] + ITEM[:1:-1])) > MAX_ITEMS:
        raise ImageError(f"DICOM of more than {MAX_ITEMS:,} items")


def _check(data: Dataset) -> None:
    if not any(name in data for name in PIXELS):
        raise ImageError("DICOM without an image")
    for name in NEEDED:
        # floating-point pixels need only the first five
        if data.get(name) is None and ("PixelData" in data or name in NEEDED[:5]):
            raise ImageError(f"DICOM without {name}")
    check_size(int(data.Columns), int(data.Rows))
    _check_bits(data)
    if str(data.PhotometricInterpretation) not in MONOCHROME + COLOUR:
        raise ImageError("DICOM in a colour space that is not known")


def _check_bits(data: Dataset) -> None:
    """Refuse levels outside the lower bits, the only ones that pydicom reads."""
    if "PixelData" not in data or data.get("HighBit") is None:
        return
    high, stored = int(data.HighBit), int(data.BitsStored)
    if high != stored - 1:
        raise ImageError(
            f"DICOM with HighBit {high} for {stored} bits stored; expected {stored - 1}"
        )


def _pixels(data: Dataset) -> npt.NDArray:
    try:
        pixels = pixel_array(data)
    except MemoryError:
        raise
    except Exception:
        raise ImageError("DICOM with pixels that are cut short or damaged") from None
    if pixels.shape[:2] != (data.Rows, data.Columns):
        raise ImageError("DICOM with pixels of another size than its header states")
    return pixels


def monochrome(
    pixels: npt.NDArray, data: Dataset, usual: Ends | None = None
) -> npt.NDArray[np.uint8]:
    """Return the grey levels of a frame's stored values, (height, width).

    Args:
        pixels: stored values, (height, width).
        data: the frame's `settings`.
        usual: black and white of a frame without a window or table; None takes those of
            its pixels other than padding.

    Raises:
        ImageError: the pixels are not grey, or the window or a table is damaged.
    """
    if pixels.ndim != 2:
        raise ImageError("DICOM in grey with several samples a pixel")
    try:
        rescale, (window, ends) = _rescaling(data), _windowing(data)
        levels = apply_by_rows(lambda part: window(rescale(part)), pixels, np.float32)
        ends = ends or usual or _inner_ends(pixels, levels, data)
    except MemoryError:
        raise
    except Exception:
        raise ImageError("DICOM with a window or a table that is damaged") from None
    grey = scale_to_8_bits(levels, ends)
    return 255 - grey if data.PhotometricInterpretation == "MONOCHROME1" else grey


def rescaled(pixels: npt.NDArray, data: Dataset) -> npt.NDArray[np.float32]:
    """Return the levels of a frame before its window, (height, width).

    Raises:
        ImageError: the table is damaged.
    """
    try:
        return apply_by_rows(_rescaling(data), pixels, np.float32)
    except MemoryError:
        raise
    except Exception:
        raise ImageError("DICOM with a window or a table that is damaged") from None


def _rescaling(data: Dataset) -> Function:
    """Return the modality transform: a table, or rescale slope and intercept."""
    if data.get("ModalityLUTSequence"):
        return _table(data.ModalityLUTSequence[0], data)[0]
    return lambda pixels: apply_modality_lut(pixels, data)


def _windowing(data: Dataset) -> tuple[Function, Ends | None]:
    """Return the VOI transform and the ends of its output range.

    The transform is the first VOI table if complete, else the window, else none.
    """
    item = data.VOILUTSequence[0] if data.get("VOILUTSequence") else Dataset()
    if None not in (item.get("LUTDescriptor"), item.get("LUTData")):
        return _table(item, data)
    if "WindowWidth" not in data:
        return lambda levels: levels, None

    def window(levels: npt.NDArray) -> npt.NDArray:
        return apply_windowing(levels, data)

    with np.errstate(over="ignore"):  # the exponent of a sigmoid
        low, high = window(np.array([-1e300, 1e300])).tolist()
    return window, (low, high)


def _table(item: Dataset, data: Dataset) -> tuple[Function, Ends]:
    """Return a table as a function of levels, and the range of its stated bits.

    pydicom's own look-up is not used, because its indices have the type of the entries
    or of the pixels and can overflow.

    Raises:
        ValueError: there are too few entries, or an entry exceeds the stated bits.
    """
    count, first, bits = item.LUTDescriptor
    count = count % (1 << 16) or 1 << 16  # may be read as signed; 0 means 65,536
    entries = _entries(item, data)[:count]
    if len(entries) != count or not 8 <= bits <= 16 or entries.max() >= 1 << bits:
        raise ValueError("a table that contradicts its descriptor")

    def look_up(levels: npt.NDArray) -> npt.NDArray:
        # rounded, because a rescaled level of 29 may be slightly less as a float
        nearest = np.rint(levels.astype(np.float64)) - first
        return entries[np.clip(nearest, 0, count - 1).astype(np.intp)]

    return look_up, (0.0, 2.0**bits - 1)


def _entries(item: Dataset, data: Dataset) -> npt.NDArray:
    if item["LUTData"].VR != "OW":
        return np.atleast_1d(np.asarray(item.LUTData))
    order = "<" if data.file_meta.TransferSyntaxUID.is_little_endian else ">"
    return np.frombuffer(item.LUTData, f"{order}u2")


def _inner_ends(pixels: npt.NDArray, levels: npt.NDArray, data: Dataset) -> Ends | None:
    """Return the `usual_ends` of the pixels other than padding, None if all count."""
    inner = levels[~is_padding(pixels, data)]
    return usual_ends(inner) if 0 < inner.size < levels.size else None


def is_padding(pixels: npt.NDArray, data: Dataset) -> npt.NDArray[np.bool_]:
    """Tell which stored values are padding, of the same shape.

    Padding is a stored value, or a range including both ends: DICOM PS3.3, C.7.5.1.1.2.
    """
    first = data.get("PixelPaddingValue")
    if first is None:
        return np.zeros(pixels.shape, bool)
    low, high = sorted((first, data.get("PixelPaddingRangeLimit", first)))
    return (pixels >= low) & (pixels <= high)


def _colours(colours: npt.NDArray, data: Dataset) -> npt.NDArray[np.uint8]:
    """Return RGB, (height, width, 3), of its upper 8 bits."""
    bits = int(data.BitsStored)
    if data.PhotometricInterpretation == "PALETTE COLOR":
        bits = int(data.RedPaletteColorLookupTableDescriptor[2])
        colours = apply_color_lut(colours, data)
    if colours.ndim != 3 or colours.shape[2] != 3 or not 8 <= bits <= 16:
        raise ImageError("DICOM with colours in a form that is not known")
    return (colours >> (bits - 8)).astype(np.uint8)


def patient(data: Dataset, salt: bytes = SALT) -> str:
    """Return the patient as in `Decoded`."""
    identifier = str(data.get("PatientID") or "").strip(" \0")
    if is_placeholder(identifier):
        return ""
    return hashlib.blake2b(identifier.encode(), key=salt, digest_size=16).hexdigest()
