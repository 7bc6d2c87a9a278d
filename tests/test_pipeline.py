"""The real graph, shrunk, in a repository of its own under a path with spaces."""

import hashlib
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import commit, copy_project, run, shrink

from brain_mri import arrays, pipeline

ALL_STAGES = [
    "phantom",
    "audit",
    "crop",
    "split",
    "augment",
    "train_scratch",
    "vgg_weights",
    "vgg_features",
    "train_vgg",
    "evaluate@scratch",
    "evaluate@vgg",
    "compare",
    "report",
]
TRACKED = [
    "audit.json",
    "comparison.json",
    "scratch.json",
    "scratch_confusion.csv",
    "scratch_history.csv",
    "scratch_predictions.csv",
    "scratch_roc.csv",
    "selected.json",
    "split.json",
    "vgg.json",
    "vgg_confusion.csv",
    "vgg_history.csv",
    "vgg_predictions.csv",
    "vgg_roc.csv",
]


def ran(result):
    """The stages that a DVC command really executed."""
    return re.findall(r"Running stage '([\w@]+)'", result.stdout)


def split_table(project):
    text = {"image_id": str, "group": str}
    return pd.read_csv(project / "data" / "split.csv", dtype=text)


def hashes(array):
    return {hashlib.sha256(np.ascontiguousarray(row)).hexdigest() for row in array}


@pytest.fixture
def clean(project):
    """The project as committed, before and after a test."""
    yield project
    run(project, "git", "reset", "-q", "--hard")
    run(project, "git", "clean", "-fdq")
    run(project, "dvc", "checkout", "--force")


def test_nothing_runs_twice(project):
    result = run(project, "dvc", "repro")
    assert ran(result) == []
    assert "up to date" in result.stdout
    assert run(project, "git", "status", "--porcelain").stdout == ""


def test_git_keeps_the_metrics_and_no_picture(project):
    tracked = run(project, "git", "ls-files").stdout.splitlines()
    assert [f"metrics/{name}" for name in TRACKED] == [
        name for name in tracked if name.startswith("metrics/")
    ]
    assert not [name for name in tracked if re.search(r"\.(png|jpe?g|npy|h5)$", name)]
    assert not [name for name in tracked if name.startswith(("data/", "models/"))]


def test_no_group_is_in_two_parts(project):
    split = split_table(project)
    assert split.groupby("group")["part"].nunique().max() == 1
    assert split["image_id"].is_unique
    assert (
        json.loads((project / "metrics/split.json").read_text())["groups_shared"] == 0
    )
    ids = {
        part: set(arrays.read(project / "data" / "split" / part).index["group"])
        for part in ("train", "val", "test")
    }
    assert not ids["train"] & ids["val"]
    assert not ids["train"] & ids["test"]
    assert not ids["val"] & ids["test"]


def test_every_image_is_in_one_part(project):
    manifest = pd.read_csv(project / "data" / "manifest.csv", dtype=str)
    assert len(manifest) == 30
    assert set(manifest["image_id"]) == set(split_table(project)["image_id"])
    assert len(list((project / "data" / "cropped").rglob("*.png"))) == 30


def test_nothing_of_val_or_test_is_augmented(project):
    augmented = arrays.read(project / "data" / "augmented")
    parts = {
        part: arrays.read(project / "data" / "split" / part)
        for part in ("train", "val", "test")
    }
    assert set(augmented.index["image_id"]) == set(parts["train"].index["image_id"])
    assert hashes(parts["train"].values) <= hashes(augmented.values)
    for part in ("val", "test"):
        assert not hashes(augmented.values) & hashes(parts[part].values)
        assert not set(augmented.index["group"]) & set(parts[part].index["group"])


def test_features_follow_the_images(project):
    features = arrays.read(project / "data" / "features" / "train")
    augmented = arrays.read(project / "data" / "augmented")
    assert features.values.shape == (len(augmented.index), 512)
    pd.testing.assert_frame_equal(features.index, augmented.index)


def test_both_models_have_the_same_keys_and_images(project):
    scratch, vgg = (
        json.loads((project / "metrics" / f"{m}.json").read_text())
        for m in ("scratch", "vgg")
    )
    for part in ("val", "test"):
        assert list(scratch[part]) == list(vgg[part])
        for name in ("n_images", "n_groups"):
            assert scratch[part][name] == vgg[part][name]
        counts = (scratch[part][name] for name in ("tp", "fp", "fn", "tn"))
        assert sum(counts) == scratch[part]["n_groups"]
    table = json.loads(run(project, "dvc", "metrics", "show", "--json").stdout)
    shown = table[""]["data"]
    assert "error" not in json.dumps(table)
    assert {"metrics/scratch.json", "metrics/vgg.json"} <= set(shown)


def test_head_on_features_and_whole_network_agree(project):
    """`evaluate` starts from pixels; the head was trained on cached features."""
    from brain_mri import models, training

    training.prepare(0)
    head = models.head(models.vgg16_classifier(32, 0))
    models.load_weights(head, project / "models" / "vgg" / models.HEAD_FILE)
    val = arrays.read(project / "data" / "features" / "val")
    scores = pd.Series(training.predict(head, val)[:, 0], val.index["image_id"])
    kept = pd.read_csv(
        project / "metrics" / "vgg_predictions.csv", dtype={"image_id": str}
    )
    kept = kept[kept["part"] == "val"].set_index("image_id")["y_score"]
    assert np.allclose(scores[kept.index], kept, atol=2e-6)


def test_same_inputs_same_bytes(clean):
    result = run(clean, "dvc", "repro", "--force", "--no-run-cache")
    assert ran(result) == ALL_STAGES
    assert run(clean, "git", "status", "--porcelain").stdout == ""


