import keras
import numpy as np
import pandas as pd
import pytest

from brain_mri.files.arrays import Part
from brain_mri.networks import backend, gradcam, scratch, vgg16_head

KERNEL = np.array([[2.0], [-1.0]])  # of the tumour's logit, one weight a map


def part(images):
    ids = [f"{i}" for i in range(len(images))]
    return Part(images, pd.DataFrame({"image_id": ids, "y_true": 0}))


@pytest.fixture
def two_maps():
    """A network whose Grad-CAM is known: the maps are the image and its negative."""
    inputs = keras.Input((4, 4))
    channel = keras.layers.Reshape((4, 4, 1))(inputs)
    maps = keras.layers.Conv2D(2, 1, use_bias=False, name="maps")(channel)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    outputs = keras.layers.Dense(1, "sigmoid", name="tumour")(pooled)
    model = keras.Model(inputs, outputs, name="tiny")
    model.get_layer("maps").set_weights([np.array([[[[1.0, -1]]]])])
    model.get_layer("tumour").set_weights([KERNEL, np.array([5.0])])
    return model


def test_the_map_is_the_formula(two_maps):
    """The mean gradient is kernel over places, so that CAM is relu(3 image / 16)."""
    images = np.zeros((2, 4, 4), np.uint8)
    images[0, 1, 2], images[1, 3, 0] = 160, 80
    found = gradcam.heatmaps(two_maps, part(images), "maps")
    assert found.shape == (2, 4, 4)
    assert np.allclose(found, 3.0 * images / 16)


def test_signs_against_a_tumour_are_not_drawn(two_maps):
    two_maps.get_layer("tumour").set_weights([-KERNEL, np.array([0.0])])
    images = np.full((1, 4, 4), 100, np.uint8)
    found = gradcam.heatmaps(two_maps, part(images), "maps")
    assert (found == 0).all()


def test_a_sure_network_still_has_a_map(two_maps):
    """The gradient of the probability would be 0 here; that of the logit is not."""
    two_maps.get_layer("tumour").set_weights([KERNEL, np.array([500.0])])
    images = np.full((1, 4, 4), 100, np.uint8)
    found = gradcam.heatmaps(two_maps, part(images), "maps")
    assert (found > 0).all()


@pytest.mark.parametrize("name", gradcam.LAST_MAPS)
def test_both_networks_have_the_layer(name):
    build = {"scratch": scratch.scratch_cnn, "vgg": vgg16_head.vgg16_classifier}[name]
    backend.prepare(seed=1)
    model = build(32, 0.5)
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32)).astype(np.uint8)
    layer = gradcam.LAST_MAPS[name]
    maps = gradcam.heatmaps(model, part(images), layer)
    assert maps.shape[0] == 3
    assert maps.shape[1:] == model.get_layer(layer).output.shape[1:3]
    again = gradcam.heatmaps(model, part(images), layer)
    assert (maps == again).all()


def test_grey_has_one_scale_for_all_images():
    maps = np.zeros((2, 2, 2), np.float32)
    maps[0, 0, 0], maps[1, 0, 0] = 4, 2
    grey = gradcam.to_grey(maps)
    assert grey.dtype == np.uint8
    assert grey[0, 0, 0] == 255
    assert grey[1, 0, 0] == pytest.approx(128, abs=2)


def test_no_sign_anywhere_stays_dark():
    assert (gradcam.to_grey(np.zeros((2, 3, 3), np.float32)) == 0).all()
