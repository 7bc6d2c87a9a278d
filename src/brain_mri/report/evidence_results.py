"""Read the results of the cross-validation and of the other collection."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri.evidence import scoring
from brain_mri.files import tables, values, vectors
from brain_mri.files.names import NETWORKS
from brain_mri.presentation import wording

WHOLE = 100  # % of the training patients, the share of an ordinary fold
METRICS = ("accuracy", "roc_auc")
PLACES = {
    "crossval": "cross-validation",
    "test": "test part",
    "external": "another collection",
}


@dataclass(frozen=True)
class Evidence:
    """Read the results of the optional pipelines, each file when it is first used.

    data, models, metrics: the folders of the stages; parameters: the sections of
    params.yaml that the page lists.
    """

    data: Path
    models: Path
    metrics: Path
    parameters: Mapping[str, Any]

    @cached_property
    def crossval(self) -> dict[str, Any] | None:
        """The numbers of the cross-validation; None if of other images or weights."""
        manifest = tables.read_csv(self.data / "manifest.csv")
        used = manifest.loc[manifest["accepted"], "image_id"]
        scored = tables.read_csv(self.metrics / "crossval_predictions.csv")["image_id"]
        if set(scored) != set(used):  # before the first run there is only a header
            return None
        found = values.read(self.metrics / "crossval_statistics.csv")
        same = found["vgg_weights"] == self.parameters["vgg"]["weights"]
        return found if same else None

    @cached_property
    def folds(self) -> pd.DataFrame:
        """One row per repeat and fold: both networks' metrics, and the difference.

        Columns repeat, fold, n_pictures, scratch_accuracy, vgg_accuracy,
        scratch_roc_auc, vgg_roc_auc (NaN with one class in a fold), difference (of the
        accuracies, vgg minus scratch).
        """
        table = tables.read_csv(self.metrics / "crossval_folds.csv")
        table = table[(table["share"] == WHOLE) & (table["seed"] == 0)]
        table = table[table["classifier"].isin(NETWORKS)]
        numbers = table[[*METRICS]].apply(pd.to_numeric)  # text where one is undefined
        wide = table.assign(**numbers).pivot(
            index=["repeat", "fold", "n_pictures"],
            columns="classifier",
            values=[*METRICS],
        )
        wide.columns = [f"{name}_{metric}" for metric, name in wide.columns]
        difference = wide["vgg_accuracy"] - wide["scratch_accuracy"]
        return wide.assign(difference=difference).reset_index()

    @cached_property
    def external(self) -> dict[str, Any] | None:
        """The numbers of the other collection; None if of other networks."""
        headline = tables.read_json(self.metrics / "external.json")
        for name in NETWORKS:
            if headline[f"{name}_model"] != vectors.digest(self.models / name):
                return None
        return headline | values.read(self.metrics / "external_statistics.csv")

    @cached_property
    def scores(self) -> dict[str, dict[str, Any]]:
        """Scores of every classifier: on held-out folds, on test, elsewhere."""
        statistics = tables.read_csv(self.metrics / "statistics.csv")
        found = {"test": scoring.from_statistics(statistics)}
        if self.crossval:
            found["crossval"] = self.crossval["scores"]
        if self.external:
            found["external"] = self.external["classifiers"]
        return {place: found[place] for place in PLACES if place in found}

    @property
    def names(self) -> dict[str, str]:
        """The display name of every classifier."""
        return wording.names(self.parameters["vgg"]["weights"])
