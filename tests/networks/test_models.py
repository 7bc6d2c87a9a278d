import numpy as np
import pytest

keras = pytest.importorskip("keras")

from brain_mri.errors import InputError  # noqa: E402
from brain_mri.files import vectors  # noqa: E402
from brain_mri.networks import (  # noqa: E402
    backend,
    inference,
    models,
    saved_weights,
    scratch,
    vgg16,
    vgg16_head,
    vgg16_weights,
)

# The slides' tables: layer, output shape, parameters. The first Dense layer is printed
# there as 2,097,288; the slide's own total, 2,495,937, adds up with 2,097,280.
SCRATCH = [
    ("block1_conv", (128, 128, 32), 896),
    ("block1_relu", (128, 128, 32), 0),
    ("block1_pool", (64, 64, 32), 0),
    ("block1_norm", (64, 64, 32), 128),
    ("block2_conv", (64, 64, 64), 18_496),
    ("block2_relu", (64, 64, 64), 0),
    ("block2_pool", (32, 32, 64), 0),
    ("block2_norm", (32, 32, 64), 256),
    ("block3_conv", (32, 32, 128), 73_856),
    ("block3_relu", (32, 32, 128), 0),
    ("block3_pool", (16, 16, 128), 0),
    ("block3_norm", (16, 16, 128), 512),
    ("block4_conv", (16, 16, 256), 295_168),
    ("block4_relu", (16, 16, 256), 0),
    ("block4_pool", (8, 8, 256), 0),
    ("block4_norm", (8, 8, 256), 1_024),
    ("flatten", (16_384,), 0),
    ("dense1", (128,), 2_097_280),
    ("dense1_relu", (128,), 0),
    ("dropout", (128,), 0),
    ("dense2", (64,), 8_256),
    ("dense2_relu", (64,), 0),
    ("tumour", (1,), 65),
]
VGG = [
    ("block1_conv1", (128, 128, 64), 1_792),
    ("block1_conv2", (128, 128, 64), 36_928),
    ("block1_pool", (64, 64, 64), 0),
    ("block2_conv1", (64, 64, 128), 73_856),
    ("block2_conv2", (64, 64, 128), 147_584),
    ("block2_pool", (32, 32, 128), 0),
    ("block3_conv1", (32, 32, 256), 295_168),
    ("block3_conv2", (32, 32, 256), 590_080),
    ("block3_conv3", (32, 32, 256), 590_080),
    ("block3_pool", (16, 16, 256), 0),
    ("block4_conv1", (16, 16, 512), 1_180_160),
    ("block4_conv2", (16, 16, 512), 2_359_808),
    ("block4_conv3", (16, 16, 512), 2_359_808),
    ("block4_pool", (8, 8, 512), 0),
    ("block5_conv1", (8, 8, 512), 2_359_808),
    ("block5_conv2", (8, 8, 512), 2_359_808),
    ("block5_conv3", (8, 8, 512), 2_359_808),
    ("block5_pool", (4, 4, 512), 0),
    ("features", (512,), 0),
    ("dense1", (256,), 131_328),
    ("dropout", (256,), 0),
    ("dense2", (128,), 32_896),
    ("tumour", (1,), 129),
]


@pytest.fixture(scope="module")
def cnn():
    return scratch.scratch_cnn(128, 0.5)


@pytest.fixture(scope="module")
def vgg():
    return vgg16_head.vgg16_classifier(128, 0.5)


def parameters(variables):
    return sum(int(np.prod(variable.shape)) for variable in variables)


