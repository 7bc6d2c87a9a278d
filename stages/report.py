"""report: make the page, its pictures, the summary and the two cards."""

from pathlib import Path

from _stage import run

from brain_mri import report


def main(parameters: Path, data: Path, metrics: Path, out: Path) -> None:
    known = report.pipeline_parameters(parameters)
    report.write(report.Results(Path(known["dataset"]), data, metrics, known), out)
    print(f"report: {out / 'index.html'}")


if __name__ == "__main__":
    run(main)
