import errno
import os
import shutil
import sys
from pathlib import Path

import pytest
from conftest import ROOT, run

from brain_mri.collection import adding
from brain_mri.collection.layouts import Said, understand
from brain_mri.errors import InputError
from brain_mri.files.user_tables import read_rows

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


def copy(source, target, folders=FOLDERS):
    """Copy a folder as `brain-mri add` does; return what was left out."""
    return adding.copy_dataset(understand(source, folders, Said()), target).left_out


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*"))


def test_both_classes_are_copied_and_nothing_else(source, tmp_path):
    target = tmp_path / "data" / "raw" / "x"
    assert copy(source, target) == {}
    assert files(target) == ["no/a 1.JPG", "no/deep/b.png", "yes/a 1.JPG"] + [
        "yes/deep/b.png"
    ]
    assert (target / "yes" / "a 1.JPG").read_bytes() == b"yes"
    assert sorted(os.listdir(target.parent)) == ["x", "x.csv"]


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
    left_out = copy(source, tmp_path / "copy")
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
    (source / "yes" / "c.png").touch()

    def closed(path):
        if str(path).endswith("deep") and "yes" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    monkeypatch.setattr(
        os, "access", lambda path, mode: path.name != "a 1.JPG" and access(path, mode)
    )
    assert copy(source, tmp_path / "copy") == {
        "no/a 1.JPG": "no permission to read it",
        "yes/a 1.JPG": "no permission to read it",
        "yes/deep": "cannot be read (Permission denied)",
    }


OF_DVC = "belongs to DVC, Git or Mercurial, not to a data set"


def test_what_dvc_would_skip_or_stumble_over_is_left_out(source, tmp_path):
    for folder in ("no/.dvc", "no/deep/.git", "yes/.hg", "yes/scans.dvc"):
        (source / folder / "x.png").mkdir(parents=True)
        (source / folder / "config").write_text("kept by another")
    for file in ("yes/.dvcignore", "yes/.git", "yes/a.dvc", "yes/deep/dvc.yaml"):
        (source / file).write_text("{[")
    left_out = copy(source, tmp_path / "copy")
    assert left_out == {
        "no/.dvc": OF_DVC,
        "no/deep/.git": OF_DVC,
        "yes/.dvcignore": OF_DVC,
        "yes/.git": OF_DVC,
        "yes/.hg": OF_DVC,
        "yes/a.dvc": OF_DVC,
        "yes/deep/dvc.yaml": OF_DVC,
        "yes/scans.dvc/x.png": "a folder with an image's name, without a file",
    }
    assert (tmp_path / "copy" / "yes" / "scans.dvc" / "config").is_file()
    assert len([p for p in (tmp_path / "copy").rglob("*") if p.is_file()]) == 6


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EIO, r"\(Input/output error\); repair the file or move it away, then"),
        (errno.ENOSPC, r"\(No space left on device\); free space on that disk"),
    ],
)
def test_a_file_that_cannot_be_copied_is_named_and_nothing_is_left(
    source, tmp_path, monkeypatch, number, told
):
    copyfile = shutil.copyfile

    def broken(path, into):
        if path.name == "b.png":
            into.write_bytes(b"h")  # half of it
            raise OSError(number, os.strerror(number), str(path))
        copyfile(path, into)

    monkeypatch.setattr(shutil, "copyfile", broken)
    with pytest.raises(InputError, match=rf"deep/b\.png: cannot be copied {told}"):
        copy(source, tmp_path / "raw" / "copy")
    assert os.listdir(tmp_path / "raw") == []


def test_only_the_folders_that_classes_names_are_copied(source, tmp_path):
    (source / "no").rename(source / "no tumor")
    (source / "other").mkdir()
    (source / "other" / "x.png").touch()
    folders = {"no tumor": "no", "yes": "yes"}
    copy(source, tmp_path / "copy", folders)
    assert sorted(os.listdir(tmp_path / "copy")) == ["no tumor", "yes"]
    assert (tmp_path / "copy.csv").read_text().count("\n") == 1


def test_a_link_to_a_file_becomes_a_file(source, tmp_path):
    (source / "no" / "link.png").symlink_to(source / "no" / "a 1.JPG")
    copy(source, tmp_path / "copy")
    copied = tmp_path / "copy" / "no" / "link.png"
    assert not copied.is_symlink()
    assert copied.read_bytes() == b"no"


