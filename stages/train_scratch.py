"""train_scratch: fit the small network to the augmented training images."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.files import arrays, tables
from brain_mri.networks import memory


def main(
    train: Path,
    val: Path,
    trained: Path,
    history: Path,
    scores: Path,
    *,
    params: Params,
) -> None:
    images, recipe = arrays.read(train), params.scratch
    size = images.values.shape[1]
    memory.check_training(len(images.index), size, params.batch_size, params.precision)

    # from here on TensorFlow loads
    from brain_mri.networks import (
        backend,
        saved_weights,
        scratch,
        training,
        training_scores,
    )

    backend.prepare(params.seed, params.precision, params.threads)
    backend.hint(params.precision)
    model = scratch.scratch_cnn(size, recipe.dropout)
    curve = training.fit(
        model,
        images,
        arrays.read(val),
        lr=params.lr * recipe.lr_scale,
        epochs=recipe.epochs,
        batch_size=params.batch_size,
        weight_decay=recipe.weight_decay,
        seed=params.seed,
        class_weight=params.class_weight,
    )
    saved_weights.save(model, trained / scratch.WEIGHTS)
    tables.write_csv(history, curve)
    tables.write_csv(scores, training_scores.score_originals(model, images))


if __name__ == "__main__":
    run(main)
