"""Read a NIfTI file as a stack of axial slices, without its texts.

Only the header's numbers are parsed, by nibabel in memory. Its errors may quote the
file, so their text is not passed on.
"""

import gzip
import io
import logging
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brain_mri.imaging.decoded import Ends, ImageError, check_size, scale_to_8_bits
from brain_mri.imaging.resizing import resize
from brain_mri.imaging.stacks import MAX_VOXELS, Stack

START = 540  # bytes of the longer header, of NIfTI-2
MAX_EXPANDED = 4 * MAX_VOXELS  # bytes of a file after decompression
SINGLE, PAIR = "a file", "a header without its pixels"

Grey = npt.NDArray[np.uint8]

logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # nibabel's own


def is_nifti(content: bytes) -> bool:
    """Tell whether a file, or what its gzip stream begins with, is NIfTI-1 or -2."""
    return bool(_magic(_start(content)))


def read(content: bytes) -> Stack:
    """Read a NIfTI file of one volume as axial slices, from the feet to the head.

    The axes are brought to the closest canonical orientation (RAS). A slice is shown
    in the radiological convention: the patient's front at the top, the right at the
    left. Pixels that are not square are interpolated on the coarser axis.

    Raises:
        ImageError: nibabel is not installed, or the file is damaged, cut short, too
            large, in colour, complex, or not of one volume.

    Source: NIfTI-1 and NIfTI-2 data format, as nibabel implements it.
    """
    try:
        import nibabel
    except ModuleNotFoundError:
        raise ImageError(
            "NIfTI, which needs nibabel: pip install -e '.[nifti]'"
        ) from None
    if _magic(_start(content)) == PAIR:
        raise ImageError("NIfTI of two files (.hdr, .img); expected one .nii file")
    try:
        return _read(content, nibabel)
    except (ImageError, MemoryError):
        raise
    except Exception:  # nibabel may raise anything on a damaged file
        raise ImageError("damaged NIfTI file") from None


def _magic(start: bytes) -> str:
    sizes = [start[:4], start[3::-1]]
    found = {348: start[344:348], 540: start[4:8]}
    for size, magic in found.items():
        if size.to_bytes(4, "little") in sizes:
            version = b"2" if size == 540 else b"1"
            kinds = {b"n+" + version + b"\0": SINGLE, b"ni" + version + b"\0": PAIR}
            return kinds.get(magic, "")
    return ""


def _start(content: bytes) -> bytes:
    if content[:2] != b"\x1f\x8b":
        return content[:START]
    try:
        return zlib.decompressobj(wbits=31).decompress(content, START)
    except zlib.error:
        return b""


def _read(content: bytes, nibabel: Any) -> Stack:
    start = _start(content)
    kind = nibabel.Nifti1Header if start[344:347] == b"n+1" else nibabel.Nifti2Header
    header = kind.from_fileobj(io.BytesIO(start.ljust(START, b"\0")))
    shape = _shape(header)
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise ImageError("NIfTI in colour or of complex numbers; expected grey levels")
    first = int(header.get_data_offset())
    whole = _whole(content, first + int(np.prod(shape)) * dtype.itemsize)
    voxels = np.frombuffer(whole, dtype, int(np.prod(shape)), first)
    slope, inter = header.get_slope_inter()
    turn = nibabel.io_orientation(header.get_best_affine())
    if np.isnan(turn).any():
        raise ImageError("NIfTI with an orientation that is damaged")
    canonical = nibabel.apply_orientation(voxels.reshape(shape, order="F"), turn)
    sizes = nibabel.affines.voxel_sizes(header.get_best_affine())
    return _stack(
        canonical,
        sizes[np.argsort(turn[:, 0])],
        1.0 if slope is None else slope,
        0.0 if inter is None else inter,
    )


def _shape(header: Any) -> tuple[int, int, int]:
    shape = [int(length) for length in header.get_data_shape()]
    if len(shape) < 3:
        raise ImageError(f"NIfTI of {len(shape)} dimensions; expected three")
    if max(shape[3:], default=1) > 1:
        raise ImageError(f"NIfTI of {max(shape[3:])} volumes; expected one")
    voxels = int(np.prod(shape[:3], dtype=object))
    if min(shape) < 1 or voxels > MAX_VOXELS:
        raise ImageError(f"NIfTI of {voxels:,} voxels; expected 1 to {MAX_VOXELS:,}")
    return shape[0], shape[1], shape[2]


def _whole(content: bytes, size: int) -> bytes:
    """Return the first `size` bytes of the file, decompressed if it is a gzip stream.

    No more than these are decompressed, so a bomb cannot fill the memory.
    """
    if size > MAX_EXPANDED:
        raise ImageError(f"NIfTI of {size:,} bytes, more than {MAX_EXPANDED:,}")
    if content[:2] == b"\x1f\x8b":
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
                content = stream.read(size)
                stream.read(1)  # at the end of the stream its checksum is compared
        except (OSError, EOFError, zlib.error):
            raise ImageError(
                "NIfTI in a gzip file that is cut short or damaged"
            ) from None
    if len(content) < size:
        raise ImageError("NIfTI that is cut short: fewer voxels than its header states")
    return content


def _stack(
    voxels: npt.NDArray, sizes: npt.NDArray, slope: float, inter: float
) -> Stack:
    """Return the slices of canonical voxels; `sizes` are those of a voxel, any unit."""
    across, down, depth = voxels.shape
    finer = sizes[:2].min()
    width, height = round(across * sizes[0] / finer), round(down * sizes[1] / finer)
    check_size(across, down)
    check_size(width, height)

    def levels(chosen: Sequence[int]) -> Iterator[npt.NDArray[np.float64]]:
        for number in chosen:
            plane = voxels[::-1, ::-1, number].T.astype(np.float64)
            yield plane * slope + inter

    def grey(chosen: Sequence[int], ends: Ends) -> Iterator[Grey]:
        for plane in levels(chosen):
            # voxels that are no numbers lie outside the scan
            known = np.where(np.isfinite(plane), plane, ends[0])
            yield resize(scale_to_8_bits(known, ends), width, height)

    return Stack("NIfTI", "", depth, levels, grey)
