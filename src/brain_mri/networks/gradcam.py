"""Grad-CAM: heat maps of the image regions that raise the tumour score."""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from brain_mri.files.arrays import Part
from brain_mri.networks.inference import batches

# The last convolutional feature maps of each network, before pooling.
LAST_MAPS = {"scratch": "block4_relu", "vgg": "block5_conv3"}
AT_ONCE = 32
BRIGHTEST = 99  # percentile of the images' maxima that is drawn as 255


def heatmaps(model: keras.Model, part: Part, layer: str) -> npt.NDArray[np.float32]:
    """Compute Grad-CAM of the tumour logit for every image of a part.

    Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391: the maps of a layer are
    weighted by the mean gradient of the logit and summed; negative sums become 0. The
    logit is used because the gradient of a score near 0 or 1 vanishes. TensorFlow is
    called directly because Keras has no gradient function for all backends.

    Args:
        model: its last layer is `tumour`, Dense with a sigmoid.
        part: the images.
        layer: name of the layer whose maps are used.

    Returns:
        Heat maps, float32, shape (n, height, width) with the height and width of the
        layer's maps, >= 0, in units of the logit.
    """
    maps_of = keras.Model(model.input, model.get_layer(layer).output)
    tumour = model.get_layer("tumour")
    before = keras.Model(model.get_layer(layer).output, tumour.input)
    found = []
    rows = np.arange(len(part.index))
    total = -(-len(rows) // AT_ONCE)
    source = batches(part, rows, AT_ONCE)
    label = f"{model.name} Grad-CAM"
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
    """Scale all maps of one model by a common factor to 0-255.

    The 99th percentile of the images' maxima becomes 255; higher values are clipped.
    The common factor keeps an image without evidence of a tumour dark.
    """
    top = np.percentile(maps.max(axis=(1, 2)), BRIGHTEST)
    scale = 255 / top if top > 0 else 0.0
    return np.round(np.minimum(maps * scale, 255)).astype(np.uint8)
