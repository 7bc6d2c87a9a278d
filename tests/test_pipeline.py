"""The real graph, shrunk, in a repository of its own under a path with spaces."""

import hashlib
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import (
    commit,
    copy_deps,
    copy_project,
    edited_params,
    looking_in,
    run,
    shrink,
    with_table,
    work_off,
)

from brain_mri import config
from brain_mri.evidence import scoring, temperature
from brain_mri.files import arrays, png, tables, values
from brain_mri.gate import recompute
from brain_mri.imaging import decoding

ALL_STAGES = [
    "phantom",
    "audit",
    "crop",
    "split",
    "likeness",
    "augment",
    "train_scratch",
    "vgg_weights",
    "vgg_features",
    "train_vgg",
    "baselines",
    "evaluate@scratch",
    "evaluate@vgg",
    "compare",
    "report",
]
TRACKED = [
    "audit_counts.csv",
    "baselines_predictions.csv",
    "comparison.csv",
    "crop_counts.csv",
    "crossval.json",
    "crossval_folds.csv",
    "crossval_predictions.csv",
    "crossval_statistics.csv",
    "external.json",
    "external_predictions.csv",
    "external_statistics.csv",
    "scratch.json",
    "scratch_confusion.csv",
    "scratch_history.csv",
    "scratch_predictions.csv",
    "scratch_roc.csv",
    "scratch_train_predictions.csv",
    "selected.json",
    "split_counts.csv",
    "statistics.csv",
    "verdict.json",
    "vgg.json",
    "vgg_confusion.csv",
    "vgg_history.csv",
    "vgg_predictions.csv",
    "vgg_roc.csv",
    "vgg_train_predictions.csv",
]

OPTIONAL = {"metrics/crossval.json", "metrics/external.json"}
MADE = {
    "baselines": ["metrics/baselines_predictions.csv"],
    "compare": [
        "metrics/verdict.json",
        "metrics/comparison.csv",
        "metrics/selected.json",
        "metrics/statistics.csv",
    ],
    "report": [
        "reports/index.html",
        "reports/summary.md",
        "reports/model-card.md",
        "reports/data-card.md",
        "reports/figures/roc.png",
    ],
}


def ran(result):
    """The stages that a DVC command really executed, sorted: DVC's order varies."""
    return sorted(re.findall(r"Running stage '([\w@]+)'", result.stdout))


def would_run(folder):
    """The stages that are stale as things are; nothing is executed.

    What follows from a stage is not among them: its outputs may turn out the same.
    """
    return ran(run(folder, "dvc", "repro", "--dry"))


def change(folder, key, value):
    """Set one parameter, named by its dotted key."""
    with edited_params(folder) as values:
        *sections, name = key.split(".")
        section = values
        for part in sections:
            section = section[part]
        assert name in section
        section[name] = value


def split_table(project):
    text = {"image_id": str, "picture": str, "patient": str}
    return pd.read_csv(project / "data" / "split.csv", dtype=text)


def hashes(array):
    return {hashlib.sha256(np.ascontiguousarray(row)).hexdigest() for row in array}


@pytest.fixture
def clean(project):
    """The project as committed, before and after a test."""
    yield project
    run(project, "git", "reset", "-q", "--hard")
    run(project, "git", "clean", "-fdq")
    run(project, "dvc", "checkout", "--force", "dvc.yaml")


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
    data = [name for name in tracked if name.startswith(("data/", "models/"))]
    assert data == ["data/phantom.csv", "data/phantom_elsewhere.csv"]


