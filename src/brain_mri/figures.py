"""Draw every picture of the report, from tables and arrays alone."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen needed

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brain_mri.arrays import Packed
from brain_mri.images import CLASSES, decode
from brain_mri.splitting import PARTS

# Okabe & Ito's colours, told apart by colour-blind readers, https://jfly.uni-koeln.de/color
SCRATCH, VGG, WRONG = "#0072B2", "#E69F00", "#B34700"
SHOWN = 8  # images in a row
GALLERY = 24  # test images of one model
COLOURS = {"scratch": SCRATCH, "vgg": VGG}
Grey = npt.NDArray[np.uint8]


def save(figure: Figure, path: Path) -> None:
    """Write a PNG that is the same each time: no date and no version inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def examples(crops: pd.DataFrame, folder: Path) -> Figure:
    """Show the first cropped images of each class, by image id, a row a class.

    Args:
        crops: columns image_id, label and file, which lies below `folder`.
        folder: where the crops lie.
    """
    figure, axes = _grid(len(CLASSES), SHOWN)
    for row, label in zip(axes, CLASSES, strict=True):
        mine = crops[crops["label"] == label].sort_values("image_id")
        for axis, file in zip(row, mine["file"], strict=False):
            _show(axis, decode(folder / file).grey)
        row[0].set_title(f"class {label}", loc="left")
    figure.suptitle("Cropped images")
    return figure


def class_counts(split: pd.DataFrame) -> Figure:
    """Draw how many images of each class are in each part.

    Args:
        split: columns y_true (0 or 1) and part.
    """
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    counts = pd.crosstab(split["part"], split["y_true"])
    counts = counts.reindex(index=PARTS, columns=(0, 1), fill_value=0)
    for y_true, colour in ((0, SCRATCH), (1, VGG)):
        places = np.arange(len(counts)) + (y_true - 0.5) * 0.38
        bars = axis.bar(
            places, counts[y_true], 0.36, color=colour, label=CLASSES[y_true]
        )
        axis.bar_label(bars)
    axis.margins(y=0.1)  # room for the numbers
    axis.set_xticks(np.arange(len(counts)), counts.index)
    axis.set(ylabel="images", title="Images in each part")
    axis.legend(title="tumour", frameon=False)
    return figure


def augmentation(augmented: Packed) -> Figure:
    """Show the first training images, each above its variants.

    Args:
        augmented: its index has a column variant, 0 for the original.
    """
    variant = augmented.index["variant"].to_numpy()
    figure, axes = _grid(int(variant.max()) + 1, SHOWN)
    for number, row in enumerate(axes):
        row[0].set_title(f"variant {number}" if number else "original", loc="left")
        images = augmented.values[np.flatnonzero(variant == number)[:SHOWN]]
        for axis, image in zip(row, images, strict=False):
            _show(axis, image)
    figure.suptitle("Augmentation, training images only")
    return figure


