"""Each network can learn 16 images by heart, and is seen to have done so."""

import numpy as np
import pandas as pd
import pytest

keras = pytest.importorskip("keras")

from brain_mri.evidence import comparison  # noqa: E402
from brain_mri.files.arrays import Part  # noqa: E402
from brain_mri.networks import (  # noqa: E402
    backend,
    inference,
    scratch,
    standardising,
    training,
    training_scores,
    vgg16_head,
)
from brain_mri.networks.vgg16_head import vgg16_classifier  # noqa: E402

N = 16


@pytest.fixture(scope="module")
def images():
    """Sixteen pictures of noise, in no order that could be told: only by heart."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (N, 32, 32)).astype(np.uint8)
    ids = [f"{i:02d}" for i in range(N)]
    index = pd.DataFrame(
        {
            "image_id": ids,
            "picture": ids,
            "patient": ids,
            "y_true": rng.permutation(N) % 2,
            "variant": 0,
        }
    )
    return Part(values, index)


def learn(model, part, epochs):
    how = {"lr": 1e-3, "batch_size": 4, "weight_decay": 0.0, "seed": 0}
    training.fit(model, part, part, epochs=epochs, **how)


def check(table):
    assert (table["part"] == "train").all()
    assert (table["y_pred"] == table["y_true"]).all()
    found = comparison.training_scores(table)
    assert found["roc_auc"] == 1
    assert found["learned"] is True


def test_the_scratch_network_learns_sixteen_images_by_heart(images):
    backend.prepare(0)
    model = scratch.scratch_cnn(32, dropout=0)
    learn(model, images, epochs=30)
    check(training_scores.score_originals(model, images))


def test_the_head_learns_sixteen_images_by_heart(images):
    """Of random convolutions, whose features hardly vary: standardising makes up."""
    backend.prepare(0)
    model = vgg16_classifier(32, dropout=0)
    backbone = keras.Model(model.input, model.get_layer("features").output)
    features = Part(inference.predict(backbone, images), images.index)
    scale = standardising.measure(features.values)
    head = vgg16_head.head(model)
    spread = standardising.standardise(features, scale)
    learn(head, spread, epochs=30)
    vgg16_head.fold(head, scale)
    check(training_scores.score_originals(head, features))
    # the whole network, from pixels, says the same
    check(training_scores.score_originals(model, images))


def test_variants_are_not_scored(images):
    backend.prepare(0)
    index = pd.concat([images.index, images.index.assign(variant=1)])
    twice = Part(np.concatenate([images.values] * 2), index)
    table = training_scores.score_originals(scratch.scratch_cnn(32, dropout=0), twice)
    assert sorted(table["image_id"]) == sorted(images.index["image_id"])
