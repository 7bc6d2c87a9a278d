"""The networks of the last run answer as they were evaluated, exported too."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import run
from PIL import Image
from typer.testing import CliRunner

from brain_mri import cli, dvc_lock
from brain_mri.predict import images

pytest.importorskip("tf2onnx")
MODELS = ("scratch", "vgg")
WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
"""


def brain_mri(folder, *arguments, **more):
    return run(folder, "brain-mri", *arguments, **more)


def inside(folder, *arguments, status=0):
    """Run a command in this process, where TensorFlow starts but once."""
    with contextlib.chdir(folder):
        result = CliRunner().invoke(cli.app, [str(word) for word in arguments])
    assert result.exit_code == status, result.output
    return result


def refused(folder, *arguments, status=2):
    """The one line with which a command ends that cannot begin."""
    [line] = inside(folder, *arguments, status=status).stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def evaluated(project):
    """Image id to file, of the test part, and what evaluation said of it."""
    manifest = pd.read_csv(project / "data/manifest.csv", dtype=str)
    file_of = manifest.set_index("image_id")["file"]
    tables = {}
    for model in MODELS:
        table = pd.read_csv(project / f"metrics/{model}_predictions.csv", dtype=str)
        table = table[table["part"] == "test"]
        tables[model] = pd.Series(
            table["y_score"].astype(float).to_numpy(),
            index="data/phantom/" + file_of[table["image_id"]],
        )
    return tables


@pytest.fixture(scope="module")
def exported(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    for model in MODELS:
        inside(project, "export", "--out", folder / model, "--model", model)
    return folder


def scores(result, model):
    rows = json.loads(result.stdout)
    assert not any(row["error"] for row in rows)
    return pd.Series({row["file"]: row[model]["score"] for row in rows})


def test_scores_are_those_of_the_evaluation(project, evaluated):
    files = evaluated["scratch"].index
    result = brain_mri(
        project, "predict", *files, "--model", "both", "--format", "json"
    )
    for model in MODELS:
        difference = scores(result, model) - evaluated[model]
        assert difference.abs().max() < 1e-6
        assert len(difference) == len(files)
    assert "not pretrained" in result.stderr
    for row in json.loads(result.stdout):  # stderr may be lost on the way
        assert "VGG-16 of random convolutions" in row["notes"]
    assert "not for diagnosis" in result.stderr


@pytest.mark.parametrize("model", MODELS)
def test_an_export_answers_alike_without_tensorflow(
    project, evaluated, exported, tmp_path, model
):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TENSORFLOW)
    files = [project / file for file in evaluated[model].index]
    result = brain_mri(
        tmp_path,  # no project here
        "predict",
        *files,
        "--onnx",
        exported / model / "model.onnx",
        "--format",
        "json",
        PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    )
    found = scores(result, model).to_numpy() - evaluated[model].to_numpy()
    assert abs(found).max() < 1e-5


def test_an_export_says_what_it_is(project, exported):
    facts = json.loads((exported / "vgg" / "model.json").read_text())
    model = (exported / "vgg" / "model.onnx").read_bytes()
    assert facts["sha256"] == hashlib.sha256(model).hexdigest()
    assert facts["use"] == "Research software, not for diagnosis."
    assert facts["classes"] == ["no", "yes"]
    assert facts["threshold"] == 0.5
    assert facts["vgg_weights"] == "random"
    assert facts["parity_with_keras"]["largest_difference"] <= 1e-5
    metrics = json.loads((project / "metrics/vgg.json").read_text())["test"]
    for name in ("accuracy", "accuracy_low", "roc_auc_low"):
        assert facts["test"][name] == metrics[name]
    assert facts["test"]["n_pictures"] == metrics["n_pictures"]
    assert len(facts["data"]["md5"]) == len(".dir") + 32
    assert any("drawn phantoms" in note for note in facts["notes"])
    assert "not for diagnosis" in (exported / "vgg" / "model-card.md").read_text()


def test_an_export_knows_what_is_unlike_the_training_images(project, exported):
    """The same notes as in the project, whose training images it does not hold."""
    asked = ("predict", "data/phantom", "--format", "json")
    onnx = exported / "scratch" / "model.onnx"
    answers = [inside(project, *asked), inside(project, *asked, "--onnx", onnx)]
    here, there = ([row["notes"] for row in json.loads(a.stdout)] for a in answers)
    assert here == there
    assert not any(
        "unusual images are not noted" in answer.stderr for answer in answers
    )


