"""Store a part of the data as one array beside its index; read it memory-mapped."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.errors import InputError
from brain_mri.files import tables
from brain_mri.files.writing import writing


@dataclass(frozen=True)
class Part:
    """Hold one row of `values` for each row of `index`.

    values: shape (n, ...); images are uint8 (n, size, size), grey levels 0-255.
    index: columns image_id, picture, patient, y_true (0 = no, 1 = yes), and others.
    """

    values: npt.NDArray
    index: pd.DataFrame

    @property
    def y_true(self) -> npt.NDArray[np.int64]:
        """Return the true class labels, shape (n,), 0 or 1."""
        return self.index["y_true"].to_numpy(dtype=np.int64)


def write(folder: Path, index: pd.DataFrame, chunks: Iterable[npt.NDArray]) -> None:
    """Write rows chunk by chunk, in the order of the index, in bounded memory.

    The rows are written as a stream: on a full disk, a memory map would kill the
    process (SIGBUS) without a message.

    Raises:
        InputError: the disk is full or the folder not writable.
        ValueError: the chunks hold more or fewer rows than the index, or their shapes
            differ.
    """
    tables.write_csv(folder / "index.csv", index)
    with writing(folder / "values.npy") as part, part.open("wb") as file:
        shape, rows = None, 0
        for chunk in chunks:
            if shape is None:
                shape, dtype = chunk.shape[1:], chunk.dtype
                _write_header(file, (len(index), *shape), dtype)
            if chunk.shape[1:] != shape:
                raise ValueError(
                    f"{folder}: expected shape {shape}, found {chunk.shape[1:]}"
                )
            file.write(np.ascontiguousarray(chunk, dtype).data)
            rows += len(chunk)
        if shape is None or rows != len(index):
            raise ValueError(
                f"{folder}: expected {len(index)} rows, found {rows} in the chunks"
            )


def read(folder: Path) -> Part:
    """Open a folder that `write` made; the values are memory-mapped.

    Raises:
        InputError: a file is missing, damaged, or holds pickled objects, which could
            run code; or values and index differ in length.
    """
    path = folder / "values.npy"
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # a damaged header may make NumPy raise anything
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as an array ({reason})") from error
    index = tables.read_csv(folder / "index.csv")
    if values.shape[:1] != (len(index),):
        raise InputError(
            f"{path}: expected {len(index)} rows, as in index.csv beside it, "
            f"found shape {values.shape}; run the stage that wrote it again"
        )
    return Part(values, index)


def take(part: Part, rows: npt.NDArray) -> Part:
    """Return the chosen rows of a part, in memory.

    Args:
        part: n rows.
        rows: row numbers, or which rows to take, bool of shape (n,).
    """
    index = part.index.loc[rows] if rows.dtype == bool else part.index.iloc[rows]
    return Part(part.values[rows], index.reset_index(drop=True))


def originals(part: Part) -> Part:
    """Return the images of a part without their variants."""
    return take(part, (part.index["variant"] == 0).to_numpy())


def _write_header(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype) -> None:
    described = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": described, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
