"""The `brain-mri` command: what a person does beside the pipeline."""

import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer

from brain_mri import config
from brain_mri.dataset import adding, classes, freezing
from brain_mri.errors import InputError
from brain_mri.evidence import scoring
from brain_mri.files import names, tables, values
from brain_mri.files.names import NETWORKS
from brain_mri.gate import checks
from brain_mri.predict import formats, images, onnx_model, sources
from brain_mri.predict.export import export as export_network
from brain_mri.presentation import wording

app = typer.Typer(
    epilog="Example: brain-mri add ~/scans. Each command has its own examples: "
    "brain-mri predict --help. Research software, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ROOT = Path()
RAW = Path("data/raw")


def print_version(wanted: bool) -> None:
    """Print the version of the package, and end."""
    if wanted:
        typer.echo(f"brain-mri {metadata.version('brain-mri')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=print_version, is_eager=True, help="Say it and end."
        ),
    ] = False,
) -> None:
    """Compare a network trained from scratch with a pretrained one on few images."""


@app.command("params")
def check_params() -> None:
    """Check params.yaml: every key known, present, of its type and in its range."""
    with clear_errors():
        config.load(ROOT / config.FILE)
        typer.echo("params.yaml: all keys known, all values in range")


@app.command()
def show() -> None:
    """Print the verdict and the two networks side by side, from metrics/."""
    with clear_errors():
        params = config.load(ROOT / config.FILE)
        table, sentence, weights = results(ROOT / "metrics")
        notes = wording.limits(weights, wording.is_drawn(Path(params.dataset)))
        notes += wording.two_thresholds(params.evaluate.threshold)
        # not resolved: DVC may have linked the page from its cache
        page = ROOT.absolute() / "reports" / "index.html"
        typer.echo("\n".join((f"{table}\n\n{sentence}", *notes)))
        typer.echo(
            f"\nThe page: {page if page.exists() else 'not made yet, dvc repro'}"
        )
        typer.echo("Research software, not for diagnosis.")


def results(metrics: Path) -> tuple[str, str, str]:
    """Return the two networks side by side, the verdict, and whose weights VGG-16 has.

    Raises:
        InputError: a file of metrics/ is missing, cannot be read or lacks a key.
    """
    compared = values.read(metrics / "comparison.csv")
    statistics = tables.read_csv(metrics / "statistics.csv")
    try:
        scores = scoring.from_statistics(statistics)
        names = wording.names(compared["vgg_weights"])
        table = wording.side_by_side({m: scores[m] for m in NETWORKS}, names)
        return table, compared["sentence"], compared["vgg_weights"]
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{metrics}: not as a run writes it ({error!r}); brain-mri check says where"
        ) from error


@app.command()
def check(
    against: Annotated[
        str | None,
        typer.Option(metavar="REV", help="A Git revision to be no worse than."),
    ] = None,
) -> None:
    """Check metrics/ and dvc.lock against the section `check` of params.yaml.

    Example: brain-mri check --against main

    Needs no data and no training. Exit status: 0 all pass, 1 a check fails, 2 cannot
    check.
    """
    with clear_errors(status=2):
        rows = checks.check(ROOT, against)
        report = f"{checks.table(rows)}\n\n{checks.verdict(rows)}"
        typer.echo(report)
        if against is None:
            typer.echo("Drops are not checked without --against REV.")
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(f"### brain-mri check\n\n{report}\n")
    if any(row.cause for row in rows):
        raise typer.Exit(1)


def path_given(text: str) -> Path:
    """Take a path from the command line; an empty one would be this folder."""
    if not text:
        raise typer.BadParameter("expected a path, found nothing")
    return Path(text)


@app.command()
def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(
            parser=path_given, metavar="PATH", help="Images, or folders of images."
        ),
    ],
    model: Annotated[
        Literal["champion", "scratch", "vgg", "both"],
        typer.Option(help="Which network to ask."),
    ] = "champion",
    threshold: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Called a tumour from here; as evaluated."),
    ] = None,
    form: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="Of the answer.")
    ] = "table",
    explain: Annotated[
        Path | None,
        typer.Option(
            parser=path_given, metavar="DIR", help="Put a picture of each image there."
        ),
    ] = None,
    onnx: Annotated[
        Path | None,
        typer.Option(
            parser=path_given,
            metavar="FILE",
            help="An exported model; needs no TensorFlow.",
        ),
    ] = None,
) -> None:
    """Ask the trained networks about images; research software, not for diagnosis.

    Exit status: 0 all were read, 1 some could not be, 2 it could not begin or write.

    Examples:
      brain-mri predict scan.png
      brain-mri predict ~/ward7 --model both --format csv > ward7.csv
      brain-mri predict ~/ward7 --explain pictures
      brain-mri predict ~/ward7 --onnx exported/model.onnx
    """
    with clear_errors(status=2):
        if sys.stdout is None or sys.stderr is None:
            raise InputError("expected an open stdout and stderr, found one closed")
        files = images.find(paths, aside=explain)
        if not files:
            raise InputError(f"{paths[0]}: expected images, found no file")
        if onnx:
            asked = sources.exported(onnx, model, explain)
        else:
            asked = sources.from_project(ROOT, model, explain)
        limit = asked.threshold if threshold is None else threshold
        for warning in asked.warnings(limit):
            typer.echo(warning, err=True)
        seen = images.Tally()
        found = images.predict(
            files,
            asked.networks,
            asked.image_size,
            asked.likeness,
            explain,
            asked.caveats,
        )
        names = [network.name for network in asked.networks]
        for line in formats.WRITERS[form](seen.count(found), names, limit):
            typer.echo(line)
    if seen.unread:
        typer.echo(f"{seen.unread} of {len(files)} could not be read", err=True)
        raise typer.Exit(1)


