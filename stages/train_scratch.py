"""train_scratch: fit the small network to the augmented training images."""

from pathlib import Path
from typing import Literal

from _stage import run

from brain_mri import arrays, memory, tables
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
    images = arrays.read(train)
    size = images.values.shape[1]
    memory.check_training(len(images.index), size, batch_size, precision)

    from brain_mri import models, training  # loads TensorFlow

    training.prepare(seed, precision, threads)
    training.hint(precision)
    model = models.scratch_cnn(size, dropout)
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
