import pandas as pd

from brain_mri.report import subgroups


def test_each_group_of_each_column_has_its_pictures_and_accuracies():
    ids = [f"{i:02}" for i in range(8)]
    manifest = pd.DataFrame(
        {
            "image_id": [*ids, "", "99"],
            "accepted": [True] * 8 + [False, True],
            "label": "no",
            "group:sequence": ["T1"] * 4 + ["T2"] * 3 + ["", "T1", "PD"],
            "group:scanner": [1, 2] * 5,
        }
    )
    test = pd.DataFrame(
        {
            "image_id": ids,
            "picture": [*ids[:7], "06"],  # the last image is a copy of 06
            "patient": [*ids[:7], "06"],
            "y_true": [0, 1] * 3 + [0, 0],
            "y_score": [0.1, 0.9, 0.9, 0.9, 0.1, 0.9, 0.2, 0.2],
        }
    )
    wrong = test.assign(y_score=1 - test["y_score"])
    rows = subgroups.rows({"scratch": test, "vgg": wrong}, manifest, 0.5)
    told = [(row["column"], row["value"], row["n"]) for row in rows]
    # PD is of no test picture; 06 counts once
    assert told == [
        *(("sequence", "T1", 4), ("sequence", "T2", 3)),
        *(("scanner", "1", 4), ("scanner", "2", 3)),
    ]
    assert [row["scratch"][:4] for row in rows[:2]] == ["0.75", "1.00"]
    assert [row["vgg"][:4] for row in rows[:2]] == ["0.25", "0.00"]


def test_without_columns_there_are_no_groups():
    manifest = pd.DataFrame({"image_id": ["a"], "accepted": [True]})
    assert subgroups.rows({}, manifest, 0.5) == []
