import numpy as np
import pandas as pd
import pytest
from test_splitting import SIZES, images

from brain_mri.dataset import given, splitting
from brain_mri.errors import InputError
from brain_mri.files.names import LEAKED, PARTS


def crops(table: pd.DataFrame) -> pd.DataFrame:
    label = table["y_true"].map(["no", "yes"].__getitem__)
    return table.assign(label=label, file=table["image_id"])[
        ["image_id", "label", "file"]
    ]


def split(table: pd.DataFrame, seed: int = 1) -> tuple[pd.DataFrame, dict]:
    """Split images with the columns patient, picture, y_true and given."""
    table = table.assign(image_id=[f"{i:04x}" for i in range(len(table))])
    manifest = table.assign(accepted=True)
    return splitting.split(manifest, crops(table), **SIZES, seed=seed)


def training_and_testing(seed: int, copied: int) -> pd.DataFrame:
    """Images in two given parts; test images that a training patient also has."""
    table = images(200, 3, seed)
    rng = np.random.default_rng(seed)
    names = table["patient"].unique()
    test = set(rng.choice(names, len(names) // 5, replace=False))
    part = np.where(table["patient"].isin(test), "test", "train")
    table = table.assign(given=part)
    twice = table[table["given"] == "train"].sample(copied, random_state=seed)
    return pd.concat([table, twice.assign(given="test")], ignore_index=True)


@pytest.mark.parametrize("seed", range(5))
def test_a_given_split_is_kept_and_its_planted_leaks_are_left_out(seed: int) -> None:
    table = training_and_testing(seed, copied=17)
    found, counts = split(table)
    assert counts["given"] == {
        "images": len(table),
        "test": (table["given"] == "test").sum(),
        "leaked_test": 17,
        "leaked_val": 0,
    }
    assert counts["leaked"]["images"] == 17
    assert (found["part"] == LEAKED).sum() == 17
    assert set(found.loc[found["part"] == LEAKED, "given"]) == {"test"}
    clean = found[found["part"] != LEAKED]
    assert splitting.shared_patients(clean["patient"], clean["part"]) == 0
    # test is what was given less the leaks; validation is taken from train alone
    assert set(found.loc[found["part"] == "test", "given"]) == {"test"}
    assert set(found.loc[found["part"] == "val", "given"]) == {"train"}
    share = (found["part"] == "val").sum() / found["part"].isin(["train", "val"]).sum()
    assert share == pytest.approx(SIZES["val_size"], abs=0.05)


def test_the_leaks_are_told_in_one_line() -> None:
    _, counts = split(training_and_testing(0, copied=3))
    told = [line for line in splitting.told(counts) if "given for test" in line]
    assert len(told) == 1
    assert "3 show a picture or a patient that training or validation holds" in told[0]


def test_an_image_of_an_earlier_part_leaks_whichever_it_is() -> None:
    table = pd.DataFrame(
        {
            "patient": ["a", "a", "b", "b", "c", "c", "d"],
            "given": ["train", "test", "val", "test", "val", "train", "test"],
        }
    )
    parts = given.of_patients(table)
    assert parts == {"a": "train", "b": "val", "c": "train", "d": "test"}
    ids = [f"{i}" for i in range(7, 0, -1)]
    table = table.assign(part=table["patient"].map(parts), image_id=ids, picture=ids)
    found = given.without_leaks(table)
    assert found["part"].tolist() == [
        *("train", LEAKED, "val", LEAKED),
        *(LEAKED, "train", "test"),
    ]
    # named after what is left: of patient a image 7, though 6 is lower
    left = found[found["part"] != LEAKED]
    assert left["patient"].tolist() == left["image_id"].tolist() == ["7", "5", "2", "1"]


def test_an_image_without_a_part_follows_its_patient() -> None:
    table = pd.DataFrame({"patient": ["a", "a", "x"], "given": ["test", "", ""]})
    assert given.of_patients(table) == {"a": "test"}
    table = table.assign(part=["test", "test", "val"], image_id=[*"abc"], picture="p")
    assert given.without_leaks(table)["part"].tolist() == ["test", "test", "val"]


def test_a_validation_part_that_was_given_is_kept_as_it_is() -> None:
    table = images(60)
    rng = np.random.default_rng(0)
    of = dict(zip(table["patient"].unique(), rng.choice(PARTS, 60), strict=True))
    table = table.assign(given=table["patient"].map(of))
    found, counts = split(table)
    assert (found["part"] == found["given"]).all()
    assert counts["given"]["leaked_test"] == 0


def test_without_given_parts_nothing_is_given() -> None:
    found, counts = split(images(60).assign(given=""))
    assert counts["given"] == dict.fromkeys(
        ("images", "test", "leaked_test", "leaked_val"), 0
    )
    assert counts["leaked"]["images"] == 0
    assert set(found["part"]) == set(PARTS)


def test_a_test_part_that_leaks_as_a_whole_is_refused() -> None:
    table = images(60).assign(given="train")
    again = table.groupby("y_true").head(5).assign(given="test")
    other = images(20, seed=9).assign(given="test")
    other = other.assign(patient="z" + other["patient"])
    both = pd.concat([table, again, other[other["y_true"] == 0]], ignore_index=True)
    with pytest.raises(InputError, match="'yes': .* no patient for test; a patient or"):
        split(both)


def test_given_parts_that_leave_a_part_empty_are_refused() -> None:
    table = images(60).assign(given="train")
    with pytest.raises(
        InputError, match="'no': the parts .* leave no patient for test"
    ):
        split(table)
