"""evidence_page: make the page of the cross-validation and the other collection."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.report import evidence
from brain_mri.report.evidence_results import Evidence


def main(data: Path, models: Path, metrics: Path, out: Path, *, params: Params) -> None:
    shown = params.model_dump(exclude={"check"})  # what the gate demands is no input
    evidence.write(Evidence(data, models, metrics, shown), out)
    print(f"evidence_page: {out / 'evidence.html'}")


if __name__ == "__main__":
    run(main)
