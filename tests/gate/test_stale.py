"""What `pipeline.stale` says of a small project, whose data set DVC keeps."""

import shutil

import pytest
from conftest import run

from brain_mri import pipeline

PIPELINE = """
stages:
  read:
    cmd: cat data/raw/ward/*.txt > read.txt
    deps: [data/raw/ward]
    outs: [read.txt]
"""
# another pipeline, which has not run and is none of the root's business
OPTIONAL = "stages: {more: {cmd: touch more.txt, outs: [more.txt]}}"


@pytest.fixture
def root(tmp_path, monkeypatch):
    images = tmp_path / "data" / "raw" / "ward"
    images.mkdir(parents=True)
    (images / "a.txt").write_text("a")
    run(tmp_path, "git", "init", "-q")
    run(tmp_path, "dvc", "init", "-q")
    run(tmp_path, "dvc", "add", "-q", "data/raw/ward")
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "optional").mkdir()
    (tmp_path / "optional" / "dvc.yaml").write_text(OPTIONAL)
    run(tmp_path, "dvc", "repro", "-q", "read")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_on_the_present_images_is_fresh(root):
    assert pipeline.stale(root) == ""


def test_images_that_were_not_pulled_are_no_change(root):
    shutil.rmtree(root / "data" / "raw" / "ward")
    (root / "read.txt").unlink()
    assert pipeline.stale(root) == ""


@pytest.mark.parametrize("folder", ["data/raw/ward", "data/raw"])
def test_a_changed_image_is_told(root, folder):
    """Whether DVC keeps the folder that is read or one around it."""
    if folder == "data/raw":
        run(root, "dvc", "remove", "-q", "data/raw/ward.dvc")
        run(root, "dvc", "add", "-q", folder)
    assert pipeline.stale(root) == ""
    (root / "data" / "raw" / "ward" / "a.txt").write_text("b")
    told = "would run: dvc repro, then commit dvc.lock and metrics/"
    assert pipeline.stale(root) == f"read, {folder}.dvc {told}"


def test_images_that_dvc_keeps_otherwise_than_they_were_read_are_told(root):
    (root / "data" / "raw" / "ward" / "a.txt").write_text("b")
    run(root, "dvc", "add", "-q", "data/raw/ward")
    assert pipeline.stale(root).startswith("read would run")
    shutil.rmtree(root / "data" / "raw" / "ward")
    assert pipeline.stale(root).startswith("read would run")


def test_images_outside_are_not_looked_for_under_dvc(root):
    """Another project may keep them, which this one's DVC refuses to read."""
    outside = root.with_name(f"{root.name} outside")
    shutil.copytree(root / "data" / "raw" / "ward", outside)
    shutil.copy(root / "data" / "raw" / "ward.dvc", f"{outside}.dvc")
    path = f"../{outside.name}"
    text = PIPELINE.replace("data/raw/ward/*", f"'{path}'/*")
    (root / "dvc.yaml").write_text(text.replace("[data/raw/ward]", f"['{path}']"))
    run(root, "dvc", "repro", "-q", "read")
    assert pipeline.stale(root) == ""
