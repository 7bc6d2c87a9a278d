"""Read the outputs of the stages, each file when it is first used."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri.evidence import observations, rule, scoring
from brain_mri.files import tables, values
from brain_mri.files.names import NETWORKS
from brain_mri.presentation import wording


@dataclass(frozen=True)
class Results:
    """Read the outputs of the stages, each file when it is first used.

    dataset: the folder of the original images; data, metrics: the folders of the
    stages; parameters: the sections of params.yaml that stages read.
    """

    dataset: Path
    data: Path
    metrics: Path
    parameters: Mapping[str, Any]

    @cached_property
    def audit(self) -> dict[str, Any]:
        """Counts of files, copies, pictures and patients."""
        return values.read(self.metrics / "audit_counts.csv")

    @cached_property
    def crop(self) -> dict[str, Any]:
        """Counts of crops, flagged ones and enlarged ones."""
        return values.read(self.metrics / "crop_counts.csv")

    @cached_property
    def split(self) -> dict[str, Any]:
        """Counts of every part, shared patients and the simulated random split."""
        return values.read(self.metrics / "split_counts.csv")

    @cached_property
    def comparison(self) -> dict[str, Any]:
        """The verdict and the numbers behind it."""
        return values.read(self.metrics / "comparison.csv")

    @cached_property
    def champion(self) -> str:
        """The network that `model` names in params.yaml."""
        return tables.read_json(self.metrics / "selected.json")["model"]

    @cached_property
    def scores(self) -> dict[str, scoring.Scores]:
        """Metrics of the test part of both networks, then of the null baselines."""
        return scoring.from_statistics(self.statistics)

    @property
    def columns(self) -> tuple[str, ...]:
        """The metrics of the headline table."""
        return wording.columns(self.scores["scratch"], self.metric)

    @property
    def metric(self) -> str:
        """The metric of the verdict."""
        return rule.metric_of(self.comparison)

    @cached_property
    def names(self) -> dict[str, str]:
        """The display name of every classifier."""
        return wording.names(self.comparison["vgg_weights"])

    @cached_property
    def manifest(self) -> pd.DataFrame:
        """One row per file."""
        return tables.read_csv(self.data / "manifest.csv")

    @cached_property
    def files(self) -> dict[str, str]:
        """Image id to file name."""
        used = self.manifest[self.manifest["accepted"]]
        return dict(zip(used["image_id"], used["file"], strict=True))

    @cached_property
    def predictions(self) -> dict[str, pd.DataFrame]:
        """Predictions of validation and test by both networks."""
        return {
            m: observations.read(self.metrics / f"{m}_predictions.csv")
            for m in NETWORKS
        }

    @cached_property
    def tests(self) -> dict[str, pd.DataFrame]:
        """Predictions of the test part by both networks."""
        both = self.predictions
        return {m: table[table["part"] == "test"] for m, table in both.items()}

    @property
    def calibrated(self) -> bool:
        """Whether the scores are calibrated by temperatures."""
        return bool(self.parameters["evaluate"]["calibrate"])

    @cached_property
    def statistics(self) -> pd.DataFrame:
        """Every metric with its interval."""
        return tables.read_csv(self.metrics / "statistics.csv")

    @property
    def drawn(self) -> bool:
        """Whether the images are the embedded phantoms."""
        return wording.is_drawn(self.dataset)
