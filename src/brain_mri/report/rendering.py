"""Fill the templates, and embed the charts in the pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

from brain_mri.evidence.labels import signed
from brain_mri.presentation import pictures, wording
from brain_mri.report import figures


@dataclass(frozen=True)
class Chart:
    """Hold a chart and its text alternative."""

    figure: Figure
    alt: str


def embed(charts: Mapping[str, Chart], folder: Path) -> dict[str, dict[str, str]]:
    """Write every chart as NAME.png to a folder, and return it as data URI and text."""
    embedded = {}
    for name, chart in charts.items():
        path = folder / f"{name}.png"
        figures.save(chart.figure, path)
        src = pictures.data_uri(path.read_bytes())
        embedded[name] = {"src": src, "alt": chart.alt}
    return embedded


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
    environment.filters["difference"] = wording.difference
    environment.filters["interval"] = wording.with_interval
    environment.filters["pictures"] = wording.pictures_needed
    return environment.get_template(template).render(values)