def test_no_patient_is_in_two_parts(project):
    split = split_table(project)
    assert split.groupby("patient")["part"].nunique().max() == 1
    assert split["image_id"].is_unique
    assert values.read(project / "metrics/split_counts.csv")["patients_shared"] == 0
    ids = {
        part: set(arrays.read(project / "data" / "split" / part).index["patient"])
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
        assert not set(augmented.index["patient"]) & set(parts[part].index["patient"])


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
    assert sum(map(len, (scratch["val"], scratch["test"]))) == 10
    assert scratch["test"]["n_pictures"] == vgg["test"]["n_pictures"]
    table = json.loads(run(project, "dvc", "metrics", "show", "--json").stdout)
    shown = table[""]["data"]
    named = ("scratch", "selected", "verdict", "vgg")
    root = {name: shown.pop(f"metrics/{name}.json") for name in named}
    assert "error" not in json.dumps(root)
    assert set(shown) <= OPTIONAL  # they need not have run


def test_head_on_features_and_whole_network_agree(project):
    """`evaluate` starts from pixels; the head was trained on cached features."""
    from brain_mri.networks import backend, inference, saved_weights, vgg16_head

    backend.prepare(0)
    head = vgg16_head.head(vgg16_head.vgg16_classifier(32, 0))
    saved_weights.load(head, project / "models" / "vgg" / vgg16_head.WEIGHTS)
    val = arrays.read(project / "data" / "features" / "val")
    scores = pd.Series(inference.predict(head, val)[:, 0], val.index["image_id"])
    kept = pd.read_csv(
        project / "metrics" / "vgg_predictions.csv", dtype={"image_id": str}
    )
    kept = kept[kept["part"] == "val"].set_index("image_id")["y_score"]
    assert np.allclose(scores[kept.index], kept, atol=2e-6)


def test_same_inputs_same_bytes(clean):
    result = run(clean, "dvc", "repro", "--force", "--no-run-cache")
    assert ran(result) == sorted(ALL_STAGES)
    assert run(clean, "git", "status", "--porcelain").stdout == ""


def test_switching_the_champion_costs_no_training(clean):
    result = run(clean, "dvc", "exp", "run", "-n", "pick-vgg", "-S", "model=vgg")
    assert ran(result) == ["compare", "report"]
    diff = run(clean, "dvc", "metrics", "diff", "--all", "--json", "HEAD", "pick-vgg")
    selected = json.loads(diff.stdout)["metrics/selected.json"]
    assert len(selected) == 9  # eight numbers and the name
    assert selected["model"] == {"old": "scratch", "new": "vgg"}
    statistics = tables.read_csv(clean / "metrics" / "statistics.csv")
    kept = scoring.from_statistics(statistics)["vgg"]
    for name in set(selected) - {"model"}:
        assert selected[name]["new"] == kept[name]


def test_the_head_is_trained_without_the_convolutions(clean):
    change(clean, "vgg.dropout", 0.3)
    assert would_run(clean) == ["report", "train_vgg"]


def test_a_learning_rate_costs_both_trainings(clean):
    change(clean, "lr", 0.01)
    assert would_run(clean) == ["report", "train_scratch", "train_vgg"]


def test_a_tiny_learning_rate_is_a_number(clean):
    """`-S` writes 1e-05, which plain PyYAML would read as text."""
    run(clean, "dvc", "exp", "run", "-S", "lr=1e-5", "vgg_weights")
    assert "lr: 1e-05" in (clean / "params.yaml").read_text()
    assert config.load(clean / "params.yaml").lr == 1e-5


@pytest.mark.parametrize(
    "path",
    [
        "presentation/pictures.py",
        "presentation/wording.py",
        "report/figures.py",
        "report/galleries.py",
        "report/page.py",
        "report/templates/index.html.j2",
        "report/templates/style.css",
    ],
)
def test_a_changed_picture_or_page_costs_a_report(clean, path):
    changed = clean / "src" / "brain_mri" / path
    changed.write_text(changed.read_text() + "\n")
    assert would_run(clean) == ["report"]


def test_a_stricter_gate_costs_nothing(clean):
    change(clean, "check.max_patients_shared", 1)
    assert would_run(clean) == []


@pytest.mark.slow
def test_a_temporary_experiment_does_not_see_a_later_edit(clean):
    """It must run the code beside it, not an installed copy of the main tree's."""
    path = clean / "src" / "brain_mri" / "evidence" / "comparison.py"
    run(clean, "dvc", "exp", "run", "--queue", "-n", "queued", "-S", "model=vgg")
    path.write_text("raise SystemExit('an edit made later')\n" + path.read_text())
    status = work_off(clean, 1)
    logs = run(clean, "dvc", "queue", "logs", "queued", check=False).stdout
    assert "Success" in status, status + logs
    # and the edit is really one that would have shown
    broken = run(clean, "dvc", "repro", "compare", check=False)
    assert "an edit made later" in broken.stdout + broken.stderr


@pytest.mark.parametrize("name", ["baselines", "compare", "report"])
def test_a_stage_reads_only_what_it_declares(project, tmp_path, name):
    """Alone with its dependencies, and without TensorFlow, it makes the same bytes."""
    graph = yaml.safe_load((project / "dvc.yaml").read_text())
    stage = graph["stages"][name]
    copy_deps(project, tmp_path, stage)
    (tmp_path / "poison").mkdir()
    for module in ("tensorflow", "keras"):
        (tmp_path / "poison" / f"{module}.py").write_text("raise SystemExit(9)")
    for folder in ("metrics", "reports"):
        (tmp_path / folder).mkdir(exist_ok=True)
    run(tmp_path, "sh", "-c", stage["cmd"], **looking_in(tmp_path / "poison"))
    for made in MADE[name]:
        assert (tmp_path / made).read_bytes() == (project / made).read_bytes()


def test_a_bad_value_is_one_clear_line(clean):
    result = run(clean, "dvc", "exp", "run", "-S", "lr=abc", check=False)
    told = "lr: input should be a valid number"
    output = result.stdout + result.stderr
    assert result.returncode != 0
    assert len([line for line in output.splitlines() if told in line]) == 1
    assert "Traceback" not in output


HOSTILE = "year$2024 $(touch pwned) `touch pwned` 'a' \"b\" \\ ; touch pwned"


def test_a_data_sets_name_is_no_command(clean, tmp_path):
    """Whatever a folder is called, as a parameter and by -S (in Hydra's quotes)."""
    folder = with_table(tmp_path / HOSTILE)
    shutil.copytree(clean / "data" / "phantom", folder)
    change(clean, "dataset", str(folder))
    assert ran(run(clean, "dvc", "repro", "crop")) == ["audit", "crop"]
    assert values.read(clean / "metrics" / "audit_counts.csv")["files"] == 30
    other = tmp_path / "year$2024 $(touch pwned)"
    with_table(folder.rename(other))
    changed = f"dataset='{other}'"
    told = run(clean, "dvc", "exp", "run", "-S", changed, "crop")
    assert ran(told) == ["audit", "crop"]
    assert config.load(clean / "params.yaml").dataset == str(other)
    assert not list(clean.rglob("pwned"))


def test_a_different_seed_splits_differently(clean):
    before = split_table(clean)
    run(clean, "dvc", "repro", "split")
    params = (clean / "params.yaml").read_text()
    (clean / "params.yaml").write_text(params.replace("seed: 7", "seed: 8"))
    run(clean, "dvc", "repro", "split")
    after = split_table(clean)
    assert (before["image_id"] == after["image_id"]).all()
    assert (before["part"] != after["part"]).any()
    assert after.groupby("patient")["part"].nunique().max() == 1


def file_of(project, part):
    """A file of the data set that lies in a part, and has no copy."""
    split = split_table(project)
    alone = split[~split["patient"].duplicated(keep=False) & (split["part"] == part)]
    manifest = tables.read_csv(project / "data" / "manifest.csv")
    return manifest.set_index("image_id").loc[alone["image_id"].iloc[0], "file"]


def contents(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_an_image_more_moves_nobody_and_in_test_retrains_nothing(clean, tmp_path):
    """A brighter copy of a test image is added to a frozen split."""
    before = split_table(clean).set_index("image_id")["part"]
    parts = {
        part: contents(clean / "data" / "split" / part) for part in ("train", "val")
    }
    run(clean, "brain-mri", "freeze")
    dataset = tmp_path / "one more"
    shutil.copy(clean / "data" / "phantom.csv", f"{dataset}.csv")
    shutil.copytree(clean / "data" / "phantom", dataset)
    old = file_of(clean, "test")
    grey = decoding.decode(dataset / old).grey
    brighter = np.clip(grey.astype(int) + 9, 0, 255).astype(np.uint8)
    png.write_png(dataset / f"{old}.brighter.png", brighter)
    change(clean, "dataset", str(dataset))
    run(clean, "dvc", "repro", "split")
    after = split_table(clean).set_index("image_id")["part"]
    assert after[before.index].equals(before)
    (new,) = after.index.difference(before.index)
    assert after[new] == "test"
    for part, files in parts.items():
        assert contents(clean / "data" / "split" / part) == files
    stale = would_run(clean)
    assert "evaluate@vgg" in stale
    assert not {"augment", "train_scratch", "train_vgg", "vgg_features"} & set(stale)
    counts = values.read(clean / "metrics" / "split_counts.csv")
    assert counts["given"]["images"] == len(before)
    assert counts["given"]["leaked_test"] == 0


def test_an_image_that_joins_two_parts_leaves_the_later_one_out(clean, tmp_path):
    run(clean, "brain-mri", "freeze")
    dataset = tmp_path / "one more"
    shutil.copytree(clean / "data" / "phantom", dataset)
    new = np.tri(40, dtype=np.uint8) * 90 + np.eye(40, dtype=np.uint8)
    png.write_png(dataset / "no" / "new.png", new)
    known = pd.read_csv(clean / "data" / "phantom.csv", dtype=str).set_index("file")
    joined = [file_of(clean, "train"), file_of(clean, "test")]
    known.loc[[*joined], "patient"] = "patient 7"
    known.loc["no/new.png", "patient"] = "patient 7"
    known.to_csv(f"{dataset}.csv")
    change(clean, "dataset", str(dataset))
    told = run(clean, "dvc", "repro", "split").stdout
    assert "given for test, 1 show a picture or a patient that training" in told
    manifest = tables.read_csv(clean / "data" / "manifest.csv").set_index("image_id")
    split = split_table(clean)
    parts = dict(
        zip(split["image_id"].map(manifest["file"]), split["part"], strict=True)
    )
    assert [parts[file] for file in (*joined, "no/new.png")] == [
        *("train", "leaked", "train"),
    ]


def test_a_crop_of_one_grey_level_is_flagged_and_used(clean, tmp_path):
    """Of a nearly blank image the box, of another one a person's, leaves no head."""
    dataset = with_table(tmp_path / "blank")
    shutil.copytree(clean / "data" / "phantom", dataset)
    blank = np.zeros((512, 512), np.uint8)
    blank[100:110, 50] = 1
    blank[100, 51] = 2  # two levels alone are a mask
    png.write_png(dataset / "no" / "blank.png", blank)
    corner = next((dataset / "yes").iterdir()).name
    (tmp_path / "blank.csv").write_text(f"file,box\nyes/{corner},0 0 1 1\n")
    change(clean, "dataset", str(dataset))
    run(clean, "dvc", "repro", "split")
    crops = tables.read_csv(clean / "data" / "crop.csv")
    crops["level"] = [np.ptp(png.read_png(clean / "data" / "cropped" / file))
                      for file in crops["file"]]  # fmt: skip
    flat = crops[crops["level"] == 0]
    assert len(flat) == 2
    assert flat["flags"].str.contains("unlike the others").all()
    assert set(flat["image_id"]) <= set(split_table(clean)["image_id"])


def test_more_rejected_files_than_allowed_stop_the_run(clean, tmp_path):
    dataset = with_table(tmp_path / "damaged")
    shutil.copytree(clean / "data" / "phantom", dataset)
    for i in range(8):  # of 38
        (dataset / "no" / f"{i}.jpg").write_text("no image")
    change(clean, "dataset", str(dataset))
    result = run(clean, "dvc", "repro", "audit", check=False)
    told = "audit: 8 of 38 files (0.211) cannot be used, more than audit.max_rejected"
    assert told in result.stderr
    assert "no/7.jpg: not an image" in result.stderr
    change(clean, "audit.max_rejected", 0.22)
    run(clean, "dvc", "repro", "audit")
    counts = values.read(clean / "metrics" / "audit_counts.csv")
    assert (counts["files"], counts["rejected"], counts["excluded"]) == (38, 8, 0)


def test_folders_of_another_name_are_the_same_data_set(clean, tmp_path):
    before = split_table(clean)
    dataset = with_table(tmp_path / "renamed")
    shutil.copytree(clean / "data" / "phantom" / "no", dataset / "no_tumor")
    shutil.copytree(clean / "data" / "phantom" / "yes", dataset / "glioma")
    change(clean, "dataset", str(dataset))
    change(clean, "classes.no", ["no_tumor"])
    change(clean, "classes.yes", ["glioma"])
    result = run(clean, "dvc", "repro", "split")
    assert ran(result) == ["audit", "crop", "split"]
    assert split_table(clean).equals(before)


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


def test_calibrated_scores_are_the_raw_ones_with_logits_divided(clean):
    """In the tables, in what `predict` says, and without a word about who is right."""
    before = {
        m: tables.read_csv(clean / "metrics" / f"{m}_predictions.csv")
        for m in ("scratch", "vgg")
    }
    raw = json.loads((clean / "metrics" / "vgg.json").read_text())
    change(clean, "evaluate.calibrate", True)
    assert would_run(clean) == ["evaluate@scratch", "evaluate@vgg", "report"]
    run(clean, "dvc", "repro", "compare")
    for model, table in before.items():
        kept = json.loads((clean / "metrics" / f"{model}.json").read_text())
        divisor = kept["temperature"]
        assert divisor == temperature.fitted(table) != 1
        after = tables.read_csv(clean / "metrics" / f"{model}_predictions.csv")
        expected = temperature.divided(table["y_score"], divisor)
        assert np.allclose(after["y_score"], expected, atol=1e-5)
        assert (after["y_pred"] == table["y_pred"]).all()
    assert kept["test"]["roc_auc"] == raw["test"]["roc_auc"]
    assert kept["val"]["log_loss"] <= raw["val"]["log_loss"] + 1e-6
    params = config.load(clean / "params.yaml")
    assert recompute.differences(clean / "metrics", params) == []
    asked = ("predict", "data/phantom/yes", "--model", "vgg", "--format", "json")
    told = run(clean, "brain-mri", *asked)
    assert "not probabilities" not in told.stderr
    files = tables.read_csv(clean / "data" / "manifest.csv").set_index("image_id")
    said = {row["file"]: row["vgg"]["score"] for row in json.loads(told.stdout)}
    tested = after[after["part"] == "test"]
    for image_id, score in zip(tested["image_id"], tested["y_score"], strict=True):
        file = f"data/phantom/{files.loc[image_id, 'file']}"
        assert file not in said or abs(said[file] - score) < 1e-6
