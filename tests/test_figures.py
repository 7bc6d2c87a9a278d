import numpy as np
import pandas as pd
import pytest
from PIL import Image

from brain_mri import figures
from brain_mri.arrays import Packed
from brain_mri.images import write_png
from brain_mri.report import model_names

NAMES = model_names("random")
SCORE = {"accuracy": 0.75, "tp": 1, "fp": 1, "fn": 0, "tn": 2, "n_groups": 4}
HISTORY = pd.DataFrame(
    {"epoch": [1, 2], "loss": [0.7, 0.5], "accuracy": [0.5, 0.8]}
).assign(val_loss=[0.7, 0.6], val_accuracy=[0.5, 0.6])
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 16, 16)).astype(np.uint8)
IDS = ["a", "b", "c", "d"]


def part():
    return Packed(IMAGES, pd.DataFrame({"image_id": IDS, "y_true": [0, 1, 0, 1]}))


def predictions():
    return pd.DataFrame(
        {
            "image_id": IDS,
            "part": "test",
            "y_true": [0, 1, 0, 1],
            "y_score": [0.1, 0.9, 0.8, 0.7],
            "y_pred": [0, 1, 1, 1],
        }
    )


DRAWN = {
    "counts": lambda: figures.class_counts(
        pd.DataFrame({"part": ["train", "val", "test"], "y_true": [0, 1, 1]})
    ),
    "curves": lambda: figures.curves(HISTORY, "a network"),
    "accuracies": lambda: figures.accuracies({"scratch": SCORE, "vgg": SCORE}, NAMES),
    "confusions": lambda: figures.confusions({"scratch": SCORE, "vgg": SCORE}, NAMES),
    "roc": lambda: figures.roc(
        {"scratch": pd.DataFrame({"fpr": [0.0, 1.0], "tpr": [0.0, 1.0]})}, NAMES
    ),
    "augmentation": lambda: figures.augmentation(
        Packed(IMAGES, pd.DataFrame({"variant": [0, 0, 1, 1]}))
    ),
    "predictions": lambda: figures.predictions(part(), predictions(), "a network"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_same_input_same_bytes(name, tmp_path):
    for copy in ("first", "second"):
        figures.save(DRAWN[name](), tmp_path / f"{copy}.png")
    first, second = (tmp_path / f"{copy}.png" for copy in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as picture:
        assert picture.width > 300
        assert "Software" not in picture.info


def test_examples_show_each_class(tmp_path):
    for name in IDS:
        write_png(tmp_path / f"{name}.png", IMAGES[0])
    crops = pd.DataFrame(
        {
            "image_id": IDS,
            "label": ["no", "no", "yes", "yes"],
            "file": [f"{name}.png" for name in IDS],
        }
    )
    figure = figures.examples(crops, tmp_path)
    shown = [axis for axis in figure.axes if axis.images]
    assert len(shown) == 4
    assert figure.axes[0].get_title(loc="left") == "class no"


def test_errors_come_first_and_are_named():
    figure = figures.predictions(part(), predictions(), "a network")
    titles = [axis.get_title() for axis in figure.axes if axis.images]
    assert titles[0] == "WRONG: yes (0.80)\ntruth: no"
    assert titles[1] == "no (0.10)\ntruth: no"
    assert (figure.axes[0].images[0].get_array() == IMAGES[2]).all()


def test_accuracies_show_the_counts():
    figure = figures.accuracies({"scratch": SCORE, "vgg": SCORE}, NAMES)
    assert any("3 of 4" in text.get_text() for text in figure.axes[0].texts)


def test_a_part_without_one_class_is_drawn_as_zero():
    figure = figures.class_counts(pd.DataFrame({"part": ["train"], "y_true": [0]}))
    assert len(figure.axes[0].patches) == 6
