"""Load the networks of the last run, as dvc.lock records it, for use on new images."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from brain_mri import arrays, oddness, tables
from brain_mri.errors import InputError
from brain_mri.predicting import Likeness, Network

DATA, MODELS = Path("data"), Path("models")
CONVOLUTIONS = {"scratch": MODELS / "scratch", "vgg": DATA / "vgg16_notop.weights.h5"}


@dataclass(frozen=True)
class Trained:
    """Hold what the last run was made with.

    image_size: side of the input, px. threshold: of the decision. champion: scratch or
    vgg. vgg_weights: imagenet or random. dataset: the folder, and the MD5 that DVC
    gives it.
    """

    image_size: int
    threshold: float
    champion: str
    vgg_weights: str
    dataset: str
    dataset_md5: str


def trained(root: Path) -> Trained:
    """Read from `root`/dvc.lock what the networks were trained with.

    Never params.yaml: somebody may have changed it since.

    Raises:
        InputError: there is no complete run.
    """
    path = root / "dvc.lock"
    try:
        stages = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]
        taken: dict[str, Any] = {}
        for name in ("crop", "evaluate@scratch", "evaluate@vgg", "compare"):
            taken |= stages[name]["params"]["params.yaml"]
        # of what the crop reads, the data set alone is a folder
        [dataset] = [d for d in stages["crop"]["deps"] if d["md5"].endswith(".dir")]
        return Trained(
            image_size=int(taken["image_size"]),
            threshold=float(taken["evaluate.threshold"]),
            champion=str(taken["model"]),
            vgg_weights=str(taken["vgg.weights"]),
            dataset=str(dataset["path"]),
            dataset_md5=str(dataset["md5"]),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
        raise InputError(
            f"{path}: expected the record of a whole run, found none; dvc repro first"
        ) from None


def load(root: Path, name: str, image_size: int) -> Any:
    """Load one network of the last run, a float32 Keras model; loads TensorFlow.

    Raises:
        InputError: its weights are not there, or do not fit.
    """
    convolutions, folder = root / CONVOLUTIONS[name], root / MODELS / name
    for path in (folder, convolutions):
        if not path.exists():
            raise InputError(f"{path}: not there; dvc repro, or dvc pull, brings it")
    # TensorFlow's start-up notes would hide the answers
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from brain_mri import models, training

    training.prepare(seed=0)  # nothing here is random; always float32
    return models.load(name, image_size, convolutions, folder)


def network(model: Any) -> Network:
    """Make a loaded Keras model ready to be asked for scores and heat maps."""
    from brain_mri import explain, training

    def score(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        found = model.predict_on_batch(training.to_rgb(crops))
        return np.asarray(found, np.float32)[:, 0]

    def heat(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        unlabelled = pd.DataFrame({"y_true": np.zeros(len(crops), np.int64)})
        part = arrays.Packed(crops, unlabelled)
        layer = explain.LAST_MAPS[model.name]
        maps = explain.heatmaps(model, part, training.to_rgb, layer)
        # each by itself: a picture must not depend on those beside it
        return np.concatenate([explain.to_grey(one[np.newaxis]) for one in maps])

    return Network(model.name, score, heat)


def likeness(root: Path) -> Likeness | None:
    """Describe the training images of the last run; none where they are not there.

    Raises:
        InputError: their tables cannot be read.
    """
    folder = root / DATA / "split" / "train"
    if not (folder / "values.npy").is_file():
        return None
    part = arrays.read(folder)
    crops = tables.read_csv(root / DATA / "crop.csv").set_index("image_id")
    boxes = crops.loc[part.index["image_id"]]
    aspects = (boxes["x1"] - boxes["x0"]) / (boxes["y1"] - boxes["y0"])
    described = np.stack(
        [
            oddness.features(np.asarray(crop), aspect)
            for crop, aspect in zip(part.values, aspects, strict=True)
        ]
    )
    groups = part.index["group"].to_numpy()
    first = np.unique(groups, return_index=True)[1]
    if len(first) < oddness.NEIGHBOURS:
        return None
    limit = oddness.fence(oddness.distances(described, groups))
    return Likeness(described[first], limit)
