import numpy as np
import pytest

from brain_mri.errors import InputError
from brain_mri.files import vectors
from brain_mri.networks import convolutions, vgg16_weights


def test_layers_are_those_of_keras():
    keras = pytest.importorskip("keras")
    vgg = keras.applications.VGG16(include_top=False, weights=None)
    shapes = {
        layer.name: tuple(layer.kernel.shape) for layer in vgg.layers if layer.weights
    }
    assert shapes == convolutions.KERNELS
    assert vgg.count_params() == convolutions.COUNT


def test_joined_and_by_layer_are_each_others_inverse():
    vector = vgg16_weights.random(3)
    layers = {name: (k, b) for name, k, b in convolutions.by_layer(vector)}
    assert (convolutions.joined(layers) == vector).all()


def test_what_is_written_is_read_and_the_same_each_time(tmp_path):
    vector = vgg16_weights.random(3)
    for name in ("a", "b"):
        vectors.write(tmp_path / name, vector)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (vectors.read(tmp_path / "a", convolutions.COUNT) == vector).all()


@pytest.mark.parametrize(
    "content",
    [b"", b"no array", b"\x93NUMPY", None],
    ids=["empty", "text", "cut", "short"],
)
def test_a_file_of_something_else_is_one_line(tmp_path, content):
    path = tmp_path / "w.npy"
    if content is None:
        np.save(path, np.zeros(5, np.float32))
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"w\.npy: ") as error:
        vectors.read(path, convolutions.COUNT)
    assert "\n" not in str(error.value)


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        vectors.write(tmp_path / "file" / "w.npy", vgg16_weights.random(0))
