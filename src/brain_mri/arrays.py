"""Keep a part of the data as one memory-mapped array beside its index."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri import tables


@dataclass(frozen=True)
class Packed:
    """Hold one row of `values` for each row of `index`.

    values: shape (n, ...); images are uint8 (n, size, size), grey levels 0-255.
    index: columns image_id, group, y_true (0 = no, 1 = yes), and what a stage adds.
    """

    values: npt.NDArray
    index: pd.DataFrame

    @property
    def y_true(self) -> npt.NDArray[np.int64]:
        """Return the true classes, shape (n,), 0 or 1."""
        return self.index["y_true"].to_numpy(dtype=np.int64)


def write(folder: Path, index: pd.DataFrame, chunks: Iterable[npt.NDArray]) -> None:
    """Write rows chunk by chunk, in the order of the index, in bounded memory.

    Raises:
        ValueError: the chunks hold more or fewer rows than the index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables.write_csv(folder / "index.csv", index)
    values, start = None, 0
    for chunk in chunks:
        if values is None:
            values = np.lib.format.open_memmap(
                folder / "values.npy",
                mode="w+",
                dtype=chunk.dtype,
                shape=(len(index), *chunk.shape[1:]),
            )
        values[start : start + len(chunk)] = chunk
        start += len(chunk)
    if values is None or start != len(index):
        raise ValueError(f"{folder}: {len(index)} rows expected, {start} came")
    values.flush()


def read(folder: Path) -> Packed:
    """Open a folder that `write` made; the values stay on disk until they are used."""
    values = np.load(folder / "values.npy", mmap_mode="r", allow_pickle=False)
    index = tables.read_csv(folder / "index.csv")
    return Packed(values, index)
