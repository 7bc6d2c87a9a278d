from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_auditing import FOLDERS
from test_splitting import SIZES, images

from brain_mri.dataset import auditing, freezing, joining, splitting
from brain_mri.errors import InputError
from brain_mri.files import names, tables

HEADER = "image_id,patient,part\n"


def frozen(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(freezing.COLUMNS))


def present(*rows: tuple[str, str]) -> pd.DataFrame:
    """Images of these ids and groups; the file is called as the id."""
    table = pd.DataFrame(rows, columns=["image_id", "patient"])
    return table.assign(file=table["image_id"] + ".png")


THREE = frozen(("a", "a", "train"), ("b", "b", "val"), ("c", "c", "test"))
# as ids are made; of one that a spreadsheet takes for a number, one for a power of ten
A, B, G, H = "00000000000a", "123e45678901", "123456789012", "ffffffffffff"


def read(tmp_path: Path, rows: str) -> pd.DataFrame:
    (tmp_path / "split.csv").write_text(HEADER + rows)
    return freezing.read(tmp_path / "split.csv")


def test_the_committed_file_freezes_nothing() -> None:
    committed = freezing.read(Path(__file__).resolve().parents[2] / "split.csv")
    assert committed.empty
    assert freezing.keep(present(("a", "a")), committed) == {}
    assert freezing.summary(present(("a", "a")), committed, 0) == {
        "frozen_patients": 0,
        "frozen_absent": 0,
    }


def test_ids_that_look_like_numbers_are_read_as_text(tmp_path: Path) -> None:
    table = read(tmp_path, f"{G}-12,{G},train\n{B},{B},val\n")
    assert table["image_id"].tolist() == [f"{G}-12", B]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (f"{A},{A},tset\n", f"line 2: .* one of train, val, test, found '{A}"),
        (f"{A},,test\n", "line 2: expected an image id and a patient"),
        (f",{A},test\n", "line 2: expected an image id and a patient"),
        (f"1.23457E+11,{A},test\n", "line 2: .*found '1.23457E.11,.*as text$"),
        (f"{A},1.23E+47,test\n", f"line 2: .*found '{A},1.23E"),
        (f"{A[2:]},{A},test\n", "line 2: expected an image id"),
        (f"{A},{A}\n" * 2, "line 2: expected 3 cells"),
        (f"{A},{A},test\n" * 2, f"line 3: expected each image once, found {A}"),
        (
            f"{A},{G},test\n{B},{G},val\n",
            "line 3: expected patient .* in test.* in val",
        ),
        (
            f"{A},{A},test\n{A}-2,{B},val\n",
            f"line 3: expected file {A} in test.* in val",
        ),
    ],
)
def test_a_malformed_split_is_named_by_its_line(
    tmp_path: Path, rows: str, told: str
) -> None:
    with pytest.raises(InputError, match=told) as error:
        read(tmp_path, rows)
    assert "\n" not in str(error.value)


