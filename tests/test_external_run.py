"""The pipeline of another collection, on the shrunk project."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import copy_deps, edited_params, looking_in, offline, run
from typer.testing import CliRunner

from brain_mri import cli, config, dvc_lock, phantoms_elsewhere
from brain_mri.dataset import overlap
from brain_mri.evidence import external
from brain_mri.files import arrays, tables, values
from brain_mri.files.png import write_png
from brain_mri.gate import recompute
from brain_mri.imaging.decoding import decode

FOLDER = Path("evidence", "external")
STAGES = ["audit", "crop", "baselines", "evaluate@scratch", "evaluate@vgg"]
METRICS = ["external.json", "external_predictions.csv", "external_statistics.csv"]
NEW = 16  # phantoms that are in no other collection, with the generator's own copies
COPIED = ["plain", "mirrored", "cropped", "turned"]


def ran(result):
    """The stages that a DVC command really executed, in any order."""
    return set(re.findall(r"Running stage '(?:[\w/.]+:)?([\w@]+)'", result.stdout))


def made(project):
    folders = [project / "data" / "external", project / "metrics"]
    files = (path for folder in folders for path in folder.rglob("*"))
    return {
        path.relative_to(project): path.read_bytes()
        for path in files
        if path.is_file() and "external" in path.relative_to(project).as_posix()
    }


@pytest.fixture(scope="module")
def other(project, tmp_path_factory):
    """A collection from elsewhere, with four copies of the project's images."""
    folder = tmp_path_factory.mktemp("an other") / "hospital's $scans"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phantoms_elsewhere, "IMAGES", NEW)
        phantoms_elsewhere.write_elsewhere(folder)
    split = tables.read_csv(project / "data" / "split.csv")
    manifest = tables.read_csv(project / "data" / "manifest.csv")
    file_of = manifest.set_index("image_id")["file"]
    # of every part, as the networks' recipe has seen them all
    first = split.drop_duplicates("picture").groupby("part")["image_id"].first()
    more = split.drop_duplicates("picture")["image_id"].iloc[-1]
    for name, image_id in zip(COPIED, [*first, more], strict=True):
        path = project / "data" / "phantom" / file_of[image_id]
        grey = decode(path).grey
        rows, columns = (round(0.08 * length) for length in grey.shape)
        changed = {
            "plain": grey,
            "mirrored": grey[:, ::-1],
            "cropped": grey[rows:-rows, columns:-columns],
            "turned": np.rot90(grey),
        }[name]
        label = path.parent.name
        write_png(folder / label / f"{name}.png", np.ascontiguousarray(changed))
    return folder


@pytest.fixture(scope="module")
def tested(project, other):
    """The project after `brain-mri external` without network, and what it said."""
    block = offline(other.parent / "offline")
    result = run(project, "brain-mri", "external", other, **block)
    yield project, result
    run(project, "git", "reset", "-q", "--hard")
    run(project, "git", "clean", "-fdq")


def test_it_tries_no_network(tested, other):
    off = other.parent / "offline"
    assert (off / "sitecustomize.py").exists()
    assert not (off / "tried.txt").exists()


def test_the_folder_is_written_to_the_parameters_and_nothing_else_changes(
    tested, other
):
    project, result = tested
    assert config.load(project / "params.yaml").external.dataset == str(other)
    assert ran(result) == {*(f"external_{stage}" for stage in STAGES), "external"}
    status = run(project, "git", "status", "--porcelain", "--untracked-files=all")
    changed = {line[3:] for line in status.stdout.splitlines()}
    expected = {f"metrics/{name}" for name in METRICS}
    assert changed == {"params.yaml", "evidence/external/dvc.lock", *expected}


