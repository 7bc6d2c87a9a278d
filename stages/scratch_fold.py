"""scratch_fold: fit the small network to all folds but one, and score that one."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import folds
from brain_mri.files import arrays, predictions, tables
from brain_mri.networks import memory


def main(
    views: Path,
    repeat: int,
    fold: int,
    share: int,
    seed: int,
    out: Path,
    *,
    params: Params,
) -> None:
    numbers = folds.Run(repeat, fold, share, seed)
    train, held = folds.parts(
        arrays.read(views), numbers, len(params.crossval.folds), params.seed
    )
    size, recipe = train.values.shape[1], params.scratch
    memory.check_training(len(train.index), size, params.batch_size, params.precision)

    # from here on TensorFlow loads
    from brain_mri.networks import (
        backend,
        inference,
        scratch,
        training,
        training_scores,
    )

    own_seed = folds.training_seed(params.seed, numbers)
    backend.prepare(own_seed, params.precision, params.crossval.threads)
    model = scratch.scratch_cnn(size, recipe.dropout)
    training.fit(
        model,
        train,
        None,
        lr=params.lr * recipe.lr_scale,
        epochs=recipe.epochs,
        batch_size=params.batch_size,
        weight_decay=recipe.weight_decay,
        seed=own_seed,
        class_weight=params.class_weight,
    )
    model = inference.in_float32(model, lambda: scratch.scratch_cnn(size, dropout=0))
    scores = inference.predict(model, held)[:, 0]
    learned = training_scores.ranking(model, train)
    table = predictions.of_run("scratch", numbers, held.index, scores, learned)
    tables.write_csv(out, table)


if __name__ == "__main__":
    run(main)
