"""Decode one DICOM image; of the patient nothing leaves but a hash without a use.

No text of pydicom's leaves either: its errors and warnings may quote the file. What is
not read cannot leak, so only the elements named here are.
"""

import hashlib
import io
import logging
import re
import secrets
import warnings
from collections.abc import Callable

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

from brain_mri.imaging.decoded import (
    MAX_SLOW_BYTES,
    Decoded,
    ImageError,
    check_scans,
    check_size,
    pointwise,
    stretch,
)

NEEDED = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
)
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# Where one of a pair is empty or missing, the other says nothing.
PAIRS = (("WindowCenter", "WindowWidth"), ("RescaleSlope", "RescaleIntercept"))
TABLES = ("ModalityLUTSequence", "VOILUTSequence", "VOILUTFunction")
COLOURS = ("Red", "Green", "Blue")  # no segmented tables: a few bytes make millions
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
]
MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")

Function = Callable[[npt.NDArray], npt.NDArray]  # of each pixel alone

# What stands for "no name", without regard to case, spaces and signs: one of these
# words, before or after what ought to be named.
NONE = (
    "anon(ym(ous|i[sz]ed)?)?|deidentified|removed|redacted|hidden|private|default|test"
    "|un(known|named|specified|defined|available)|not(known|specified|available|given)"
    "|no|none|null|nil|nan?|blank|empty"
)
NAMED = "(patient|subject|id|name)"
NOBODY = f"({NONE})?{NAMED}*|{NAMED}+({NONE})|0*|x{{2,}}"

# Of this process alone and never written: within one audit equal hashes tell equal
# patients, and after it nobody can try identifiers against them.
_SALT = secrets.token_bytes(32)

warnings.filterwarnings("ignore", module=r"pydicom\b")
logging.getLogger("pydicom").setLevel(logging.CRITICAL)


def decode(content: bytes) -> Decoded:
    """Decode a DICOM file of one frame to grey levels.

    Stored values go through the modality table or rescale slope and intercept, then
    through the first VOI table or window, whose range becomes 0..255; without one,
    minimum..maximum of all but padding does. MONOCHROME1 is inverted. Colour becomes
    luma.

    `patient` is a hash of `PatientID` under a random salt that lives in memory only:
    equal within this process for equal patients, and no use elsewhere. It is "" for a
    missing identifier and for a placeholder (see `is_placeholder`).

    Raises:
        ImageError: no image, several frames, something needed is missing, not known or
            damaged, or no decoder for the compression is installed.

    Source: DICOM PS3.3, C.11.1, C.11.2 and C.7.6.3, by way of pydicom.
    """
    try:
        return _decode(content)
    except (ImageError, MemoryError):
        raise
    except Exception:  # a damaged file may make pydicom raise anything
        raise ImageError("damaged DICOM file") from None


def is_placeholder(identifier: str) -> bool:
    """Tell whether a patient's identifier names nobody.

    It does not if, without spaces and signs, it is empty, all zeros, two or more X, or
    says so ("Unknown Patient", see `NOBODY`). "1" and "anonymous17" name somebody.
    """
    plain = re.sub(r"[\W_]", "", identifier.casefold())
    return re.fullmatch(NOBODY, plain) is not None


def _decode(content: bytes) -> Decoded:
    _check_syntax(content)
    data = dcmread(io.BytesIO(content), specific_tags=READ)
    _check(data)
    colour_space = str(data.PhotometricInterpretation)
    grey = _monochrome(data) if colour_space in MONOCHROME else _luma(data)
    return Decoded(grey, "DICOM", colour_space, _patient(data))


def _check_syntax(content: bytes) -> None:
    """Check the compression before anything is decompressed, the deflated data too."""
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
        known = syntax.name if syntax.name != str(syntax) else "a way not known"
        raise ImageError(f"DICOM compressed as {known}, for which there is no decoder")
    if syntax.is_encapsulated and len(content) > MAX_SLOW_BYTES:
        raise ImageError(
            f"compressed DICOM of {len(content):,} bytes, more than {MAX_SLOW_BYTES:,}"
        )
    if syntax in JPEGTransferSyntaxes:
        check_scans(content)


def _check(data: Dataset) -> None:
    """Check what the header says, before any pixel is decoded."""
    if not any(name in data for name in PIXELS):
        raise ImageError("DICOM without an image")
    for name in NEEDED:
        # floats have neither sign nor stored bits
        if data.get(name) is None and ("PixelData" in data or name in NEEDED[:5]):
            raise ImageError(f"DICOM without {name}")
    frames = int(data.get("NumberOfFrames") or 1)
    if frames != 1:
        raise ImageError(f"DICOM of {frames} frames; expected one image a file")
    check_size(int(data.Columns), int(data.Rows))
    _check_bits(data)
    if str(data.PhotometricInterpretation) not in MONOCHROME + COLOUR:
        raise ImageError("DICOM in a colour space that is not known")
    for pair in PAIRS:
        if any(data.get(name) in (None, "") for name in pair):
            for name in pair:
                data.pop(name, None)


