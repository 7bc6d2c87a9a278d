"""train_vgg: fit the head of VGG-16 to the cached features of its convolutions."""

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
    # 32 pixels are the least; the head is the same at every image size
    head = models.head(models.vgg16_classifier(32, dropout))
    curve = training.fit(
        head,
        arrays.read(train),
        arrays.read(val),
        lr=lr,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
    )
    models.save_weights(head, trained / models.HEAD_FILE)
    tables.write_csv(history, curve)


if __name__ == "__main__":
    run(main, "vgg")