def test_the_column_group_of_earlier_versions_is_the_patient(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text(f"image_id,group,part\n{A},{G},val\n")
    table = freezing.read(tmp_path / "split.csv")
    assert table.to_dict("records") == [{"image_id": A, "patient": G, "part": "val"}]


def test_groups_keep_their_part_under_a_new_name() -> None:
    # 0 is the lowest id now; the representative b is gone, b2 of its group is not
    old = frozen(("a", "a", "train"), ("b", "b", "val"), ("b2", "b", "val"))
    table = present(("0", "0"), ("a", "0"), ("b2", "b2"), ("n", "n"))
    assert freezing.keep(table, old) == {"0": "train", "b2": "val"}
    counts = {"frozen_patients": 2, "frozen_absent": 1}
    assert freezing.summary(table, old, 2) == counts


def test_ids_made_of_pixels_are_read_as_those_of_today(tmp_path: Path) -> None:
    pixels = {"p": "0" * 64, "q": "1" * 64}
    old, gone = (digest[:12] for digest in pixels.values())
    table = pd.DataFrame(
        {
            # two files of the same bytes, one more of the same pixels, another picture
            "image_id": ["a", "a-2", "b", "c"],
            "pixels_sha256": [pixels["p"]] * 3 + ["2" * 64],
            "patient": ["a", "a", "a", "c"],
            "file": ["1.png", "2.png", "3.png", "4.png"],
        }
    )
    rows = [(f"{old}{end}", old, "test") for end in ("", "-2", "-3", "-4")]
    then = frozen(*rows, ("c", "c", "val"), (gone, gone, "train"))
    now = freezing.translated(then, table)
    assert now["image_id"].tolist() == ["a", "a-2", "b", f"{old}-4", "c", gone]
    assert now["patient"].tolist() == ["a"] * 4 + ["c", gone]
    assert freezing.keep(table, now) == {"a": "test", "c": "val"}
    assert freezing.summary(table, now, 2)["frozen_absent"] == 2
    data = tmp_path / "data"
    tables.write_csv(data / "manifest.csv", table.assign(accepted=True))
    parts = table.assign(part=["test"] * 3 + ["val"])
    tables.write_csv(data / "split.csv", parts[list(freezing.COLUMNS)])
    kept = freezing.freeze(data, then)
    assert set(kept["image_id"]) == {"a", "a-2", "b", "c", f"{old}-4", gone}


def test_an_exact_copy_is_known_whatever_number_it_gets() -> None:
    # the older file is a-2 now, as the new one's name comes first; b-2 lost its twin
    old = frozen(("a", "a", "test"), ("b", "b", "val"), ("b-2", "b", "val"))
    table = present(("a", "a"), ("a-2", "a"), ("b", "b"))
    assert freezing.keep(table, old) == {"a": "test", "b": "val"}
    assert freezing.summary(table, old, 2)["frozen_absent"] == 1


def test_an_image_that_joins_two_parts_is_named_with_both() -> None:
    table = present(("a", "a"), ("n", "a"), ("c", "a"), ("b", "b"))
    message = (
        r"^1 patients join frozen ones of two parts: a \(train\) and c \(test\), "
        r"joined by the new n\.png\. Mend: exclude an image .* in review\.csv, or give "
        r"the patients one part in split\.csv$"
    )
    with pytest.raises(InputError, match=message):
        freezing.keep(table, THREE)


def test_groups_joined_without_a_new_image_are_named_too() -> None:
    table = present(("a", "a"), ("c", "a"))
    with pytest.raises(InputError, match="joined by review.csv or a patient"):
        freezing.keep(table, THREE)


def test_one_part_for_both_mends_it() -> None:
    table = present(("a", "a"), ("n", "a"), ("c", "a"))
    mended = THREE.assign(part="test")
    assert freezing.keep(table, mended) == {"a": "test"}


def test_the_split_of_another_data_set_is_refused() -> None:
    with pytest.raises(InputError, match="another data set: none of its 3 images"):
        freezing.keep(present(("x", "x")), THREE)


def present_split(tmp_path: Path, table: pd.DataFrame) -> Path:
    data = tmp_path / "data"
    tables.write_csv(data / "split.csv", table.assign(y_true=0))
    pixels = table["image_id"].map(lambda name: f"p{name}")
    manifest = table.assign(pixels_sha256=pixels, accepted=True)
    tables.write_csv(data / "manifest.csv", manifest)
    return data


def test_freezing_keeps_what_is_absent_and_adds_what_is_new(tmp_path: Path) -> None:
    now = frozen((B, A, "train"), (A, A, "train"), (H, H, "val"))
    old = frozen((B, B, "train"), (G, G, "val"), (f"{G}-2", G, "val"))
    both = freezing.freeze(present_split(tmp_path, now), old)
    assert both["image_id"].tolist() == [A, G, f"{G}-2", B, H]
    assert both["part"].tolist() == ["train", "val", "val", "train", "val"]
    freezing.write(tmp_path / "split.csv", both)
    pd.testing.assert_frame_equal(freezing.read(tmp_path / "split.csv"), both)
    again = freezing.freeze(present_split(tmp_path, now), both)
    pd.testing.assert_frame_equal(again, both)


def test_a_stale_split_is_never_frozen(tmp_path: Path) -> None:
    now = frozen(("a", "a", "train"), ("b-2", "b", "test"))
    message = r"contradicts split\.csv on 1 images \(b\): dvc repro split first"
    with pytest.raises(InputError, match=message):
        freezing.freeze(present_split(tmp_path, now), THREE)


def test_a_split_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the present split; dvc repro split"):
        freezing.freeze(tmp_path, THREE)


def test_a_failed_freeze_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = frozen(*((name, name, "val") for name in (A, B, G)))
    freezing.write(tmp_path / "split.csv", three)

    def full(table: pd.DataFrame, path: Path, **_: object) -> None:
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(InputError, match="disk full"):
        freezing.write(tmp_path / "split.csv", three.head(1))
    assert len(freezing.read(tmp_path / "split.csv")) == 3


def assigned(table: pd.DataFrame, old: pd.DataFrame, seed: int = 7) -> pd.DataFrame:
    kept = freezing.keep(table, old)
    part = splitting.assign_parts(table, kept, **SIZES, seed=seed)
    return table.assign(part=part)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_added_or_lost_nobody_moves(seed: int) -> None:
    """A tenth is new, a tenth is gone, groups have other names, the seed is another."""
    table = images(150, seed=seed)
    table["image_id"] = [f"{i:04x}" for i in range(len(table))]
    table["file"] = table["image_id"]
    rng = np.random.default_rng(seed)
    kind = rng.choice(["old", "new", "gone"], len(table), p=[0.8, 0.1, 0.1])
    first = assigned(table[kind != "new"], frozen())
    later = table[kind != "gone"].assign(patient="x" + table["patient"])
    second = assigned(later, first[list(freezing.COLUMNS)], seed=seed)
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


def test_one_image_added_to_the_public_set_moves_none(public_set: Path) -> None:
    """Freeze 252, add the one that was missing, whichever of the 253 it is."""
    audited = auditing.audit(public_set, FOLDERS, {})
    whole = audited.manifest
    whole["y_true"] = (whole["label"] == "yes").astype(int)
    moved = []
    for file in whole["file"]:
        before = assigned(without(audited, file), frozen())
        after = assigned(whole, before[list(freezing.COLUMNS)])
        both = before.merge(after, on="image_id")
        moved.append(int((both["part_x"] != both["part_y"]).sum()))
        assert splitting.shared_patients(after["patient"], after["part"]) == 0
    assert moved == [0] * 253