def test_switching_the_champion_costs_no_training(clean):
    result = run(clean, "dvc", "exp", "run", "-n", "pick-vgg", "-S", "model=vgg")
    assert ran(result) == ["compare", "report"]
    diff = run(clean, "dvc", "metrics", "diff", "--all", "--json", "HEAD", "pick-vgg")
    selected = json.loads(diff.stdout)["metrics/selected.json"]
    assert len(selected) == 9  # eight numbers and the name
    assert selected["model"] == {"old": "scratch", "new": "vgg"}
    kept = json.loads((clean / "metrics" / "vgg.json").read_text())["test"]
    for name in set(selected) - {"model"}:
        assert selected[name]["new"] == kept[name]


def test_the_head_is_trained_without_the_convolutions(clean):
    result = run(clean, "dvc", "exp", "run", "-S", "vgg.dropout=0.3")
    assert ran(result)[0] == "train_vgg"
    assert set(ran(result)) <= {"train_vgg", "evaluate@vgg", "compare", "report"}


def test_a_learning_rate_costs_both_trainings(clean):
    result = run(clean, "dvc", "exp", "run", "-S", "lr=1e-5")
    assert {"train_scratch", "train_vgg"} <= set(ran(result))
    assert not {"crop", "split", "augment", "vgg_features"} & set(ran(result))
    assert "lr: 1e-05" in (clean / "params.yaml").read_text()


def test_a_changed_picture_trains_nothing(clean):
    path = clean / "src" / "brain_mri" / "figures.py"
    path.write_text(path.read_text().replace("Cropped images", "Crops"))
    assert ran(run(clean, "dvc", "repro")) == ["report"]


def test_a_temporary_experiment_does_not_see_a_later_edit(clean):
    """It must run the code beside it, not an installed copy of the main tree's."""
    path = clean / "src" / "brain_mri" / "comparison.py"
    run(clean, "dvc", "exp", "run", "--queue", "-n", "queued", "-S", "model=vgg")
    path.write_text("raise SystemExit('an edit made later')\n" + path.read_text())
    result = run(clean, "dvc", "queue", "start", "-j", "1")
    for _ in range(120):
        status = run(clean, "dvc", "queue", "status").stdout
        if "Success" in status or "Failed" in status:
            break
        __import__("time").sleep(1)
    logs = run(clean, "dvc", "queue", "logs", "queued", check=False).stdout
    assert "Success" in status, status + logs + result.stdout
    run(clean, "dvc", "queue", "stop", "--kill", check=False)
    # and the edit is really one that would have shown
    broken = run(clean, "dvc", "repro", "compare", check=False)
    assert "an edit made later" in broken.stdout + broken.stderr


def test_the_report_reads_only_what_it_declares(project, tmp_path):
    (stage,) = (stage for stage in pipeline.stages(project) if stage.name == "report")
    for dep in [*stage.deps, "stages/_stage.py", "params.yaml"]:
        source, target = project / dep, tmp_path / dep
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target)
    for module in ("__init__", "params", "errors", "progress"):
        name = f"src/brain_mri/{module}.py"
        shutil.copy(project / name, tmp_path / name)
    run(tmp_path, *stage.cmd.split())
    for name in ("reports/summary.md", "reports/figures/roc.png"):
        assert (tmp_path / name).read_bytes() == (project / name).read_bytes()


BAD = [
    ("lr=-1", "lr: input should be greater than 0, received -1"),
    ("lr=abc", "lr: input should be a valid number"),
    ("split.test_size=1.5", "split.test_size: input should be less than 1"),
    ("augment.copies=0.5", "augment.copies: input should be a valid integer"),
    ("vgg.weights=auto", "vgg.weights: input should be 'imagenet' or 'random'"),
]


@pytest.mark.parametrize(("change", "told"), BAD)
def test_a_bad_value_is_one_clear_line(clean, change, told):
    result = run(clean, "dvc", "exp", "run", "-S", change, check=False)
    output = result.stdout + result.stderr
    assert result.returncode != 0
    assert len([line for line in output.splitlines() if told in line]) == 1
    assert "Traceback" not in output


def test_an_external_folder_works_as_a_data_set(clean, tmp_path):
    folder = tmp_path / "elsewhere" / "my scans"
    shutil.copytree(clean / "data" / "phantom", folder)
    run(clean, "dvc", "exp", "run", "--downstream", "audit", "-S", f"dataset={folder}")
    shown = json.loads((clean / "metrics" / "audit.json").read_text())
    assert shown["files"] == 30


def test_a_different_seed_splits_differently(clean):
    before = split_table(clean)
    run(clean, "dvc", "repro", "split")
    params = (clean / "params.yaml").read_text()
    (clean / "params.yaml").write_text(params.replace("seed: 7", "seed: 8"))
    run(clean, "dvc", "repro", "split")
    after = split_table(clean)
    assert (before["image_id"] == after["image_id"]).all()
    assert (before["part"] != after["part"]).any()
    assert after.groupby("group")["part"].nunique().max() == 1


def test_the_committed_results_are_those_of_the_committed_code(tmp_path):
    """The lock of the real project is fresh, without data, cache or training."""
    folder = copy_project(tmp_path / "clone")
    commit(folder, "as it is")
    result = run(folder, "dvc", "repro", "--dry", "--allow-missing", check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert ran(result) == []


def test_shrinking_changes_no_name(tmp_path):
    folder = copy_project(tmp_path / "clone")
    shrink(folder)
    run(folder, "brain-mri", "params")