def test_bad_files_among_good_ones_end_in_status_1(project, tmp_path):
    shutil.copytree(project / "data/phantom/no", tmp_path / "scans")
    (tmp_path / "scans" / "a b;'é.png").write_bytes(b"")
    result = inside(project, "predict", tmp_path / "scans", status=1)
    lines = result.stdout.splitlines()
    assert len(lines) == 1 + len(list((tmp_path / "scans").iterdir()))
    assert sum("empty file" in line for line in lines) == 1
    assert "1 of" in result.stderr


def test_explanations_of_both_networks(project, evaluated, tmp_path):
    [file, *_] = evaluated["scratch"].index
    inside(project, "predict", file, "--model", "both", "--explain", tmp_path / "why")
    [picture] = (tmp_path / "why").iterdir()
    with Image.open(picture) as image:
        assert image.width > 4 * image.height  # whole, crop, two heat maps


def test_the_threshold_can_be_told(project, evaluated):
    [file, *_] = evaluated["scratch"].index
    for threshold, says in (("0", "yes"), ("1", "no")):
        answer = inside(project, "predict", file, "--threshold", threshold).stdout
        assert answer.splitlines()[1].split()[1] == says


def test_what_cannot_begin_ends_in_one_line_and_status_2(project, exported, tmp_path):
    image = project / "data/phantom/no"
    (tmp_path / "empty").mkdir()
    assert "found no file" in refused(project, "predict", tmp_path / "empty")
    assert "after dvc repro" in refused(tmp_path, "predict", image)
    onnx = exported / "scratch" / "model.onnx"
    assert "--explain" in refused(
        project, "predict", image, "--onnx", onnx, "--explain", tmp_path / "x"
    )
    shutil.copytree(exported / "scratch", tmp_path / "edited")
    with (tmp_path / "edited" / "model.onnx").open("ab") as file:
        file.write(b"more")
    told = refused(project, "predict", image, "--onnx", tmp_path / "edited/model.onnx")
    assert "is not the file that model.json" in told


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_where_nobody_can_be_told_the_status_is_2(project, closed):
    """Never 1, which says that some files could not be read, nor 0."""
    command = f"brain-mri predict data/phantom {closed}"
    result = run(project, "sh", "-c", command, check=False)
    assert result.returncode == 2
    if closed == ">&-":  # stderr is open
        assert "stdout and stderr, found one closed" in result.stderr


def test_a_fault_of_the_program_has_the_status_of_a_command_that_cannot(
    project, monkeypatch
):
    def fail(*_, **__):
        raise ZeroDivisionError("a slip")

    monkeypatch.setattr(images, "find", fail)
    assert (
        "ZeroDivisionError: a slip" in inside(project, "predict", "a", status=2).stderr
    )


@pytest.fixture
def copied(project, tmp_path):
    """A copy of the project's results, so that a test may damage them."""
    aside = shutil.ignore_patterns(".dvc", ".git", "augmented", "features", "src")
    return shutil.copytree(project, tmp_path / "copied", ignore=aside)


def exchanged(folder, path, md5):
    """Let dvc.lock say everywhere that a path has this MD5."""
    lock_file = folder / "dvc.lock"
    stages = yaml.safe_load(lock_file.read_text())["stages"]
    [old] = {
        out["md5"]
        for stage in stages.values()
        for out in stage.get("outs", [])
        if out["path"] == path
    }
    lock_file.write_text(lock_file.read_text().replace(old, md5))


def test_an_unfinished_run_answers_nothing(copied):
    """What `dvc repro crop` leaves after a change of image_size."""
    path = copied / "dvc.lock"
    content = yaml.safe_load(path.read_text())
    content["stages"]["crop"]["params"]["params.yaml"]["image_size"] = 64
    for out in content["stages"]["crop"]["outs"]:
        out["md5"] = "0" * 32
    path.write_text(yaml.safe_dump(content))
    for command in (["predict", "data/phantom"], ["export", "--out", "exported"]):
        status = 2 if command[0] == "predict" else 1
        told = refused(copied, *command, status=status)
        assert "did not read the data/crop.csv that crop wrote; dvc repro" in told


def test_training_images_of_another_run_are_noticed(copied):
    """What `dvc repro compare` leaves after a change of the split."""
    path = copied / "dvc.lock"
    content = yaml.safe_load(path.read_text())
    for dep in content["stages"]["likeness"]["deps"]:
        if dep["path"] == "data/split/train":
            dep["md5"] = "0" * 32
    path.write_text(yaml.safe_dump(content))
    told = refused(copied, "predict", "data/phantom")
    assert "likeness did not read the data/split/train that split wrote" in told