def _check_bits(data: Dataset) -> None:
    """Refuse levels that are not in the lower bits, where pydicom looks for them."""
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
        raise ImageError("DICOM with pixels of another size than it says")
    return pixels


def _monochrome(data: Dataset) -> npt.NDArray[np.uint8]:
    pixels = _pixels(data)
    if pixels.ndim != 2:
        raise ImageError("DICOM in grey with several samples a pixel")
    try:
        rescaled, (shown, ends) = _rescaling(data), _view(data)
        levels = pointwise(lambda part: shown(rescaled(part)), pixels, np.float32)
        ends = ends or _inner_ends(pixels, levels, data)
    except MemoryError:
        raise
    except Exception:
        raise ImageError("DICOM with a window or a table that is damaged") from None
    grey = stretch(levels, ends)
    return 255 - grey if data.PhotometricInterpretation == "MONOCHROME1" else grey


def _rescaling(data: Dataset) -> Function:
    """Return what makes levels of stored values: the modality table, or slope etc."""
    if data.get("ModalityLUTSequence"):
        return _table(data.ModalityLUTSequence[0], data)[0]
    return lambda pixels: apply_modality_lut(pixels, data)


def _view(data: Dataset) -> tuple[Function, tuple[float, float] | None]:
    """Return what the levels are shown through, and the ends of the range it maps to.

    That is the first VOI table if it is whole, or else the window, or else nothing.
    """
    item = data.VOILUTSequence[0] if data.get("VOILUTSequence") else Dataset()
    if None not in (item.get("LUTDescriptor"), item.get("LUTData")):
        return _table(item, data)
    if "WindowWidth" not in data:
        return lambda levels: levels, None

    def window(levels: npt.NDArray) -> npt.NDArray:
        return apply_windowing(levels, data)

    with np.errstate(over="ignore"):  # of the sigmoid's exponent
        low, high = window(np.array([-1e300, 1e300])).tolist()
    return window, (low, high)


def _table(item: Dataset, data: Dataset) -> tuple[Function, tuple[float, float]]:
    """Return a table as a function of levels, and the ends that its bits can say.

    Looked up here, as pydicom's indices have the type of the entries or the pixels,
    in which they overflow.

    Raises:
        ValueError: there are too few entries, or some need more bits than it says.
    """
    count, first, bits = item.LUTDescriptor
    count = count % (1 << 16) or 1 << 16  # implicit, it is read as signed; 0 is all
    entries = _entries(item, data)[:count]
    if len(entries) != count or not 8 <= bits <= 16 or entries.max() >= 1 << bits:
        raise ValueError("a table that contradicts its descriptor")

    def look_up(levels: npt.NDArray) -> npt.NDArray:
        # rounded, as what a slope makes of 29 may be a little less
        nearest = np.rint(levels.astype(np.float64)) - first
        return entries[np.clip(nearest, 0, count - 1).astype(np.intp)]

    return look_up, (0.0, 2.0**bits - 1)


def _entries(item: Dataset, data: Dataset) -> npt.NDArray:
    if item["LUTData"].VR != "OW":
        return np.atleast_1d(np.asarray(item.LUTData))
    order = "<" if data.file_meta.TransferSyntaxUID.is_little_endian else ">"
    return np.frombuffer(item.LUTData, f"{order}u2")


def _inner_ends(
    pixels: npt.NDArray, levels: npt.NDArray, data: Dataset
) -> tuple[float, float] | None:
    """Return the extremes without the padding round a scan, if any is stated.

    Source: DICOM PS3.3, C.7.5.1.1.2: a stored value, or a range with both its ends.
    """
    first = data.get("PixelPaddingValue")
    if first is None:
        return None
    low, high = sorted((first, data.get("PixelPaddingRangeLimit", first)))
    inner = levels[(pixels < low) | (pixels > high)]
    return (float(inner.min()), float(inner.max())) if inner.size else None


def _luma(data: Dataset) -> npt.NDArray[np.uint8]:
    colours, bits = _pixels(data), int(data.BitsStored)
    if data.PhotometricInterpretation == "PALETTE COLOR":
        bits = int(data.RedPaletteColorLookupTableDescriptor[2])
        colours = apply_color_lut(colours, data)
    if colours.ndim != 3 or colours.shape[2] != 3 or not 8 <= bits <= 16:
        raise ImageError("DICOM in colours of a form that is not known")
    upper = (colours >> (bits - 8)).astype(np.uint8)
    return np.asarray(Image.fromarray(upper).convert("L"))


def _patient(data: Dataset) -> str:
    identifier = str(data.get("PatientID") or "").strip(" \0")
    if is_placeholder(identifier):
        return ""
    return hashlib.blake2b(identifier.encode(), key=_SALT, digest_size=16).hexdigest()
