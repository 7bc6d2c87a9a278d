"""Fit a network for a fixed number of epochs, the same way each time."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from brain_mri.arrays import Packed
from brain_mri.errors import InputError

Prepare = Callable[[npt.NDArray], npt.NDArray]

# Values predicted at once, 64 images of 128 pixels: bounded memory at any size. Fixed,
# for it is no parameter of the result, yet changes its last bits.
PREDICTED_AT_ONCE = 2**20

SHOWN = ("loss", "accuracy")


def prepare(seed: int, precision: str = "float32", threads: int = 0) -> None:
    """Seed Python, NumPy and the backend, set precision and threads; call it first.

    Same seed and machine give the same bytes on one thread. On several, a training was
    seen to differ from run to run, one operation a thread and TensorFlow's switch for
    deterministic operations notwithstanding. Forward passes alone did not.

    Args:
        seed: in [0, 2**32).
        precision: float32 or mixed_bfloat16.
        threads: how many TensorFlow may use; 0 for all cores.
    """
    if keras.backend.backend() == "tensorflow":  # the only backend with such switches
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        threading = tf.config.threading
        if threads != threading.get_intra_op_parallelism_threads():
            threading.set_intra_op_parallelism_threads(threads)
            threading.set_inter_op_parallelism_threads(threads)
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)


def hint(precision: str) -> None:
    """Print that mixed_bfloat16 would be faster, where the processor has it."""
    flags = Path("/proc/cpuinfo")  # Linux alone says it in a file
    text = flags.read_text(encoding="utf-8") if flags.is_file() else ""
    if precision == "float32" and re.search(r"\b(avx512_bf16|amx_bf16)\b", text):
        print("This processor is faster with -S precision=mixed_bfloat16", flush=True)


def to_rgb(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Repeat grey images, shape (n, size, size), as (n, size, size, 3) in [0, 255]."""
    return np.repeat(images[..., np.newaxis], 3, axis=-1).astype(np.float32)


def batches(
    part: Packed, rows: npt.NDArray[np.int64], size: int, prepare: Prepare = np.asarray
) -> Iterator[tuple[npt.NDArray, npt.NDArray[np.float32]]]:
    """Yield prepared values and labels, shape (<= size, 1), for rows in that order.

    A batch is read from disk when it is asked for, so a part need not fit in memory.
    """
    y_true = part.y_true.astype(np.float32)[:, np.newaxis]
    for start in range(0, len(rows), size):
        chosen = rows[start : start + size]
        yield prepare(part.values[chosen]), y_true[chosen]


def epoch_order(n: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order of n images in one epoch, from the seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def fit(
    model: keras.Model,
    train: Packed,
    val: Packed,
    *,
    lr: float,
    epochs: int,
    batch_size: int,
    seed: int,
    prepare: Prepare = np.asarray,
) -> pd.DataFrame:
    """Train a model in place and return its history, a row per epoch.

    Adam (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980), the learning rate falling
    from `lr` to 0 along a cosine; the last weights are kept. Validation is watched, not
    obeyed: with a few dozen images its best epoch is chosen by noise.

    Returns:
        Columns epoch (from 1), loss, accuracy, val_loss, val_accuracy, rounded to 6
        digits.

    Raises:
        InputError: the loss is no longer finite.
    """
    n = len(train.index)
    steps = epochs * -(-n // batch_size)
    model.compile(
        optimizer=keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(lr, steps)
        ),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    history = []
    for epoch in range(1, epochs + 1):
        rows = epoch_order(n, seed, epoch)
        seen = _mean(model.train_on_batch, batches(train, rows, batch_size, prepare))
        rows = np.arange(len(val.index))
        held = _mean(model.test_on_batch, batches(val, rows, batch_size, prepare))
        scores = seen | {f"val_{name}": value for name, value in held.items()}
        shown = "  ".join(f"{name} {value:.3f}" for name, value in scores.items())
        print(f"{model.name}: epoch {epoch}/{epochs}  {shown}", flush=True)
        history.append({"epoch": epoch, **scores})
        if not np.isfinite(seen["loss"]):
            raise InputError(
                f"the loss of {model.name} became {seen['loss']} in epoch {epoch}: "
                f"training diverged; choose a smaller lr than {lr}"
            )
    return pd.DataFrame(history).round(6)


def _mean(
    step: Callable[..., dict[str, float]],
    source: Iterable[tuple[npt.NDArray, npt.NDArray[np.float32]]],
) -> dict[str, float]:
    """Take a step on each batch; return mean loss and accuracy of all its images."""
    sums: Counter[str] = Counter()
    for values, y_true in tqdm(source, leave=False, disable=None):
        scores = step(values, y_true, return_dict=True)  # of this batch alone
        sums.update({name: len(values) * float(scores[name]) for name in SHOWN})
        sums["images"] += len(values)
    return {name: sums[name] / sums["images"] for name in SHOWN}


def predict(
    model: keras.Model, part: Packed, prepare: Prepare = np.asarray
) -> npt.NDArray[np.float32]:
    """Return the model's output for every row of a part, shape (n, outputs)."""
    return np.concatenate(list(outputs(model, part, prepare)))


def outputs(
    model: keras.Model, part: Packed, prepare: Prepare = np.asarray
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the model's output batch by batch, in bounded memory."""
    rows = np.arange(len(part.index))
    size = max(1, PREDICTED_AT_ONCE // part.values[0].size)
    total = -(-len(rows) // size)
    source = batches(part, rows, size, prepare)
    for values, _ in tqdm(source, model.name, total, leave=False, disable=None):
        yield model.predict_on_batch(values).astype(np.float32)