def curves(history: pd.DataFrame, title: str) -> Figure:
    """Draw loss and accuracy of one network against the epoch."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(history["epoch"], history[name], color=SCRATCH, label="train")
        axis.plot(
            history["epoch"], history[f"val_{name}"], "--", color=VGG, label="val"
        )
        axis.set(xlabel="epoch", ylabel=name)
        axis.grid(alpha=0.3)
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(0, 1.02)
    axes[0].legend(frameon=False)
    figure.suptitle(title)
    return figure


def accuracies(
    scores: Mapping[str, Mapping[str, float]], names: Mapping[str, str]
) -> Figure:
    """Draw the test accuracies side by side, with the counts they are made of.

    Args:
        scores: for each model its metrics of the test part.
        names: for each model what to call it.
    """
    figure, axis = plt.subplots(figsize=(5.4, 3.6), layout="constrained")
    for place, (model, test) in enumerate(scores.items()):
        axis.bar(place, test["accuracy"], 0.55, color=COLOURS[model])
        right = test["tp"] + test["tn"]
        axis.text(
            place,
            test["accuracy"] + 0.02,
            f"{test['accuracy']:.3f}\n{right} of {test['n_groups']}",
            ha="center",
        )
    axis.set_xticks(range(len(scores)), [names[model] for model in scores])
    axis.axhline(0.5, color="0.5", linestyle=":", linewidth=1)
    axis.set(ylim=(0, 1.2), ylabel="accuracy", title="Test accuracy, one image a group")
    axis.set_yticks(np.linspace(0, 1, 6))
    return figure


def confusions(
    scores: Mapping[str, Mapping[str, int]], names: Mapping[str, str]
) -> Figure:
    """Draw the confusion matrices of the test part, counts of groups.

    Args:
        scores: for each model tp, fp, fn and tn.
        names: for each model what to call it.
    """
    figure, axes = plt.subplots(
        1, len(scores), figsize=(4.2 * len(scores), 3.8), layout="constrained"
    )
    for axis, (model, test) in zip(axes, scores.items(), strict=True):
        counts = np.array([[test["tn"], test["fp"]], [test["fn"], test["tp"]]])
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (i, j), count in np.ndenumerate(counts):
            colour = "white" if shares[i, j] > 0.5 else "black"
            text = f"{count}\n{shares[i, j]:.0%}"
            axis.text(j, i, text, ha="center", va="center", color=colour, fontsize=12)
        axis.set_xticks((0, 1), CLASSES)
        axis.set_yticks((0, 1), CLASSES)
        axis.set(xlabel="predicted", ylabel="truth", title=names[model])
    return figure


def roc(points: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> Figure:
    """Draw the ROC curves of the test part over each other."""
    figure, axis = plt.subplots(figsize=(4.6, 4.4), layout="constrained")
    axis.plot((0, 1), (0, 1), ":", color="0.5", linewidth=1)
    for model, style in zip(points, ("-", "--"), strict=False):
        curve = points[model]
        axis.plot(
            curve["fpr"], curve["tpr"], style, color=COLOURS[model], label=names[model]
        )
    axis.set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC, test groups")
    axis.set_aspect("equal")
    axis.legend(frameon=False, loc="lower right")
    return figure


def predictions(test: Packed, table: pd.DataFrame, name: str) -> Figure:
    """Show test images with truth and prediction, the errors first.

    Args:
        test: the images of the test part.
        table: columns image_id, part, y_true, y_pred (0 or 1) and y_score.
        name: what to call the model.
    """
    row_of = {image_id: row for row, image_id in enumerate(test.index["image_id"])}
    table = table[table["part"] == "test"]
    wrong = (table["y_true"] != table["y_pred"]).rename("wrong")
    ordered = table.assign(wrong=wrong).sort_values(
        ["wrong", "image_id"], ascending=[False, True]
    )
    shown = ordered.head(GALLERY)
    figure, axes = _grid(-(-len(shown) // SHOWN), SHOWN, extra=0.5)
    for axis, row in zip(axes.flat, shown.itertuples(), strict=False):
        _show(axis, test.values[row_of[row.image_id]])
        axis.set_title(
            f"{'WRONG: ' if row.wrong else ''}{CLASSES[row.y_pred]} ({row.y_score:.2f})"
            f"\ntruth: {CLASSES[row.y_true]}",
            fontsize=9,
            color=WRONG if row.wrong else "black",
        )
    figure.suptitle(
        f"{name}: {len(shown)} of {len(table)} test images, "
        f"the {int(wrong.sum())} errors first"
    )
    return figure


def _grid(rows: int, columns: int, extra: float = 0.25) -> tuple[Figure, npt.NDArray]:
    size = (1.6 * columns, (1.6 + extra) * rows + 0.5)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, layout="constrained", squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    return figure, axes


def _show(axis: Axes, image: Grey) -> None:
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
