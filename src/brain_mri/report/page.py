"""Make the page, the summary and the two cards from the outputs of the stages."""

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from matplotlib.figure import Figure

from brain_mri.dataset import joining
from brain_mri.evidence import curves, labels, observations, scoring, temperature
from brain_mri.evidence.labels import signed
from brain_mri.files import arrays, tables
from brain_mri.files.names import CLASSES, NETWORKS, PARTS
from brain_mri.files.predictions import VERDICT_THRESHOLD
from brain_mri.files.writing import writing
from brain_mri.presentation import pictures, wording
from brain_mri.report import figures, galleries
from brain_mri.report.results import Results

LISTED = 50  # rejected files on the page
PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "opencv-python-headless")
TEMPLATES = {
    "index.html": "index.html.j2",
    "summary.md": "summary.md.j2",
    "model-card.md": "model-card.md.j2",
    "data-card.md": "data-card.md.j2",
}
ALTS = {
    "intervals": "{first} and ROC AUC of both networks and the null baselines, each "
    "with its 95 % interval; the table above holds the numbers",
    "training": "Loss and accuracy of both networks against the epoch",
    "confusion": "Confusion matrices of both networks; the table holds the counts",
    "roc": "ROC curves of both networks",
    "precision-recall": "Precision-recall curves of both networks",
    "calibration": "Observed share of tumours against the mean score, in bins",
}


def charts(results: Results) -> dict[str, Figure]:
    """Draw the charts, by name."""
    names, scores, tests = results.names, results.scores, results.tests
    own = {model: scores[model] for model in NETWORKS}
    metrics = results.metrics
    histories = {m: tables.read_csv(metrics / f"{m}_history.csv") for m in NETWORKS}
    points = {m: tables.read_csv(metrics / f"{m}_roc.csv") for m in NETWORKS}
    share = float(observations.observed(tests["vgg"]).y_true.mean())
    recalls = {m: curves.pr_points(table) for m, table in tests.items()}
    bins = {m: curves.calibration(table) for m, table in tests.items()}
    return {
        "intervals": figures.intervals(scores, names, results.columns[0]),
        "training": figures.training(histories, names),
        "confusion": figures.confusions(own, names),
        "roc": figures.roc(points, names),
        "precision-recall": figures.precision_recall(recalls, share, names),
        "calibration": figures.calibration(bins, names),
    }


def context(results: Results, pngs: Mapping[str, bytes]) -> dict[str, Any]:
    """Collect the values of the templates.

    Args:
        results: the outputs of the stages.
        pngs: the charts, by name.
    """
    compared, names, scores = results.comparison, results.names, results.scores
    notes = wording.limits(compared["vgg_weights"], results.drawn)
    notes += wording.two_thresholds(results.parameters["evaluate"]["threshold"])
    rejected = results.manifest[~results.manifest["accepted"]]
    first = labels.METRICS[results.columns[0]].capitalize()
    return {
        "comparison": compared,
        "champion": results.champion,
        "names": names,
        "notes": notes,
        "limits": wording.LIMITS,
        "headline": wording.headline(scores, names),
        "columns": {metric: labels.METRICS[metric] for metric in results.columns},
        "rare": wording.rare_class(scores["scratch"]),
        "blind": wording.blind(compared, scores, names),
        "one_answer": wording.one_answer(scores, names),
        "unbeaten": wording.unbeaten(compared, names),
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
        "split": results.split,
        "parts": PARTS,
        "rejected": rejected.head(LISTED).to_dict("records"),
        "conflicts": joining.conflicts(results.manifest),
        "galleries": gallery_rows(results),
        "charts": {
            name: {"src": pictures.data_uri(png), "alt": ALTS[name].format(first=first)}
            for name, png in pngs.items()
        },
        "statistics": statistics_rows(results),
        "parameters": parameter_rows(results.parameters),
        "parameter": results.parameters,
        "versions": versions(),
        "data": data_facts(results),
    }


def gallery_rows(results: Results) -> dict[str, Any]:
    """Choose and draw the images of scans, by section."""
    data = results.data
    crops = tables.read_csv(data / "crop.csv")
    heat = {model: arrays.read(data / "explain" / model) for model in NETWORKS}
    return {
        "crops": galleries.crops(
            crops, results.files, results.dataset, data / "cropped"
        ),
        "copies": galleries.copies(
            tables.read_csv(data / "split.csv"), crops, data / "cropped"
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


def render(template: str, values: Mapping[str, Any]) -> str:
    """Render a template, with file names escaped.

    HTML is escaped automatically, Markdown by the filter `plain`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["plain"] = wording.plain
    environment.filters["number"] = wording.number
    environment.filters["p_value"] = wording.p_value
    environment.filters["signed"] = signed
    return environment.get_template(template).render(values)


def write(results: Results, folder: Path) -> None:
    """Write the charts, the page, the summary and the cards."""
    pngs = {}
    for name, figure in charts(results).items():
        path = folder / "figures" / f"{name}.png"
        figures.save(figure, path)
        pngs[name] = path.read_bytes()
    values = context(results, pngs)
    for name, template in TEMPLATES.items():
        with writing(folder / name) as part:
            part.write_text(render(template, values), encoding="utf-8")


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
