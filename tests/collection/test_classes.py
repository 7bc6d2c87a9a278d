import re
from pathlib import Path

import pytest
from conftest import ROOT

from brain_mri import config
from brain_mri.collection import classes
from brain_mri.errors import InputError


def named(text: str, tmp_path: Path) -> dict[str, str]:
    """Read the folders as the stage and the command do."""
    committed = (ROOT / "params.yaml").read_text()
    others = re.sub(r"^classes:.*?\n\n", "", committed, flags=re.S | re.M)
    (tmp_path / "params.yaml").write_text(f"{others}\n{text}")
    return classes.by_folder(config.load(tmp_path / "params.yaml").classes)


def test_no_and_yes_are_words(tmp_path: Path) -> None:
    text = "classes:\n  no: [no, on]\n  yes: [yes, off, y]\n"
    assert named(text, tmp_path) == {
        "no": "no",
        "on": "no",
        "yes": "yes",
        "off": "yes",
        "y": "yes",
    }


def test_any_folders_become_the_two_classes(tmp_path: Path) -> None:
    text = (
        "classes:\n  no: [no_tumor]\n  yes: [glioma, menin gioma, \u0648\u0631\u0645]\n"
    )
    folders = named(text, tmp_path)
    files = ["glioma/a/b.png", "menin gioma/x", "no_tumor/c", "\u0648\u0631\u0645/d"]
    labels = [classes.label_of(file, folders) for file in files]
    assert labels == ["yes", "yes", "no", "yes"]
    for file in ("yes/a", "glioma", "Glioma/a", "deep/glioma/a"):
        assert classes.label_of(file, folders) == ""


@pytest.mark.parametrize(
    ("no", "yes", "told"),
    [
        ("[a]", "[b, a]", "classes: expected each folder once, received 'a' in no and"),
        ("[a, a]", "[b]", "received 'a' in no and in no"),
        ("[a]", "[]", "classes.yes: .* at least 1 item"),
        ("[a]", "[b/c]", "classes.yes: expected names of folders .*'b/c'"),
        ("['..']", "[b]", "classes.no: expected names of folders .*'..'"),
        ("[.]", "[b]", "classes.no: expected names of folders"),
        ("['']", "[b]", "classes.no.0: input should have at least 1"),
        ("[a]", "b", "classes.yes: input should be a valid list, received b"),
        ("[[a]]", "[b]", "classes.no.0: input should be a valid string"),
        ("[a]", "{b: c}", "classes.yes: input should be a valid list"),
    ],
)
def test_bad_classes_are_one_line(tmp_path: Path, no: str, yes: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        named(f"classes:\n  no: {no}\n  yes: {yes}\n", tmp_path)
    assert str(error.value).startswith("params.yaml: ")
    assert "\n" not in str(error.value)


def test_a_missing_folder_is_named_with_its_key_and_those_there(tmp_path: Path) -> None:
    for name in ("no_tumor", "gli\noma"):
        (tmp_path / name).mkdir()
    (tmp_path / "note.txt").touch()
    message = (
        r"/glioma: expected a folder of images, found none; classes\.yes in "
        r"params\.yaml names it, and .* holds gli\\noma/, no_tumor/$"
    )
    with pytest.raises(InputError, match=message) as error:
        classes.check_folders(tmp_path, {"no_tumor": "no", "glioma": "yes"})
    assert "\n" not in str(error.value)


def test_a_data_set_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone: expected a folder, found none"):
        classes.check_folders(tmp_path / "gone", {"no": "no"})


def test_a_class_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "no").symlink_to(tmp_path)
    with pytest.raises(InputError, match="expected a folder of images, found a link"):
        classes.check_folders(tmp_path / "set", {"no": "no"})
