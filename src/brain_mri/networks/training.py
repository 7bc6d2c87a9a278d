"""Train a network reproducibly for a fixed number of epochs."""

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
from brain_mri.networks.class_weight import balanced, restore_prior
from brain_mri.networks.inference import batches

METRICS = ("loss", "accuracy")


def epoch_order(n: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return the order of n images in one epoch; it depends on seed and epoch only."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def fit(
    model: keras.Model,
    train: Part,
    val: Part | None,
    *,
    lr: float,
    epochs: int,
    batch_size: int,
    weight_decay: float,
    seed: int,
    class_weight: str = "none",
) -> pd.DataFrame:
    """Train a model in place and return its history, a row per epoch.

    The optimizer is Adam (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980); the
    learning rate falls from `lr` to 0 along a cosine. The weights of the last epoch are
    kept. There is no early stopping, because the best epoch on a few dozen validation
    images is mostly noise.

    Args:
        model: maps a batch of values to scores, shape (n, 1).
        train: the training part.
        val: the validation part, scored after each epoch but not used for training;
            None for no validation.
        lr: initial learning rate.
        epochs: number of passes over the training images.
        batch_size: images per step.
        weight_decay: decoupled from the loss (Loshchilov & Hutter 2019,
            https://arxiv.org/abs/1711.05101): a step shrinks each kernel by this times
            the learning rate; biases and normalisation are excluded.
        seed: determines the order of the images.
        class_weight: none, or balanced: both classes have the same total weight in the
            loss, and the scores are corrected for it after the last epoch
            (`class_weight.restore_prior`).

    Returns:
        Columns epoch (from 1), loss, accuracy and, with a validation part, val_loss and
        val_accuracy, rounded to 6 decimals. With balanced weights, both losses are
        weighted, by the weights of the training part; both accuracies are the plain
        share right, before the correction.

    Raises:
        InputError: the loss becomes NaN or infinite; or a class is to be weighted that
            has no training image.
    """
    n = len(train.index)
    weights = balanced(train.y_true) if class_weight == "balanced" else None
    optimizer = _optimizer(lr, epochs * -(-n // batch_size), weight_decay)
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    history = []
    for epoch in range(1, epochs + 1):
        rows = epoch_order(n, seed, epoch)
        scores = _mean(model.train_on_batch, batches(train, rows, batch_size), weights)
        if val is not None:
            rows = np.arange(len(val.index))
            held = _mean(model.test_on_batch, batches(val, rows, batch_size), weights)
            scores |= {f"val_{name}": value for name, value in held.items()}
        progress.print_epoch(model.name, epoch, epochs, scores)
        history.append({"epoch": epoch, **scores})
        if not np.isfinite(scores["loss"]):
            raise InputError(
                f"the loss of {model.name} became {scores['loss']} in epoch {epoch}: "
                f"training diverged; choose a smaller lr than {lr}"
            )
    if weights is not None:
        restore_prior(model, train.y_true)
    return pd.DataFrame(history).round(6)


def _optimizer(lr: float, steps: int, weight_decay: float) -> keras.Optimizer:
    schedule = keras.optimizers.schedules.CosineDecay(lr, steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _mean(
    step: Callable[..., dict[str, float]],
    source: Iterable[tuple[npt.NDArray, npt.NDArray[np.float32]]],
    weights: npt.NDArray[np.float32] | None,
) -> dict[str, float]:
    """Run a step on each batch; return the mean loss and accuracy over all images.

    Args:
        step: `train_on_batch` or `test_on_batch`.
        source: the batches, values and labels.
        weights: of no and yes, shape (2,); None to pass none to Keras.
    """
    sums: Counter[str] = Counter()
    for values, y_true in tqdm(source, leave=False, disable=None):
        more = {}
        if weights is not None:
            more["sample_weight"] = weights[y_true[:, 0].astype(np.intp)]
        scores = step(values, y_true, return_dict=True, **more)  # of this batch alone
        sums.update({name: len(values) * float(scores[name]) for name in METRICS})
        sums["images"] += len(values)
    return {name: sums[name] / sums["images"] for name in METRICS}
