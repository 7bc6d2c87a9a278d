"""Choose epochs, learning-rate factor and weight decay of each network.

Every setting is scored by grouped cross-validation *inside the training part* of
finished runs: a network trains on the other folds with their augmented variants and
scores the originals of its fold, one image per group. Validation and test parts are
never opened. Both networks get the same number of settings.

    python benchmarks/recipe.py NETWORK FOLDER[:FOLDS] ...

NETWORK is scratch or vgg. FOLDER is the `data` folder of a run. FOLDS is the number of
its five folds to score (default: all). Prints one Markdown row per setting and data set
to standard error.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from brain_mri.files import arrays
from brain_mri.files.arrays import Part
from brain_mri.networks import (
    backend,
    inference,
    scratch,
    standardising,
    training,
    vgg16_head,
)

SEED, FOLDS, THREADS = 7, 5, 2
LR, BATCH_SIZE, DROPOUT = 1e-3, 32, 0.5  # as in params.yaml


class Setting(NamedTuple):
    """Hold the parameters to be chosen."""

    epochs: int
    lr_scale: float
    weight_decay: float


# The first nine were tried on all data sets, the other six on the real one alone.
SETTINGS = {
    "scratch": [
        Setting(8, 0.3, 0.0),
        Setting(8, 1.0, 10.0),
        Setting(8, 1.0, 50.0),
        Setting(8, 0.3, 50.0),
        Setting(8, 0.3, 200.0),
        Setting(16, 1.0, 10.0),
        Setting(16, 1.0, 50.0),
        Setting(16, 0.3, 50.0),
        Setting(16, 1.0, 25.0),
        Setting(4, 0.3, 0.0),
        Setting(4, 1.0, 0.0),
        Setting(4, 1.0, 10.0),
        Setting(4, 1.0, 30.0),
        Setting(4, 0.3, 50.0),
        Setting(4, 0.1, 0.0),
    ],
    "vgg": [
        Setting(20, 0.5, 0.0),
        Setting(20, 0.5, 3.0),
        Setting(20, 0.5, 10.0),
        Setting(20, 0.5, 30.0),
        Setting(20, 0.2, 30.0),
        Setting(10, 0.5, 10.0),
        Setting(10, 1.0, 10.0),
        Setting(40, 0.5, 10.0),
        Setting(20, 1.0, 10.0),
        Setting(5, 0.1, 0.0),
        Setting(5, 0.1, 3.0),
        Setting(5, 0.5, 0.0),
        Setting(5, 0.5, 3.0),
        Setting(20, 0.1, 0.0),
        Setting(20, 0.1, 3.0),
    ],
}


def folds(index: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the training rows and the originals to score, in separate groups."""
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    alone = (index["variant"] == 0) & (index["image_id"] == index["patient"])
    rows = np.flatnonzero(alone)
    y_true, groups = index["y_true"].iloc[rows], index["patient"].iloc[rows]
    for _, held in splitter.split(rows, y_true, groups):
        scored = rows[held]
        learnt = ~index["patient"].isin(groups.iloc[held])
        yield np.flatnonzero(learnt), scored


def scores(network: str, part: Part, learn: Part, s: Setting) -> np.ndarray:
    """Train one network on `learn` and return its scores for `part`."""
    backend.prepare(SEED, threads=THREADS)
    if network == "vgg":
        model = vgg16_head.head(vgg16_head.vgg16_classifier(32, DROPOUT))
        scale = standardising.measure(learn.values)
        learn, part = (standardising.standardise(p, scale) for p in (learn, part))
    else:
        model = scratch.scratch_cnn(part.values.shape[1], DROPOUT)
    training.fit(
        model,
        learn,
        part,
        lr=LR * s.lr_scale,
        epochs=s.epochs,
        batch_size=BATCH_SIZE,
        weight_decay=s.weight_decay,
        seed=SEED,
    )
    return inference.predict(model, part)[:, 0]


def row(network: str, folder: Path, count: int, s: Setting) -> dict[str, object]:
    """Score a setting on `count` folds of a run's training part."""
    inside = "augmented" if network == "scratch" else "features/train"
    whole = arrays.read(folder / inside)
    y_true, y_score, constant, areas = [], [], [], []
    for learnt, scored in list(folds(whole.index))[:count]:
        learn, part = (
            Part(whole.values[rows], whole.index.iloc[rows].reset_index(drop=True))
            for rows in (learnt, scored)
        )
        found = scores(network, part, learn, s)
        alone = learn.index[learn.index["image_id"] == learn.index["patient"]]
        y_true.append(part.y_true)
        y_score.append(found)
        constant.append(np.full(len(found), alone["y_true"].mean()))
        areas.append(roc_auc_score(part.y_true, found))
    truth, said = np.concatenate(y_true), np.concatenate(y_score).astype(np.float64)
    return {
        "network": network,
        "data": folder.parent.name,
        **s._asdict(),
        "groups": len(truth),
        "log loss": log_loss(truth, np.clip(said, 1e-7, 1 - 1e-7)),
        "of the class share": log_loss(truth, np.concatenate(constant)),
        "ROC AUC": float(np.mean(areas)),
        "accuracy": float(((said >= 0.5) == truth).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("network", choices=SETTINGS)
    parser.add_argument("folder", nargs="+", help="FOLDER[:FOLDS]")
    parser.add_argument("--first", type=int, default=0, help="index of first setting")
    parser.add_argument("--last", type=int, default=None, help="index after the last")
    arguments = parser.parse_args()
    for setting in SETTINGS[arguments.network][arguments.first : arguments.last]:
        for name in arguments.folder:
            folder, _, count = name.partition(":")
            found = row(arguments.network, Path(folder), int(count or FOLDS), setting)
            cells = (f"{v:.3f}" if isinstance(v, float) else v for v in found.values())
            print("|", " | ".join(map(str, cells)), "|", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
