"""Networks of a run as `predict` and `export` use them, and what they were shown."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from brain_mri import dvc_lock
from brain_mri.errors import InputError
from brain_mri.files import arrays, tables
from brain_mri.imaging import outliers
from brain_mri.networks import scratch
from brain_mri.predict import last_run

SIZE = 32
TABLE = last_run.DATA / "crop.csv"


def run_with(root, groups):
    """A run whose training part has these groups, a picture each."""
    ids = [f"{i:012d}" for i in range(len(groups))]
    noise = np.random.default_rng(1).integers(0, 256, (len(ids), SIZE, SIZE), np.uint8)
    index = pd.DataFrame(
        {"image_id": ids, "picture": ids, "patient": groups, "y_true": 0}
    )
    arrays.write(root / last_run.TRAIN, index, [noise])
    box = {"x0": 0, "y0": 0, "x1": 9, "y1": 10}
    tables.write_csv(root / TABLE, pd.DataFrame({"image_id": ids, **box}))
    outs = {p.as_posix(): dvc_lock.md5(root / p) for p in (last_run.TRAIN, TABLE)}
    return dvc_lock.Run(root, {"split": dvc_lock.Stage({}, outs, {})})


def test_without_training_images_nothing_is_said_of_likeness(tmp_path):
    assert last_run.likeness(dvc_lock.Run(tmp_path, {})) is None


@pytest.mark.parametrize("groups", ["abcde", "aabbccddee"])
def test_five_groups_are_too_few_to_say_what_is_far(tmp_path, groups):
    assert last_run.likeness(run_with(tmp_path, list(groups))) is None


def test_a_group_of_the_training_images_stands_there_once(tmp_path):
    found = last_run.likeness(run_with(tmp_path, list("abcdeff")))
    assert found.described.shape == (6, len(outliers.features(np.eye(SIZE), 1.0)))
    assert found.limit > 0
    own = outliers.distances_to(found.described, found.described)
    assert (own <= found.limit).all()  # no nearer than to itself


def test_a_heat_map_does_not_depend_on_its_neighbours():
    network = last_run.network(scratch.scratch_cnn(SIZE, 0))
    steps = np.random.default_rng(2).integers(0, 256, (3, SIZE, SIZE), np.uint8)
    together = network.heat(steps)
    for i in range(len(steps)):
        np.testing.assert_array_equal(network.heat(steps[i : i + 1]), together[[i]])


def test_without_tensorflow_the_way_round_is_named(tmp_path, monkeypatch):
    run = run_with(tmp_path, list("abcdef"))
    monkeypatch.setattr(last_run, "MODELS", last_run.DATA / "split")
    monkeypatch.setattr(last_run, "CONVOLUTIONS", {"train": last_run.TRAIN})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    trained = last_run.Trained(run, SIZE, 0.5, False, "train", "random", "data", "0")
    with pytest.raises(InputError, match="needs TensorFlow; predict --onnx does not"):
        last_run.load(trained, "train")
