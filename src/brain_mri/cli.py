"""The `brain-mri` command: what a person does beside the pipeline."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from brain_mri import datasets, pipeline, report, tables
from brain_mri.errors import InputError

app = typer.Typer(
    help="Compare a network trained from scratch with a pretrained one on few images.",
    epilog="Research software, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ROOT = Path()
RAW = Path("data/raw")


@app.command("params")
def check_params() -> None:
    """Check params.yaml: every key known, present, of its type and in its range."""
    with clear_errors():
        pipeline.check_params(ROOT)
        typer.echo("params.yaml: all keys known, all values in range")


@app.command()
def show() -> None:
    """Print the two networks side by side, from metrics/."""
    with clear_errors():
        metrics = ROOT / "metrics"
        weights = tables.read_json(metrics / "comparison.json")["vgg_weights"]
        names = report.model_names(weights)
        scores = {
            model: tables.read_json(metrics / f"{model}.json")["test"]
            for model in names
        }
        typer.echo(report.side_by_side(scores, names))
        typer.echo("\nPictures and summary: reports/. Not for diagnosis.")
        if weights == "random":
            typer.echo("Next, with pretrained weights: make imagenet")


@app.command()
def add(
    path: Annotated[Path, typer.Argument(help="A folder with no/ and yes/ in it.")],
    name: Annotated[
        str, typer.Option(help="What to call it; its own name if not.")
    ] = "",
) -> None:
    """Copy your images to data/raw/NAME and put them under DVC.

    Example: brain-mri add ~/scans --name ward7
    """
    with clear_errors():
        add_folder(path, datasets.check_name(name or datasets.default_name(path)))


@app.command()
def fetch() -> None:
    """Get the public Kaggle set of 253 images, then the same as `add`."""
    with clear_errors():
        if importlib.util.find_spec("kagglehub") is None:
            raise InputError(
                "fetch needs the package kagglehub: pip install -e '.[kaggle]'"
            )
        import kagglehub

        folder = Path(kagglehub.dataset_download(datasets.KAGGLE))
        datasets.check_count(folder, datasets.KAGGLE_FILES)
        add_folder(folder, "brain-mri")


def add_folder(path: Path, name: str) -> None:
    """Copy a folder to data/raw/`name`, let DVC track it, say how to go on."""
    pipeline.stages(ROOT)  # in the project's folder?
    target = RAW / name
    left_out = datasets.copy_dataset(path, target)
    for file, reason in left_out.items():
        typer.echo(f"left out {file}: {reason}", err=True)
    command = [sys.executable, "-m", "dvc", "add", "--quiet", str(target)]
    if subprocess.run(command, check=False).returncode:
        raise InputError(f"dvc add {target} failed (see above); the copy is kept")
    files = sum(1 for file in target.rglob("*") if file.is_file())
    typer.echo(
        f"{files} files in {target}, {len(left_out)} left out. To let experiments in "
        f"other folders (--temp, --queue) see them:\n"
        f"  git add {target}.dvc {RAW}/.gitignore && git commit -m 'Add {name}'\n"
        f"Then compare the two networks on them:\n"
        f"  dvc exp run -S dataset={target}"
    )


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn bad input into one line on stderr and exit status 1."""
    try:
        yield
    except (InputError, OSError) as error:
        typer.echo(f"brain-mri: {error}", err=True)
        raise typer.Exit(1) from error
