"""Make the page, the summary and the two cards from the outputs of the stages."""

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri.dataset import auditing, crops, joining
from brain_mri.evidence import curves, labels, observations, scoring, temperature
from brain_mri.files import arrays, tables
from brain_mri.files.names import CLASSES, NETWORKS, PARTS
from brain_mri.files.predictions import VERDICT_THRESHOLD
from brain_mri.files.writing import writing
from brain_mri.presentation import wording
from brain_mri.report import figures, galleries, subgroups
from brain_mri.report.rendering import Chart, embed, render
from brain_mri.report.results import Results

LISTED = 50  # rejected files on the page
PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "opencv-python-headless")
TEMPLATES = {
    "index.html": "index.html.j2",
    "summary.md": "summary.md.j2",
    "model-card.md": "model-card.md.j2",
    "data-card.md": "data-card.md.j2",
}


def charts(results: Results) -> dict[str, Chart]:
    """Draw the charts, by name."""
    return {**_charts_of_each(results), **_charts_of_both(results)}


def context(
    results: Results, embedded: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Collect the values of the templates.

    Args:
        results: the outputs of the stages.
        embedded: the charts by name, as `rendering.embed` returns them.
    """
    compared, names, scores = results.comparison, results.names, results.scores
    notes = wording.limits(compared["vgg_weights"], results.drawn)
    notes += wording.as_given(compared, names) + wording.volumes(results.audit)
    notes += wording.two_thresholds(
        results.parameters["evaluate"]["threshold"], compared["threshold"]
    )
    out = ~results.manifest["accepted"] & ~auditing.begins(
        results.manifest, auditing.IGNORED
    )
    rejected = results.manifest[out]
    return {
        "comparison": compared,
        "champion": results.champion,
        "names": names,
        "notes": notes,
        "limits": wording.LIMITS,
        "metric": labels.METRICS[results.metric],
        "cut": f"{compared['threshold']:.3g}",
        "headline": wording.headline(scores, names, results.metric),
        "columns": {metric: labels.METRICS[metric] for metric in results.columns},
        "rare": wording.rare_class(scores["scratch"], results.metric),
        "blind": wording.blind(compared, scores, names),
        "one_answer": wording.one_answer(scores, names),
        "unbeaten": wording.unbeaten(compared, names),
        "by_class": compared.get("by_class", {}),
        "by_patient": compared.get("by_patient", {}),
        "by_patient_rows": wording.by_patient(compared, names),
        "learnt": wording.learnt(compared, names),
        "enlarged": wording.enlarged(
            results.crop["enlarged_share"], results.parameters["image_size"]
        ),
        "calibrated": results.calibrated,
        "temperatures": temperature_rows(results),
        "table": wording.side_by_side({m: scores[m] for m in NETWORKS}, names),
        "audit": results.audit,
        "crop": results.crop,
        "common_flags": crops.common_flags(tables.read_csv(results.data / "crop.csv")),
        "split": results.split,
        "parts": PARTS,
        "rejected": rejected.head(LISTED).to_dict("records"),
        "conflicts": joining.conflicts(results.manifest),
        "galleries": gallery_rows(results),
        "charts": embedded,
        "statistics": statistics_rows(results),
        "subgroups": subgroups.rows(
            results.tests,
            results.manifest,
            results.parameters["evaluate"]["threshold"],
        ),
        "parameters": parameter_rows(results.parameters),
        "parameter": results.parameters,
        "versions": versions(),
        "data": data_facts(results),
    }


def gallery_rows(results: Results) -> dict[str, Any]:
    """Choose and draw the images of scans, by section."""
    data = results.data
    table = tables.read_csv(data / "crop.csv")
    heat = {model: arrays.read(data / "explain" / model) for model in NETWORKS}
    return {
        "crops": galleries.crops(
            table, results.files, results.dataset, data / "cropped"
        ),
        "copies": galleries.copies(
            tables.read_csv(data / "split.csv"), table, data / "cropped"
        ),
        "augmentation": galleries.augmentation(arrays.read(data / "augmented")),
        "tests": galleries.test_images(
            arrays.read(data / "split" / "test"),
            heat,
            results.tests,
            results.files,
            results.parameters["seed"],
        ),
    }


def temperature_rows(results: Results) -> list[dict[str, Any]]:
    """Return the effect of a temperature fitted on validation on each network's test.

    If the scores are calibrated already, `before` has that temperature undone.
    """
    rows = []
    for model, table in results.predictions.items():
        stored = tables.read_json(results.metrics / f"{model}.json")["temperature"]
        raw = table.assign(y_score=temperature.divided(table["y_score"], 1 / stored))
        found = stored if results.calibrated else temperature.fitted(table)
        if found is None:
            continue
        cooled = raw.assign(y_score=temperature.divided(raw["y_score"], found))
        row: dict[str, Any] = {"name": results.names[model], "temperature": found}
        for when, scored in (("before", raw), ("after", cooled)):
            test = scoring.score(scored[scored["part"] == "test"], VERDICT_THRESHOLD)
            row[when] = {key: test[key] for key in ("log_loss", "brier")}
        rows.append(row)
    return rows


def statistics_rows(results: Results) -> list[dict[str, Any]]:
    """Return the metrics of the two networks side by side, one row per metric."""
    table = results.statistics
    table = table[table["model"].isin(NETWORKS) & (table["part"] == "test")]
    rows = []
    for metric, mine in table.groupby("metric", sort=False):
        cells = {row["model"]: _cell(row) for row in mine.to_dict("records")}
        rows.append({"metric": labels.METRICS[str(metric)], **cells})
    return rows


def parameter_rows(
    values: Mapping[str, Any], prefix: str = ""
) -> list[tuple[str, object]]:
    """List every parameter with its dotted key."""
    rows: list[tuple[str, object]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += parameter_rows(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", value))
    return rows


def versions() -> list[tuple[str, str]]:
    """List the installed versions of Python and of the packages that affect results."""
    return [("python", platform.python_version())] + [
        (name, version(name)) for name in PACKAGES
    ]


def data_facts(results: Results) -> dict[str, Any]:
    """Return the name, the content and the checksum of the data set."""
    used = results.manifest[results.manifest["accepted"]]
    lines = sorted(used["label"] + " " + used["sha256"])
    return {
        "name": results.dataset.name,
        "drawn": results.drawn,
        "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        "formats": sorted(used["format"].value_counts().items()),
        "width": (int(used["width"].min()), int(used["width"].max())),
        "height": (int(used["height"].min()), int(used["height"].max())),
        "classes": CLASSES,
    }


def write(results: Results, folder: Path) -> None:
    """Write the charts, the page, the summary and the cards."""
    values = context(results, embed(charts(results), folder / "figures"))
    for name, template in TEMPLATES.items():
        with writing(folder / name) as part:
            part.write_text(render(template, values), encoding="utf-8")


def _charts_of_each(results: Results) -> dict[str, Chart]:
    """Draw the charts that show one network, or one metric, alone."""
    names, scores = results.names, results.scores
    found = {}
    for metric in (results.columns[0], "roc_auc"):
        label = labels.METRICS[metric]
        found[f"interval-{metric}"] = Chart(
            figures.interval(scores, names, metric),
            f"{label[0].upper()}{label[1:]} of both networks and the null baselines, "
            "each with its 95 % interval; the table above holds the numbers",
        )
    for model in NETWORKS:
        name = names[model]
        history = tables.read_csv(results.metrics / f"{model}_history.csv")
        found[f"training-{model}"] = Chart(
            figures.training(history, model, name),
            f"Loss and accuracy of {name} against the epoch",
        )
        found[f"confusion-{model}"] = Chart(
            figures.confusion(scores[model], name),
            f"Confusion matrix of {name}; the last table of metrics holds its rates",
        )
    return found


def _charts_of_both(results: Results) -> dict[str, Chart]:
    """Draw the charts that show both networks as curves."""
    names, tests = results.names, results.tests
    points = {m: tables.read_csv(results.metrics / f"{m}_roc.csv") for m in NETWORKS}
    share = float(observations.observed(tests["vgg"]).y_true.mean())
    recalls = {m: curves.pr_points(table) for m, table in tests.items()}
    bins = {m: curves.calibration(table) for m, table in tests.items()}
    return {
        "roc": Chart(figures.roc(points, names), "ROC curves of both networks"),
        "precision-recall": Chart(
            figures.precision_recall(recalls, share, names),
            "Precision-recall curves of both networks",
        ),
        "calibration": Chart(
            figures.calibration(bins, names),
            "Observed share of tumours against the mean score, in bins",
        ),
    }


def _cell(row: Mapping[str, Any]) -> str:
    value, low, high = (pd.to_numeric(row[key]) for key in ("value", "low", "high"))
    if pd.isna(value):
        return "undefined"
    text = f"{value:.3f}"
    if not pd.isna(low):
        text += f" ({low:.2f} to {high:.2f})"
    count, n = (pd.to_numeric(row[key]) for key in ("count", "n"))
    if not pd.isna(count):
        text += f", {int(count)} of {int(n)}"
    return text
