"""vgg_folds: fit the head of VGG-16 in every run, and score the images held out."""

import logging
from pathlib import Path

import pandas as pd
from _stage import run

from brain_mri.config import Params
from brain_mri.dataset import folds
from brain_mri.files import arrays, predictions, tables
from brain_mri.networks import standardising


def main(features: Path, out: Path, *, params: Params) -> None:
    # TensorFlow loads
    from brain_mri.networks import (
        backend,
        inference,
        training,
        training_scores,
        vgg16_head,
    )

    logging.getLogger("tensorflow").setLevel("ERROR")  # warns of many trainings
    views, recipe = arrays.read(features), params.vgg
    found = []
    for numbers in folds.runs(params.crossval):
        train, held = folds.parts(
            views, numbers, len(params.crossval.folds), params.seed
        )
        own_seed = folds.training_seed(params.seed, numbers)
        backend.prepare(own_seed, params.precision, params.threads)
        # as in train_vgg
        model = vgg16_head.head(vgg16_head.vgg16_classifier(32, recipe.dropout))
        scale = standardising.measure(train.values)
        training.fit(
            model,
            standardising.standardise(train, scale),
            None,
            lr=params.lr * recipe.lr_scale,
            epochs=recipe.epochs,
            batch_size=params.batch_size,
            weight_decay=recipe.weight_decay,
            seed=own_seed,
            class_weight=params.class_weight,
        )
        vgg16_head.fold(model, scale)
        model = inference.in_float32(
            model, lambda: vgg16_head.head(vgg16_head.vgg16_classifier(32, 0))
        )
        scores = inference.predict(model, held)[:, 0]
        learned = training_scores.ranking(model, train)
        table = predictions.of_run("vgg", numbers, held.index, scores, learned)
        found.append(table)
    tables.write_csv(out, pd.concat(found, ignore_index=True))


if __name__ == "__main__":
    run(main)