def levels(shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("table", [SCRATCH, VGG], ids=["scratch", "vgg"])
def test_layers_are_those_of_the_slides(table, cnn, vgg):
    model = cnn if table is SCRATCH else vgg
    known = {name for name, _, _ in table}
    rows = [
        (layer.name, layer.output.shape[1:], layer.count_params())
        for layer in model.layers
        if layer.name in known
    ]
    assert rows == table
    # preprocessing adds layers, never parameters
    others = [layer for layer in model.layers if layer.name not in known]
    assert sum(layer.count_params() for layer in others) == 0


def test_totals_are_those_of_the_slides(cnn, vgg):
    assert cnn.count_params() == 2_495_937
    assert parameters(cnn.trainable_weights) == 2_494_977
    assert parameters(cnn.non_trainable_weights) == 960
    assert vgg.count_params() == 14_879_041
    assert parameters(vgg.trainable_weights) == 164_353
    assert parameters(vgg.non_trainable_weights) == 14_714_688


def test_the_dropout_is_the_one_asked_for():
    for build in (scratch.scratch_cnn, vgg16_head.vgg16_classifier):
        assert build(32, 0.25).get_layer("dropout").rate == 0.25


def test_scratch_scales_levels_to_one():
    model = scratch.scratch_cnn(32, 0)
    scaled = keras.Model(model.input, model.get_layer("rescaling").output)
    image = np.full((1, 32, 32), 255, np.uint8)
    assert np.allclose(scaled.predict_on_batch(image), 1)


def test_vgg_gets_the_preprocessing_of_its_own_training():
    model = vgg16_head.vgg16_classifier(32, 0)
    entry = keras.Model(model.input, model.get_layer("block1_conv1").input)
    images = levels((2, 32, 32))
    rgb = np.repeat(images[..., np.newaxis], 3, axis=-1).astype(np.float32)
    expected = keras.applications.vgg16.preprocess_input(rgb)
    assert (entry.predict_on_batch(images) == expected).all()
    # the means of blue, green and red are subtracted; never divided by 255
    black = entry.predict_on_batch(np.zeros((1, 32, 32), np.uint8))[0, 0, 0]
    assert np.allclose(black, [-103.939, -116.779, -123.68])


def test_backbone_and_head_are_the_whole():
    backend.prepare(0)
    model = vgg16_head.vgg16_classifier(32, 0.5)
    images = levels((3, 32, 32))
    features = keras.Model(
        model.input, model.get_layer("features").output
    ).predict_on_batch(images)
    assert features.shape == (3, 512)
    halves = vgg16_head.head(model).predict_on_batch(features)
    assert np.allclose(halves, model.predict_on_batch(images), atol=1e-6)


@pytest.mark.parametrize("name", ["scratch", "vgg"])
def test_saved_weights_give_the_same_scores(name, tmp_path):
    backend.prepare(1)
    if name == "scratch":
        model = scratch.scratch_cnn(32, 0.5)
        saved_weights.save(model, tmp_path / scratch.WEIGHTS)
    else:
        model = vgg16_head.vgg16_classifier(32, 0.5)
        vector = vgg16_weights.random(seed=4)
        vectors.write(tmp_path / "base.npy", vector)
        vgg16.load_convolutions(model, tmp_path / "base.npy")
        saved_weights.save(vgg16_head.head(model), tmp_path / vgg16_head.WEIGHTS)
    backend.prepare(2)
    again = models.load(name, 32, tmp_path / "base.npy", tmp_path)
    images = levels((3, 32, 32))
    first, second = (m.predict_on_batch(images) for m in (model, again))
    assert (first == second).all()
    assert len(np.unique(first)) == 3


def test_the_head_file_holds_the_head_alone(tmp_path):
    trained = vgg16_head.head(vgg16_head.vgg16_classifier(32, 0.5))
    saved_weights.save(trained, tmp_path / vgg16_head.WEIGHTS)
    assert (tmp_path / vgg16_head.WEIGHTS).stat().st_size < 1_000_000


def test_weights_of_another_network_are_refused(tmp_path):
    saved_weights.save(scratch.scratch_cnn(32, 0), tmp_path / scratch.WEIGHTS)
    with pytest.raises(
        InputError, match=r"scratch\.npy: expected [\d,]+ float32 numbers"
    ):
        models.load("scratch", 64, tmp_path, tmp_path)


def test_an_unknown_network_is_refused(tmp_path):
    with pytest.raises(InputError, match="'scratch' or 'vgg', got 'vgg19'"):
        models.load("vgg19", 32, tmp_path, tmp_path)


def test_damaged_weights_are_refused(tmp_path):
    (tmp_path / scratch.WEIGHTS).write_bytes(b"no array")
    with pytest.raises(InputError, match=r"scratch\.npy: cannot be read"):
        models.load("scratch", 32, tmp_path, tmp_path)


def test_a_network_trained_in_mixed_precision_is_scored_in_float32():
    backend.prepare(1, "mixed_bfloat16")
    trained = scratch.scratch_cnn(32, 0.5)
    scored = inference.in_float32(trained, lambda: scratch.scratch_cnn(32, 0))
    assert trained.get_layer("block1_conv").compute_dtype == "bfloat16"
    assert scored.get_layer("block1_conv").compute_dtype == "float32"
    for before, after in zip(trained.weights, scored.weights, strict=True):
        assert np.array_equal(before, after)
    assert inference.in_float32(scored, lambda: None) is scored
