import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from brain_mri.presentation import wording
from brain_mri.report import evidence_figures, figures

NAMES = wording.names("imagenet")
FOLDS = {"1": pd.Series([0.1, -0.2, 0.0]), "2": pd.Series([0.0, np.nan, 0.05])}
OVERALL = {"difference": -0.01, "low": -0.1, "high": 0.08}
POINT = {"accuracy": 0.7, "accuracy_low": 0.6, "accuracy_high": 0.8}
CURVES = {
    name: {"50": {"n_train": 60} | POINT, "100": {"n_train": 120} | POINT}
    for name in ("scratch", "vgg", "edges")
}

DRAWN = {
    "forest": lambda: evidence_figures.forest(
        FOLDS, {"1": -0.03, "2": 0.02}, OVERALL, 0.02
    ),
    "learning": lambda: evidence_figures.learning(CURVES, NAMES, "accuracy"),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", DRAWN)
def test_same_input_same_bytes_and_narrow_enough_for_a_phone(name, tmp_path):
    first, second = (tmp_path / f"{copy}.png" for copy in ("first", "second"))
    for path in (first, second):
        figure = DRAWN[name]()
        assert figure.get_figwidth() <= figures.WIDTH
        figures.save(figure, path)
    assert first.read_bytes() == second.read_bytes()


def drawn(axis):
    return [tuple(np.ravel(line.get_xdata())) for line in axis.lines]


def test_a_forest_has_every_fold_every_repeat_and_the_interval():
    (axis,) = DRAWN["forest"]().axes
    lines = drawn(axis)
    assert (0.1, -0.2, 0.0) in lines
    assert (-0.03,) in lines
    assert (0.02,) in lines
    assert lines[-2:] == [(-0.1, 0.08), (-0.01,)]
    low, high = axis.get_xlim()
    assert low == -high < -0.2
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["repeat 1", "repeat 2", "all"]


def test_equal_folds_do_not_hide_each_other():
    same = {"1": pd.Series([0.1, 0.1, 0.1])}
    (axis,) = evidence_figures.forest(same, {"1": 0.1}, OVERALL, 0.02).axes
    dots = next(line for line in axis.lines if len(line.get_xdata()) == 3)
    assert len(set(dots.get_ydata())) == 3


def test_without_an_interval_only_the_mean_is_drawn():
    nothing = OVERALL | {"low": None, "high": None}
    same = {"1": pd.Series([0.0, 0.0])}
    (axis,) = evidence_figures.forest(same, {"1": 0.0}, nothing, 0.02).axes
    assert drawn(axis)[-1] == (-0.01,)
    assert (-0.1, 0.08) not in drawn(axis)


def test_a_learning_curve_has_a_band_and_leaves_out_what_is_undefined():
    empty = {"50": {"n_train": 60} | dict.fromkeys(POINT), "100": CURVES["vgg"]["100"]}
    figure = evidence_figures.learning(CURVES | {"edges": empty}, NAMES, "accuracy")
    (axis,) = figure.axes
    assert len(axis.collections) == 3
    vertices = axis.collections[0].get_paths()[0].vertices
    assert (vertices.min(axis=0) == (60, 0.6)).all()
    assert (vertices.max(axis=0) == (120, 0.8)).all()
    edges = axis.lines[2].get_ydata()
    assert np.isnan(edges[0])
    assert edges[1] == 0.7
