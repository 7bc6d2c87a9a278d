from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brain_mri.dataset.joining import chains, check_conflicts, conflicts, joined_ids
from brain_mri.errors import InputError
from brain_mri.files import tables


def manifest(*rows: tuple[str, str]) -> pd.DataFrame:
    """Accepted files of these pictures; the folder is the label."""
    table = pd.DataFrame(rows, columns=["picture", "file"])
    table["label"] = table["file"].str.partition("/")[0]
    return table.assign(accepted=True)


SCANS = manifest(("a", "no/b"), ("a", "yes/c"), ("a", "yes/a"), ("d", "yes/d"))


def test_equal_keys_make_chains_and_no_key_makes_none() -> None:
    assert chains(["p", "", "q", "p", "", "p", "q"]).tolist() == [
        [0, 3],
        [3, 5],
        [2, 6],
    ]
    for keys in ([], ["", ""], ["p", "q"]):
        assert chains(keys).shape == (0, 2)


def test_groups_join_transitively_across_kinds_of_pairs() -> None:
    near = np.array([[0, 1]])
    ids = ["c", "b", "a", "d"]
    joined = np.concatenate([near, chains(["", "p", "p", ""])])
    assert joined_ids(ids, joined) == ["a", "a", "a", "d"]


def test_a_scan_in_both_classes_is_named_with_its_files(tmp_path: Path) -> None:
    expected = {"a": ["no/b", "yes/a", "yes/c"]}
    assert conflicts(SCANS) == expected
    tables.write_csv(tmp_path / "m.csv", SCANS)
    assert conflicts(tables.read_csv(tmp_path / "m.csv")) == expected
    message = (
        "^1 scans are labelled both no and yes: no/b and yes/a and yes/c. Correct or "
        "remove the files, exclude them in the data set's table, or set "
        "audit.label_conflicts to keep in params.yaml$"
    )
    with pytest.raises(InputError, match=message):
        check_conflicts(expected)


def test_a_patient_of_both_classes_is_no_conflict() -> None:
    two = manifest(("a", "no/a"), ("b", "yes/b"), ("b", "yes/c"))
    assert conflicts(two.assign(patient="a")) == {}
    check_conflicts({})


def test_rejected_files_are_in_no_conflict() -> None:
    assert conflicts(SCANS.assign(picture="", accepted=False)) == {}


def test_ten_conflicts_are_named_and_all_counted() -> None:
    found = {f"{i}": [f"no/{i}.png", f"yes/{i}.png"] for i in range(12)}
    with pytest.raises(InputError, match="^12 scans .*: no/0.png and yes/0.png") as e:
        check_conflicts(found)
    assert str(e.value).count(" and yes/") == 10


def test_a_conflict_is_one_line_whatever_the_names() -> None:
    with pytest.raises(InputError, match=r"no/a\\nb and yes/\\x1b\[2J") as e:
        check_conflicts({"a": ["no/a\nb", "yes/\x1b[2J"]})
    assert "\n" not in str(e.value)
