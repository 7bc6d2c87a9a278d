"""report: make the page, its pictures, the summary and the two cards."""

from pathlib import Path

from _stage import run

from brain_mri.report import page


def main(parameters: Path, data: Path, metrics: Path, out: Path) -> None:
    known = page.pipeline_parameters(parameters)
    page.write(page.Results(Path(known["dataset"]), data, metrics, known), out)
    print(f"report: {out / 'index.html'}")


if __name__ == "__main__":
    run(main)
