"""File names as people, and those who mean ill, make them, through the real graph."""

import sys

import pandas as pd
import pytest
from conftest import commit, copy_project, edited_params, run, shrink

from brain_mri.files import tables
from brain_mri.phantoms import write_phantoms

NAMES = [
    "plain.png",
    "two words.png",
    'it\'s "quoted".png',
    "comma, semicolon; tab\t.png",
    "line\nend.png",
    "carriage\rreturn.png",
    "-rf.png",
    "--help.png",
    "$(touch owned).png",
    "`touch owned`.png",
    "${dataset}.png",
    "*.png",
    "back\\slash.png",
    "<script>alert(1)<\\script>.png",
    "\x1b[2J.png",
    "=1+1.png",
    "\u0635\u0648\u0631\u0629.png",
    "\u202egnp.exe",
    "\U0001f9e0.png",
    "x" * 251 + ".png",
    "\u00e9" * 125 + "y.png",
    "no suffix",
    "null",
]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A data set whose folders and files are called all that."""
    folder = tmp_path_factory.mktemp("scans")
    drawn = tmp_path_factory.mktemp("drawn")
    write_phantoms(drawn, images=2 * len(NAMES) + 2, positives=0.5, seed=1)
    for label, name in (("no", "no tumor"), ("yes", '-\u0648\u0631\u0645 "x"')):
        (folder / name).mkdir()
        files = sorted((drawn / label).iterdir())[: len(NAMES)]
        for file, called in zip(files, NAMES, strict=True):
            file.rename(folder / name / called)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="names that other systems refuse")
def test_every_name_goes_from_add_to_the_split(source, tmp_path):
    """With a cache of links, so that each file of the data set is one."""
    folder = copy_project(tmp_path / "clone")
    shrink(folder)
    no, yes = sorted((path.name for path in source.iterdir()), reverse=True)
    with edited_params(folder) as values:
        values |= {"dataset": "data/raw/scans", "classes": {"no": [no], "yes": [yes]}}
    commit(folder, "classes")
    run(folder, "dvc", "config", "--local", "cache.type", "symlink")
    run(folder, "brain-mri", "add", source, "--name", "scans")
    assert (folder / "data" / "raw" / "scans" / no / NAMES[0]).is_symlink()
    result = run(folder, "dvc", "repro", "split")
    assert "\x1b[2J" not in result.stdout + result.stderr
    manifest = tables.read_csv(folder / "data" / "manifest.csv")
    assert set(manifest["file"]) == {f"{top}/{n}" for top in (no, yes) for n in NAMES}
    assert manifest["accepted"].all()
    split = pd.read_csv(folder / "data" / "split.csv", dtype=str)
    assert sorted(split["image_id"]) == sorted(manifest["image_id"])
    assert not list(folder.rglob("owned"))
