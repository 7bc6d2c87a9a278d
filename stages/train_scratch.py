"""train_scratch: fit the small network to the augmented training images."""

from pathlib import Path
from typing import Literal

from _stage import run

from brain_mri import arrays, tables
from brain_mri.params import Count, NonNegative, Rate, Seed, Share


def main(
    train: Path,
    val: Path,
    trained: Path,
    history: Path,
    *,
    dropout: Share,
    epochs: Count,
    lr: Rate,
    batch_size: Count,
    precision: Literal["float32", "mixed_bfloat16"],
    seed: Seed,
    threads: NonNegative,
) -> None:
    from brain_mri import models, training  # loads TensorFlow

    training.prepare(seed, precision, threads)
    training.hint(precision)
    images = arrays.read(train)
    model = models.scratch_cnn(images.values.shape[1], dropout)
    curve = training.fit(
        model,
        images,
        arrays.read(val),
        lr=lr,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        prepare=training.to_rgb,
    )
    models.save_weights(model, trained / models.SCRATCH_FILE)
    tables.write_csv(history, curve)


if __name__ == "__main__":
    run(main, "scratch")
