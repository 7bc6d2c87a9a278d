"""Fit a network for a fixed number of epochs, the same way each time."""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from brain_mri.arrays import Packed


def prepare(seed: int, precision: str = "float32") -> None:
    """Seed Python, NumPy and the backend, and set the precision of new layers.

    Same seed, machine and thread count give the same bytes; another machine agrees
    within float32 rounding.

    Args:
        seed: in [0, 2**32).
        precision: float32 or mixed_bfloat16.
    """
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    if keras.backend.backend() == "tensorflow":  # the only backend with such a switch
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def to_rgb(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Repeat grey images, shape (n, size, size), as (n, size, size, 3) in [0, 255]."""
    return np.repeat(images[..., np.newaxis], 3, axis=-1).astype(np.float32)


class Batches(keras.utils.PyDataset):
    """Serve a packed part in batches, reshuffled by seed and epoch if there is a seed.

    A batch is read from disk when it is asked for, so a part need not fit in memory.
    """

    def __init__(
        self,
        part: Packed,
        batch_size: int,
        seed: int | None = None,
        prepare: Callable[[npt.NDArray], npt.NDArray] = np.asarray,
    ) -> None:
        super().__init__()
        self.part, self.batch_size, self.prepare = part, batch_size, prepare
        self.seed, self.epoch = seed, 0
        self.order = self._order()

    def __len__(self) -> int:
        return -(-len(self.part.index) // self.batch_size)

    def __getitem__(self, i: int) -> tuple[npt.NDArray, npt.NDArray[np.float32]]:
        rows = self.order[i * self.batch_size : (i + 1) * self.batch_size]
        y_true = self.part.y_true[rows].astype(np.float32)
        return self.prepare(self.part.values[rows]), y_true[:, np.newaxis]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.order = self._order()

    def _order(self) -> npt.NDArray[np.int64]:
        rows = np.arange(len(self.part.index))
        if self.seed is None:
            return rows
        return np.random.default_rng([self.seed, self.epoch]).permutation(rows)


def fit(
    model: keras.Model,
    train: Packed,
    val: Packed,
    *,
    lr: float,
    epochs: int,
    batch_size: int,
    seed: int,
    prepare: Callable[[npt.NDArray], npt.NDArray] = np.asarray,
) -> pd.DataFrame:
    """Train a model in place and return its history, a row per epoch.

    Adam (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980), the learning rate falling
    from `lr` to 0 along a cosine; the last weights are kept. Validation is watched, not
    obeyed: with a few dozen images its best epoch is chosen by noise.

    Returns:
        Columns epoch (from 1), loss, accuracy, roc_auc and the same with val_ before,
        rounded to 6 digits.
    """
    batches = Batches(train, batch_size, seed, prepare)
    schedule = keras.optimizers.schedules.CosineDecay(lr, epochs * len(batches))
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss="binary_crossentropy",
        metrics=["accuracy", keras.metrics.AUC(name="roc_auc")],
    )
    history = model.fit(
        batches,
        validation_data=Batches(val, batch_size, prepare=prepare),
        epochs=epochs,
        shuffle=False,  # Batches does it, by seed
        verbose=2,
    )
    table = pd.DataFrame(history.history).round(6)
    table.insert(0, "epoch", np.arange(1, epochs + 1))
    return table


def predict(
    model: keras.Model,
    part: Packed,
    prepare: Callable[[npt.NDArray], npt.NDArray] = np.asarray,
) -> npt.NDArray:
    """Return the model's output for every row of a part, shape (n, outputs)."""
    return np.concatenate(list(outputs(model, part, prepare)))


def outputs(
    model: keras.Model,
    part: Packed,
    prepare: Callable[[npt.NDArray], npt.NDArray] = np.asarray,
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the model's output batch by batch, float32, in bounded memory."""
    # The batch size is fixed: it is no parameter of the result, yet changes its bits.
    batches = Batches(part, 64, prepare=prepare)
    for i in tqdm(range(len(batches)), desc=model.name, leave=False, mininterval=1):
        images, _ = batches[i]
        yield model.predict_on_batch(images).astype(np.float32)
