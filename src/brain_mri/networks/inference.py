"""Run a model over a part of the data, in bounded memory."""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from brain_mri.files.arrays import Part

# Values per prediction batch (64 images of 128 x 128 pixels), to bound the memory at
# any image size. Not a parameter, because it changes the last bits of the scores.
PREDICTED_AT_ONCE = 2**20


def batches(
    part: Part, rows: npt.NDArray[np.int64], size: int
) -> Iterator[tuple[npt.NDArray, npt.NDArray[np.float32]]]:
    """Yield batches of stored values and labels, shape (<= size, 1), in `rows` order.

    A batch is read from disk when it is requested, so a part need not fit in memory.
    """
    y_true = part.y_true.astype(np.float32)[:, np.newaxis]
    for start in range(0, len(rows), size):
        chosen = rows[start : start + size]
        yield part.values[chosen], y_true[chosen]


def predict(
    model: keras.Model, part: Part, rows: npt.NDArray[np.intp] | None = None
) -> npt.NDArray[np.float32]:
    """Return the model's output for `rows` of a part, or all; shape (n, outputs)."""
    return np.concatenate(list(outputs(model, part, rows)))


def in_float32(model: keras.Model, build: Callable[[], keras.Model]) -> keras.Model:
    """Return a trained model in float32, in which networks are always evaluated."""
    if keras.config.dtype_policy().name == "float32":
        return model
    keras.config.set_dtype_policy("float32")
    rebuilt = build()
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def outputs(
    model: keras.Model, part: Part, rows: npt.NDArray[np.intp] | None = None
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the model's output batch by batch, in bounded memory."""
    rows = np.arange(len(part.index)) if rows is None else rows
    size = max(1, PREDICTED_AT_ONCE // part.values[0].size)
    total = -(-len(rows) // size)
    source = batches(part, rows, size)
    for values, _ in tqdm(source, model.name, total, leave=False, disable=None):
        yield model.predict_on_batch(values).astype(np.float32)
