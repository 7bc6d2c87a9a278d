"""Store the weights of a network as one float32 vector in a .npy file.

The file holds no timestamp, name or link, so the same numbers give the same bytes.
"""

import hashlib
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brain_mri.errors import InputError
from brain_mri.files.writing import writing

Vector = npt.NDArray[np.float32]


def write(path: Path, vector: Vector) -> None:
    """Write a vector, shape (n,), completely or not at all.

    Raises:
        InputError: the disk is full or the folder not writable.
    """
    content = io.BytesIO()  # NumPy would hide the errno of a full disk
    np.save(content, np.ascontiguousarray(vector, "<f4"))
    with writing(path) as part:
        part.write_bytes(content.getbuffer())


def digest(folder: Path) -> str:
    """Identify trained weights: the first 12 hex digits of the SHA-256 of the file.

    Args:
        folder: the output folder of a training stage, which holds one file.
    """
    [path] = folder.iterdir()
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def read(path: Path, count: int) -> Vector:
    """Read a vector of `count` numbers.

    Raises:
        InputError: the file is missing or damaged, or holds pickled objects, which
            could run code, or another count or type of numbers.
    """
    try:
        # memory-mapped: a damaged header with a huge count allocates no memory
        vector = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header may make NumPy raise anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as weights ({reason})") from error
    if vector.shape != (count,) or vector.dtype != np.float32:
        raise InputError(
            f"{path}: expected {count:,} float32 numbers, found {vector.dtype} of "
            f"shape {vector.shape}; run the stage that wrote it again"
        )
    return np.array(vector)
