"""Grad-CAM: where in an image a network sees signs of a tumour."""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from brain_mri.files.arrays import Part
from brain_mri.networks.inference import batches

# The last layer that still has places, of each network.
LAST_MAPS = {"scratch": "block4_relu", "vgg": "block5_conv3"}
AT_ONCE = 32
BRIGHTEST = 99  # percentile of the images' strongest places that is drawn as 255


def heatmaps(model: keras.Model, part: Part, layer: str) -> npt.NDArray[np.float32]:
    """Compute Grad-CAM for the tumour's logit, in every image of a part.

    Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391: the maps of a layer, each
    weighted by the mean gradient of the logit, summed, negative sums set to 0. Of the
    logit, for the gradient of a sure score is 0. The one place where TensorFlow
    is called by name: Keras has no gradient of its own that fits all backends.

    Args:
        model: ends in a layer `tumour`, Dense with a sigmoid.
        part: the images.
        layer: which of the model's layers.

    Returns:
        Shape (n, height, width) of that layer, >= 0, in units of the logit.
    """
    maps_of = keras.Model(model.input, model.get_layer(layer).output)
    tumour = model.get_layer("tumour")
    before = keras.Model(model.get_layer(layer).output, tumour.input)
    found = []
    rows = np.arange(len(part.index))
    total = -(-len(rows) // AT_ONCE)
    source = batches(part, rows, AT_ONCE)
    label = f"{model.name} explained"
    for images, _ in tqdm(source, label, total, leave=False, disable=None):
        maps = maps_of(images, training=False)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            logit = keras.ops.matmul(before(maps, training=False), tumour.kernel)
        weights = keras.ops.mean(tape.gradient(logit, maps), axis=(1, 2), keepdims=True)
        cam = keras.ops.relu(keras.ops.sum(weights * maps, axis=-1))
        found.append(keras.ops.convert_to_numpy(cam).astype(np.float32))
    return np.concatenate(found)


def to_grey(maps: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Scale all maps of one model alike to 0-255, so that no sign stays no sign.

    255 is the 99th percentile of the images' maxima; what is above is cut.
    """
    top = np.percentile(maps.max(axis=(1, 2)), BRIGHTEST)
    scale = 255 / top if top > 0 else 0.0
    return np.round(np.minimum(maps * scale, 255)).astype(np.uint8)
