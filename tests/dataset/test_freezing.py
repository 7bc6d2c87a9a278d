from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_auditing import FOLDERS
from test_splitting import SIZES, images

from brain_mri.collection import table
from brain_mri.dataset import auditing, freezing, given, joining, splitting
from brain_mri.errors import InputError
from brain_mri.files import names, tables


def present_split(data: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    """Write data/split.csv and data/manifest.csv: id, patient, part, given."""
    columns = ["image_id", "patient", "part", "given"]
    whole = pd.DataFrame(rows, columns=columns)
    tables.write_csv(data / "split.csv", whole[columns[:3]])
    lost = {"image_id": "", "patient": "", "given": "", "file": "no/bad.png"}
    named = whole.drop(columns="part").assign(file=whole["image_id"] + ".png")
    manifest = pd.concat([named.assign(accepted=True), pd.DataFrame([lost])])
    tables.write_csv(data / "manifest.csv", manifest.fillna({"accepted": False}))
    return data


THREE = [("a", "a", "train", ""), ("b", "b", "val", ""), ("c", "c", "test", "")]


def test_the_present_part_of_each_image_joins_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("file,patient,scanner\nc.png,p7,A\nno/bad.png,,B\n")
    data = present_split(tmp_path, THREE)
    tables.write_csv(path, freezing.freeze(data, path))
    assert path.read_text() == (
        "file,patient,scanner,part\n"
        "c.png,p7,A,test\n"
        "no/bad.png,,B,\n"
        "a.png,,,train\n"
        "b.png,,,val\n"
    )
    entries = table.read(path)
    assert {file: entry.part for file, entry in entries.items()} == {
        "a.png": "train",
        "b.png": "val",
        "c.png": "test",
        "no/bad.png": "",
    }


def test_freezing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text(",".join(table.HEADER) + "\n")
    data = present_split(tmp_path, THREE)
    tables.write_csv(path, freezing.freeze(data, path))
    first = path.read_bytes()
    data = present_split(tmp_path, [(*row[:3], row[2]) for row in THREE])
    tables.write_csv(path, freezing.freeze(data, path))
    assert path.read_bytes() == first


def test_a_leak_keeps_its_given_part_and_repair_moves_it(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("file,part\na.png,train\na2.png,test\nc.png,test\nb2.png,val\n")
    rows = [
        ("a", "a", "train", "train"),
        ("a2", "a", names.LEAKED, "test"),
        ("b2", "a", names.LEAKED, "val"),
        ("c", "c", "test", "test"),
    ]
    data = present_split(tmp_path, rows)
    as_given = freezing.freeze(data, path)
    assert as_given["part"].tolist() == ["train", "test", "test", "val"]
    repaired = freezing.freeze(data, path, repair=True)
    assert repaired["part"].tolist() == ["train", "train", "test", "train"]


def test_a_stale_split_is_never_frozen(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("file,part\na.png,val\n")
    data = present_split(tmp_path, THREE)
    with pytest.raises(InputError, match="column part has changed since .*: dvc repro"):
        freezing.freeze(data, path)


def test_a_split_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the present split; dvc repro split"):
        freezing.freeze(tmp_path, tmp_path / "set.csv")


def assigned(images: pd.DataFrame, seed: int = 7) -> pd.DataFrame:
    kept = given.of_patients(images)
    part = splitting.assign_parts(images, kept, **SIZES, seed=seed)
    return images.assign(part=part)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_added_or_lost_nobody_moves(seed: int) -> None:
    """A tenth is new, a tenth is gone, patients have other names, the seed differs."""
    whole = images(150, seed=seed)
    whole["image_id"] = [f"{i:04x}" for i in range(len(whole))]
    rng = np.random.default_rng(seed)
    kind = rng.choice(["old", "new", "gone"], len(whole), p=[0.8, 0.1, 0.1])
    first = assigned(whole[kind != "new"].assign(given=""))
    part = whole["image_id"].map(first.set_index("image_id")["part"]).fillna("")
    later = whole.assign(given=part, patient="x" + whole["patient"])[kind != "gone"]
    second = assigned(later, seed=seed)
    both = first.merge(second, on="image_id")
    assert len(both) > 200
    assert (both["part_x"] == both["part_y"]).all()
    assert splitting.shared_patients(second["patient"], second["part"]) == 0
    assert set(second["part"]) == set(names.PARTS)


def without(audited: auditing.Audit, file: str) -> pd.DataFrame:
    """The images but for one, grouped as if it had never been there."""
    rest = audited.manifest[audited.manifest["file"] != file]
    row = {name: i for i, name in enumerate(rest["image_id"])}
    ends = audited.pairs[["first", "second"]].map(row.get).dropna().to_numpy(np.intp)
    return rest.assign(patient=joining.joined_ids(rest["image_id"].tolist(), ends))


@pytest.mark.slow
def test_one_image_added_to_the_public_set_moves_none(public_set: Path) -> None:
    """Freeze 252, add the one that was missing, whichever of the 253 it is."""
    audited = auditing.audit(public_set, FOLDERS, {})
    whole = audited.manifest
    whole["y_true"] = (whole["label"] == "yes").astype(int)
    moved = []
    for file in whole["file"]:
        before = assigned(without(audited, file))
        part = whole["file"].map(before.set_index("file")["part"]).fillna("")
        after = assigned(whole.assign(given=part))
        both = before.merge(after, on="image_id")
        moved.append(int((both["part_x"] != both["part_y"]).sum()))
        assert splitting.shared_patients(after["patient"], after["part"]) == 0
    assert moved == [0] * 253
