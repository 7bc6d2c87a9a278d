"""`brain-mri check`, on clones without data, without DVC's cache."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT, commit, edited_params, run
from typer.testing import CliRunner

from brain_mri import cli, pipeline
from brain_mri.errors import InputError
from brain_mri.gate import checks, git

CHECK = {
    "floors": {"scratch": {"test": {"accuracy": 0}}},
    "drops": {"scratch": {"test": {"accuracy": 0.1, "brier": 0.1}}},
}
HINT = "git fetch --depth=1 origin main:refs/remotes/origin/main"


@pytest.fixture(scope="module")
def clone(project, tmp_path_factory):
    """The project as Git has it, with rules that its few images meet."""
    folder = tmp_path_factory.mktemp("gate") / "clone"
    run(project, "git", "clone", "-q", project, folder)
    run(folder, "git", "config", "user.name", "test")
    run(folder, "git", "config", "user.email", "test@example.org")
    demand(folder, CHECK)
    commit(folder, "rules")
    return folder


@pytest.fixture
def folder(clone, tmp_path, monkeypatch):
    shutil.copytree(clone, tmp_path / "copy", symlinks=True)
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return tmp_path / "copy"


@pytest.fixture
def quick(monkeypatch):
    """Do not ask DVC, which takes a second or two, where it is not the point."""
    monkeypatch.setattr(checks, "fresh", lambda *_: checks.Row("dvc.lock", "", ""))


def demand(folder, check):
    with edited_params(folder) as values:
        values["check"] = check


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def change(path, key, value):
    """Set a value of the test part in a summary."""
    content = json.loads(path.read_text())
    content["test"][key] = value
    path.write_text(json.dumps(content))


def check(*arguments):
    """Run the command here, in this process; a traceback would fail the test."""
    return CliRunner().invoke(cli.app, ["check", *arguments], catch_exceptions=False)


def failures(*arguments):
    """The rows that fail, by what is checked."""
    result = check(*arguments)
    assert result.exit_code == 1, result.output
    rows = [line.strip("| ").split(" | ") for line in result.stdout.splitlines()]
    return {row[0].strip(): row[-1] for row in rows if "**FAIL**" in row[-1]}


def misuse(*arguments):
    """The one line with which it ends that cannot check."""
    result = check(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    return line


# What it is for


def test_a_clean_clone_passes_without_tensorflow(folder, tmp_path):
    """Other rules than those of the run: `check` makes no stage stale."""
    stand_ins = tmp_path / "no network"
    stand_ins.mkdir()
    for name in ("tensorflow", "keras"):
        (stand_ins / f"{name}.py").write_text("raise SystemExit('loaded')\n")
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    command = [sys.executable, "-c", "from brain_mri.cli import app; app()", "check"]
    environment = {"PYTHONPATH": str(stand_ins), "GITHUB_STEP_SUMMARY": str(summary)}
    result = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    table, verdict = result.stdout.split("\n\n")
    assert len(table.splitlines()) == 2 + 5
    assert "All 5 checks pass.\nDrops are not checked" in verdict
    assert summary.read_text().startswith("before\n### brain-mri check\n\n| check ")
    assert summary.read_text().endswith("All 5 checks pass.\n")


def test_an_edited_metric_is_named_with_its_key(folder, quick):
    change(folder / "metrics" / "scratch.json", "accuracy", 0.999)
    failed = failures()
    assert "edited since" in failed["metrics/scratch.json"]
    assert "scratch.json: test.accuracy: found 0.999" in failed["results recomputed"]
    assert len(failed) == 2


def test_a_raised_floor_fails(folder, quick):
    demand(folder, {"floors": {"scratch": {"test": {"accuracy": 1.5}}}})
    assert failures() == {"scratch.test.accuracy": "**FAIL**: below its floor"}


def test_a_shared_patient_fails(folder):
    edit(folder / "metrics/split_counts.csv", "patients_shared,0", "patients_shared,1")
    failed = failures()
    assert "in two parts" in failed["split_counts.patients_shared"]
    assert "edited since" in failed["metrics/split_counts.csv"]
    assert "split, report would run" in failed["dvc.lock"]


def test_a_patient_in_both_parts_of_the_predictions_fails(folder, quick):
    path = folder / "metrics" / "scratch_predictions.csv"
    lines = path.read_text().splitlines()
    image, picture, _, rest = lines[1].split(",", 3)  # of val
    patient = lines[-1].split(",")[2]  # of test
    changed = ",".join([image, picture, patient, rest])
    path.write_text("\n".join([lines[0], changed, *lines[2:], ""]))
    told = f"patient {patient} is in two parts"
    assert told in failures()["results recomputed"]


def test_a_stale_lock_fails_and_names_the_stage(folder):
    edit(folder / "params.yaml", "lr: 0.001", "lr: 0.002")
    assert failures() == {
        "dvc.lock": "**FAIL**: train_scratch, train_vgg, report would run: dvc repro, "
        "then commit dvc.lock and metrics/"
    }


# Files


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("scratch.json", '{"test": {"accuracy": NaN}}', "NaN is not a JSON number"),
        ("scratch.json", '{"test": {"accuracy": 0.5', "cannot be read as JSON"),
        ("scratch.json", "[]", "cannot be read as JSON"),
        ("scratch.json", None, "missing"),
        ("vgg_history.csv", "loss\n1\n", "expected a column 'epoch', found none"),
        ("vgg_history.csv", "", "cannot be read as a table"),
        ("scratch_predictions.csv", None, "missing"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(folder, quick, name, text, told):
    path = folder / "metrics" / name
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    assert told in failures()[f"metrics/{name}"]


def test_what_needs_a_lost_file_fails_too(folder, quick):
    (folder / "metrics" / "scratch.json").unlink()
    (folder / "metrics" / "statistics.csv").write_text("model\n")
    failed = failures()
    told = "metrics holds nothing of scratch that can be read"
    assert told in failed["scratch.test.accuracy"]
    assert "metrics/scratch.json: cannot be read" in failed["results recomputed"]


def test_edited_predictions_are_named(folder, quick):
    path = folder / "metrics" / "vgg_predictions.csv"
    *others, last = path.read_text().splitlines()
    fields = last.split(",")
    fields[5] = str(1 - float(fields[5]))
    path.write_text("\n".join([*others, ",".join(fields), ""]))
    failed = failures()
    assert "edited since" in failed["metrics/vgg_predictions.csv"]
    assert "metrics/comparison.csv: " in failed["results recomputed"]
    assert " more" in failed["results recomputed"]


def test_predictions_that_are_no_scores_are_named(folder, quick):
    path = folder / "metrics" / "vgg_predictions.csv"
    *others, last = path.read_text().splitlines()
    fields = last.split(",")
    fields[5] = "NaN"
    path.write_text("\n".join([*others, ",".join(fields), ""]))
    told = f"y_score of {fields[0]}: expected a number from 0 to 1, found 'NaN'"
    assert told in failures()["results recomputed"]


def test_a_result_that_git_does_not_have_is_named(folder, quick):
    run(folder, "git", "rm", "-q", "--cached", "metrics/verdict.json")
    assert failures() == {
        "metrics/verdict.json": "**FAIL**: not in Git: git add metrics/verdict.json"
    }


def test_a_lock_that_cannot_be_read_is_left_to_dvc(tmp_path):
    for text in ("<<<<<<< HEAD\n: :", "", "stages: 3", "stages: {a: {outs: [b]}}"):
        (tmp_path / "dvc.lock").write_text(text)
        assert checks.recorded(tmp_path) == {}
    assert checks.recorded(tmp_path / "nowhere") == {}


def test_a_frozen_stage_hides_nothing(folder):
    run(folder, "dvc", "freeze", "train_scratch")
    edit(folder / "params.yaml", "lr: 0.001", "lr: 0.002")
    assert "train_scratch is frozen" in failures()["dvc.lock"]


LOST = [
    ("data/phantom.csv", "audit needs data/phantom.csv, which is missing"),
    ("stages/split.py", "split needs stages/split.py, which is missing"),
]


@pytest.mark.parametrize(("file", "told"), LOST)
def test_a_file_that_git_lost_is_named(folder, file, told):
    """DVC is told to excuse data that are not there, and would excuse this."""
    run(folder, "git", "rm", "-q", file)
    assert told in failures()["dvc.lock"]


def test_a_stage_that_dvc_yaml_lost_is_named(folder):
    graph = yaml.safe_load((folder / "dvc.yaml").read_text())
    del graph["stages"]["report"]
    (folder / "dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))
    assert "report is in dvc.lock but not in dvc.yaml" in failures()["dvc.lock"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "      - src/brain_mri/dataset/crops.py\n",
            "crop: src/brain_mri/dataset/crops.py",
        ),
        (
            "      - metrics/verdict.json: {cache: false}\n",
            "compare: metrics/verdict.json",
        ),
    ],
)
def test_a_path_that_dvc_yaml_lost_is_named(folder, path, told):
    """Of which DVC would not ask any more."""
    edit(folder / "dvc.yaml", path, "")
    cause = failures()["dvc.lock"]
    assert told in cause
    assert "is only in one of dvc.yaml, dvc.lock" in cause


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("threshold: 0.5", "threshold: 5", "evaluate.threshold"),
        ("\ncheck:", "\nchock:", "unknown key 'chock'; did you mean 'check'?"),
        ("\nlr:", "\nrl: 1\nlr:", "unknown key 'rl'"),
    ],
)
def test_bad_parameters_end_it_before_anything_is_checked(folder, old, new, told):
    edit(folder / "params.yaml", old, new)
    assert told in misuse()


def test_no_revision_is_no_revision(folder, quick):
    """As `--against "$BASE"` is where the variable is empty."""
    assert "unknown revision ''" in misuse("--against", "")


def test_a_key_that_hides_another_is_refused(folder, quick):
    path = folder / "metrics" / "scratch.json"
    scores = json.loads(path.read_text())
    hidden = {"test.accuracy": scores["test"]["accuracy"]}
    scores["test"]["accuracy"] = 0.99
    path.write_text(json.dumps(scores | hidden))
    assert "test.accuracy is given twice" in failures()["results recomputed"]


def test_every_result_of_the_graph_is_expected(folder):
    files = pipeline.results(folder)
    optional = ("crossval", "external")  # pipelines of their own
    there = {
        path.relative_to(folder)
        for path in (folder / "metrics").iterdir()
        if not path.name.startswith(optional)
    }
    assert set(files) == there
    assert files[Path("metrics/vgg_roc.csv")] == ["fpr", "tpr"]
    assert files[Path("metrics/verdict.json")] == []
    assert files[Path("metrics/split_counts.csv")] == ["value", "name"]


# Limits

NOW = {"m.auc": 0.8, "m.brier": 0.2, "m.f1": None, "m.name": "x", "m.inf": 1e999}


@pytest.mark.parametrize(
    ("key", "limit", "cause"),
    [
        ("m.auc", 0.8, ""),
        ("m.auc", 0.81, "below its floor"),
        ("m.brier", 0.2, ""),
        ("m.brier", 0.19, "above its ceiling"),
        ("m.f1", 0, "undefined (null)"),
        ("m.name", 0, "not a number, or too large"),
        ("m.inf", 0, "not a number, or too large"),
        ("m.aucc", 0, "no such metric; did you mean m.auc?"),
        ("m.recall", 0, "no such metric"),
        ("n.auc", 0, "metrics holds nothing of n that can be read"),
    ],
)
def test_a_floor(key, limit, cause):
    assert checks.floor(key, limit, NOW).cause == cause


@pytest.mark.parametrize(
    ("key", "limit", "then", "cause"),
    [
        ("m.auc", 0.1, {"m.auc": 0.9}, ""),  # 0.9 - 0.8 is not quite 0.1
        ("m.auc", 0.1, {"m.auc": 0.91}, "worse by 0.11"),
        ("m.auc", 0, {"m.auc": 0.7}, ""),
        ("m.brier", 0.1, {"m.brier": 0.1}, ""),
        ("m.brier", 0.1, {"m.brier": 0.05}, "worse by 0.15"),
        ("m.brier", 0, {"m.brier": 0.3}, ""),
        ("m.auc", 0, {}, ""),
        ("m.auc", 0, {"m.auc": None}, ""),
        ("m.f1", 0, {"m.f1": 0.5}, "undefined (null)"),
        ("m.f1", 0, {}, "undefined (null)"),
        ("m.recall", 0, {"m.recall": 0.5}, "no such metric"),
    ],
)
def test_a_drop(key, limit, then, cause):
    row = checks.drop(key, limit, NOW, then, "main")
    assert row.cause == cause
    assert ("new: none at main" in row.found) == (then.get(key) is None)


def test_more_patients_shared_than_allowed_fail():
    assert checks.shared({"split_counts.patients_shared": 2}, 2).cause == ""
    assert "leaks" in checks.shared({"split_counts.patients_shared": 3}, 2).cause
    assert (
        checks.shared({"split_counts.patients_shared": None}, 2).cause
        == "undefined (null)"
    )


def test_imagenet_may_be_required(folder, quick):
    demand(folder, {"require_imagenet": True})
    failed = failures()["comparison.vgg_weights"]
    assert "vgg.weights: imagenet" in failed
    assert checks.pretrained({"comparison.vgg_weights": "imagenet"}).cause == ""
    assert checks.pretrained({}).cause


def test_a_cell_keeps_the_table_whole():
    row = checks.Row("a|b", "c\nd", "e", "f | g")
    assert checks.table([row]).splitlines()[-1] == (
        "| a\\|b  | c d   | e        | **FAIL**: f \\| g |"
    )


# Against a revision


def test_a_drop_against_a_revision_fails_and_a_rise_passes(folder, quick):
    path = folder / "metrics" / "statistics.csv"
    good = path.read_text()
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    mine = (table["model"] == "scratch") & (table["part"] == "test")
    for metric, value in (("accuracy", "1.5"), ("brier", "5")):
        table.loc[mine & (table["metric"] == metric), "value"] = value
    table.to_csv(path, index=False)
    commit(folder, "better, but for brier")
    path.write_text(good)
    assert [*failures("--against", "HEAD")] == ["scratch.test.accuracy"]
    assert check().exit_code == 0


def test_a_file_that_the_revision_lacks_is_new(folder, quick):
    both = [folder / "metrics" / name for name in ("scratch.json", "statistics.csv")]
    good = [path.read_text() for path in both]
    run(folder, "git", "rm", "-q", "metrics/scratch.json", "metrics/statistics.csv")
    commit(folder, "without")
    for path, text in zip(both, good, strict=True):
        path.write_text(text)
    commit(folder, "with")
    result = check("--against", "HEAD~1")
    assert result.exit_code == 0, result.stdout
    assert result.stdout.count("(new: none at HEAD~1)") == 2


def test_a_broken_file_at_the_revision_is_not_new(folder, quick):
    path = folder / "metrics" / "scratch.json"
    good = path.read_text()
    path.write_text('{"test": {"accuracy": NaN}}')
    commit(folder, "broken")
    path.write_text(good)
    commit(folder, "mended")
    told = misuse("--against", "HEAD~1")
    assert "HEAD~1: metrics/scratch.json: cannot be read (NaN" in told


def test_a_shallow_clone_is_told_how_to_get_main(folder, tmp_path, monkeypatch):
    run(folder, "git", "switch", "-q", "-c", "proposal")
    commands = ("clone", "-q", "--depth", "1", f"file://{folder}", tmp_path / "shallow")
    run(folder, "git", *commands)
    monkeypatch.chdir(tmp_path / "shallow")
    line = misuse("--against", "main")
    assert "unknown revision 'main'" in line
    assert HINT in line
    assert line.endswith("--against origin/main")
    run(tmp_path / "shallow", *HINT.split())
    result = check("--against", "origin/main")
    assert result.exit_code == 0, result.stdout
    assert "(was " in result.stdout


# Misuse


@pytest.mark.parametrize("name", ["nope", "-x", "main:metrics", "HEAD~99"])
def test_an_unknown_revision_cannot_be_checked(folder, name):
    assert f"unknown revision '{name}'" in misuse(f"--against={name}")


def test_an_unknown_rule_cannot_be_checked(folder):
    demand(folder, {"floor": {}})
    assert "unknown key 'check.floor'; did you mean 'check.floors'?" in misuse()


def test_the_parameters_are_not_good_with_an_unknown_rule(folder):
    demand(folder, {"max_patient_shared": 0})
    result = CliRunner().invoke(cli.app, ["params"], catch_exceptions=False)
    assert result.exit_code == 1
    assert "did you mean 'check.max_patients_shared'?" in result.stderr


def test_files_that_say_what_to_check_must_be_readable(folder):
    edit(folder / "params.yaml", "check:", "check: [")
    assert "params.yaml: is not valid YAML" in misuse()
    edit(folder / "params.yaml", "check: [", "check:")
    for text, told in [("a: [", "DVC cannot read it"), ("[]", "expected stages")]:
        (folder / "dvc.yaml").write_text(text)
        assert f"dvc.yaml: {told}" in misuse()


def test_outside_the_project_there_is_nothing_to_check(folder, monkeypatch):
    monkeypatch.chdir(folder / "metrics")
    assert "run this in the project's folder" in misuse()


def test_without_a_repository_it_cannot_be_checked(folder, monkeypatch):
    shutil.rmtree(folder / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    assert "not a git repository" in misuse()


def test_without_git_it_cannot_be_checked(folder, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "git" in misuse()


def test_gits_refusal_is_its_own_line(folder):
    with pytest.raises(InputError, match="^git show: fatal: "):
        git.run(folder, "show", "HEAD:./nowhere")


# Where it runs


def test_the_slim_pins_are_the_same_without_tensorflow():
    full, slim = (
        set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text(), re.M))
        for name in ("requirements/run.txt", "requirements/ci.txt")
    )
    assert slim < full
    assert not re.search("keras|tensorflow", " ".join(slim))
    assert {pin.split("==")[0] for pin in slim} >= {"dvc", "pandas", "scikit-learn"}
