"""What README says of the real set follows from the scores in docs/real/."""

import pandas as pd
import pytest
from conftest import ROOT

from brain_mri.evidence import comparison, crossval, foldwise, observations, scoring
from brain_mri.files import values
from brain_mri.files.names import NETWORKS
from brain_mri.files.tables import read_csv
from brain_mri.presentation import wording

FOLDS = "crossval_predictions.csv"
REAL = ROOT / "docs" / "real"
README = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
RUNS = {"128": "imagenet", "without-doubtful": "imagenet", "random": "random"}


def tables(run):
    """Read the predictions of one run: of the networks, the baselines, the training."""
    found, trained = {}, {}
    for name in NETWORKS:
        if (path := REAL / run / f"{name}_predictions.csv").exists():
            found[name] = observations.read(path)
            path = REAL / run / f"{name}_train_predictions.csv"
            trained[name] = observations.read(path, observations.TRAINED)
    nulls = observations.read_baselines(REAL / run / "baselines_predictions.csv")
    return found, nulls, trained


def rows(run, weights="imagenet"):
    """Return the lines of the headline table, as reports/summary.md has them."""
    found, nulls, _ = tables(run)
    tests = {
        name: scoring.score(table[table["part"] == "test"], 0.5)
        for name, table in {**found, **nulls}.items()
    }
    for row in wording.headline(tests, wording.names(weights)):
        cells = (row[key] for key in ("name", "right", "accuracy", "sensitivity"))
        yield "| " + " | ".join([*cells, row["specificity"], row["roc_auc"]]) + " |"


def fold_rows(run):
    """Return the lines of the table of a cross-validation: means of the folds."""
    scores = foldwise.main_runs(crossval.fold_scores(read_csv(REAL / run / FOLDS)))
    called = wording.names("imagenet")
    for name in filter(set(scores["classifier"]).__contains__, called):
        means = foldwise.means(scores[scores["classifier"] == name])
        cells = [wording.with_interval(means, metric) for metric in foldwise.METRICS]
        yield "| " + " | ".join([called[name], *cells]) + " |"


def test_the_headline_is_that_of_the_cross_validation():
    found = crossval.summarise(
        read_csv(REAL / "crossval" / FOLDS), rope=0.02, weights="imagenet"
    )
    assert found["design"]["repeats"] == 3
    assert found["design"]["folds"] == 5
    sentence = " ".join(found["sentence"].split())
    assert sentence in README.replace("> ", "").partition("## Two commands")[0]
    for line in fold_rows("crossval"):
        assert line in README, line
    for share in ("25", "50", "100"):
        assert wording.difference(found["learning"]["difference"][share]) in README
    for points in ("5", "10"):
        pictures = wording.pictures_needed(found["needed"][points]["cross_validation"])
        assert f"about {pictures} " in README


def test_the_cross_validation_at_224_pixels_is_that_of_its_scores():
    (line,) = (row for row in fold_rows("crossval-224") if row.startswith("| VGG-16"))
    assert line.replace("ImageNet", "ImageNet, 224 pixels") in README, line


def test_224_pixels_are_compared_in_the_same_folds():
    runs = ("crossval", "crossval-224")
    tables = [foldwise.main_runs(read_csv(REAL / run / FOLDS)) for run in runs]
    cnn, vgg = (
        table[table["classifier"] == name]
        for table, name in zip(tables, NETWORKS, strict=True)
    )
    scores = crossval.fold_scores(pd.concat([cnn, vgg]))
    found = foldwise.interval(foldwise.difference(scores, *NETWORKS))
    assert f"by {wording.difference(found)}" in README


def test_both_cross_validations_have_the_same_folds():
    keys = ["repeat", "fold", "image_id", "picture", "patient", "y_true"]
    tables = (read_csv(REAL / f"crossval{end}" / FOLDS) for end in ("", "-224"))
    first, again = (
        foldwise.main_runs(table[table["classifier"] == "vgg"])[keys]
        for table in tables
    )
    pd.testing.assert_frame_equal(
        first.reset_index(drop=True), again.reset_index(drop=True)
    )
    assert first.groupby(["repeat", "picture"])["fold"].nunique().max() == 1
    assert not first.duplicated(["repeat", "image_id"]).any()


def test_the_headline_table_is_that_of_the_scores():
    for line in rows("128"):
        assert line in README, line


def test_the_row_of_224_pixels_is_that_of_its_scores():
    (line,) = (line for line in rows("224") if line.startswith("| VGG-16"))
    assert line in README, line


@pytest.mark.parametrize(("run", "weights"), RUNS.items())
def test_the_sentence_is_that_of_the_scores(run, weights):
    said = comparison.compare(*tables(run), weights)["sentence"]
    assert " ".join(said.split()) in README.replace("> ", ""), said


@pytest.mark.parametrize("run", [*RUNS, "224"])
def test_no_group_is_in_two_parts(run):
    found, _, trained = tables(run)
    for name, table in found.items():
        together = pd.concat([table, trained[name]])
        assert together.groupby("patient")["part"].nunique().max() == 1
        assert together["image_id"].is_unique


@pytest.mark.parametrize("run", ["224", "random"])
def test_the_runs_have_the_same_groups_in_the_test(run):
    first, again = (tables(name)[0]["vgg"] for name in ("128", run))
    keys = ["image_id", "picture", "patient", "part", "y_true"]
    pd.testing.assert_frame_equal(first[keys], again[keys])


def test_without_the_doubtful_nobody_moved():
    whole, less = (tables(name)[0]["vgg"] for name in ("128", "without-doubtful"))
    part = whole.set_index("image_id")["part"]
    assert (part[less["image_id"]].to_numpy() == less["part"]).all()
    assert len(less) < len(whole)


def test_nothing_in_there_is_a_picture_or_names_a_file():
    for path in REAL.rglob("*"):
        assert path.is_dir() or path.suffix in (".csv", ".md")
    for path in REAL.glob("*/*.csv"):
        assert not {"file", "label"} & set(pd.read_csv(path).columns)


def test_the_embedded_table_is_that_of_the_committed_metrics():
    scores = scoring.from_statistics(read_csv(ROOT / "metrics" / "statistics.csv"))
    compared = values.read(ROOT / "metrics" / "comparison.csv")
    names = wording.names(compared["vgg_weights"])
    shown = {name: scores[name] for name in NETWORKS}
    for line in wording.side_by_side(shown, names).splitlines()[2:]:
        assert line in README, line
    assert " ".join(compared["sentence"].split()) in README.replace("> ", "")
