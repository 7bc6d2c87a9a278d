"""Keep the numbers of a network as one float32 vector in a .npy file.

Such a file holds no clock, no name and no link, so the same numbers are the same bytes.
"""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brain_mri.errors import InputError
from brain_mri.files.writing import writing

Vector = npt.NDArray[np.float32]


def write(path: Path, vector: Vector) -> None:
    """Write a vector, shape (n,), whole or not at all.

    Raises:
        InputError: the disk is full or the folder closed.
    """
    content = io.BytesIO()  # a full disk then has a number, which NumPy would hide
    np.save(content, np.ascontiguousarray(vector, "<f4"))
    with writing(path) as part:
        part.write_bytes(content.getbuffer())


def read(path: Path, count: int) -> Vector:
    """Read a vector of `count` numbers.

    Raises:
        InputError: the file is missing, damaged, holds Python objects, which would be
            code, or another count or type of numbers.
    """
    try:
        # a map: a damaged header that promises more numbers asks for no memory
        vector = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header may make NumPy raise anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as weights ({reason})") from error
    if vector.shape != (count,) or vector.dtype != np.float32:
        raise InputError(
            f"{path}: expected {count:,} float32 numbers, found {vector.dtype} of "
            f"shape {vector.shape}; start the stage that wrote it again"
        )
    return np.array(vector)
