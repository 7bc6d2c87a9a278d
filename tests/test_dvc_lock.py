"""What is used must be of one run: dvc.lock is read as DVC reads it."""

import copy
from pathlib import Path

import pytest
import yaml
from conftest import run

from brain_mri import dvc_lock
from brain_mri.errors import InputError


def stage(deps, outs, **params):
    return {
        "cmd": "any",
        "deps": [{"path": path, "md5": md5} for path, md5 in deps.items()],
        "outs": [{"path": path, "md5": md5} for path, md5 in outs.items()],
        "params": {"params.yaml": params},
    }


STAGES = {
    "crop": stage({"raw": "r.dir", "crop.py": "1"}, {"crops": "c.dir"}, size=128),
    "split": stage({"crops": "c.dir"}, {"train": "t.dir", "rest": "e"}, seed=7),
    "fit": stage({"train": "t.dir"}, {"weights": "w"}, seed=7),
    "other": stage({"nothing": "0"}, {"aside": "a"}, seed=8),
}


def written(folder, stages):
    (folder / "dvc.lock").write_text(yaml.safe_dump({"stages": stages}))
    return folder


def test_the_stages_that_a_result_rests_on_are_read(tmp_path):
    found = dvc_lock.read(written(tmp_path, STAGES), "fit")
    assert set(found.stages) == {"crop", "split", "fit"}
    assert found.params == {"size": 128, "seed": 7}


@pytest.mark.parametrize(
    ("made", "place", "told"),
    [
        ("crop", "outs", "split did not read the crops that crop wrote"),
        ("split", "outs", "fit did not read the train that split wrote"),
        ("split", "deps", "split did not read the crops that crop wrote"),
    ],
)
def test_stages_of_two_runs_are_named(tmp_path, made, place, told):
    mixed = copy.deepcopy(STAGES)
    mixed[made][place][0]["md5"] = "another"
    with pytest.raises(
        InputError, match=f"dvc.lock: mixes two runs: {told}; dvc repro"
    ):
        dvc_lock.read(written(tmp_path, mixed), "fit")


def test_parameters_of_two_runs_are_named(tmp_path):
    mixed = STAGES | {"fit": stage({"train": "t.dir"}, {"weights": "w"}, seed=9)}
    with pytest.raises(InputError, match="seed was 9 in fit, 7 in split; dvc repro"):
        dvc_lock.read(written(tmp_path, mixed), "fit")


@pytest.mark.parametrize(
    "content", ["", "[", "stages: 3", "stages: {fit: 3}", "stages: {fit: {deps: [1]}}"]
)
def test_no_record_is_one_line(tmp_path, content):
    (tmp_path / "dvc.lock").write_text(content)
    with pytest.raises(InputError, match="dvc repro first"):
        dvc_lock.read(tmp_path, "fit")


def test_md5_is_that_of_dvc(tmp_path):
    run(tmp_path, "git", "init", "-q")
    run(tmp_path, "dvc", "init", "-q")
    for name in ("b/é", "b/a", "a.txt", "b-c"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_text(name)
    run(tmp_path, "dvc", "add", "-q", "set")
    [out] = yaml.safe_load((tmp_path / "set.dvc").read_text())["outs"]
    assert dvc_lock.md5(tmp_path / "set") == out["md5"]


def test_an_output_must_be_the_one_of_the_run(tmp_path):
    (tmp_path / "weights").write_text("whole")
    stages = copy.deepcopy(STAGES)
    stages["fit"]["outs"][0]["md5"] = dvc_lock.md5(tmp_path / "weights")
    found = dvc_lock.read(written(tmp_path, stages), "fit")
    assert found.output(Path("weights")) == tmp_path / "weights"
    (tmp_path / "weights").write_text("another")
    with pytest.raises(InputError, match="weights: is not what the run in dvc.lock"):
        found.output(Path("weights"))
    (tmp_path / "weights").unlink()
    with pytest.raises(InputError, match="weights: missing"):
        found.output(Path("weights"))
