"""The frozen convolutions of VGG-16, from images to 512 features.

Simonyan & Zisserman 2015, https://arxiv.org/abs/1409.1556.
"""

from pathlib import Path

import keras
from keras import layers

from brain_mri.files import vectors
from brain_mri.networks import convolutions, interface

# Minus ImageNet's mean of blue, green and red, as in keras.applications.vgg16.
OFFSET = (-103.939, -116.779, -123.68)


def backbone(image_size: int) -> keras.Model:
    """Build the frozen convolutions with global average pooling: 14,714,688 parameters.

    The model includes VGG-16's preprocessing: it subtracts ImageNet's mean and does not
    scale. VGG-16 expects BGR, the same as RGB for grey images.

    Args:
        image_size: side of the square input in pixels, 32 or more.

    Returns:
        A model from grey images, uint8, shape (batch, image_size, image_size), to
        features, shape (batch, 512).
    """
    inputs = interface.grey_images(image_size)
    # a layer, so that it is exported; float32, as bfloat16 would round the difference
    centred = layers.Rescaling(1.0, offset=OFFSET, dtype="float32", name="centring")
    x = centred(interface.rgb(inputs))
    vgg = keras.applications.VGG16(include_top=False, weights=None, input_tensor=x)
    for layer in vgg.layers:
        layer.trainable = False
    x = layers.GlobalAveragePooling2D(name="features")(vgg.output)
    return keras.Model(inputs, x, name="backbone")


def load_convolutions(model: keras.Model, path: Path) -> None:
    """Load the output of the stage vgg_weights into a network with these layers.

    Raises:
        InputError: the file is missing, damaged or does not hold these weights.
    """
    vector = vectors.read(path, convolutions.COUNT)
    for name, kernel, bias in convolutions.by_layer(vector):
        model.get_layer(name).set_weights([kernel, bias])
