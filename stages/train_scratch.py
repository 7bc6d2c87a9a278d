"""train_scratch: fit the small network to the augmented training images."""

from pathlib import Path
from typing import Literal

from _stage import run

from brain_mri.files import arrays, tables
from brain_mri.networks import memory
from brain_mri.params import Count, Decay, Factor, NonNegative, Rate, Seed, Share


def main(
    train: Path,
    val: Path,
    trained: Path,
    history: Path,
    scores: Path,
    *,
    dropout: Share,
    epochs: Count,
    lr: Rate,
    lr_scale: Factor,
    weight_decay: Decay,
    batch_size: Count,
    precision: Literal["float32", "mixed_bfloat16"],
    seed: Seed,
    threads: NonNegative,
) -> None:
    images = arrays.read(train)
    size = images.values.shape[1]
    memory.check_training(len(images.index), size, batch_size, precision)

    from brain_mri.networks import models, training, training_scores  # loads TensorFlow

    training.prepare(seed, precision, threads)
    training.hint(precision)
    model = models.scratch_cnn(size, dropout)
    curve = training.fit(
        model,
        images,
        arrays.read(val),
        lr=lr * lr_scale,
        epochs=epochs,
        batch_size=batch_size,
        weight_decay=weight_decay,
        seed=seed,
    )
    models.save_weights(model, trained / models.SCRATCH_FILE)
    tables.write_csv(history, curve)
    tables.write_csv(scores, training_scores.score_originals(model, images))


if __name__ == "__main__":
    run(main, "scratch")
