import os
from pathlib import Path

import pytest
from conftest import run

from brain_mri.dataset.listing import leads_out, list_files, odd
from brain_mri.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("no", "yes"):
        (tmp_path / "set" / name).mkdir(parents=True)
    return tmp_path / "set"


def test_listing_is_sorted_recursive_and_misses_nothing(folder: Path) -> None:
    (folder / "yes" / "deep").mkdir()
    names = ["no/b.JPG", "no/a b.png", "yes/deep/.x", "yes/c", "top.txt"]
    for name in names:
        (folder / name).touch()
    (folder / "no" / "dangling").symlink_to("nowhere")
    (folder / "no" / "folder_link").symlink_to(folder / "yes")
    links = ["no/dangling", "no/folder_link"]
    assert list_files(folder) == sorted(names + links)


def test_a_folder_with_an_images_name_is_listed_if_it_holds_no_file(
    folder: Path,
) -> None:
    for name in ("a.JPG", "b.png/deep", "full.png/deep", "plain", "linked.tif"):
        (folder / "no" / name).mkdir(parents=True)
    (folder / "no" / "full.png" / "deep" / "c").touch()
    (folder / "no" / "linked.tif" / "gone").symlink_to("nowhere")
    listed = ["no/a.JPG", "no/b.png", "no/full.png/deep/c", "no/linked.tif/gone"]
    assert list_files(folder) == listed


def test_a_name_no_table_can_hold_is_refused(folder: Path) -> None:
    try:
        Path(os.fsdecode(bytes(folder / "no") + b"/\xff.png")).touch()
    except OSError:
        pytest.skip("this file system accepts UTF-8 names only")
    with pytest.raises(InputError, match=r"UTF-8, found 'no/\\udcff.png'"):
        list_files(folder)


def test_a_folder_that_cannot_be_read_is_no_empty_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def closed(path: str) -> object:
        if str(path).endswith("yes"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(InputError, match=r"yes: cannot be read \(Permission denied"):
        list_files(folder)


def test_every_odd_entry_is_told_in_words(folder: Path, tmp_path: Path) -> None:
    here = folder / "no"
    (tmp_path / "secret.png").write_text("not of the set")
    (folder / "yes" / "mine.png").touch()
    (here / "gone").symlink_to("nowhere")
    (here / "loop").symlink_to(here / "loop")
    (here / "folder").symlink_to(folder / "yes")
    (here / "absolute").symlink_to(tmp_path / "secret.png")
    (here / "relative").symlink_to("../../secret.png")
    (here / "inside").symlink_to("../yes/mine.png")
    (here / "empty.png").mkdir()
    (here / "plain.png").touch()
    os.mkfifo(here / "pipe")
    assert {path.name: odd(path, folder) for path in sorted(here.iterdir())} == {
        "absolute": "a link out of the data set's folder",
        "empty.png": "a folder with an image's name, without a file",
        "folder": "a link to a folder",
        "gone": "a broken link",
        "inside": "",
        "loop": "cannot be read (Too many levels of symbolic links)",
        "pipe": "not a regular file",
        "plain.png": "",
        "relative": "a link out of the data set's folder",
    }


def test_a_data_set_behind_a_link_is_inside_itself(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "yes" / "mine.png").touch()
    (folder / "no" / "link.png").symlink_to(folder / "yes" / "mine.png")
    (tmp_path / "alias").symlink_to(folder)
    assert not leads_out(tmp_path / "alias" / "no" / "link.png", tmp_path / "alias")


def test_links_into_the_cache_of_dvc_are_the_files_they_stand_for(
    tmp_path: Path,
) -> None:
    """What DVC makes, not what we believe it makes."""
    run(tmp_path, "git", "init", "-q")
    run(tmp_path, "dvc", "init", "-q")
    run(tmp_path, "dvc", "config", "cache.type", "symlink")
    (tmp_path / "set" / "no").mkdir(parents=True)
    (tmp_path / "set" / "no" / "a.png").write_text("a")
    run(tmp_path, "dvc", "add", "-q", "set")
    file = tmp_path / "set" / "no" / "a.png"
    assert file.is_symlink()
    assert odd(file, tmp_path / "set") == ""
