"""Null baselines: classifiers without a network, two of them without the pixels.

A network that does not beat them has shown nothing. Each baseline is fitted on the
training part and scores validation and test, as the networks do. All use the threshold
of the verdict (`rule`) whatever `evaluate.threshold` says: another one could change the
majority class. The stored answers, y_pred, are those at 0.5.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from brain_mri.files import predictions
from brain_mri.files.arrays import Part
from brain_mri.files.predictions import VERDICT_THRESHOLD
from brain_mri.imaging import outliers
from brain_mri.imaging.resizing import resize

TREES = 300
SIDE = 64  # px per side of the pictures that `nearest` compares

Features = npt.NDArray[np.floating]
Scorer = Callable[[Part, Part], npt.NDArray[np.float64]]


def predict(
    parts: Mapping[str, Part], manifest: pd.DataFrame, *, seed: int
) -> pd.DataFrame:
    """Fit every baseline on train and predict the other parts.

    Args:
        parts: train and others, with images uint8, shape (n, size, size).
        manifest: columns image_id, width, height, bytes, mode, format.
        seed: seed of the random forests.

    Returns:
        A predictions table with a first column `baseline`.
    """
    indexes = {part: parts[part].index for part in parts if part != "train"}
    tables = []
    for name, scorer in scorers(manifest, seed).items():
        scores = {p: scorer(parts["train"], parts[p])[:, None] for p in indexes}
        table = predictions.table(indexes, scores, VERDICT_THRESHOLD)
        table.insert(0, "baseline", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def scorers(manifest: pd.DataFrame, seed: int) -> dict[str, Scorer]:
    """Return every baseline by name: fits on one part and scores another.

    Args:
        manifest, seed: see `predict`.
    """
    return {
        "majority": majority,
        "file_facts": lambda train, part: file_facts(train, part, manifest, seed),
        "nearest": nearest,
        "histogram": lambda train, part: histogram(train, part, seed),
        "edges": edges,
    }


def majority(train: Part, part: Part) -> npt.NDArray[np.float64]:
    """Score every image by the share of tumours among the training images."""
    return np.full(len(part.index), train.y_true.mean())


def nearest(train: Part, part: Part) -> npt.NDArray[np.float64]:
    """Return the class of the training picture with the smallest pixel distance."""
    model = KNeighborsClassifier(n_neighbors=1, algorithm="brute")
    model.fit(_small(train.values), train.y_true)
    return model.predict(_small(part.values)).astype(np.float64)


def histogram(train: Part, part: Part, seed: int) -> npt.NDArray[np.float64]:
    """Score by a random forest on grey mean, spread, 10th, 50th, 90th percentile."""
    return _forest(_five(train.values), train.y_true, _five(part.values), seed)


def edges(train: Part, part: Part) -> npt.NDArray[np.float64]:
    """Score by a logistic regression on histograms of oriented gradients (HOG)."""
    # C is the best of four in grouped cross-validation on training data:
    # docs/recipe.md
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=5000))
    if len(np.unique(train.y_true)) == 1:
        return train.y_true[:1].repeat(len(part.index)).astype(np.float64)
    model.fit(_edges(train.values), train.y_true)
    return np.asarray(model.predict_proba(_edges(part.values))[:, 1], np.float64)


def file_facts(
    train: Part, part: Part, manifest: pd.DataFrame, seed: int
) -> npt.NDArray[np.float64]:
    """Score by a random forest on size, aspect, bytes, mode and format, no pixels."""
    facts = manifest[manifest["accepted"]].set_index("image_id")
    rows = [facts.loc[packed.index["image_id"]] for packed in (train, part)]
    numbers = [
        np.column_stack([r["width"], r["height"], r["width"] / r["height"], r["bytes"]])
        for r in rows
    ]
    kinds = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    kinds.fit(rows[0][["mode", "format"]])
    seen, asked = (
        np.hstack([n, kinds.transform(r[["mode", "format"]])])
        for n, r in zip(numbers, rows, strict=True)
    )
    return _forest(seen, train.y_true, asked, seed)


def _forest(
    seen: Features, y_true: npt.NDArray[np.int64], asked: Features, seed: int
) -> npt.NDArray[np.float64]:
    # at least two images per leaf, to limit overfitting
    forest = RandomForestClassifier(TREES, min_samples_leaf=2, random_state=seed)
    forest.fit(seen, y_true)
    if len(forest.classes_) == 1:
        return np.full(len(asked), float(forest.classes_[0]))
    return forest.predict_proba(asked)[:, 1]


def _five(images: npt.NDArray[np.uint8]) -> Features:
    numbers = [(i.mean(), i.std(), *np.percentile(i, (10, 50, 90))) for i in images]
    # rounded, or the last bit could decide a branch of a tree
    return np.array(numbers, np.float64).round(6)


def _edges(images: npt.NDArray[np.uint8]) -> Features:
    return np.array([outliers.edges(image) for image in images], np.float64)


def _small(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    small = [resize(image, SIDE, SIDE) for image in images]
    return np.stack(small).reshape(len(images), -1).astype(np.float32)