def test_training_images_are_not_needed(copied, tmp_path):
    stripes = np.indices((80, 80)).sum(axis=0) % 10 * 25  # like no head
    Image.fromarray(stripes.astype(np.uint8)).save(tmp_path / "stripes.png")
    asked = ("predict", tmp_path / "stripes.png", "--format", "json")
    before = inside(copied, *asked)
    assert "unlike the training images" in before.stdout
    shutil.rmtree(copied / "data/split/train")
    (copied / "data/crop.csv").unlink()
    after = inside(copied, *asked)
    assert (after.stdout, after.stderr) == (before.stdout, before.stderr)
    shutil.rmtree(copied / "models/likeness")  # not pulled
    without = inside(copied, *asked)
    assert "unusual images are not noted" in without.stderr
    [row], [other] = json.loads(before.stdout), json.loads(without.stdout)
    assert row["scratch"] == other["scratch"]
    assert row["notes"] == ["unlike the training images", *other["notes"]]


@pytest.mark.parametrize(
    "path", ["models/scratch/scratch.npy", "models/likeness/index.csv"]
)
def test_files_of_another_run_answer_nothing(copied, path):
    with (copied / path).open("ab") as file:
        file.write(b"\n")
    told = refused(copied, "predict", "data/phantom", "--model", "scratch")
    assert "is not what the run in dvc.lock wrote" in told
    assert str(path).removesuffix("/index.csv").split("/scratch.n")[0] in told


@pytest.mark.parametrize(
    "name", ["scratch.json", "scratch_predictions.csv", "statistics.csv"]
)
def test_results_of_another_run_are_not_exported(copied, name):
    (copied / "metrics" / name).write_text("{}")
    told = refused(copied, "export", "--out", "exported", status=1)
    assert f"metrics/{name}: is not what the run in dvc.lock wrote" in told
    assert not (copied / "exported").exists()


def test_a_network_that_answers_otherwise_is_not_exported(copied):
    path = copied / "metrics/scratch_predictions.csv"
    table = pd.read_csv(path, dtype=str)
    table.loc[table.index[-1], "y_score"] = "0.987654"
    table.to_csv(path, index=False)
    exchanged(copied, "metrics/scratch_predictions.csv", dvc_lock.md5(path))
    told = refused(copied, "export", "--out", "exported", status=1)
    assert "the scores of scratch on the test images differ" in told


def test_an_export_answers_for_its_own_network_alone(project, exported):
    image, onnx = "data/phantom/no", exported / "vgg" / "model.onnx"
    for model in ("scratch", "both"):
        told = refused(project, "predict", image, "--onnx", onnx, "--model", model)
        assert f"--model {model}" in told
        assert "holds vgg" in told
    inside(project, "predict", image, "--onnx", onnx, "--model", "vgg")


@pytest.mark.parametrize("option", ["", "--explain", "--onnx"])
def test_an_empty_name_is_wrong_use(project, option):
    words = ["data/phantom/no", option, ""] if option else [""]
    result = inside(project, "predict", *words, status=2)
    assert "expected a path, found nothing" in result.stderr


def test_explanations_need_a_folder_and_keep_a_file(project, tmp_path):
    (tmp_path / "mine").write_text("kept")
    for place in ("mine", "mine/below"):
        told = refused(
            project, "predict", "data/phantom/no", "--explain", tmp_path / place
        )
        assert "expected a writable folder for explanations" in told
    assert (tmp_path / "mine").read_text() == "kept"


def test_explanations_inside_the_input_are_no_input(project, evaluated, tmp_path):
    [file, *_] = evaluated["scratch"].index
    shutil.copy(project / file, tmp_path)
    for _ in range(2):
        result = inside(
            *(project, "predict", tmp_path, "--explain", tmp_path / "why"),
            *("--format", "json"),
        )
        [row] = json.loads(result.stdout)
        assert (tmp_path / "why" / row["picture"]).is_file()


# An export for ever at work, in code that swallows what a signal raises, as TensorFlow
# does while it traces a network.
AT_WORK = """
import sys, time
from brain_mri import cli
from brain_mri.predict import export
def write(trained, loaded, path):
    path.write_text("half")
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
export._write_model = write
cli.app(["export", "--out", sys.argv[1]])
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_export_that_is_ended_leaves_nothing(project, tmp_path, number):
    with subprocess.Popen(
        [sys.executable, "-c", AT_WORK, tmp_path / "in" / "exported"],
        cwd=project,
        stderr=subprocess.DEVNULL,
        # a shell's background jobs, and what they start, are deaf to Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        while not list(tmp_path.glob("in/.exporting-*/whole/model.onnx")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        try:
            process.wait(60)
        finally:
            process.kill()
    assert process.returncode == 128 + number
    assert list((tmp_path / "in").iterdir()) == []


def test_an_export_replaces_nothing(project, exported):
    there = exported / "scratch"
    told = refused(project, "export", "--out", there, status=1)
    assert "exists already" in told