@pytest.fixture
def dvc(tmp_path, monkeypatch):
    """A folder under Git and DVC to work in, with a copied data set."""
    run(tmp_path, "git", "init", "-q")
    run(tmp_path, "dvc", "init", "-q")
    for label in FOLDERS:
        (tmp_path / "ward" / label).mkdir(parents=True)
        (tmp_path / "ward" / label / "a.png").write_text(label)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_dvc_tracks_every_file_of_the_copy(dvc):
    (dvc / "ward" / "left-out.csv").write_text("file,reason\nno/b.png,a broken link\n")
    assert adding.track(Path("ward")) == 2
    assert "nfiles: 3" in (dvc / "ward.dvc").read_text()


@pytest.mark.parametrize("pattern", ["*.png", "no/"])
def test_files_that_dvc_skips_are_no_success(dvc, pattern):
    (dvc / ".dvcignore").write_text(pattern)
    message = (
        r"^ward.dvc: expected 2 files, DVC took [01]; DVC skips files that \.dvcignore "
    )
    with pytest.raises(InputError, match=message):
        adding.track(Path("ward"))


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (".dvcignore", r"\.dvcignore file should not be in collected dir path: .*"),
        ("x.dvc", r"'.*x\.dvc' is invalid\."),
    ],
)
def test_what_dvc_says_when_it_fails_stands_in_the_line(dvc, file, told):
    (dvc / "ward" / "yes" / file).write_text("{[")
    with pytest.raises(InputError, match=rf"^dvc add ward failed \({told}\); the copy"):
        adding.track(Path("ward"))


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("no", "expected images of class no, found none"),
        ("yes", "expected images of class yes, found none"),
        ("", "expected a folder, found none"),
    ],
)
def test_a_missing_class_is_named_and_nothing_is_made(source, tmp_path, missing, told):
    (source / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=told):
        copy(source, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_an_existing_set_is_never_touched(source, tmp_path):
    target = tmp_path / "copy"
    copy(source, target)
    (target / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="copy: exists already"):
        copy(source, target)
    assert (target / "mine.txt").read_text() == "kept"
    target.rename(tmp_path / "moved")
    with pytest.raises(InputError, match=r"copy\.csv: exists already"):
        copy(source, target)
    assert not target.exists()


def test_the_name_comes_from_the_folder(source):
    assert adding.default_name(source) == "my-scans-ward-7"
    assert adding.default_name(Path("/")) == "images"


def test_what_was_left_out_before_is_left_out_of_the_copy_too(source, tmp_path):
    (source / "no" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    copy(source, tmp_path / "first")
    (tmp_path / "first" / "yes" / "gone too.jpg").symlink_to(tmp_path / "nowhere")
    left_out = copy(tmp_path / "first", tmp_path / "second")
    assert left_out == {
        "no/gone.jpg": "a broken link",
        "yes/gone too.jpg": "a broken link",
    }
    rows = read_rows(tmp_path / "second" / "left-out.csv", ("file", "reason"))
    assert {row.cells["file"]: row.cells["reason"] for row in rows} == left_out


def test_git_never_takes_half_a_copy(tmp_path):
    """What a killed `add` leaves stays out of the repository."""
    half = f"data/raw/{adding.HALF}x1y2/copy/no/a.png"
    ignored = ["git", "check-ignore", "--no-index", "-q"]
    assert run(ROOT, *ignored, half, check=False).returncode == 0
    assert run(ROOT, *ignored, "data/raw/mine.dvc", check=False).returncode == 1


@pytest.mark.parametrize(
    "name",
    ["../x", "a/b", "", ".hidden", "-x", "a b", "My.dvc", "dvc.yaml"],
)
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(InputError, match="--name"):
        adding.check_name(name)


def test_the_number_of_files_is_checked(source):
    adding.check_count(source, FOLDERS, 4)
    with pytest.raises(InputError, match="expected 253 files in no/, yes/, found 4"):
        adding.check_count(source, FOLDERS, 253)


def test_a_copy_that_the_disk_cannot_hold_is_refused(tmp_path, monkeypatch):
    for name, count in (("no/a", 1000), ("yes/b", 2000), ("other/c", 5000)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(bytes(count))
    assert adding.size(understand(tmp_path, FOLDERS, Said())) == 3000
    usage = type("Usage", (), {"free": 2999})
    monkeypatch.setattr(adding.shutil, "disk_usage", lambda place: usage)
    adding.check_room(2999, tmp_path / "raw" / "new")
    with pytest.raises(InputError, match="expected room for"):
        adding.check_room(3000, tmp_path / "raw" / "new")
