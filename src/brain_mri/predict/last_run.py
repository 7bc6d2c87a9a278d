"""Load the networks of the last run, as dvc.lock records it, for use on new images."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri import dvc_lock
from brain_mri.dataset.likeness import one_per_patient
from brain_mri.errors import InputError
from brain_mri.files import arrays, tables
from brain_mri.imaging import outliers
from brain_mri.predict.images import Likeness, Network

DATA, MODELS, METRICS = Path("data"), Path("models"), Path("metrics")
TEST, LIKENESS = DATA / "split" / "test", MODELS / "likeness"
CONVOLUTIONS = {"scratch": MODELS / "scratch", "vgg": DATA / "vgg16_notop.npy"}


@dataclass(frozen=True)
class Trained:
    """Hold the settings of the last run.

    run: its record in dvc.lock. image_size: side of the input, px. threshold: decision
    threshold. calibrated: whether temperatures divide the logits. champion: scratch or
    vgg. vgg_weights: imagenet or random. dataset: its folder. dataset_md5: the MD5 that
    DVC records for the folder.
    """

    run: dvc_lock.Run
    image_size: int
    threshold: float
    calibrated: bool
    champion: str
    vgg_weights: str
    dataset: str
    dataset_md5: str


def trained(root: Path, last: str = "compare") -> Trained:
    """Read the settings of the last run from `root`/dvc.lock.

    params.yaml is not read, because it may have changed since the run.

    Args:
        root: the project's folder.
        last: the stage up to which, with stage likeness, all must belong to one run.

    Raises:
        InputError: there is no complete run, or dvc.lock mixes two runs.
    """
    run = dvc_lock.read(root, last, "likeness")
    taken = run.params
    try:
        dataset = str(taken["dataset"])
        return Trained(
            run=run,
            image_size=int(taken["image_size"]),
            threshold=float(taken["evaluate.threshold"]),
            calibrated=bool(taken["evaluate.calibrate"]),
            champion=str(taken["model"]),
            vgg_weights=str(taken["vgg.weights"]),
            dataset=dataset,
            dataset_md5=run.stages["crop"].deps[dataset],
        )
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{root / dvc_lock.FILE}: expected the record of a complete run, found "
            "only a part; run dvc repro first"
        ) from None


def load(trained: Trained, name: str) -> Any:
    """Load one network of the last run, a float32 Keras model; loads TensorFlow.

    Raises:
        InputError: its weights are missing, belong to another run or do not fit; or
            TensorFlow is not installed.
    """
    folder = trained.run.output(MODELS / name)
    convolutions = trained.run.output(CONVOLUTIONS[name])
    if importlib.util.find_spec("tensorflow") is None:
        raise InputError("a trained network needs TensorFlow; predict --onnx does not")
    # silence TensorFlow's start-up notes
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from brain_mri.networks import backend, models

    backend.prepare(seed=0)  # nothing here is random; always float32
    model = models.load(name, trained.image_size, convolutions, folder)
    models.divide_logit(model, temperature(trained, name))
    return model


def temperature(trained: Trained, name: str) -> float:
    """Return the temperature that divides the logits of a network; 1 if uncalibrated.

    Raises:
        InputError: its metrics are missing or belong to another run.
    """
    if not trained.calibrated:
        return 1.0
    path = trained.run.output(METRICS / f"{name}.json")
    return float(tables.read_json(path)["temperature"])


def network(model: Any) -> Network:
    """Wrap a loaded Keras model as functions for scores and heat maps."""
    from brain_mri.networks import gradcam

    def score(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        found = model.predict_on_batch(crops)
        return np.asarray(found, np.float32)[:, 0]

    def heat(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        unlabelled = pd.DataFrame({"y_true": np.zeros(len(crops), np.int64)})
        part = arrays.Part(crops, unlabelled)
        layer = gradcam.LAST_MAPS[model.name]
        maps = gradcam.heatmaps(model, part, layer)
        # scaled one by one, so that a heat map does not depend on the other images
        return np.concatenate([gradcam.to_grey(one[np.newaxis]) for one in maps])

    return Network(model.name, score, heat)


def likeness(run: dvc_lock.Run) -> Likeness | None:
    """Load the features of the last run's training images; None if missing or too few.

    Raises:
        InputError: the features belong to another run.
    """
    if not (run.root / LIKENESS).exists():
        return None
    reference = arrays.read(run.output(LIKENESS))
    described = one_per_patient(reference)
    if len(described) <= outliers.NEIGHBOURS:  # too few to judge distances
        return None
    limit = outliers.fence(reference.index["distance"].to_numpy())
    return Likeness(described, limit)
