import numpy as np
import pandas as pd
import pytest

from brain_mri.errors import InputError
from brain_mri.evidence import observations, scoring
from brain_mri.files import predictions, tables

HEADER = "image_id,picture,patient,part,y_true,y_score,y_pred\n"
GOOD = "a,a,a,val,1,0.9,1\nb,b,b,test,0,0.2,0\nc,b,b,test,0,0.6,1\n"


def index(ids="ba", y_true=(1, 0), **more):
    return pd.DataFrame(
        {
            "image_id": list(ids),
            "picture": list(ids),
            "patient": list(ids),
            "y_true": y_true,
            **more,
        }
    )


def write(folder, text):
    path = folder / "predictions.csv"
    path.write_text(text)
    return path


def table_of(output, threshold, *parts):
    index, scores = output
    return predictions.table(
        dict.fromkeys(parts, index), dict.fromkeys(parts, scores), threshold
    )


def test_a_table_is_sorted_in_each_part_and_holds_no_file_name():
    output = (index(file="x.jpg"), np.array([[0.7], [0.2]], np.float32))
    table = table_of(output, 0.5, "val", "test")
    assert tuple(table.columns) == predictions.COLUMNS
    assert table["part"].tolist() == ["val", "val", "test", "test"]
    assert table["image_id"].tolist() == ["a", "b", "a", "b"]
    assert table["y_true"].tolist() == [0, 1, 0, 1]
    assert table["y_score"].tolist() == [0.2, 0.7, 0.2, 0.7]
    assert table["y_pred"].tolist() == [0, 1, 0, 1]


def test_the_threshold_itself_is_a_tumour():
    output = (index("abc", [0, 0, 0]), np.array([[0.29], [0.3], [0.31]]))
    assert table_of(output, 0.3, "test")["y_pred"].tolist() == [0, 1, 1]


def test_tiny_and_sure_scores_keep_their_rank():
    probability = np.array([[1e-9], [2e-9], [0.9999996], [0.9999997]], np.float32)
    output = (index("abcd", [0, 1, 0, 1]), probability)
    table = table_of(output, 0.5, "test")
    assert table["y_score"].is_monotonic_increasing
    assert table["y_score"].is_unique
    assert scoring.score(table, 0.5)["roc_auc"] == 0.75


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_named(odd):
    output = (index(), np.array([[0.7], [odd]], np.float32))
    with pytest.raises(InputError, match=f"test image a: .* found {odd}"):
        table_of(output, 0.5, "test")


def test_a_file_comes_back_as_it_was(tmp_path):
    output = (index("ba", [1, 0]), np.array([[0.7], [1.5e-9]], np.float32))
    table = table_of(output, 0.5, "val")
    tables.write_csv(tmp_path / "p.csv", table)
    pd.testing.assert_frame_equal(
        observations.read(tmp_path / "p.csv"), table, check_dtype=False
    )


def test_ids_that_look_like_numbers_stay_text(tmp_path):
    path = write(tmp_path, HEADER + "001e5,001e5,001e5,test,1,0.9,1\n")
    assert observations.read(path)["image_id"].tolist() == ["001e5"]


