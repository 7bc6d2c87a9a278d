import json
import shlex
import shutil
import sys
from types import SimpleNamespace

import pytest
from conftest import edited_params, looking_in, run

from brain_mri import cli, config
from brain_mri.collection.layouts import Said
from brain_mri.errors import InputError
from brain_mri.files import values


@pytest.fixture
def folder(project, tmp_path):
    """A clone of the shrunk project, so that a test may add to it."""
    run(tmp_path, "git", "clone", "-q", project, "clone")
    clone = tmp_path / "clone"
    run(clone, "git", "config", "user.name", "test")
    run(clone, "git", "config", "user.email", "test@example.org")
    return clone


def brain_mri(folder, *arguments, check=True, **more):
    return run(folder, "brain-mri", *arguments, check=check, **more)


def refused(folder, *arguments, **more):
    """The one line with which a command ends that cannot do what it is asked."""
    result = brain_mri(folder, *arguments, check=False, **more)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_show_names_a_threshold_that_is_none(folder):
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("threshold: 0.5", "threshold: abc", 1))
    assert "evaluate.threshold: input should be a valid number" in refused(
        folder, "show"
    )


def test_params_passes_and_fails_by_name(folder):
    assert "all keys known" in brain_mri(folder, "params").stdout
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("lr: 0.001", "lr: -1", 1))
    told = "params.yaml: lr: input should be greater than 0"
    assert told in refused(folder, "params")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("lr: 0.001", "lrr: 0.001", "unknown key 'lrr'; did you mean 'lr'?"),
        ("dataset: ", "datset: ", "did you mean 'dataset'?"),
        ("  dropout: 0.5", "  dropuot: 0.5", "did you mean"),
        ("dataset: data/phantom", "dataset:", "params.yaml: dataset: input should"),
        ("copies: 1", "copies: 0.5", "augment.copies: input should be a valid integer"),
    ],
)
def test_a_wrong_parameter_is_named(folder, old, new, told):
    path = folder / "params.yaml"
    good = path.read_text()
    assert old in good
    path.write_text(good.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        config.load(path)
    assert told in str(error.value)


def test_show_prints_a_column_a_model_and_the_next_command(folder):
    shown = brain_mri(folder, "show").stdout
    assert "| test | CNN from scratch | VGG-16, random convolutions |" in shown
    accuracy = json.loads((folder / "metrics/vgg.json").read_text())["test"]["accuracy"]
    assert f"{accuracy:.3f}" in shown
    assert "not for diagnosis" in shown
    assert "nothing about patients" in shown
    assert "The page: not made yet" in shown
    sentence = values.read(folder / "metrics/comparison.csv")["sentence"]
    assert sentence in shown


def test_show_says_where_the_page_lies(project):
    assert f"The page: {project / 'reports' / 'index.html'}" in (
        brain_mri(project, "show").stdout
    )


def test_show_names_the_weights_of_the_run_not_of_the_parameters(folder):
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("weights: random", "weights: imagenet"))
    assert "VGG-16, random convolutions" in brain_mri(folder, "show").stdout


def test_show_without_metrics_is_one_line(folder):
    shutil.rmtree(folder / "metrics")
    assert "metrics/comparison.csv: cannot be read" in refused(folder, "show")


@pytest.mark.parametrize(
    ("name", "text"),
    [("comparison.csv", "name,value\n"), ("statistics.csv", "model,part\n")],
)
def test_show_of_results_that_lack_a_key_is_one_line(project, tmp_path, name, text):
    folder = tmp_path / "copy"
    shutil.copytree(project / "metrics", folder / "metrics")
    shutil.copy(project / "params.yaml", folder)
    (folder / "metrics" / name).write_text(text)
    assert "brain-mri check names the file" in refused(folder, "show")


def test_outside_the_project_is_one_line(tmp_path):
    assert "run this in the project's folder" in refused(tmp_path, "params")
    assert "run this in the project's folder" in refused(tmp_path, "add", tmp_path)


