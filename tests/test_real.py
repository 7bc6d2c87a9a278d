"""What README says of the real set follows from the scores in docs/real/."""

import pandas as pd
import pytest
from conftest import ROOT

from brain_mri.evidence import comparison, observations, scoring
from brain_mri.files import values
from brain_mri.files.names import NETWORKS
from brain_mri.files.tables import read_csv
from brain_mri.presentation import wording

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
