"""The two networks, as on the slides: grey levels in, score of a tumour out."""

from pathlib import Path

import keras
from keras import layers

from brain_mri.errors import InputError, writing
from brain_mri.networks import convolutions, standardising, weights_file

# What a training stage writes into its folder; a .keras file would hold the clock.
SCRATCH_FILE = "scratch.weights.h5"
HEAD_FILE = "head.weights.h5"
MARGIN = 2**20  # bytes that a file of weights holds beside them, at most
# Minus ImageNet's mean of blue, green and red, as keras.applications.vgg16 has it.
OFFSET = (-103.939, -116.779, -123.68)


def scratch_cnn(image_size: int, dropout: float) -> keras.Model:
    """Build the small network that learns everything from the training images.

    At 128 pixels: 2,495,937 parameters, of which 2,494,977 are trainable.

    Args:
        image_size: side of the square input in pixels, 16 or more.
        dropout: share of the 128 units dropped in training, in [0, 1).

    Returns:
        A model from grey images, uint8, shape (batch, image_size, image_size), to the
        score of a tumour, float32, shape (batch, 1), in [0, 1].
    """
    inputs = _image(image_size)
    x = layers.Rescaling(1 / 255, name="rescaling")(_rgb(inputs))
    for block, filters in enumerate((32, 64, 128, 256), start=1):
        x = layers.Conv2D(filters, 3, padding="same", name=f"block{block}_conv")(x)
        x = layers.LeakyReLU(name=f"block{block}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        # 0.9, not 0.99: a few hundred steps must suffice for the moving averages
        x = layers.BatchNormalization(momentum=0.9, name=f"block{block}_norm")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, name="dense1")(x)
    x = layers.LeakyReLU(name="dense1_relu")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(64, name="dense2")(x)
    x = layers.LeakyReLU(name="dense2_relu")(x)
    return keras.Model(inputs, _score(x), name="scratch")


def vgg16_classifier(image_size: int, dropout: float) -> keras.Model:
    """Build VGG-16's convolutions, frozen, under a small head that is trained.

    At 128 pixels: 14,879,041 parameters, of which 164,353 are trainable. VGG-16:
    Simonyan & Zisserman 2015, https://arxiv.org/abs/1409.1556. Its preprocessing
    (ImageNet's mean subtracted, not scaled; of grey images BGR is RGB) is part of it.

    Args:
        image_size: side of the square input in pixels, 32 or more.
        dropout: share of the 256 units dropped in training, in [0, 1).

    Returns:
        A model from grey images, uint8, shape (batch, image_size, image_size), to the
        score of a tumour, float32, shape (batch, 1), in [0, 1].
    """
    inputs = _image(image_size)
    # a layer, for export; float32, as bfloat16 would round the difference
    centred = layers.Rescaling(1.0, offset=OFFSET, dtype="float32", name="centring")
    x = centred(_rgb(inputs))
    vgg = keras.applications.VGG16(include_top=False, weights=None, input_tensor=x)
    for layer in vgg.layers:
        layer.trainable = False
    x = layers.GlobalAveragePooling2D(name="features")(vgg.output)
    x = layers.Dense(256, activation="relu", name="dense1")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(128, activation="relu", name="dense2")(x)
    return keras.Model(inputs, _score(x), name="vgg")


def backbone(vgg: keras.Model) -> keras.Model:
    """Return the frozen part: images to 512 features; shares the model's layers."""
    return keras.Model(vgg.input, vgg.get_layer("features").output, name="backbone")


def head(vgg: keras.Model) -> keras.Model:
    """Return the trained part: 512 features to a score; shares the layers."""
    return keras.Model(vgg.get_layer("features").output, vgg.output, name="head")


def load(name: str, image_size: int, frozen: Path, trained: Path) -> keras.Model:
    """Build a network by name and load its weights, for use and not for training.

    Args:
        name: scratch or vgg.
        image_size: side of the input it was trained for, in pixels.
        frozen: the file that `convolutions.write` made of VGG-16's convolutions;
            unused for scratch, which has its own.
        trained: the folder that the training stage wrote.

    Raises:
        InputError: no such network, or a weights file does not fit it.
    """
    if name == "scratch":
        model = scratch_cnn(image_size, dropout=0)
        load_weights(model, trained / SCRATCH_FILE)
    elif name == "vgg":
        model = vgg16_classifier(image_size, dropout=0)
        load_convolutions(model, frozen)
        load_weights(head(model), trained / HEAD_FILE)
    else:
        raise InputError(f"expected network 'scratch' or 'vgg', got {name!r}")
    return model


def load_convolutions(model: keras.Model, path: Path) -> None:
    """Put what `convolutions.write` kept into a network that has those layers.

    Raises:
        InputError: the file is missing, damaged or something else.
    """
    for name, kernel, bias in convolutions.by_layer(convolutions.read(path)):
        model.get_layer(name).set_weights([kernel, bias])


def fold(head: keras.Model, scale: standardising.Scale) -> None:
    """Let a head that was trained on standardised features take them as they are."""
    first = head.get_layer("dense1")
    kernel, bias = first.get_weights()
    first.set_weights(standardising.folded(kernel, bias, scale))


def divide_logit(model: keras.Model, temperature: float) -> None:
    """Divide the logit of every score by a temperature, inside the last layer."""
    last = model.get_layer("tumour")
    last.set_weights([values / temperature for values in last.get_weights()])


def save_weights(model: keras.Model, path: Path) -> None:
    """Write the weights alone; of a compiled model Keras would add the optimizer's.

    Raises:
        InputError: the disk is full or the folder closed.
    """
    bare = keras.Model(model.inputs, model.outputs, name=model.name)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # takes the room first: on a full disk HDF5 prints tracebacks as it closes
        path.write_bytes(bytes(4 * model.count_params() + MARGIN))
        bare.save_weights(path)


def load_weights(model: keras.Model, path: Path) -> None:
    """Load a weights file into a model of the same architecture.

    Raises:
        InputError: the file is missing, damaged or of another architecture.
    """
    weighted = (layer for layer in model.layers if layer.weights)
    weights_file.check(path, {layer.name: _shapes(layer) for layer in weighted})
    try:
        model.load_weights(path)
    except weights_file.DAMAGE as error:
        raise InputError(
            f"{path}: expected weights of '{model.name}' "
            f"({model.count_params():,} parameters), could not load them "
            f"({' '.join(str(error).split())[:200]})"
        ) from error


def _shapes(layer: layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]


def _image(size: int) -> keras.KerasTensor:
    return keras.Input((size, size), dtype="uint8", name="image")


def _rgb(grey: keras.KerasTensor) -> keras.KerasTensor:
    """Repeat the grey channel, so that both networks take the slides' three."""
    one = layers.Reshape((*grey.shape[1:], 1), name="channel")(grey)
    return layers.Concatenate(name="rgb")([one, one, one])


def _score(x: keras.KerasTensor) -> keras.KerasTensor:
    # float32 also under mixed precision: a bfloat16 score has two digits
    return layers.Dense(1, activation="sigmoid", dtype="float32", name="tumour")(x)
