"""Read slices of a volume: a NIfTI file, or a DICOM file of several frames."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from brain_mri.errors import InputError
from brain_mri.imaging import decoding, dicom_files, nifti, stacks
from brain_mri.imaging.decoded import ImageError

Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Volume:
    """Hold chosen slices of a volume.

    slices: each with its number along the axis, from 1, as uint8 (height, width).
    patient: as in `Decoded`; NIfTI names no patient.
    format: "NIfTI" or "DICOM".
    """

    slices: tuple[tuple[int, Grey], ...]
    patient: str
    format: str


def is_volume(path: Path) -> bool:
    """Tell whether a file is a volume, by its content and not by its suffix.

    A file that cannot be read is none; `decoding.decode` says why.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(dicom_files.START)
        if nifti.is_nifti(start):
            return True
        if dicom_files.completed(start) is None:
            return False
        file = dicom_files.completed(decoding.read_bytes(path))
        return file is not None and _frames_module().count(file) > 1
    except (InputError, OSError):
        return False


def read(path: Path, count: int) -> Volume:
    """Read at most `count` slices that show much of the head, in the order of the axis.

    The axis runs from the feet to the head in NIfTI; in DICOM it is the order of the
    frames in the file. For the choice see `stacks.head_slices`. Levels are scaled from
    the 0.5..99.5 percentiles of the whole volume, or by the frame's own window in
    DICOM, to 0..255.

    Args:
        path: a file for which `is_volume` is true.
        count: number of slices, 1 or more.

    Raises:
        ImageError: the file cannot be used as a volume of grey levels, or the package
            that reads it is not installed.
        InputError: there is not enough memory.
    """
    try:
        stack = _stack(decoding.read_bytes(path))
        ends = stacks.ends(stack)
        chosen = stacks.head_slices(stack, ends, count)
        numbered = [number + 1 for number in chosen]
        slices = tuple(zip(numbered, stack.grey(chosen, ends), strict=True))
    except MemoryError:
        raise InputError(f"{path}: not enough memory to read the volume") from None
    return Volume(slices, stack.patient, stack.format)


def _stack(content: bytes) -> stacks.Stack:
    if nifti.is_nifti(content):
        return nifti.read(content)
    file = dicom_files.completed(content)
    if file is None:
        raise ImageError("not a volume; expected NIfTI, or DICOM of several frames")
    return _frames_module().read(file)


def _frames_module() -> ModuleType:
    decoding.dicom_module()  # says what to do without pydicom
    from brain_mri.imaging import dicom_frames

    return dicom_frames