def test_copies_of_training_images_are_left_out_and_counted(tested):
    project, result = tested
    manifest = tables.read_csv(project / "data" / "external" / "manifest.csv")
    left = manifest[manifest["reason"] == overlap.LEFT_OUT]
    assert {Path(file).stem for file in left["file"]} == set(COPIED)
    pairs = tables.read_csv(project / "data" / "external" / "copies.csv")
    assert {Path(file).stem for file in pairs["file"]} == set(COPIED)
    headline = json.loads((project / "metrics" / "external.json").read_text())
    assert headline["n_left_out"] == len(COPIED)
    assert "4 pictures that also occur in the training collection" in result.stdout
    found = external.read(project / "metrics" / "external_predictions.csv")
    accepted = manifest[manifest["accepted"]]
    assert len(accepted) == NEW
    for rows in found.values():
        assert set(rows["image_id"]) == set(accepted["image_id"])
    assert headline["n_pictures"] == accepted["picture"].nunique()


def test_the_summary_says_what_it_rests_on(tested):
    project, result = tested
    headline = json.loads((project / "metrics" / "external.json").read_text())
    statistics = values.read(project / "metrics" / "external_statistics.csv")
    assert statistics["sentence"] in result.stdout
    assert headline["mechanics_only"] is True  # trained on phantoms
    for name, weights in (("scratch", "scratch.npy"), ("vgg", "head.npy")):
        content = (project / "models" / name / weights).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert headline[f"{name}_model"] == digest[:12]
    assert statistics["counts"]["left_out_pictures"] == len(COPIED)
    assert statistics["distance"]["n_images"] == NEW
    assert list(statistics["by_distance"]) == list(external.THIRDS)


def test_the_surest_errors_are_explained(tested):
    project, _ = tested
    found = external.read(project / "metrics" / "external_predictions.csv")
    images = arrays.read(project / "data" / "external" / "images")
    for name in ("scratch", "vgg"):
        shown = arrays.read(project / "data" / "external" / "explain" / name)
        expected = external.surest_errors(found[name])
        assert shown.index["image_id"].tolist() == expected["image_id"].tolist()
        assert set(shown.index["image_id"]) <= set(images.index["image_id"])
        assert shown.values.dtype == np.uint8


def test_scores_are_those_of_predict(tested, other):
    """The same whole networks, from pixels; `predict` crops by itself."""
    project, _ = tested
    manifest = tables.read_csv(project / "data" / "external" / "manifest.csv")
    row = manifest[manifest["accepted"]].iloc[0]
    asked = ("predict", other / row["file"], "--model", "both", "--format", "json")
    [told] = json.loads(run(project, "brain-mri", *asked).stdout)
    found = external.read(project / "metrics" / "external_predictions.csv")
    for name in ("scratch", "vgg"):
        scores = found[name].set_index("image_id")["y_score"]
        assert abs(scores[row["image_id"]] - told[name]["score"]) < 1e-6


def test_nothing_runs_twice_and_nothing_of_it_belongs_to_the_root(tested):
    project, _ = tested
    asked = ["dvc", "repro", "evidence/external/dvc.yaml:external"]
    assert ran(run(project, *asked)) == set()
    again = run(project, "dvc", "repro", "--dry")
    assert "external" not in again.stdout
    # `external` is no parameter of a stage of the root
    assert ran(again) == set()


@pytest.mark.slow
def test_same_inputs_same_bytes(tested):
    project, _ = tested
    before = made(project)
    forced = ("--force", "--no-run-cache", "--single-item")
    stages = [f"{FOLDER}/dvc.yaml:external_{stage}" for stage in STAGES]
    run(project, "dvc", "repro", *forced, *stages, f"{FOLDER}/dvc.yaml:external")
    assert len(before) > 10 + NEW
    assert made(project) == before


