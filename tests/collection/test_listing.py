import os
from pathlib import Path

import pytest
from conftest import run

from brain_mri.collection.junk import ignored
from brain_mri.collection.listing import leads_out, list_files, odd
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


@pytest.mark.parametrize(
    ("store", "mend"),
    [
        (".dvc/cache/ab/" + 30 * "c", "dvc pull"),
        (".dvc/cache/files/md5/ab/" + 30 * "c", "dvc pull"),
        (".git/annex/objects/1j/Xk/MD5E-s1--ab.png/MD5E-s1--ab.png", "git annex get"),
        (".git/modules/set/annex/objects/1j/Xk/k.png/k.png", "git annex get"),
    ],
)
def test_links_into_a_store_are_files_and_broken_ones_name_the_mend(
    folder: Path, tmp_path: Path, store: str, mend: str
) -> None:
    link = folder / "no" / "a.png"
    link.symlink_to(Path("../..") / store)
    assert odd(link, folder).endswith(f"without its content: {mend}")
    (tmp_path / store).parent.mkdir(parents=True)
    (tmp_path / store).write_text("content")
    assert odd(link, folder) == ""


def junk(folder: Path, **sizes: int) -> dict[str, str]:
    files = [name.replace("__", "/") for name in sizes]
    for file, size in zip(files, sizes.values(), strict=True):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(bytes(size))
    return ignored(folder, files)


def test_what_systems_leave_behind_is_ignored(tmp_path: Path) -> None:
    left = {
        "__MACOSX/no/._a.png": "left by macOS",
        "no/._a.png": "left by macOS",
        "no/.DS_Store": "left by macOS",
        "no/THUMBS.DB": "left by Windows",
        "desktop.ini": "left by Windows",
        "no/@eaDir/a.png/SYNOPHOTO_THUMB.jpg": "left by a NAS",
        "no/.hidden.png": "a hidden file",
        ".ipynb_checkpoints/a.png": "a hidden file",
    }
    assert ignored(tmp_path, [*left, "no/a.png", "no/a.b.png", "MACOSX.png"]) == left


def test_an_inner_copy_has_the_same_paths_and_bytes(tmp_path: Path) -> None:
    copied = "an inner copy of the collection"
    files = {"no__1.png": 5, "yes__1.png": 6, "in__no__1.png": 5}
    assert junk(tmp_path / "a", **files) == {"in/no/1.png": copied}
    assert junk(tmp_path / "b", **files, in__yes__1=7) == {}  # has a file of its own
    assert junk(tmp_path / "c", **(files | {"in__no__1.png": 4})) == {}
    junk(tmp_path / "d", **files)
    (tmp_path / "d" / "in" / "no" / "1.png").write_bytes(b"other")  # of five bytes
    assert ignored(tmp_path / "d", ["no/1.png", "yes/1.png", "in/no/1.png"]) == {}


@pytest.mark.parametrize(
    ("mask", "image"),
    [
        ("x_mask.png", "x.tif"),
        ("x_SEG.png", "x.png"),
        ("x_segmentation.nii.gz", "x.nii.gz"),
        ("x_labels.png", "x.JPG"),
        ("x_label.png", "x.png"),
        ("x_seg.nii.gz", "x_t1ce.nii.gz"),
        ("x-1_seg.nii", "x-1-t2f.nii"),
    ],
)
def test_a_mask_is_ignored_beside_its_image_alone(
    tmp_path: Path, mask: str, image: str
) -> None:
    files = [f"no/{mask}", f"no/{image}", f"yes/{mask}"]
    assert ignored(tmp_path, files) == {f"no/{mask}": f"a mask of {image}"}


def test_notes_beside_a_mask_are_no_image(tmp_path: Path) -> None:
    assert ignored(tmp_path, ["x_mask.png", "x.json", "x_mask_mask.txt"]) == {}