@pytest.mark.parametrize("edited", ["1.0", " 1", "True"])
def test_an_edited_way_to_write_a_class_is_the_same_class(tmp_path, edited):
    text = HEADER + GOOD.replace("0.2,0", "0,0").replace("0.6", "1").replace("0.9", "1")
    right = observations.read(write(tmp_path, text))
    other = text.replace("val,1,", f"val,{edited},").replace("test,0,", "test,0.0,")
    if edited == "True":
        other = other.replace("test,0.0,", "test,False,")
    # the same types too: two tables are compared by them
    pd.testing.assert_frame_equal(observations.read(write(tmp_path, other)), right)
    assert right["y_score"].dtype == np.float64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a table"),
        ("image_id,picture,patient\na,a,a\n", "expected a column 'part', found none"),
        (HEADER, "expected one row per image, found none"),
        (
            HEADER + GOOD.replace("b,test,0", "b,test,x"),
            "y_true of b: expected 0 or 1, found 'x'",
        ),
        (
            HEADER + GOOD.replace("b,test,0", "b,test,", 1),
            "y_true of b: expected 0 or 1, found ''",
        ),
        (
            HEADER + GOOD.replace("b,test,0", "b,test,2", 1),
            "y_true of b: expected 0 or 1, found '2'",
        ),
        (
            HEADER + GOOD.replace("0.6,1", "0.6,nan"),
            "y_pred of c: expected 0 or 1, found 'nan'",
        ),
        (
            HEADER + GOOD.replace("c,b,b,test", "c,b,b,train"),
            "part of c: expected val or test or leaked, found 'train'",
        ),
        (HEADER + GOOD.replace("0.2", "nan"), "y_score of b: .* found 'nan'"),
        (HEADER + GOOD.replace("0.2", ""), "y_score of b: .* found ''"),
        (HEADER + GOOD.replace("0.2", "inf"), "y_score of b: .* found 'inf'"),
        (HEADER + GOOD.replace("0.2", "-0.2"), "y_score of b: .* found '-0.2'"),
        (HEADER + GOOD.replace("0.2", "1.2"), "from 0 to 1, found '1.2'"),
        (HEADER + GOOD + "a,a,a,val,1,0.9,1\n", "image a is listed twice"),
        (
            HEADER + GOOD.replace("c,b,b,test", "c,b,b,val"),
            "patient b is in two parts, which would leak",
        ),
        (
            HEADER + GOOD.replace("b,b,b,test", "d,b,b,test"),
            "picture b lacks the image",
        ),
        (
            HEADER + GOOD.replace("c,b,b,test", "c,b,d,test"),
            "picture b is in two patients, which would leak",
        ),
    ],
)
def test_an_edited_file_is_one_clear_line(tmp_path, text, message):
    with pytest.raises(InputError, match=rf"predictions\.csv: .*{message}") as caught:
        observations.read(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.csv: cannot be read"):
        observations.read(tmp_path / "gone.csv")
    with pytest.raises(InputError, match=r"gone\.csv: cannot be read"):
        observations.read_baselines(tmp_path / "gone.csv")


def of_two_baselines():
    rows = GOOD.splitlines()
    lines = [f"nearest,{row}" for row in rows] + [f"facts,{row}" for row in rows]
    return f"baseline,{HEADER}" + "\n".join(lines) + "\n"


def test_baselines_come_back_by_name_in_their_order(tmp_path):
    found = observations.read_baselines(write(tmp_path, of_two_baselines()))
    assert list(found) == ["nearest", "facts"]
    alone = observations.read(write(tmp_path, HEADER + GOOD))
    for table in found.values():
        pd.testing.assert_frame_equal(table, alone)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + GOOD, "expected a column 'baseline', found none"),
        ("baseline," + HEADER, "expected one row per image, found none"),
        (
            of_two_baselines().replace(
                "facts,b,b,b,test,0,0.2", "facts,b,b,b,test,0,nan"
            ),
            "y_score of b: .* found 'nan'",
        ),
        (
            of_two_baselines().replace("facts,b,b,b,test", "facts,a,b,b,test"),
            "image a is listed twice",
        ),
    ],
)
def test_edited_baselines_are_one_clear_line(tmp_path, text, message):
    with pytest.raises(InputError, match=rf"predictions\.csv: {message}"):
        observations.read_baselines(write(tmp_path, text))


def test_a_picture_is_scored_by_the_mean_of_its_copies():
    table = pd.DataFrame(
        {
            "image_id": ["c", "a", "b", "d"],
            "picture": ["a", "a", "b", "b"],
            "patient": ["a", "a", "a", "a"],
            "y_true": [1, 0, 1, 0],
            "y_score": [0.1, 0.2, 0.3, 0.4],
        }
    )
    rows = observations.per_picture(table)
    assert rows["picture"].tolist() == ["a", "b"]
    assert rows["y_true"].tolist() == [0, 1]  # of the image named like the picture
    assert rows["y_score"].tolist() == pytest.approx([0.15, 0.35])
    assert observations.observed(table).patient.tolist() == ["a", "a"]


def test_a_run_of_cross_validation_names_its_numbers():
    scores = np.array([0.70000001, 0.2], np.float32)
    table = predictions.of_run("vgg", (1, 2, 50, 0), index(file="x.jpg"), scores)
    assert tuple(table.columns) == predictions.RUN_COLUMNS
    assert table["image_id"].tolist() == ["a", "b"]
    assert table["y_score"].tolist() == [0.2, 0.7]
    assert set(table["classifier"]) == {"vgg"}
    numbers = table[[*predictions.RUN]].drop_duplicates()
    assert numbers.to_numpy().tolist() == [[1, 2, 50, 0]]


def test_a_score_that_is_no_number_names_the_fold():
    with pytest.raises(InputError, match=r"fold 2 of repeat 1, image b: .* nan"):
        predictions.of_run("vgg", (1, 2, 100, 0), index(), np.array([np.nan, 0.2]))


def test_a_leaked_image_may_belong_to_a_picture_of_another_part(tmp_path):
    """It is no case of its own, so it needs no naming image beside it."""
    leaked = "z,a,a,leaked,1,0.9,1\ny,elsewhere,elsewhere,leaked,0,0.1,0\n"
    found = observations.read(write(tmp_path, HEADER + GOOD + leaked))
    assert (found["part"] == "leaked").sum() == 2
    test = leaked.replace("leaked", "test")
    with pytest.raises(InputError, match="would leak|lacks the image"):
        observations.read(write(tmp_path, HEADER + GOOD + test))
