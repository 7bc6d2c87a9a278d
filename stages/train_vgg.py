"""train_vgg: fit the head of VGG-16 to the cached features of its convolutions."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.files import arrays, tables
from brain_mri.networks import standardising


def main(
    train: Path,
    val: Path,
    trained: Path,
    history: Path,
    scores: Path,
    *,
    params: Params,
) -> None:
    # TensorFlow loads
    from brain_mri.networks import (
        backend,
        saved_weights,
        training,
        training_scores,
        vgg16_head,
    )

    backend.prepare(params.seed, params.precision, params.threads)
    recipe = params.vgg
    # 32 pixels are the least; the head is the same at every image size
    head = vgg16_head.head(vgg16_head.vgg16_classifier(32, recipe.dropout))
    features, held_out = arrays.read(train), arrays.read(val)
    scale = standardising.measure(features.values)
    curve = training.fit(
        head,
        *(standardising.standardise(part, scale) for part in (features, held_out)),
        lr=params.lr * recipe.lr_scale,
        epochs=recipe.epochs,
        batch_size=params.batch_size,
        weight_decay=recipe.weight_decay,
        seed=params.seed,
        class_weight=params.class_weight,
    )
    vgg16_head.fold(head, scale)
    saved_weights.save(head, trained / vgg16_head.WEIGHTS)
    tables.write_csv(history, curve)
    tables.write_csv(scores, training_scores.score_originals(head, features))


if __name__ == "__main__":
    run(main)
