import shutil

import pandas as pd
import pytest
from conftest import ROOT

from brain_mri import config
from brain_mri.errors import InputError
from brain_mri.files import values
from brain_mri.gate import recompute


def params(folder):
    return config.load(folder / "params.yaml")


def test_the_committed_results_follow_from_the_committed_predictions():
    assert recompute.differences(ROOT / "metrics", params(ROOT)) == []


@pytest.fixture
def metrics(project, tmp_path):
    shutil.copytree(project / "metrics", tmp_path / "metrics")
    return tmp_path / "metrics"


def test_what_the_stages_wrote_follows_from_the_predictions(project, metrics):
    assert recompute.differences(metrics, params(project)) == []


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("scratch.json", '"accuracy": 0', '"accuracy": 1', "val.accuracy: found 1"),
        (
            "vgg.json",
            '"n_pictures": 6',
            '"n_pictures": 7',
            "test.n_pictures: found 7, exp",
        ),
        ("vgg.json", '"log_loss":', '"loss":', "val.log_loss: missing"),
        ("statistics.csv", "majority,", "minority,", "model: found 'minority'"),
        (
            "verdict.json",
            '"n_pictures": 6',
            '"n_pictures": 60',
            "n_pictures: found 60, exp",
        ),
        ("comparison.csv", ",random", ",imagenet", "vgg_weights: found 'imagenet'"),
        ("comparison.csv", "No verdict", "A verdict", "sentence: found 'A verdict"),
        ("selected.json", '"scratch"', '"vgg"', "model: found 'vgg'"),
        ("statistics.csv", "vgg,val,accuracy,", "vgg,val,accuracy,1", ", value: found"),
        ("statistics.csv", "model,", "models,", "columns: found 'models,"),
        ("scratch_roc.csv", "0.0,0.0,", "0.5,0.0,", "line 2, fpr: found 0.5"),
        ("split_counts.csv", "images,6", "images,60", "images: found 60, expected 6"),
        ("vgg_confusion.csv", "\nno,", "\nyes,", "actual: found 'yes', expected 'no'"),
    ],
)
def test_an_edited_value_is_named(project, metrics, file, old, new, told):
    edit(metrics / file, old, new)
    first = recompute.differences(metrics, params(project))[0]
    assert first.startswith(f"{metrics / file}: ")
    assert told in first


def test_edited_predictions_show_in_what_follows_from_them(project, metrics):
    path = metrics / "scratch_predictions.csv"
    table = pd.read_csv(path, dtype=str)
    table["y_score"] = table["y_true"].replace({"0": "0.1", "1": "0.9"})
    table.to_csv(path, index=False)
    lines = recompute.differences(metrics, params(project))
    named = {line.split(":")[0].rsplit("/")[-1] for line in lines}
    assert {"scratch.json", "comparison.csv", "statistics.csv"} <= named
    assert "vgg.json" not in named


@pytest.mark.parametrize("name", ["scratch", "vgg", "baselines"])
def test_an_answer_that_does_not_follow_from_its_score_is_named(project, metrics, name):
    path = metrics / f"{name}_predictions.csv"
    table = pd.read_csv(path, dtype=str)
    table.loc[0, "y_pred"] = {"0": "1", "1": "0"}[table.loc[0, "y_pred"]]
    table.to_csv(path, index=False)
    lines = recompute.differences(metrics, params(project))
    assert f"{path}: y_pred of {table.loc[0, 'image_id']}: found" in lines[0]


@pytest.mark.parametrize(
    ("name", "value", "file"),
    [
        ("evaluate.threshold", 0.9, "statistics.csv"),
        ("evaluate.verdict_metric", "balanced_accuracy", "comparison.csv"),
        ("vgg.weights", "imagenet", "comparison.csv"),
        ("model", "vgg", "selected.json"),
    ],
)
def test_other_parameters_give_other_results(project, metrics, name, value, file):
    *section, key = name.split(".")
    now = params(project)
    change = {key: value}
    if section:
        change = {section[0]: getattr(now, section[0]).model_copy(update=change)}
    lines = recompute.differences(metrics, now.model_copy(update=change))
    assert any(line.startswith(f"{metrics / file}: ") for line in lines)


def test_a_file_that_cannot_be_read_is_one_line(project, metrics):
    for text, told in [
        ("", "expected a header, found none"),
        ("fpr,tpr,threshold\n1\n", "line 2: 3 cells expected, 1 found"),
    ]:
        (metrics / "scratch_roc.csv").write_text(text)
        with pytest.raises(InputError) as error:
            recompute.differences(metrics, params(project))
        assert str(error.value).startswith(f"{metrics / 'scratch_roc.csv'}: cannot")
        assert told in str(error.value)


def test_the_last_digit_may_differ_and_no_more():
    assert recompute.same(0.123457, 0.123456)
    assert not recompute.same(0.123458, 0.123456)
    assert recompute.same(1, 1.0)
    assert recompute.same(float("inf"), float("inf"))
    assert not recompute.same(float("nan"), 0.5)
    assert not recompute.same(10**400, 0.5)


@pytest.mark.parametrize(
    ("found", "expected"), [(True, 1), (None, 0), ("", 0.0), ("0", 0), (1, None)]
)
def test_a_value_of_another_type_is_another_value(found, expected):
    assert not recompute.same(found, expected)


def test_missing_and_additional_keys_are_named():
    assert recompute.unlike({"a": 1, "c": 3}, {"a": 1, "b": None}) == [
        "b: missing",
        "c: unexpected, found 3",
    ]


def test_a_table_is_read_as_it_is_written():
    table = pd.DataFrame({"name": ["a, b", ""], "value": [0.1, None]})
    assert recompute.leaves(table) == {
        "columns": "name,value",
        "line 2, name": "a, b",
        "line 2, value": 0.1,
        "line 3, name": "",
        "line 3, value": "",
    }


def test_a_summary_is_read_as_it_is_written(metrics):
    content = values.read(metrics / "comparison.csv")
    stored = recompute.stored(metrics / "comparison.csv")
    assert recompute.unlike(stored, recompute.leaves(content)) == []