def test_the_gate_computes_the_results_again(tested, tmp_path):
    project, _ = tested
    copy = tmp_path / "copy"
    shutil.copytree(project / "metrics", copy / "metrics")
    (copy / FOLDER).mkdir(parents=True)
    shutil.copy(project / FOLDER / "dvc.lock", copy / FOLDER)
    shutil.copy(project / "dvc.lock", copy)
    assert recompute.of_external(copy) == []
    path = copy / "metrics" / "external.json"
    headline = json.loads(path.read_text())
    path.write_text(json.dumps(headline | {"vgg_accuracy": 2, "n_left_out": 99}))
    [line] = recompute.of_external(copy)
    assert line.startswith(f"{path}: vgg_accuracy: found 2, expected ")
    # results of other networks are not compared
    text = (copy / "dvc.lock").read_text()
    weights = dvc_lock.stages(copy)["train_vgg"].outs["models/vgg"]
    (copy / "dvc.lock").write_text(text.replace(weights, f"{'0' * 32}.dir"))
    assert not dvc_lock.belongs(copy, "external", FOLDER)
    assert recompute.of_external(copy) == []


def test_the_summary_reads_only_what_it_declares(tested, tmp_path):
    """Alone with its dependencies, and without TensorFlow, it makes the same bytes."""
    project, _ = tested
    graph = yaml.safe_load((project / FOLDER / "dvc.yaml").read_text())
    stage = graph["stages"]["external"]
    copy_deps(project, tmp_path, stage)
    (tmp_path / "poison").mkdir()
    for module in ("tensorflow", "keras"):
        (tmp_path / "poison" / f"{module}.py").write_text("raise SystemExit(9)")
    run(tmp_path, "sh", "-c", stage["cmd"], **looking_in(tmp_path / "poison"))
    for name in METRICS:
        written = (tmp_path / "metrics" / name).read_bytes()
        assert written == (project / "metrics" / name).read_bytes()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the parameters alone."""
    shutil.copy(Path(__file__).parents[1] / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(*arguments):
    return CliRunner().invoke(cli.app, ["external", *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("folders", "told"),
    [
        ([], "scans/no: expected a folder of images, found none; classes.no in par"),
        (["no"], "scans/yes: expected a folder of images, found none; classes.yes in"),
        (None, "scans: expected a folder, found none"),
    ],
)
def test_a_folder_without_the_classes_is_one_clear_line(here, folders, told):
    for name in folders if folders is not None else []:
        (here / "scans" / name).mkdir(parents=True)
    if folders == []:
        (here / "scans").mkdir()
    before = (here / "params.yaml").read_bytes()
    result = ask("scans")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert told in result.stderr
    assert (here / "params.yaml").read_bytes() == before


def test_a_path_is_written_as_dvc_users_write_it(here, monkeypatch):
    """Relative within the project, absolute outside, ~ expanded; comments stay."""
    asked = []
    monkeypatch.setattr(cli.crossval_run, "repro", lambda *given: asked.append(given))
    monkeypatch.setenv("HOME", str(here / "home"))
    for folder in ("scans", "home/my scans"):
        for label in ("no", "yes"):
            (here / folder / label).mkdir(parents=True)
    before = (here / "params.yaml").read_text().splitlines()
    for given, written in (
        ("./x/../scans", "scans"),
        ("~/my scans", "home/my scans"),
        (str(here / "scans"), "scans"),
        ("data/phantom_elsewhere", "data/phantom_elsewhere"),  # not drawn yet
    ):
        ask(given)
        assert config.load().external.dataset == written
    monkeypatch.chdir(here / "home")
    shutil.copy(here / "params.yaml", here / "home")
    ask(str(here / "scans"))
    assert config.load().external.dataset == str(here / "scans")
    after = (here / "home" / "params.yaml").read_text().splitlines()
    assert len(asked) == 5
    changed = [line for line in before if line not in after]
    assert len(changed) == 1
    assert "# a labelled folder" in changed[0]
    assert "# a labelled folder" in "\n".join(after)  # behind a path of any length


def test_a_collection_that_was_trained_on_is_one_clear_line(project):
    """Last, as it leaves an unfinished run behind."""
    with edited_params(project) as params:
        params["external"]["dataset"] = "data/phantom"
    result = run(project, "brain-mri", "external", check=False)
    run(project, "git", "checkout", "-q", "params.yaml")
    assert result.returncode == 1
    told = "pictures also occur in the training collection; expected a collection"
    assert told in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
