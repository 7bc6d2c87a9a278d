"""Fit a network for a fixed number of epochs, the same way each time."""

from collections import Counter
from collections.abc import Callable, Iterable

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from brain_mri import progress
from brain_mri.errors import InputError
from brain_mri.files.arrays import Part
from brain_mri.networks.inference import batches

METRICS = ("loss", "accuracy")


def epoch_order(n: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order of n images in one epoch, from the seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def fit(
    model: keras.Model,
    train: Part,
    val: Part,
    *,
    lr: float,
    epochs: int,
    batch_size: int,
    weight_decay: float,
    seed: int,
) -> pd.DataFrame:
    """Train a model in place and return its history, a row per epoch.

    Adam (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980), the learning rate falling
    from `lr` to 0 along a cosine; the last weights are kept. Validation is
    not used for early stopping: a few dozen images choose the best epoch by noise.

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
    optimizer = _optimizer(lr, epochs * -(-n // batch_size), weight_decay)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    history = []
    for epoch in range(1, epochs + 1):
        rows = epoch_order(n, seed, epoch)
        scores = _mean(model.train_on_batch, batches(train, rows, batch_size))
        rows = np.arange(len(val.index))
        held = _mean(model.test_on_batch, batches(val, rows, batch_size))
        scores |= {f"val_{name}": value for name, value in held.items()}
        progress.print_epoch(model.name, epoch, epochs, scores)
        history.append({"epoch": epoch, **scores})
        if not np.isfinite(scores["loss"]):
            raise InputError(
                f"the loss of {model.name} became {scores['loss']} in epoch {epoch}: "
                f"training diverged; choose a smaller lr than {lr}"
            )
    return pd.DataFrame(history).round(6)


def _optimizer(lr: float, steps: int, weight_decay: float) -> keras.Optimizer:
    schedule = keras.optimizers.schedules.CosineDecay(lr, steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _mean(
    step: Callable[..., dict[str, float]],
    source: Iterable[tuple[npt.NDArray, npt.NDArray[np.float32]]],
) -> dict[str, float]:
    """Take a step on each batch; return mean loss and accuracy of all its images."""
    sums: Counter[str] = Counter()
    for values, y_true in tqdm(source, leave=False, disable=None):
        scores = step(values, y_true, return_dict=True)  # of this batch alone
        sums.update({name: len(values) * float(scores[name]) for name in METRICS})
        sums["images"] += len(values)
    return {name: sums[name] / sums["images"] for name in METRICS}