@pytest.mark.slow
def test_added_images_go_through_the_pipeline(project, folder, tmp_path):
    source = tmp_path / "My Scans"
    shutil.copytree(project / "data" / "phantom", source)
    (source / "no" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    run(source / "no", "dvc", "init", "-q", "--no-scm")  # which hides no/ from DVC
    result = brain_mri(folder, "add", source)
    assert "30 files in data/raw/my-scans, 3 left out" in result.stdout
    assert "dvc exp run -S dataset=data/raw/my-scans" in result.stdout
    assert "left out no/gone.jpg: a broken link" in result.stderr
    assert "left out no/.dvc: belongs to DVC" in result.stderr
    status = run(folder, "git", "status", "--porcelain", "-uall").stdout
    added = [f"data/raw/{name}" for name in (".gitignore", "my-scans.csv")]
    added.append("data/raw/my-scans.dvc")
    assert status.split() == [word for path in added for word in ("??", path)]
    assert f"git add {added[2]} {added[1]} {added[0]}" in result.stdout
    run(folder, "git", "add", *added)
    run(folder, "git", "commit", "-q", "-m", "add")
    dataset = "dataset=data/raw/my-scans"
    run(folder, "dvc", "exp", "run", "--temp", "-n", "mine", "-S", dataset, "audit")
    known = run(folder, "git", "for-each-ref", "--format=%(refname)", "refs/exps")
    (name,) = (name for name in known.stdout.split() if name.endswith("/mine"))
    kept = run(folder, "git", "show", f"{name}:metrics/audit_counts.csv").stdout
    # files that `add` left out count as rejected
    counts = values.parse(kept)
    assert (counts["files"], counts["rejected"]) == (33, 3)
    assert "exists already" in refused(folder, "add", source)


def test_a_folder_without_classes_is_one_line(folder, tmp_path):
    told = "expected images, found no file"
    (tmp_path / "empty").mkdir()
    assert told in refused(folder, "add", tmp_path / "empty")
    assert not (folder / "data" / "raw").exists()


def test_fetch_without_kagglehub_says_what_to_install(folder):
    line = refused(folder, "fetch")
    assert "pip install -e '.[kaggle]'" in line


def test_fetch_takes_the_pinned_version_and_counts(folder, tmp_path):
    """Against a stand-in for kagglehub: nothing is downloaded in a test."""
    download = tmp_path / "download"
    for label, files in (("no", 98), ("yes", 155)):
        (download / label).mkdir(parents=True)
        for i in range(files):
            (download / label / f"{i}.jpg").write_bytes(b"x")
    (tmp_path / "kagglehub.py").write_text(
        "def dataset_download(name):\n"
        "    assert name == 'navoneel/brain-mri-images-for-brain-tumor-detection'"
        " + '/versions/1', name\n"
        f"    return {str(download)!r}\n"
    )
    stand_in = looking_in(tmp_path)
    (download / "no" / "0.jpg").rename(tmp_path / "0.jpg")
    line = refused(folder, "fetch", **stand_in)
    assert "expected 253 files in no/, yes/, found 252" in line
    (tmp_path / "0.jpg").rename(download / "no" / "0.jpg")
    told = brain_mri(folder, "fetch", **stand_in).stdout
    assert "dvc exp run -S dataset=data/raw/brain-mri" in told


def test_freeze_writes_the_present_split_and_says_what_to_keep(project, folder):
    told = "data/split.csv: expected the present split; dvc repro split first"
    assert told in refused(folder, "freeze")
    for name in ("split.csv", "manifest.csv"):
        shutil.copy(project / "data" / name, folder / "data")
    said = brain_mri(folder, "freeze").stdout
    assert "data/phantom.csv: parts of 30 images (train " in said
    assert "git add data/phantom.csv" in said
    frozen = (folder / "data" / "phantom.csv").read_text()
    assert len(frozen.splitlines()) == 31
    # the run is older than the table now
    line = refused(folder, "freeze")
    assert "data/phantom.csv: its column part has changed since the last run" in line
    assert (folder / "data" / "phantom.csv").read_text() == frozen


def test_convert_keeps_old_decisions_and_says_what_to_remove(project, folder):
    assert "expected review.csv or split.csv in this folder" in refused(
        folder, "convert"
    )
    shutil.copytree(project / "data" / "phantom", folder / "data" / "phantom")
    [first, *_] = sorted((folder / "data" / "phantom" / "no").iterdir())
    row = f"no/{first.name},,,yes,blurred\n"
    (folder / "review.csv").write_text(f"file,group,box,exclude,reason\n{row}")
    said = brain_mri(folder, "convert").stdout
    assert "data/phantom.csv: 1 rows" in said
    assert "git rm --ignore-unmatch review.csv split.csv" in said
    text = (folder / "data" / "phantom.csv").read_text()
    assert text.splitlines()[1] == f"no/{first.name},,,,,yes,blurred"


def test_folders_that_no_class_names_are_told(folder, tmp_path):
    source = tmp_path / "scans"
    for name in ("no_tumor", "glioma", "pituitary"):
        (source / name).mkdir(parents=True)
        (source / name / "a.png").write_bytes(name.encode())
    with edited_params(folder) as values:
        values["classes"] = {"no": ["no_tumor"], "yes": ["glioma"]}
    result = brain_mri(folder, "add", source)
    assert "not copied, without a label: pituitary/ (1 file)" in result.stderr
    assert "2 files in data/raw/scans, 0 left out" in result.stdout


def test_which_folders_mean_a_tumour_is_said_on_the_command_line(folder, tmp_path):
    source = tmp_path / "my scans"
    for name in ("glioma", "meningioma", "notumor"):
        (source / "Training" / name).mkdir(parents=True)
        (source / "Training" / name / "a.png").write_bytes(name.encode())
    options = ["--yes", "glioma,meningioma", "--no", "notumor"]
    line = refused(folder, "add", source)
    assert line.endswith(shlex.join(["brain-mri", "add", str(source), *options]))
    assert not (folder / "data" / "raw").exists()
    result = brain_mri(folder, "add", source, *options)
    assert "Training is part train: 3 files" in result.stderr
    table = (folder / "data" / "raw" / "my-scans.csv").read_text()
    assert "Training/glioma/a.png,yes,,train,,,,glioma\n" in table


def test_which_folders_mean_a_tumour_is_asked_on_a_terminal(tmp_path, monkeypatch):
    names = ("glioma", "no,ne", "other")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(name.encode())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(cli.typer, "prompt", lambda *_, **__: "Glioma, other")
    layout = cli.understood(tmp_path, {"no": "no", "yes": "yes"}, Said())
    assert list(layout.table["label"]) == ["yes", "no", "yes"]

    def stopped(*_, **__):
        raise cli.typer.Abort

    monkeypatch.setattr(cli.typer, "prompt", stopped)
    with pytest.raises(InputError, match="stopped; nothing was copied"):
        cli.understood(tmp_path, {"no": "no", "yes": "yes"}, Said())


def test_a_folder_in_place_gets_a_table_and_no_copy(folder, tmp_path):
    source = tmp_path / "ward"
    for name in ("normal", "tumor"):
        (source / name).mkdir(parents=True)
        (source / name / "a.png").write_bytes(name.encode())
    said = brain_mri(folder, "add", source, "--in-place").stdout
    assert f"dvc exp run -S 'dataset=\"{source}\"'" in said
    assert "normal/a.png,no," in (tmp_path / "ward.csv").read_text()
    assert run(folder, "git", "status", "--porcelain").stdout == ""
    assert "exists already" in refused(folder, "add", source, "--in-place")


def test_the_version_is_that_of_the_package(tmp_path):
    assert run(tmp_path, "brain-mri", "--version").stdout == "brain-mri 0.1.0\n"
