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

from brain_mri.errors import InputError
from brain_mri.files.arrays import Packed

# Values predicted at once, 64 images of 128 pixels: bounded memory at any size. Fixed,
# for it is no parameter of the result, yet changes its last bits.
PREDICTED_AT_ONCE = 2**20

SHOWN = ("loss", "accuracy")


def prepare(seed: int, precision: str = "float32", threads: int = 0) -> None:
    """Seed Python, NumPy and the backend, set precision and threads; call it first.

    Same seed, number of threads and machine give the same bytes. Threads share out one
    operation at a time: side by side, operations made a training differ from run to
    run, TensorFlow's switch for deterministic operations notwithstanding.

    Args:
        seed: in [0, 2**32).
        precision: float32 or mixed_bfloat16.
        threads: how many share out an operation; 0 for all cores.
    """
    if keras.backend.backend() == "tensorflow":  # the only backend with such switches
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        # once TensorFlow is at work it refuses another number, not the same
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)


def hint(precision: str) -> None:
    """Print that mixed_bfloat16 would be faster, where the processor has it."""
    flags = Path("/proc/cpuinfo")  # Linux alone says it in a file
    text = flags.read_text(encoding="utf-8") if flags.is_file() else ""
    if precision == "float32" and re.search(r"\b(avx512_bf16|amx_bf16)\b", text):
        print("This processor is faster with -S precision=mixed_bfloat16", flush=True)


def batches(
    part: Packed, rows: npt.NDArray[np.int64], size: int
) -> Iterator[tuple[npt.NDArray, npt.NDArray[np.float32]]]:
    """Yield values as they are kept and labels, shape (<= size, 1), in rows' order.

    A batch is read from disk when it is asked for, so a part need not fit in memory.
    """
    y_true = part.y_true.astype(np.float32)[:, np.newaxis]
    for start in range(0, len(rows), size):
        chosen = rows[start : start + size]
        yield part.values[chosen], y_true[chosen]


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
    weight_decay: float,
    seed: int,
) -> pd.DataFrame:
    """Train a model in place and return its history, a row per epoch.

    Adam (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980), the learning rate falling
    from `lr` to 0 along a cosine; the last weights are kept. Validation is watched, not
    obeyed: with a few dozen images its best epoch is chosen by noise.

    Args:
        model: from a batch of values to scores, shape (n, 1).
        train: what it learns from.
        val: what is watched.
        lr: first learning rate.
        epochs: how often each image is seen.
        batch_size: images a step.
        weight_decay: decoupled from the loss (Loshchilov & Hutter 2019,
            https://arxiv.org/abs/1711.05101): a step shrinks each kernel by this times
            the learning rate; biases and normalisation are left alone.
        seed: of the order of the images.

    Returns:
        Columns epoch (from 1), loss, accuracy, val_loss, val_accuracy, rounded to 6
        digits.

    Raises:
        InputError: the loss is no longer finite.
    """
    n = len(train.index)
    steps = epochs * -(-n // batch_size)
    optimizer = keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(lr, steps), weight_decay=weight_decay
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    history = []
    for epoch in range(1, epochs + 1):
        rows = epoch_order(n, seed, epoch)
        seen = _mean(model.train_on_batch, batches(train, rows, batch_size))
        rows = np.arange(len(val.index))
        held = _mean(model.test_on_batch, batches(val, rows, batch_size))
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
    model: keras.Model, part: Packed, rows: npt.NDArray[np.intp] | None = None
) -> npt.NDArray[np.float32]:
    """Return the model's output for rows of a part, or all, shape (n, outputs)."""
    return np.concatenate(list(outputs(model, part, rows)))


def outputs(
    model: keras.Model, part: Packed, rows: npt.NDArray[np.intp] | None = None
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield the model's output batch by batch, in bounded memory."""
    rows = np.arange(len(part.index)) if rows is None else rows
    size = max(1, PREDICTED_AT_ONCE // part.values[0].size)
    total = -(-len(rows) // size)
    source = batches(part, rows, size)
    for values, _ in tqdm(source, model.name, total, leave=False, disable=None):
        yield model.predict_on_batch(values).astype(np.float32)
