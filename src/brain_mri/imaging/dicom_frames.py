"""Read a DICOM file of several frames as a stack; `dicom` says what is kept of it."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.utils import iter_pixels

from brain_mri.imaging import dicom
from brain_mri.imaging.decoded import Ends, ImageError
from brain_mri.imaging.stacks import MAX_VOXELS, Stack

Grey = npt.NDArray[np.uint8]


def count(content: bytes) -> int:
    """Return the number of frames that a DICOM file states.

    Raises:
        ImageError: the file cannot be read as an image.
    """
    return dicom.guarded(lambda: dicom.opened(content).frames)


def read(content: bytes) -> Stack:
    """Read a DICOM file of several frames, in the order of the file.

    The transforms of each frame are those of `dicom.decode`; without a window, the ends
    given for the volume become black and white.

    Raises:
        ImageError: as in `dicom.decode`, or the file is of one frame, in colour, or too
            large.
    """
    return dicom.guarded(lambda: _read(content))


def _read(content: bytes) -> Stack:
    data, groups, depth = dicom.opened(content)
    if depth == 1:
        raise ImageError("DICOM of one frame, not a volume")
    voxels = depth * int(data.Rows) * int(data.Columns)
    if not 0 < voxels <= MAX_VOXELS:
        raise ImageError(f"DICOM of {voxels:,} voxels; expected 1 to {MAX_VOXELS:,}")
    if data.PhotometricInterpretation not in dicom.MONOCHROME:
        raise ImageError(f"DICOM of {depth} frames in colour; expected grey levels")
    inverted = data.PhotometricInterpretation == "MONOCHROME1"

    def levels(chosen: Sequence[int]) -> Iterator[npt.NDArray]:
        for number, pixels in zip(chosen, _frames(data, chosen), strict=True):
            settings = dicom.settings(data, groups, number)
            known = dicom.rescaled(pixels, settings)
            known[dicom.is_padding(pixels, settings)] = np.nan
            yield -known if inverted else known

    def grey(chosen: Sequence[int], ends: Ends) -> Iterator[Grey]:
        usual = (-ends[1], -ends[0]) if inverted else ends
        for number, pixels in zip(chosen, _frames(data, chosen), strict=True):
            settings = dicom.settings(data, groups, number)
            yield dicom.monochrome(pixels, settings, usual)

    return Stack("DICOM", dicom.patient(data), depth, levels, grey)


def _frames(data: Dataset, chosen: Sequence[int]) -> Iterator[npt.NDArray]:
    found = iter_pixels(data, indices=chosen)
    for _ in chosen:
        try:
            pixels = next(found)
        except MemoryError:
            raise
        except Exception:  # pydicom may raise anything on a damaged file
            raise ImageError(
                "DICOM with pixels that are cut short or damaged"
            ) from None
        if pixels.shape != (data.Rows, data.Columns):
            raise ImageError("DICOM with pixels of another size than its header states")
        yield pixels
