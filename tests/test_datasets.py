import os
import sys
from pathlib import Path

import pytest
from conftest import ROOT, run

from brain_mri import datasets
from brain_mri.errors import InputError
from brain_mri.ledger import read_rows

FOLDERS = {"no": "no", "yes": "yes"}


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "My Scans (ward 7)"
    for label in ("no", "yes"):
        (folder / label / "deep").mkdir(parents=True)
        (folder / label / "a 1.JPG").write_bytes(label.encode())
        (folder / label / "deep" / "b.png").write_bytes(b"b")
    (folder / "notes.txt").write_text("not of a class")
    return folder


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*"))


def test_both_classes_are_copied_and_nothing_else(source, tmp_path):
    target = tmp_path / "data" / "raw" / "x"
    assert datasets.copy_dataset(source, target, FOLDERS) == {}
    assert files(target) == ["no/a 1.JPG", "no/deep/b.png", "yes/a 1.JPG"] + [
        "yes/deep/b.png"
    ]
    assert (target / "yes" / "a 1.JPG").read_bytes() == b"yes"
    assert os.listdir(target.parent) == ["x"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
def test_what_dvc_cannot_hash_is_left_out_and_named(source, tmp_path):
    (source / "no" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (source / "no" / "loop.jpg").symlink_to(source / "no" / "loop.jpg")
    os.mkfifo(source / "yes" / "pipe.jpg")
    named = Path(os.fsdecode(bytes(source / "yes") + b"/caf\xe9.jpg"))
    try:
        named.write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (source / "no" / "folder").symlink_to(tmp_path)
    (tmp_path / "secret.png").write_text("not of the set")
    (source / "no" / "out.png").symlink_to(tmp_path / "secret.png")
    (source / "yes" / "deep" / "scan.JPG").mkdir()
    (source / "no" / "line\nend").symlink_to("nowhere")
    left_out = datasets.copy_dataset(source, tmp_path / "copy", FOLDERS)
    assert left_out == {
        "no/folder": "a link to a folder",
        "no/gone.jpg": "a broken link",
        "no/line\\nend": "a broken link",
        "no/loop.jpg": "cannot be read (Too many levels of symbolic links)",
        "no/out.png": "a link out of the data set's folder",
        "yes/caf\\udce9.jpg": "its name is not UTF-8",
        "yes/deep/scan.JPG": "a folder with an image's name, without a file",
        "yes/pipe.jpg": "not a regular file",
    }
    assert list(left_out) == sorted(left_out)
    rows = read_rows(tmp_path / "copy" / "left-out.csv", ("file", "reason"))
    assert {row.cells["file"]: row.cells["reason"] for row in rows} == left_out
    assert len(files(tmp_path / "copy")) == 5


def test_what_cannot_be_read_is_left_out_and_named(source, tmp_path, monkeypatch):
    scandir, access = os.scandir, os.access

    def closed(path):
        if str(path).endswith("deep") and "yes" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    monkeypatch.setattr(
        os, "access", lambda path, mode: path.name != "a 1.JPG" and access(path, mode)
    )
    assert datasets.copy_dataset(source, tmp_path / "copy", FOLDERS) == {
        "no/a 1.JPG": "no permission to read it",
        "yes/a 1.JPG": "no permission to read it",
        "yes/deep": "cannot be read (Permission denied)",
    }


def test_only_the_folders_that_classes_names_are_copied(source, tmp_path):
    (source / "no").rename(source / "no tumor")
    (source / "other").mkdir()
    (source / "other" / "x.png").touch()
    folders = {"no tumor": "no", "yes": "yes"}
    datasets.copy_dataset(source, tmp_path / "copy", folders)
    assert sorted(os.listdir(tmp_path / "copy")) == ["no tumor", "yes"]
    with pytest.raises(InputError, match="holds no tumor/, other/, yes/"):
        datasets.copy_dataset(source, tmp_path / "again", FOLDERS)


def test_a_link_to_a_file_becomes_a_file(source, tmp_path):
    (source / "no" / "link.png").symlink_to(source / "no" / "a 1.JPG")
    datasets.copy_dataset(source, tmp_path / "copy", FOLDERS)
    copied = tmp_path / "copy" / "no" / "link.png"
    assert not copied.is_symlink()
    assert copied.read_bytes() == b"no"


@pytest.mark.parametrize("missing", ["no", "yes", ""])
def test_a_missing_class_is_named_and_nothing_is_made(source, tmp_path, missing):
    (source / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="expected a folder"):
        datasets.copy_dataset(source, tmp_path / "copy", FOLDERS)
    assert not (tmp_path / "copy").exists()


def test_an_existing_set_is_never_touched(source, tmp_path):
    target = tmp_path / "copy"
    datasets.copy_dataset(source, target, FOLDERS)
    (target / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="exists already"):
        datasets.copy_dataset(source, target, FOLDERS)
    assert (target / "mine.txt").read_text() == "kept"


def test_the_name_comes_from_the_folder(source):
    assert datasets.default_name(source) == "my-scans-ward-7"
    assert datasets.default_name(Path("/")) == "images"


def test_what_was_left_out_before_is_left_out_of_the_copy_too(source, tmp_path):
    (source / "no" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    datasets.copy_dataset(source, tmp_path / "first", FOLDERS)
    (tmp_path / "first" / "yes" / "gone too.jpg").symlink_to(tmp_path / "nowhere")
    left_out = datasets.copy_dataset(tmp_path / "first", tmp_path / "second", FOLDERS)
    assert left_out == {
        "no/gone.jpg": "a broken link",
        "yes/gone too.jpg": "a broken link",
    }
    rows = read_rows(tmp_path / "second" / "left-out.csv", ("file", "reason"))
    assert {row.cells["file"]: row.cells["reason"] for row in rows} == left_out
    only = datasets.copy_dataset(tmp_path / "second", tmp_path / "third", {"no": "no"})
    assert only == {"no/gone.jpg": "a broken link"}


def test_git_never_takes_half_a_copy(tmp_path):
    """What a killed `add` leaves stays out of the repository."""
    half = f"data/raw/{datasets.HALF}x1y2/copy/no/a.png"
    ignored = ["git", "check-ignore", "--no-index", "-q"]
    assert run(ROOT, *ignored, half, check=False).returncode == 0
    assert run(ROOT, *ignored, "data/raw/mine.dvc", check=False).returncode == 1


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", "", ".hidden", "-x", "a b", "My.dvc", "dvc.yaml"],
)
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(InputError, match="--name"):
        datasets.check_name(name)


def test_the_number_of_files_is_checked(source):
    datasets.check_count(source, FOLDERS, 4)
    with pytest.raises(InputError, match="expected 253 files in no/, yes/, found 4"):
        datasets.check_count(source, FOLDERS, 253)
