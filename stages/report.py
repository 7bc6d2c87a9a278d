"""report: make the page, its pictures, the summary and the two cards."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.report import page
from brain_mri.report.results import Results


def main(data: Path, metrics: Path, out: Path, *, params: Params) -> None:
    # what the gate demands and what other pipelines read are no inputs
    shown = params.model_dump(exclude={"check", "crossval", "external"})
    page.write(Results(Path(params.dataset), data, metrics, shown), out)
    print(f"report: {out / 'index.html'}")


if __name__ == "__main__":
    run(main)
