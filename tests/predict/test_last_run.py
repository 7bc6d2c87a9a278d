"""Networks of a run as `predict` and `export` use them, and what they were shown."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from brain_mri import dvc_lock
from brain_mri.dataset.likeness import reference
from brain_mri.errors import InputError
from brain_mri.files import arrays
from brain_mri.imaging import outliers
from brain_mri.networks import scratch
from brain_mri.predict import last_run

SIZE = 32


def run_with(root, groups):
    """A run whose training part had these groups, a picture each; the part is gone."""
    ids = [f"{i:012d}" for i in range(len(groups))]
    noise = np.random.default_rng(1).integers(0, 256, (len(ids), SIZE, SIZE), np.uint8)
    index = pd.DataFrame({"image_id": ids, "patient": groups, "y_true": 0})
    box = {"x0": 0, "y0": 0, "x1": 9, "y1": 10}
    crops = pd.DataFrame({"image_id": ids, **box})
    made = reference(arrays.Part(noise, index), crops)
    arrays.write(root / last_run.LIKENESS, made.index, [made.values])
    outs = {last_run.LIKENESS.as_posix(): dvc_lock.md5(root / last_run.LIKENESS)}
    return dvc_lock.Run(root, {"likeness": dvc_lock.Stage({}, outs, {})})


def test_without_the_description_nothing_is_said_of_likeness(tmp_path):
    assert last_run.likeness(dvc_lock.Run(tmp_path, {})) is None


@pytest.mark.parametrize("groups", ["abcde", "aabbccddee"])
def test_five_groups_are_too_few_to_say_what_is_far(tmp_path, groups):
    assert last_run.likeness(run_with(tmp_path, list(groups))) is None


def test_a_group_of_the_training_images_stands_there_once(tmp_path):
    found = last_run.likeness(run_with(tmp_path, list("abcdeff")))
    assert found.described.shape == (6, len(outliers.features(np.eye(SIZE), 1.0)))
    assert found.limit > 0
    own = outliers.distances_to(found.search, found.described)
    assert (own <= found.limit).all()  # no nearer than to itself


def test_the_limit_is_the_fence_of_the_distances_between_all_images(tmp_path):
    groups = list("abcdefghhh")
    run = run_with(tmp_path, groups)
    features = arrays.read(tmp_path / last_run.LIKENESS).values
    own = outliers.distances(features, np.array(groups))
    assert last_run.likeness(run).limit == outliers.fence(own)


def test_a_description_of_another_run_is_refused(tmp_path):
    run = run_with(tmp_path, list("abcdefg"))
    run_with(tmp_path, list("abcdef"))
    with pytest.raises(InputError, match="models/likeness: is not what the run in"):
        last_run.likeness(run)


def test_a_heat_map_does_not_depend_on_its_neighbours():
    network = last_run.network(scratch.scratch_cnn(SIZE, 0))
    steps = np.random.default_rng(2).integers(0, 256, (3, SIZE, SIZE), np.uint8)
    together = network.heat(steps)
    for i in range(len(steps)):
        np.testing.assert_array_equal(network.heat(steps[i : i + 1]), together[[i]])


def test_without_tensorflow_the_way_round_is_named(tmp_path, monkeypatch):
    run = run_with(tmp_path, list("abcdef"))
    monkeypatch.setattr(last_run, "CONVOLUTIONS", {"likeness": last_run.LIKENESS})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    trained = last_run.Trained(run, SIZE, 0.5, False, "likeness", "random", "data", "0")
    with pytest.raises(InputError, match="needs TensorFlow; predict --onnx does not"):
        last_run.load(trained, "likeness")
