import os
import sys
from pathlib import Path

import pytest

from brain_mri import datasets
from brain_mri.errors import InputError


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
    assert datasets.copy_dataset(source, target) == {}
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
    left_out = datasets.copy_dataset(source, tmp_path / "copy")
    assert left_out == {
        "no/folder": "a link to a folder",
        "no/gone.jpg": "a broken link",
        "no/loop.jpg": "cannot be read (Too many levels of symbolic links)",
        "yes/caf\\udce9.jpg": "its name is not UTF-8",
        "yes/pipe.jpg": "not a regular file",
    }
    assert len(files(tmp_path / "copy")) == 4


def test_a_link_to_a_file_becomes_a_file(source, tmp_path):
    (source / "no" / "link.png").symlink_to(source / "no" / "a 1.JPG")
    datasets.copy_dataset(source, tmp_path / "copy")
    copied = tmp_path / "copy" / "no" / "link.png"
    assert not copied.is_symlink()
    assert copied.read_bytes() == b"no"


@pytest.mark.parametrize("missing", ["no", "yes", ""])
def test_a_missing_class_is_named_and_nothing_is_made(source, tmp_path, missing):
    (source / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="expected a folder of images"):
        datasets.copy_dataset(source, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_an_existing_set_is_never_touched(source, tmp_path):
    target = tmp_path / "copy"
    datasets.copy_dataset(source, target)
    (target / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="exists already"):
        datasets.copy_dataset(source, target)
    assert (target / "mine.txt").read_text() == "kept"


def test_the_name_comes_from_the_folder(source):
    assert datasets.default_name(source) == "my-scans-ward-7"
    assert datasets.default_name(Path("/")) == "images"


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "-x", "a b"])
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(InputError, match="--name"):
        datasets.check_name(name)


def test_the_number_of_files_is_checked(source):
    datasets.check_count(source, 4)
    with pytest.raises(InputError, match="expected 253 files in no/ and yes/, found 4"):
        datasets.check_count(source, 253)
