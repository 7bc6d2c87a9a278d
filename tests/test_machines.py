"""Work shared by several machines: clones that meet in a Git and a DVC remote alone."""

import json
import re
import shutil

import pytest
from conftest import commit, edited_params, run
from typer.testing import CliRunner

from brain_mri import cli, config, crossval_run
from brain_mri.files import tables

FEW = {"repeats": [1], "folds": [1, 2], "shares": [], "seeds": []}
OPTIONAL = (  # outputs of the pipelines in evidence/
    "data/evidence/",
    "data/external/",
    "data/phantom_elsewhere",
    "reports/evidence",
)
WEIGHTS = (
    "models/scratch",
    "models/vgg",
    "models/likeness",
    "data/vgg16_notop.npy",
)


def clone(origin, folder):
    """Another machine: a clone of the Git remote, with an empty DVC cache."""
    run(origin.parent, "git", "clone", "-q", "hub.git", folder)
    run(folder, "git", "config", "user.name", "other")
    run(folder, "git", "config", "user.email", "other@example.org")
    return folder


def ran(output):
    """The stages that a DVC command really executed."""
    return set(re.findall(r"Running stage '(?:[\w/.]+:)?([\w@-]+)'", output))


@pytest.fixture(scope="module")
def origin(project, tmp_path_factory):
    """The first machine: everything that has run there is pushed."""
    top = tmp_path_factory.mktemp("machines")
    folder = shutil.copytree(project, top / "first", symlinks=True)
    with edited_params(folder) as params:
        params["crossval"] |= FEW
    (folder / "evidence" / "dvc.lock").unlink()  # of the committed results
    run(folder, "dvc", "repro", "evidence/dvc.yaml:views")
    run(folder, "dvc", "remote", "add", "-d", "store", top / "store")
    commit(folder, "a remote, the views of all folds")
    run(top, "git", "init", "-q", "--bare", "-b", "main", "hub.git")
    run(folder, "git", "remote", "add", "origin", top / "hub.git")
    run(folder, "git", "push", "-q", "origin", "main")
    run(folder, "dvc", "push")
    return folder


def predicted(folder, images):
    asked = ("predict", images, "--model", "both", "--format", "json")
    rows = json.loads(run(folder, "brain-mri", *asked).stdout)
    return {row["file"]: (row["scratch"]["score"], row["vgg"]["score"]) for row in rows}


@pytest.mark.slow
def test_a_clone_predicts_from_the_weights_alone(origin, tmp_path):
    there = clone(origin, tmp_path / "there")
    run(there, "dvc", "pull", *WEIGHTS)
    left = {path.name for path in (there / "data").iterdir()}
    assert left == {"phantom.csv", "phantom_elsewhere.csv", "vgg16_notop.npy"}
    images = origin / "data" / "phantom" / "yes"
    scores = predicted(there, images)
    assert len(scores) == 15
    assert scores == predicted(origin, images)


@pytest.fixture(scope="module")
def made(origin, tmp_path_factory):
    """A second machine, which made an experiment on the head and pushed it."""
    folder = clone(origin, tmp_path_factory.mktemp("made") / "second")
    run(folder, "dvc", "pull", "dvc.yaml")
    told = run(folder, "dvc", "exp", "run", "-n", "head", "-S", "vgg.dropout=0.3")
    assert {"train_vgg", "compare"} <= ran(told.stdout)
    assert not {"train_scratch", "vgg_features"} & ran(told.stdout)
    run(folder, "dvc", "exp", "push", "origin", "head")
    return folder


def lacking(folder):
    """What `dvc exp apply` says it cannot find."""
    told = run(folder, "dvc", "exp", "apply", "head", check=False).stderr
    return set(re.findall(r"^(?:data|models|reports)/.*", told, re.MULTILINE))


@pytest.mark.slow
def test_an_experiment_travels_with_its_results(origin, made, tmp_path):
    """On a third machine no stage runs again."""
    there = clone(origin, tmp_path / "there")
    assert "head" in run(there, "dvc", "exp", "list", "origin").stdout
    run(there, "dvc", "exp", "pull", "origin", "head")
    shown = run(there, "dvc", "metrics", "diff", "--json", "HEAD", "head").stdout
    assert json.loads(shown)["metrics/vgg.json"]
    missed = lacking(there)
    assert missed  # of pipelines that have not run: docs/machines.md
    assert all(path.startswith(OPTIONAL) for path in missed)
    assert config.load(there / "params.yaml").vgg.dropout == 0.3
    assert "up to date" in run(there, "dvc", "status", "dvc.yaml").stdout
    assert ran(run(there, "dvc", "repro").stdout) == set()
    for name in ("vgg.json", "vgg_predictions.csv", "statistics.csv"):
        path = f"metrics/{name}"
        assert (there / path).read_bytes() == (made / path).read_bytes()


@pytest.mark.slow
def test_collecting_garbage_keeps_experiments_only_if_asked(made):
    run(made, "git", "checkout", "-q", ".")
    run(made, "dvc", "checkout", "dvc.yaml")
    run(made, "dvc", "gc", "-f", "--workspace", "-a", "--all-experiments")
    assert "models/vgg" not in lacking(made)
    run(made, "git", "checkout", "-q", ".")
    run(made, "dvc", "checkout", "dvc.yaml")
    run(made, "dvc", "gc", "-f", "--workspace")
    assert "models/vgg" in lacking(made)


@pytest.mark.slow
def test_machines_share_the_folds_and_one_gathers_them(origin, tmp_path):
    """The one that gathers trains no CNN."""
    *two, gathers = (clone(origin, tmp_path / name) for name in ("a", "b", "c"))
    for number, machine in enumerate(two, start=1):
        told = run(machine, "brain-mri", "crossval", "--machine", f"{number}/2").stdout
        assert f"scratch_fold@1-{number} done, 1 of 1" in told
        assert ran(told) == set()  # the views were pulled
        assert not (machine / "data" / "evidence" / "vgg.csv").exists()
    for machine in two:
        run(machine, "dvc", "push", "--run-cache", crossval_run.PIPELINE)
    told = run(gathers, "dvc", "repro", "--pull", crossval_run.PIPELINE).stdout
    assert ran(told) == {"features", "vgg_folds", "baseline_folds", "crossval"}
    table = tables.read_csv(gathers / "metrics" / "crossval_predictions.csv")
    assert set(table["fold"]) == {1, 2}


def test_every_run_is_of_one_machine():
    runs = list(range(29))
    for machines in (1, 2, 3, 29, 40):
        given = [cli.machine_given(f"{k + 1}/{machines}") for k in range(machines)]
        assert sorted(one for some in given for one in runs[some]) == runs
        sizes = {len(runs[some]) for some in given}
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "1/0", "-1/3", "1/2/3", "a/b"])
def test_a_machine_that_cannot_be_is_wrong_use(text):
    told = CliRunner().invoke(cli.app, ["crossval", "--machine", text])
    assert told.exit_code == 2
    assert "expected K/N, as 2/3" in " ".join(told.stderr.replace("│", "").split())
