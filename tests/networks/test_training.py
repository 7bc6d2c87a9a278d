import hashlib

import numpy as np
import pandas as pd
import pytest

keras = pytest.importorskip("keras")

from brain_mri.errors import InputError  # noqa: E402
from brain_mri.files.arrays import Part  # noqa: E402
from brain_mri.networks import backend, inference, saved_weights, scratch, training  # noqa: E402


def part(n=20, seed=0):
    rng = np.random.default_rng(seed)
    y_true = np.arange(n) % 2
    images = rng.integers(0, 100, (n, 32, 32)) + 100 * y_true[:, None, None]
    index = pd.DataFrame({"y_true": y_true})
    return Part(images.astype(np.uint8), index)


def fit(seed=3, epochs=2, validated=True):
    backend.prepare(seed)
    model = scratch.scratch_cnn(32, 0.5)
    history = training.fit(
        model,
        part(),
        part(seed=1) if validated else None,
        lr=1e-3,
        epochs=epochs,
        batch_size=8,
        weight_decay=0.1,
        seed=seed,
    )
    return model, history


@pytest.fixture(scope="module")
def fitted():
    """The network and its history; most of the time is that of a first step."""
    return fit()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_same_seed_same_bytes(tmp_path, fitted):
    hashes, histories = [], []
    for name, trained in (("a", fitted), ("b", fit()), ("c", fit(seed=4))):
        model, history = trained
        saved_weights.save(model, tmp_path / f"{name}.npy")
        hashes.append(sha256(tmp_path / f"{name}.npy"))
        histories.append(history)
    assert hashes[0] == hashes[1] != hashes[2]
    pd.testing.assert_frame_equal(histories[0], histories[1])


def test_without_a_validation_part_the_weights_are_the_same(fitted):
    model, history = fitted
    alone, shorter = fit(validated=False)
    for with_it, without in zip(model.weights, alone.weights, strict=True):
        assert np.array_equal(with_it, without)
    columns = ["epoch", "loss", "accuracy"]
    pd.testing.assert_frame_equal(shorter, history[columns])


def test_without_class_weights_it_is_the_plain_loop(monkeypatch):
    """No sample weights reach Keras, and the bytes are those of training without."""
    backend.prepare(3)
    model, y_true = scratch.scratch_cnn(32, 0.5), part().y_true[:, np.newaxis]
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 6)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer=optimizer, loss="binary_crossentropy")
    for epoch in (1, 2):
        order = training.epoch_order(20, 3, epoch)
        for rows in (order[:8], order[8:16], order[16:]):
            model.train_on_batch(part().values[rows], y_true[rows].astype(np.float32))

    passed = []
    for name in ("train_on_batch", "test_on_batch"):
        step = getattr(keras.Model, name)
        monkeypatch.setattr(keras.Model, name, spying(step, passed))
    spied, _ = fit()
    assert passed == [{"return_dict": True}] * 2 * 2 * 3
    for expected, weight in zip(model.get_weights(), spied.get_weights(), strict=True):
        assert expected.tobytes() == weight.tobytes()


def spying(step, passed):
    """Wrap a method of the model, to record the arguments given by name."""

    def wrapped(self, *batch, **named):
        passed.append(named)
        return step(self, *batch, **named)

    return wrapped


def test_a_diverging_training_names_lr():
    backend.prepare(0)
    model = scratch.scratch_cnn(32, 0)
    model.get_layer("tumour").kernel.assign_add(np.full((64, 1), np.nan))
    with pytest.raises(InputError, match="choose a smaller lr than 1"):
        training.fit(
            model,
            part(),
            part(),
            lr=1,
            epochs=1,
            batch_size=8,
            weight_decay=0.0,
            seed=0,
        )


def test_the_optimizer_is_not_saved(tmp_path, fitted):
    model, _ = fitted
    path = tmp_path / "trained.npy"
    saved_weights.save(model, path)
    assert path.stat().st_size < 1.3 * 4 * model.count_params()
    saved_weights.load(scratch.scratch_cnn(32, 0), path)


def test_history_has_a_row_an_epoch(fitted):
    _, history = fitted
    assert history["epoch"].tolist() == [1, 2]
    names = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert history.columns.tolist() == names


def test_the_learning_rate_falls_to_zero(fitted):
    model, _ = fitted
    schedule = model.optimizer._learning_rate  # Keras has no public name for it
    steps = 2 * 3  # epochs, batches of 8 in 20 images
    assert float(schedule(0)) == pytest.approx(1e-3)
    assert float(schedule(steps)) == pytest.approx(0, abs=1e-9)
    assert int(model.optimizer.iterations) == steps


def test_each_epoch_sees_every_image_once_in_another_order():
    first, second = (training.epoch_order(20, 0, epoch).tolist() for epoch in (1, 2))
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert first == training.epoch_order(20, 0, 1).tolist()
    assert first != training.epoch_order(20, 1, 1).tolist()


def test_batches_follow_the_rows_and_end_short():
    rows = np.array([19, 0, 1, 2, 3])
    served = list(inference.batches(part(), rows, 2))
    assert [len(values) for values, _ in served] == [2, 2, 1]
    assert (served[0][0] == part().values[[19, 0]]).all()
    assert [y.tolist() for _, y in served] == [[[1], [0]], [[1], [0]], [[1]]]


def test_history_is_what_keras_itself_measures(fitted):
    model, history = fitted
    val = part(seed=1)
    y_true = val.y_true[:, np.newaxis]
    loss, accuracy = model.evaluate(val.values, y_true, batch_size=8, verbose=0)
    last = history.iloc[-1]
    assert last["val_loss"] == pytest.approx(loss, abs=1e-5)
    assert last["val_accuracy"] == pytest.approx(accuracy, abs=1e-5)


def test_outputs_come_in_order_and_float32():
    backend.prepare(0)
    model = scratch.scratch_cnn(32, 0)
    many = part(70)
    scores = inference.predict(model, many)
    one = model.predict_on_batch(many.values[69:])
    assert scores.shape == (70, 1)
    assert scores.dtype == np.float32
    assert np.allclose(scores[69], one, atol=1e-6)


def test_mixed_precision_still_gives_float32_probabilities():
    try:
        backend.prepare(0, "mixed_bfloat16")
        model = scratch.scratch_cnn(32, 0)
        assert model.get_layer("block1_conv").compute_dtype == "bfloat16"
        assert model.output.dtype == "float32"
    finally:
        backend.prepare(0)
