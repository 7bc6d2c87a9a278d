"""train_vgg: fit the head of VGG-16 to the cached features of its convolutions."""

from pathlib import Path
from typing import Literal

from _stage import run

from brain_mri.files import arrays, tables
from brain_mri.networks import standardising
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
    from brain_mri.networks import models, training, training_scores  # loads TensorFlow

    training.prepare(seed, precision, threads)
    # 32 pixels are the least; the head is the same at every image size
    head = models.head(models.vgg16_classifier(32, dropout))
    features, watched = arrays.read(train), arrays.read(val)
    scale = standardising.measure(features.values)
    curve = training.fit(
        head,
        *(
            arrays.Packed(standardising.standardised(part.values, scale), part.index)
            for part in (features, watched)
        ),
        lr=lr * lr_scale,
        epochs=epochs,
        batch_size=batch_size,
        weight_decay=weight_decay,
        seed=seed,
    )
    models.fold(head, scale)
    models.save_weights(head, trained / models.HEAD_FILE)
    tables.write_csv(history, curve)
    tables.write_csv(scores, training_scores.score_originals(head, features))


if __name__ == "__main__":
    run(main, "vgg")
