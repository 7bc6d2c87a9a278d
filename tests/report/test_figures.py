import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from brain_mri.presentation import wording
from brain_mri.report import figures

NAMES = wording.names("random")
BOUNDS = {"accuracy_low": 0.5, "accuracy_high": 0.9}
SCORE = (
    {"accuracy": 0.75, "roc_auc": None, "roc_auc_low": None, "roc_auc_high": None}
    | BOUNDS
    | {"tp": 1, "fp": 1, "fn": 0, "tn": 2, "n_pictures": 4}
)
BOTH = {"scratch": SCORE, "vgg": SCORE}
HISTORY = pd.DataFrame(
    {"epoch": [1, 2], "loss": [0.7, 0.5], "accuracy": [0.5, 0.8]}
).assign(val_loss=[0.7, 0.6], val_accuracy=[0.5, 0.6])
ROC = pd.DataFrame({"fpr": [0.0, 0, 1], "tpr": [0.0, 1, 1]})
RECALL = pd.DataFrame({"recall": [0.0, 0.5, 1], "precision": [1.0, 1, 0.5]})
BINS = pd.DataFrame(
    {"y_score": [0.2, 0.8], "observed": [0.1, 0.7], "low": [0.0, 0.4]}
).assign(high=[0.4, 0.9], n=[10, 12])


def drawn_interval(metric, score=SCORE):
    every = {name: score for name in ("scratch", "vgg", "nearest")}
    return figures.interval(every, NAMES, metric)


DRAWN = {
    "interval": lambda: drawn_interval("accuracy"),
    "training": lambda: figures.training(HISTORY, "scratch", "CNN from scratch"),
    "confusion": lambda: figures.confusion(SCORE, "VGG-16, random convolutions"),
    "roc": lambda: figures.roc({"scratch": ROC, "vgg": ROC}, NAMES),
    "recall": lambda: figures.precision_recall({"vgg": RECALL}, 0.4, NAMES),
    "calibration": lambda: figures.calibration({"scratch": BINS, "vgg": BINS}, NAMES),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def texts(axis):
    return [text.get_text() for text in axis.texts]


@pytest.mark.parametrize("name", DRAWN)
def test_same_input_same_bytes(name, tmp_path):
    for copy in ("first", "second"):
        figures.save(DRAWN[name](), tmp_path / f"{copy}.png")
    first, second = (tmp_path / f"{copy}.png" for copy in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as picture:
        assert picture.width > 300
        assert "Software" not in picture.info


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_narrow_enough_for_a_phone(name):
    assert DRAWN[name]().get_figwidth() <= figures.WIDTH


def test_an_interval_has_its_limits_and_each_row_name_and_value():
    (axis,) = drawn_interval("accuracy").axes
    lines = [line.get_xdata() for line in axis.lines]
    assert sum(tuple(x) == (0.5, 0.9) for x in lines if np.size(x) == 2) == 3
    assert texts(axis) == [f"{NAMES[name]}: 0.75" for name in (*BOTH, "nearest")]


def test_what_is_undefined_is_said_to_be():
    (axis,) = drawn_interval("roc_auc").axes
    assert texts(axis) == [f"{NAMES[name]}: undefined" for name in (*BOTH, "nearest")]
    assert axis.get_xlabel() == "ROC AUC"


def test_a_confusion_shows_counts_and_shares_of_each_class():
    (axis,) = DRAWN["confusion"]().axes
    assert texts(axis) == ["2\n67%", "1\n33%", "0\n0%", "1\n100%"]
    assert axis.get_title() == "VGG-16, random convolutions"


def test_a_class_that_is_not_there_is_counted_as_0():
    one = {"tp": 0, "fn": 0, "fp": 1, "tn": 3}
    (axis,) = figures.confusion(one, "VGG-16").axes
    assert texts(axis)[2:] == ["0\n0%", "0\n0%"]


def test_an_undefined_curve_is_said_to_be():
    nothing = pd.DataFrame({"fpr": [], "tpr": []})
    axis = figures.roc({"scratch": nothing, "vgg": nothing}, NAMES).axes[0]
    assert texts(axis) == ["undefined: one class only"]
    assert texts(DRAWN["roc"]().axes[0]) == []
    nothing = pd.DataFrame({"recall": [], "precision": []})
    both = {"scratch": nothing, "vgg": nothing}
    axis = figures.precision_recall(both, 1.0, NAMES).axes[0]
    assert texts(axis) == ["undefined: one class only"]


def test_a_short_curve_is_not_called_undefined():
    """All scores equal make two points, or one bin, and both classes may be there."""
    ends = pd.DataFrame({"fpr": [0.0, 1.0], "tpr": [0.0, 1.0]})
    axis = figures.roc({"scratch": ends, "vgg": ends}, NAMES).axes[0]
    assert texts(axis) == []
    one = pd.DataFrame(
        {"n": [20], "y_score": [0.5], "observed": [0.4], "low": [0.2], "high": [0.6]}
    )
    axis = figures.calibration({"scratch": one, "vgg": one}, NAMES).axes[0]
    assert texts(axis) == ["20", "20"]


def test_a_single_epoch_can_be_seen():
    metrics = ("loss", "accuracy", "val_loss", "val_accuracy")
    one = pd.DataFrame({"epoch": [1], **{metric: [0.5] for metric in metrics}})
    for axis in figures.training(one, "vgg", "VGG-16").axes:
        assert all(line.get_marker() == "." for line in axis.lines)
        axis.figure.canvas.draw()
        assert all(text.get_text().isdigit() for text in axis.get_xticklabels())


def test_training_never_hides_a_loss():
    loss, _ = DRAWN["training"]().axes
    assert loss.get_ylim()[1] > 0.7
    assert loss.get_title() == "CNN from scratch"


def test_calibration_counts_the_groups_of_each_bin():
    assert texts(DRAWN["calibration"]().axes[0]).count("12") == 2
