"""Make the page of the cross-validation and of the other collection."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri.evidence import labels
from brain_mri.evidence.scoring import Scores
from brain_mri.files import arrays, tables
from brain_mri.files.names import NETWORKS
from brain_mri.files.predictions import VERDICT_THRESHOLD
from brain_mri.files.writing import writing
from brain_mri.presentation import wording
from brain_mri.report import evidence_figures, figures, galleries
from brain_mri.report.evidence_results import METRICS, PLACES, Evidence
from brain_mri.report.galleries import Gallery
from brain_mri.report.page import parameter_rows, versions
from brain_mri.report.rendering import Chart, embed, render


def charts(evidence: Evidence) -> dict[str, Chart]:
    """Draw the charts, by name."""
    found = _charts_of_places(evidence)
    if evidence.crossval:
        found |= _charts_of_crossval(evidence, evidence.crossval)
    if evidence.external:
        found["calibration"] = _calibration(evidence.external, evidence.names)
    return found


def context(
    evidence: Evidence, embedded: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Collect the values of the template.

    Args:
        evidence: the results of the optional pipelines.
        embedded: the charts by name, as `rendering.embed` returns them.
    """
    parameters, names = evidence.parameters, evidence.names
    dataset = Path(parameters["dataset"])
    elsewhere = parameters["external"]["dataset"]
    weights, drawn = parameters["vgg"]["weights"], wording.is_drawn(dataset)
    return {
        "names": names,
        "notes": wording.limits(weights, drawn),
        "dataset": dataset.name,
        "crossval": evidence.crossval and _of_crossval(evidence, evidence.crossval),
        "external": evidence.external and _of_external(evidence, evidence.external),
        "places": [PLACES[place] for place in evidence.scores],
        "by_place": {metric: place_rows(evidence, metric) for metric in METRICS},
        "metrics": METRICS,
        "labels": labels.METRICS,
        "threshold": VERDICT_THRESHOLD,
        "charts": embedded,
        "limits": wording.DATA_LIMITS,
        "parameter": parameters,
        "external_command": f"make external DATASET={shlex.quote(elsewhere)}",
        "parameters": parameter_rows(parameters),
        "versions": versions(),
    }


def headline_rows(
    crossval: Mapping[str, Any], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return one row per classifier: mean metrics, and both networks minus it."""
    against: dict[str, Any] = crossval["against"]
    minus = {"vgg": {**against["vgg"], "scratch": crossval["primary"]}}
    minus["scratch"] = against["scratch"]
    return [
        {
            "name": names[name],
            "null": name not in NETWORKS,
            **{metric: wording.with_interval(found, metric) for metric in METRICS},
            **{n: wording.difference(minus[n].get(name)) for n in NETWORKS},
        }
        for name, found in crossval["scores"].items()
    ]


def learning_rows(
    learning: Mapping[str, Mapping[str, Scores]], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return one row per share and classifier, the smallest share first."""
    shares = learning["difference"]
    return [
        {
            "share": share,
            "n_train": learning[name][share]["n_train"],
            "name": names[name],
            "null": name not in NETWORKS,
            "minus": wording.difference(shares[share] if name == "vgg" else None),
            **{m: wording.with_interval(learning[name][share], m) for m in METRICS},
        }
        for share in shares
        for name in evidence_figures.LEARNERS
        if share in learning.get(name, {})
    ]


def place_rows(evidence: Evidence, metric: str) -> list[dict[str, Any]]:
    """Return one row per classifier: a metric on held-out folds, on test, elsewhere."""
    places = list(evidence.scores.values())
    return [
        {
            "name": name,
            "null": model not in NETWORKS,
            "cells": [wording.with_interval(place[model], metric) for place in places],
        }
        for model, name in evidence.names.items()
    ]


def error_galleries(evidence: Evidence, paired: Mapping[str, int]) -> list[Gallery]:
    """Show the surest errors of each network on the other collection.

    Args:
        evidence: the results; images and heat maps lie in data/external.
        paired: pictures that both, one or none of the networks got right.
    """
    folder = evidence.data / "external"
    manifest = tables.read_csv(folder / "manifest.csv")
    files = dict(zip(manifest["image_id"], manifest["file"], strict=True))
    images = arrays.read(folder / "images")
    found = []
    for model in NETWORKS:
        heat = arrays.read(folder / "explain" / model)
        right = paired["both_right"] + paired[f"{model}_only"]
        wrong = sum(paired.values()) - right
        name = evidence.names[model]
        found.append(galleries.surest_errors(name, images, heat, files, wrong))
    return found


def write(evidence: Evidence, folder: Path) -> None:
    """Write the charts and the page."""
    embedded = embed(charts(evidence), folder / "evidence")
    text = render("evidence.html.j2", context(evidence, embedded))
    with writing(folder / "evidence.html") as part:
        part.write_text(text, encoding="utf-8")


def _of_crossval(evidence: Evidence, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of the cross-validation, and the tables made of them."""
    names = evidence.names
    compared = {"verdict": found["verdict"], "baselines": found["against"]}
    folds = evidence.folds.astype(object)
    return {
        **found,
        "headline": headline_rows(found, names),
        "unbeaten": wording.unbeaten(compared, names),
        "fold_rows": folds.where(folds.notna(), None).to_dict("records"),
        "learning_rows": learning_rows(found["learning"], names),
    }


def _of_external(evidence: Evidence, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of the other collection, with its errors and baselines."""
    names = evidence.names
    return {
        **found,
        "name": Path(evidence.parameters["external"]["dataset"]).name,
        "unbeaten": wording.unbeaten(found, names),
        "galleries": error_galleries(evidence, found["paired"]),
    }


def _charts_of_crossval(
    evidence: Evidence, found: Mapping[str, Any]
) -> dict[str, Chart]:
    names, folds = evidence.names, evidence.folds
    by_repeat = {str(r): rows["difference"] for r, rows in folds.groupby("repeat")}
    repeats = {repeat: found["repeats"][repeat]["difference"] for repeat in by_repeat}
    learning = found["learning"]
    learners = {m: learning[m] for m in evidence_figures.LEARNERS if m in learning}
    charts = {
        "forest": Chart(
            evidence_figures.forest(
                by_repeat, repeats, found["primary"], found["rope"]
            ),
            "Difference in accuracy of every fold, every repeat and of all, with its "
            "95 % interval; the tables below hold the numbers",
        )
    }
    for metric in METRICS:
        charts[f"learning-{metric}"] = Chart(
            evidence_figures.learning(learners, names, metric),
            f"{labels.METRICS[metric]} of both networks and of HOG with logistic "
            "regression against the number of training pictures; the table below "
            "holds the numbers",
        )
    return charts


def _charts_of_places(evidence: Evidence) -> dict[str, Chart]:
    scores = {
        f"{model}.{place}": found[model]
        for model in NETWORKS
        for place, found in evidence.scores.items()
    }
    names = {
        f"{model}.{place}": f"{evidence.names[model]}, {PLACES[place]}"
        for model in NETWORKS
        for place in evidence.scores
    }
    return {
        f"places-{metric}": Chart(
            figures.interval(scores, names, metric),
            f"{labels.METRICS[metric]} of both networks in each place, with 95 % "
            "intervals; the table below holds the numbers",
        )
        for metric in METRICS
    }


def _calibration(found: Mapping[str, Any], names: Mapping[str, str]) -> Chart:
    bins = {
        name: pd.DataFrame(list(found["calibration"][name]["bins"].values()))
        for name in NETWORKS
    }
    return Chart(
        figures.calibration(bins, names),
        "Observed share of tumours against the mean score on another collection",
    )
