"""What lies beside an exported file is checked before it is believed."""

import contextlib
import hashlib
import importlib.util
import json

import numpy as np
import pytest

from brain_mri.errors import InputError
from brain_mri.files import tables
from brain_mri.predict import onnx_model
from brain_mri.predict.images import Likeness

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

MODEL = b"a model"
FACTS = {
    "name": "vgg",
    "sha256": hashlib.sha256(MODEL).hexdigest(),
    "input": {"shape": ["n", 128, 128]},
    "threshold": 0.5,
    "vgg_weights": "random",
    "temperature": 1.0,
}


@pytest.fixture
def path(tmp_path):
    (tmp_path / "model.onnx").write_bytes(MODEL)
    return tmp_path / "model.onnx"


def test_a_description_of_this_file_is_read(path):
    tables.write_json(path.parent / "model.json", FACTS)
    found = onnx_model.facts(path)
    assert (found.name, found.size, found.threshold) == ("vgg", 128, 0.5)
    assert found.vgg_weights == "random"


@pytest.mark.parametrize("key", FACTS)
def test_a_description_that_lacks_something_is_one_line(path, key):
    rest = {name: value for name, value in FACTS.items() if name != key}
    tables.write_json(path.parent / "model.json", rest)
    with pytest.raises(InputError, match=r"model\.json: .* export again"):
        onnx_model.facts(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("input", "3"),
        ("input", '{"shape": ["n"]}'),
        ("input", '{"shape": ["n", 1e999, 1e999]}'),
        ("input", '{"shape": ["n", 0, 0]}'),
        ("threshold", '"high"'),
        ("threshold", '"nan"'),
        ("threshold", "NaN"),
        ("threshold", "7"),
        ("threshold", "1e999"),
        ("threshold", "true"),
        ("name", '["vgg"]'),
        ("name", '"vgg\\u001b[2J"'),
        ("vgg_weights", "3"),
        ("sha256", "null"),
    ],
)
def test_a_description_of_another_form_is_one_line(path, key, value):
    values = {name: json.dumps(known) for name, known in FACTS.items()} | {key: value}
    pairs = [f'"{name}": {known}' for name, known in values.items()]
    (path.parent / "model.json").write_text("{" + ", ".join(pairs) + "}")
    with pytest.raises(InputError, match=rf"model\.json: .*{key}.* export again"):
        onnx_model.facts(path)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"[" * 100_000])
def test_no_description_is_one_line(path, content):
    (path.parent / "model.json").write_bytes(content)
    with pytest.raises(InputError, match=r"model\.json: .* export again"):
        onnx_model.facts(path)


def test_another_file_is_not_believed(path):
    tables.write_json(path.parent / "model.json", FACTS)
    path.write_bytes(MODEL + b" edited")
    with pytest.raises(InputError, match="is not the file that model.json"):
        onnx_model.facts(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no archive"])
def test_damaged_likeness_is_one_line(tmp_path, content):
    (tmp_path / "l.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"l\.npz: .* remove it or export again"):
        onnx_model.read_likeness(tmp_path / "l.npz")


ROWS = np.full((6, 513), 0.25, np.float16)


@pytest.mark.parametrize(
    "wrong",
    [
        {"described": ROWS[:3]},
        {"described": ROWS[:, :10]},
        {"described": ROWS[0]},
        {"described": ROWS * np.float16("nan")},
        {"described": ROWS.astype(complex)},
        {"limit": [1.0, 2.0]},
        {"limit": "high"},
        {"limit": float("nan")},
    ],
)
def test_likeness_of_another_form_is_one_line(tmp_path, wrong):
    np.savez_compressed(
        tmp_path / "l.npz", **({"described": ROWS, "limit": 1.0} | wrong)
    )
    with pytest.raises(InputError, match=r"l\.npz: .* remove it or export again"):
        onnx_model.read_likeness(tmp_path / "l.npz")


def test_likeness_with_any_byte_changed_is_read_or_refused(tmp_path):
    path = tmp_path / "l.npz"
    onnx_model.write_likeness(Likeness(ROWS.astype(np.float32), 1.5), path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(
            whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]
        )
        with contextlib.suppress(InputError):
            onnx_model.read_likeness(path)


def test_likeness_is_read_back_and_may_be_missing(tmp_path):
    assert onnx_model.read_likeness(tmp_path / "l.npz") is None
    kept = Likeness(ROWS.astype(np.float32), 1.5)
    onnx_model.write_likeness(kept, tmp_path / "l.npz")
    back = onnx_model.read_likeness(tmp_path / "l.npz")
    assert back.limit == 1.5
    assert (back.described == kept.described).all()


def model_of(path, *, kind, name="score", size=8):
    """Write an ONNX model that answers with the mean of what it is shown."""
    helper, numbers = onnx.helper, onnx.TensorProto
    image = helper.make_tensor_value_info("image", kind, ["n", size, size])
    answer = helper.make_tensor_value_info(name, numbers.FLOAT, ["n"])
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=numbers.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], [name], keepdims=0),
    ]
    axes = onnx.numpy_helper.from_array(np.array([1, 2], np.int64), "axes")
    graph = helper.make_graph(nodes, "mean", [image], [answer], [axes])
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)


@pytest.mark.parametrize(
    "unlike", [{"kind": 1}, {"name": "logit"}, {"size": 9}], ids=str
)
def test_a_foreign_network_is_one_line(tmp_path, unlike):
    path = tmp_path / "model.onnx"
    model_of(path, **({"kind": onnx.TensorProto.UINT8} | unlike))
    with pytest.raises(InputError, match=r"model\.onnx: expected input and output"):
        onnx_model.open_onnx(path, "vgg", 8)


def test_a_fitting_network_answers(tmp_path):
    path = tmp_path / "model.onnx"
    model_of(path, kind=onnx.TensorProto.UINT8)
    network = onnx_model.open_onnx(path, "vgg", 8)
    assert network.score(np.full((2, 8, 8), 7, np.uint8)).tolist() == [7, 7]


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "tf2onnx"])
def test_a_missing_package_is_named_before_anything_slow(monkeypatch, package):
    onnx_model.check_installed()
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == package else found(name),
    )
    with pytest.raises(InputError, match=f"needs the package {package}: pip install"):
        onnx_model.check_installed()
