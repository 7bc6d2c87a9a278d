import numpy as np
import pandas as pd
import pytest

from brain_mri.evidence import baselines, labels, observations, scoring
from brain_mri.files import predictions, tables
from brain_mri.files.arrays import Part

pytestmark = pytest.mark.filterwarnings("error")


def packed(values, y_true, prefix=""):
    values = np.asarray(values, np.uint8)
    ids = [f"{prefix}{i:03d}" for i in range(len(values))]
    index = pd.DataFrame(
        {"image_id": ids, "picture": ids, "patient": ids, "y_true": y_true}
    )
    return Part(values, index)


def grey(*levels, side=4):
    return np.stack([np.full((side, side), level, np.uint8) for level in levels])


def manifest(*parts, **columns):
    """Return one plain row an image, and a rejected file that has no id."""
    ids = [name for part in parts for name in part.index["image_id"]]
    table = pd.DataFrame({"image_id": ids, "accepted": True})
    plain = {"width": 100, "height": 50, "bytes": 900, "mode": "L", "format": "JPEG"}
    table = table.assign(**{**plain, **columns})
    rejected = {"image_id": "", "accepted": False, "width": 0, "height": 0, "bytes": 0}
    rejected |= {"mode": "", "format": ""}
    return pd.concat([table, pd.DataFrame([rejected, rejected])], ignore_index=True)


def three_parts(seed=0):
    rng = np.random.default_rng(seed)
    parts = {}
    for name, n in (("train", 30), ("val", 8), ("test", 9)):
        y_true = np.arange(n) % 2
        noise = rng.integers(0, 100, (n, 4, 4))
        parts[name] = packed(noise + 60 * y_true[:, None, None], y_true, name)
    return parts


def facts_of(parts, seed=0):
    table = manifest(*parts.values())
    width = np.random.default_rng(seed).integers(50, 300, len(table))
    return table.assign(width=width, bytes=width * 7)


@pytest.fixture
def few_trees(monkeypatch):
    monkeypatch.setattr(baselines, "TREES", 10)


def test_majority_answers_the_share_of_tumours():
    train, part = packed(grey(1, 2, 3, 4), [1, 1, 1, 0]), packed(grey(9, 9), [0, 0])
    assert baselines.majority(train, part).tolist() == [0.75, 0.75]


def test_nearest_answers_by_the_nearest_picture():
    train = packed(grey(0, 100, 250), [1, 0, 1])
    asked = packed(grey(10, 60, 90, 170, 180), [0] * 5)
    assert baselines.nearest(train, asked).tolist() == [1, 0, 0, 0, 1]


def halves():
    left, right = np.zeros((2, 4, 4), np.uint8)
    left[:, :2] = right[:, 2:] = 200
    return left, right


def test_nearest_sees_where_the_light_is_and_the_histogram_does_not():
    left, right = halves()
    train = packed([left, right] * 10, [0, 1] * 10)
    asked = packed([left * 0.9, right * 0.9], [0, 1])
    assert baselines.nearest(train, asked).tolist() == [0, 1]
    first, second = baselines.histogram(train, asked, seed=0)
    assert first == second


def test_histogram_learns_from_how_bright_a_picture_is():
    train = packed(grey(*range(0, 40, 2), *range(100, 140, 2)), [0] * 20 + [1] * 20)
    no, yes = baselines.histogram(train, packed(grey(11, 119), [0, 0]), seed=0)
    assert no < 0.1
    assert yes > 0.9


def test_the_five_numbers_by_hand():
    image = np.arange(11, dtype=np.uint8).reshape(1, 1, 11) * 10
    five = baselines._five(image)
    assert five.tolist() == [[50, pytest.approx(1000**0.5), 10, 50, 90]]


def test_file_facts_learn_from_the_width_alone_and_see_no_pixel():
    y_true = np.arange(40) % 2
    train, asked = packed(grey(*[7] * 40), y_true), packed(grey(7, 7), [0, 1], "t")
    width = [*np.where(y_true, 300, 100), 100, 300, 0, 0]
    facts = manifest(train, asked).assign(width=width)
    no, yes = baselines.file_facts(train, asked, facts, seed=0)
    assert no < 0.1
    assert yes > 0.9
    dark = packed(grey(*range(40)), y_true), packed(grey(0, 255), [0, 1], "t")
    assert baselines.file_facts(*dark, facts, seed=0).tolist() == [no, yes]


@pytest.mark.parametrize(
    ("column", "no", "yes"),
    [("bytes", 900, 4000), ("mode", "L", "RGB"), ("format", "JPEG", "PNG")],
)
def test_file_facts_learn_from_each_fact(column, no, yes):
    train = packed(grey(*[7] * 40), np.arange(40) % 2)
    asked = packed(grey(7, 7), [0, 0], "t")
    facts = manifest(train, asked)
    facts[column] = [no, yes] * 22
    first, second = baselines.file_facts(train, asked, facts, seed=0)
    assert (first, second) == (pytest.approx(0, abs=0.1), pytest.approx(1, abs=0.1))


def test_a_mode_that_training_never_saw_is_no_error(few_trees):
    train, asked = packed(grey(*[7] * 40), np.arange(40) % 2), packed(grey(7), [0], "t")
    facts = manifest(train, asked)
    facts.loc[facts["image_id"] == "t000", ["mode", "format"]] = ["CMYK", "TIFF"]
    (score,) = baselines.file_facts(train, asked, facts, seed=0)
    assert 0 <= score <= 1


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_in_training_is_the_answer_everywhere(few_trees, label):
    parts = three_parts()
    train = parts["train"]
    parts["train"] = Part(train.values, train.index.assign(y_true=label))
    table = baselines.predict(parts, facts_of(parts), seed=0)
    assert set(table["y_score"]) == {label}


def test_each_answers_for_validation_and_test(few_trees, tmp_path):
    parts = three_parts()
    table = baselines.predict(parts, facts_of(parts), seed=0)
    assert tuple(table.columns) == ("baseline", *predictions.COLUMNS)
    assert table["baseline"].unique().tolist() == list(labels.BASELINES)
    tables.write_csv(tmp_path / "b.csv", table)
    found = observations.read_baselines(tmp_path / "b.csv")
    for rows in found.values():
        assert rows["part"].value_counts().to_dict() == {"val": 8, "test": 9}
        assert (rows["y_pred"] == (rows["y_score"] >= 0.5)).all()
    scores = {
        name: scoring.score(rows[rows["part"] == "test"], 0.5)
        for name, rows in found.items()
    }
    assert list(scores) == list(labels.BASELINES)
    assert {score["n_pictures"] for score in scores.values()} == {9}  # the test alone
    assert scores["majority"]["sensitivity"] == 1
    assert scores["majority"]["roc_auc"] == 0.5


def test_same_seed_same_scores_other_seed_others(few_trees):
    parts = three_parts()
    facts = facts_of(parts)
    first, again, other = (
        baselines.predict(parts, facts, seed=seed).to_csv() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_the_answers_are_blind_to_the_classes_that_are_asked_for(few_trees):
    parts = three_parts()
    facts = facts_of(parts)
    expected = baselines.predict(parts, facts, seed=0)
    for name in ("val", "test"):
        index = parts[name].index
        parts[name] = Part(parts[name].values, index.assign(y_true=1 - index.y_true))
    found = baselines.predict(parts, facts, seed=0)
    assert (found["y_true"] != expected["y_true"]).all()
    pd.testing.assert_series_equal(found["y_score"], expected["y_score"])