@app.command()
def export(
    out: Annotated[
        Path, typer.Option(parser=path_given, metavar="DIR", help="A new folder.")
    ],
    model: Annotated[
        Literal["champion", "scratch", "vgg"], typer.Option(help="Which network.")
    ] = "champion",
) -> None:
    """Write a network as ONNX, with all that its user must know beside it.

    The scores are compared with Keras' on the test images first; a difference over
    1e-5 ends it.

    Example: brain-mri export --out exported
    """
    with clear_errors():
        parity = export_network(ROOT, model, out)
        typer.echo(
            f"{out}: {', '.join(sorted(path.name for path in out.iterdir()))}\n"
            f"Largest difference from Keras on {parity['images']} test images: "
            f"{parity['largest_difference']:.1e}\n"
            f"Next: brain-mri predict IMAGE --onnx {out / onnx_model.MODEL}"
        )


@app.command()
def add(
    path: Annotated[
        Path, typer.Argument(help="A folder that holds those that classes names.")
    ],
    name: Annotated[
        str, typer.Option(help="What to call it; its own name if not.")
    ] = "",
) -> None:
    """Copy your images to data/raw/NAME and put them under DVC.

    Example: brain-mri add ~/scans --name ward7
    """
    with clear_errors():
        name = adding.check_name(name or adding.default_name(path))
        add_folder(path, name, class_folders())


@app.command()
def fetch() -> None:
    """Get the public Kaggle set of 253 images, then the same as `add`."""
    with clear_errors():
        if importlib.util.find_spec("kagglehub") is None:
            raise InputError(
                "fetch needs the package kagglehub: pip install -e '.[kaggle]'"
            )
        import kagglehub

        folders = class_folders()
        folder = Path(kagglehub.dataset_download(adding.KAGGLE))
        adding.check_count(folder, folders, adding.KAGGLE_FILES)
        add_folder(folder, "brain-mri", folders)


@app.command()
def freeze() -> None:
    """Freeze the present split: images that are there keep their part from now on."""
    with clear_errors():
        config.read(ROOT / config.FILE)  # in the project's folder?
        frozen = freezing.read(ROOT / freezing.FILE)
        split = freezing.freeze(ROOT / "data", frozen)
        freezing.write(ROOT / freezing.FILE, split)
        parts = split["part"].value_counts()
        counted = ", ".join(f"{part} {parts.get(part, 0)}" for part in names.PARTS)
        typer.echo(
            f"{freezing.FILE}: {len(split)} images ({counted}), "
            f"{len(split) - len(frozen)} of them new. Keep them with\n"
            f"  dvc repro && git add {freezing.FILE} dvc.lock metrics && "
            "git commit -m 'Freeze the split'"
        )


def class_folders() -> dict[str, str]:
    """Return the class of each folder that params.yaml names, in the project's."""
    return classes.by_folder(config.load(ROOT / config.FILE).classes)


def add_folder(path: Path, name: str, folders: Mapping[str, str]) -> None:
    """Copy a folder to data/raw/`name`, let DVC track it, say how to go on."""
    target = RAW / name
    classes.check_folders(path, folders)
    adding.check_new(target)
    files, needed = adding.size(path, folders)
    adding.check_room(needed, target)
    typer.echo(
        f"copying {files} files, {needed / 1e6:,.0f} MB, to {target}; DVC's cache may "
        "take as much again",
        err=True,
    )
    left_out = adding.copy_dataset(path, target, folders)
    for file, reason in left_out.items():
        typer.echo(f"left out {file}: {reason}", err=True)
    if unnamed := sorted(set(classes.subfolders(path)) - set(folders)):
        typer.echo(
            f"not copied, as classes in {config.FILE} names no such folder: "
            f"{classes.listed(unnamed)}",
            err=True,
        )
    files = adding.track(target)
    typer.echo(
        f"{files} files in {target}, {len(left_out)} left out. To let experiments in "
        f"other folders (--temp, --queue) see them:\n"
        f"  git add {target}.dvc {RAW}/.gitignore && git commit -m 'Add {name}'\n"
        f"Then compare the two networks on them:\n"
        f"  dvc exp run -S dataset={target}"
    )


@contextmanager
def clear_errors(status: int = 1) -> Iterator[None]:
    """Turn bad input into one line on stderr and an exit status.

    A fault of this program has that status too, behind its traceback.
    """
    try:
        yield
    except BrokenPipeError:  # `| head` has seen enough; Click ends it quietly
        raise
    except Exception as error:
        with suppress(OSError):  # nobody can be told
            if isinstance(error, InputError | OSError):
                typer.echo(f"brain-mri: {error}", err=True)
            else:
                traceback.print_exc()
        raise typer.Exit(status) from error
