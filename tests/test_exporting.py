"""What lies beside an exported file is checked before it is believed."""

import hashlib

import numpy as np
import pytest

from brain_mri import exporting, tables
from brain_mri.errors import InputError
from brain_mri.predicting import Likeness

MODEL = b"a model"
FACTS = {
    "name": "vgg",
    "sha256": hashlib.sha256(MODEL).hexdigest(),
    "input": {"shape": ["n", 128, 128]},
    "threshold": 0.5,
    "vgg_weights": "random",
}


@pytest.fixture
def path(tmp_path):
    (tmp_path / "model.onnx").write_bytes(MODEL)
    return tmp_path / "model.onnx"


def test_a_description_of_this_file_is_read(path):
    tables.write_json(path.parent / "model.json", FACTS)
    assert exporting.facts(path) == FACTS


@pytest.mark.parametrize("key", FACTS)
def test_a_description_that_lacks_something_is_one_line(path, key):
    rest = {name: value for name, value in FACTS.items() if name != key}
    tables.write_json(path.parent / "model.json", rest)
    with pytest.raises(InputError, match=r"model\.json: .* export again"):
        exporting.facts(path)


@pytest.mark.parametrize(
    "wrong", [{"input": 3}, {"input": {"shape": ["n"]}}, {"threshold": "high"}]
)
def test_a_description_of_another_form_is_one_line(path, wrong):
    tables.write_json(path.parent / "model.json", FACTS | wrong)
    with pytest.raises(InputError, match=r"model\.json: .* export again"):
        exporting.facts(path)


def test_another_file_is_not_believed(path):
    tables.write_json(path.parent / "model.json", FACTS)
    path.write_bytes(MODEL + b" edited")
    with pytest.raises(InputError, match="is not the file that model.json"):
        exporting.facts(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"no archive"])
def test_damaged_likeness_is_one_line(tmp_path, content):
    (tmp_path / "l.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"l\.npz: .* remove it or export again"):
        exporting.read_likeness(tmp_path / "l.npz")


def test_likeness_is_read_back_and_may_be_missing(tmp_path):
    assert exporting.read_likeness(tmp_path / "l.npz") is None
    kept = Likeness(np.array([[0.5, 0.25]], np.float32), 1.5)
    exporting.write_likeness(kept, tmp_path / "l.npz")
    back = exporting.read_likeness(tmp_path / "l.npz")
    assert back.limit == 1.5
    assert back.described.tolist() == [[0.5, 0.25]]
