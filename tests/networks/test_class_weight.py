import numpy as np
import pandas as pd
import pytest

keras = pytest.importorskip("keras")

from keras import layers  # noqa: E402
from sklearn.utils.class_weight import compute_class_weight  # noqa: E402

from brain_mri.errors import InputError  # noqa: E402
from brain_mri.files.arrays import Part  # noqa: E402
from brain_mri.networks import (  # noqa: E402
    backend,
    class_weight,
    inference,
    standardising,
    training,
    vgg16_head,
)

# Of 160 images with the sign 0, 8 have a tumour; of 40 with the sign 1, 14.
SIGNS = np.repeat([0, 0, 1, 1], [152, 8, 26, 14])
Y_TRUE = np.repeat([0, 1, 0, 1], [152, 8, 26, 14])


def logistic_model():
    """One sign to a score: it can learn the share of tumours at each sign exactly."""
    backend.prepare(0)
    inputs = keras.Input((1,))
    score = layers.Dense(1, activation="sigmoid", name="tumour")(inputs)
    return keras.Model(inputs, score, name="logistic")


def toy():
    values = SIGNS[:, np.newaxis].astype(np.float32)
    return Part(values, pd.DataFrame({"y_true": Y_TRUE}))


def trained(weighting):
    """Train on the toy; return the history and the score of each sign."""
    model, part = logistic_model(), toy()
    history = training.fit(
        model,
        part,
        Part(part.values[100:], part.index[100:]),
        lr=0.3,
        epochs=150,
        batch_size=len(SIGNS),
        weight_decay=0.0,
        seed=0,
        class_weight=weighting,
    )
    return history, inference.predict(model, part)[[0, -1], 0]


@pytest.fixture
def uncorrected(monkeypatch):
    monkeypatch.setattr(training, "restore_prior", lambda model, y_true: None)


def test_weights_by_hand():
    weights = class_weight.balanced(np.array([0, 1, 0, 0]))
    assert weights == pytest.approx([2 / 3, 2])
    assert weights.dtype == np.float32


def test_scikit_learn_agrees():
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=Y_TRUE)
    assert class_weight.balanced(Y_TRUE) == pytest.approx(expected)


@pytest.mark.parametrize(("label", "counted"), [(0, "4 no and 0"), (1, "0 no and 4")])
def test_a_class_without_an_image_is_one_line(label, counted):
    with pytest.raises(InputError, match=f"{counted} yes; .*class_weight=none"):
        class_weight.balanced(np.full(4, label))


def test_the_correction_by_hand():
    """Three no and one yes divide the odds of every score by three."""
    model = logistic_model()
    model.get_layer("tumour").set_weights([np.array([[2.0]]), np.array([0.5])])
    before = model.predict_on_batch(np.array([[-1.0], [1.0]], np.float32))[:, 0]
    class_weight.restore_prior(model, np.array([0, 0, 1, 0]))
    after = model.predict_on_batch(np.array([[-1.0], [1.0]], np.float32))[:, 0]
    assert before == pytest.approx([0.182426, 0.924142], abs=1e-6)  # logits -1.5, 2.5
    assert after / (1 - after) == pytest.approx(before / (1 - before) / 3, rel=1e-5)


def test_classes_of_the_same_size_need_no_correction():
    model = logistic_model()
    before = model.get_weights()
    class_weight.restore_prior(model, np.array([0, 1, 1, 0]))
    for old, new in zip(before, model.get_weights(), strict=True):
        assert (old == new).all()


def test_weights_raise_the_sensitivity_to_a_rare_class(uncorrected):
    """At 0.5, that is; the sign 1 is a tumour in 14 of 40 images, the minority."""
    (_, plain), (_, weighted) = trained("none"), trained("balanced")
    assert (plain < 0.5).all()
    assert weighted[0] < 0.5 < weighted[1]
    # the odds among as many yes as no: those of the sign, times 178 no by 22 yes
    odds = np.array([8 / 152, 14 / 26]) * 178 / 22
    assert weighted == pytest.approx(odds / (1 + odds), abs=0.005)


def test_corrected_scores_are_the_shares_of_the_training_images():
    _, scores = trained("balanced")
    assert scores == pytest.approx([8 / 160, 14 / 40], abs=0.005)
    mean = scores[SIGNS].mean()
    assert mean == pytest.approx(Y_TRUE.mean(), abs=0.005)


def test_the_losses_are_weighted_and_the_accuracies_are_not(uncorrected):
    history, scores = trained("balanced")
    y_true, score = Y_TRUE[100:], scores[SIGNS[100:]]
    loss = -np.log(np.where(y_true == 1, score, 1 - score))
    weights = np.array([200 / (2 * 178), 200 / (2 * 22)])[y_true]
    last = history.iloc[-1]
    assert last["val_loss"] == pytest.approx((weights * loss).mean(), abs=1e-4)
    assert last["val_accuracy"] == pytest.approx(((score >= 0.5) == y_true).mean())
    score = scores[SIGNS]
    by_class = [-np.log(score[Y_TRUE == 1]), -np.log(1 - score[Y_TRUE == 0])]
    expected = np.mean([losses.mean() for losses in by_class])
    assert last["loss"] == pytest.approx(expected, abs=1e-3)  # before the last step


def test_the_correction_of_the_head_does_not_mind_its_folding():
    """Folding changes the first layer alone, the correction the last."""
    backend.prepare(0)
    head = vgg16_head.head(vgg16_head.vgg16_classifier(32, dropout=0))
    features = np.random.default_rng(0).normal(3, 2, (20, 512)).astype(np.float32)
    scale, start = standardising.measure(features), head.get_weights()
    found = []
    for first in ("fold", "restore"):
        head.set_weights(start)
        if first == "fold":
            vgg16_head.fold(head, scale)
        class_weight.restore_prior(head, Y_TRUE)
        if first == "restore":
            vgg16_head.fold(head, scale)
        found.append(head.get_weights())
    for one, other in zip(*found, strict=True):
        assert (one == other).all()
    assert found[0][-1] == pytest.approx(np.log(22 / 178))
