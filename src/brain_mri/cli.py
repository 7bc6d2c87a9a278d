"""The `brain-mri` command line: everything a user runs besides the pipeline."""

import importlib.util
import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer

from brain_mri import config, crossval_run, pipeline
from brain_mri.collection import adding, class_names, classes, junk, listing, table
from brain_mri.collection.given_table import asked_columns
from brain_mri.collection.layouts import Layout, Said, understand
from brain_mri.dataset import converting, freezing
from brain_mri.errors import InputError, printable
from brain_mri.estimate import estimate
from brain_mri.evidence import scoring
from brain_mri.files import names, tables, values
from brain_mri.files.names import NETWORKS
from brain_mri.gate import checks
from brain_mri.predict import formats, images, onnx_model, sources
from brain_mri.predict.export import export as export_network
from brain_mri.presentation import wording

app = typer.Typer(
    epilog="Example: brain-mri add ~/scans. Each command has its own help, for example "
    "brain-mri predict --help. Research software, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ROOT = Path()
RAW = Path("data/raw")
EXTERNAL = "evidence/external/dvc.yaml:external"  # the last stage


def print_version(wanted: bool) -> None:
    """Print the package version and exit."""
    if wanted:
        typer.echo(f"brain-mri {metadata.version('brain-mri')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Compare a network trained from scratch with a pretrained one on a few scans."""


@app.command("params")
def check_params() -> None:
    """Check params.yaml and the data set's table, without the images.

    Keys are known and complete, values of valid type and range.
    """
    with clear_errors():
        params = config.load(ROOT / config.FILE)
        typer.echo("params.yaml: all keys known, all values in range")
        rows = table.read(table.beside(ROOT / params.dataset))
        typer.echo(f"{table.beside(params.dataset)}: rows about {len(rows)} files")
        if images := number_of_images(params):
            typer.echo(f"a run of {images} images: {estimate(images, params)}")


@app.command()
def show() -> None:
    """Print the test metrics of both networks and the verdicts, from metrics/."""
    with clear_errors():
        params = config.load(ROOT / config.FILE)
        table, sentence, weights, cut = results(ROOT / "metrics")
        notes = wording.limits(weights, wording.is_drawn(Path(params.dataset)))
        notes += leaks(ROOT / "metrics")
        notes += wording.two_thresholds(params.evaluate.threshold, cut)
        # absolute(), not resolve(): the page may be a link into DVC's cache
        page = ROOT.absolute() / "reports" / "index.html"
        folds = cross_validated(ROOT / "metrics")
        typer.echo("\n".join((f"{table}\n\n{sentence}", folds, *notes)))
        typer.echo(
            f"\nThe page: {page if page.exists() else 'not made yet; run dvc repro'}"
        )
        typer.echo("Research software, not for diagnosis.")


def results(metrics: Path) -> tuple[str, str, str, float]:
    """Return the table of both networks, the verdict, VGG-16's weights, the threshold.

    The threshold is that of the verdict.

    Raises:
        InputError: a file in metrics/ is missing, cannot be read or lacks a key.
    """
    compared = values.read(metrics / "comparison.csv")
    statistics = tables.read_csv(metrics / "statistics.csv")
    try:
        scores = scoring.from_statistics(statistics)
        names = wording.names(compared["vgg_weights"])
        table = wording.side_by_side({m: scores[m] for m in NETWORKS}, names)
        weights, cut = compared["vgg_weights"], float(compared["threshold"])
        return table, compared["sentence"], weights, cut
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{metrics}: expected the results of a run, found a missing or wrong value "
            f"({error!r}); brain-mri check names the file"
        ) from error


def leaks(metrics: Path) -> list[str]:
    """Return the sentence on a given split that leaks, from the results of a run."""
    compared = values.read(metrics / "comparison.csv")
    return wording.as_given(compared, wording.names(compared["vgg_weights"]))


def cross_validated(metrics: Path) -> str:
    """Return the verdict of the cross-validation, if it was run on these images.

    Raises:
        InputError: a file in metrics/ is missing, cannot be read or lacks a key.
    """
    names = ("scratch_train_predictions.csv", "scratch_predictions.csv")
    images = {one for name in names for one in image_ids(metrics / name)}
    folds = metrics / "crossval_predictions.csv"
    if not folds.exists() or image_ids(folds) != images:
        return "Cross-validation: not run on these images yet; brain-mri crossval"
    path = metrics / "crossval_statistics.csv"
    sentence = values.read(path).get("sentence")
    if sentence is None:
        raise InputError(f"{path}: expected a sentence, found none; brain-mri crossval")
    return f"Cross-validation: {sentence}"


def image_ids(path: Path) -> set[str]:
    """Return the images that a table of predictions is about."""
    table = tables.read_csv(path)
    if "image_id" not in table:
        raise InputError(f"{path}: expected a column 'image_id', found none")
    return set(table["image_id"])


def machine_given(text: str) -> slice:
    """Parse K/N, the K-th of N machines, as every N-th of a list from the K-th."""
    found = re.fullmatch("([0-9]{1,4})/([0-9]{1,4})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise typer.BadParameter(
            "expected K/N, as 2/3 for the second of three machines, found "
            f"{printable(text)!r}"
        )
    return slice(int(found[1]) - 1, None, int(found[2]))


@app.command()
def crossval(
    machine: Annotated[
        slice | None,
        typer.Option(
            parser=machine_given,
            metavar="K/N",
            help="As the K-th of N machines: train every N-th fold, gather nothing.",
        ),
    ] = None,
) -> None:
    """Train both networks in every fold of a cross-validation, and compare them.

    Runs evidence/dvc.yaml, with as many folds at once as the cores allow: about an
    hour on two. After a stop the same command goes on: only missing folds run.
    Several machines may share the folds (docs/machines.md).
    """
    advice = "folds that are done are kept, brain-mri crossval goes on"
    with one_line_if_stopped(advice), clear_errors():
        params = config.load(ROOT / config.FILE)
        if machine is None:
            crossval_run.run(ROOT, params)
            return
        crossval_run.run_some(ROOT, params, machine)
        typer.echo(
            f"Next: dvc push --run-cache {crossval_run.PIPELINE}\n"
            "Once all machines have, on one of them: "
            f"dvc repro --pull {crossval_run.PIPELINE}"
        )


@app.command()
def check(
    against: Annotated[
        str | None,
        typer.Option(
            metavar="REV", help="Also check for drops since this Git revision."
        ),
    ] = None,
) -> None:
    """Check metrics/ and dvc.lock against the section `check` of params.yaml.

    Example: brain-mri check --against main

    Needs no data and no training. Exit status: 0 if all checks pass, 1 if one fails,
    2 if the check cannot run.
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
    """Parse a path from the command line; refuse "", which would mean this folder."""
    if not text:
        raise typer.BadParameter("expected a path, found nothing")
    return Path(text)


@app.command()
def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(
            parser=path_given, metavar="PATH", help="Images or folders of images."
        ),
    ],
    model: Annotated[
        Literal["champion", "scratch", "vgg", "both"],
        typer.Option(help="Network to score with."),
    ] = "champion",
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Decision threshold; by default that of the evaluation."
        ),
    ] = None,
    form: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="Output format.")
    ] = "table",
    explain: Annotated[
        Path | None,
        typer.Option(
            parser=path_given,
            metavar="DIR",
            help="Write a PNG with crop box and Grad-CAM for each image there.",
        ),
    ] = None,
    onnx: Annotated[
        Path | None,
        typer.Option(
            parser=path_given,
            metavar="FILE",
            help="Score with this exported model; needs no TensorFlow.",
        ),
    ] = None,
) -> None:
    """Score images with the trained networks; research software, not for diagnosis.

    Exit status: 0 if all images were read, 1 if some could not be, 2 if the command
    could not start or write.

    Examples:
      brain-mri predict scan.png
      brain-mri predict ~/ward7 --model both --format csv > ward7.csv
      brain-mri predict ~/ward7 --explain pictures
      brain-mri predict ~/ward7 --onnx exported/model.onnx
    """
    with clear_errors(status=2):
        if sys.stdout is None or sys.stderr is None:
            raise InputError("expected an open stdout and stderr, found one closed")
        files, ignored = images.find(paths, aside=explain)
        if ignored:
            typer.echo(junk.told(ignored.values()), err=True)
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
        typer.echo(f"{seen.unread} of {len(files)} files could not be read", err=True)
        raise typer.Exit(1)


@app.command()
def export(
    out: Annotated[
        Path, typer.Option(parser=path_given, metavar="DIR", help="Folder to create.")
    ],
    model: Annotated[
        Literal["champion", "scratch", "vgg"], typer.Option(help="Network to export.")
    ] = "champion",
) -> None:
    """Export a network as ONNX, with its description and model card.

    The export stops if a score on the test images differs from Keras' by more than
    1e-5.

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
        Path,
        typer.Argument(
            parser=path_given,
            help="Folder of images: class folders, or a CSV file beside them.",
        ),
    ],
    name: Annotated[
        str, typer.Option(help="Name in data/raw; by default from the folder's name.")
    ] = "",
    yes: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Folders or labels with a tumour."),
    ] = None,
    no: Annotated[
        list[str] | None,
        typer.Option(metavar="C", help="Folders or labels without one."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            parser=path_given,
            metavar="FILE",
            help="CSV about the images; by default the only one in the folder.",
        ),
    ] = None,
    columns: Annotated[
        str,
        typer.Option(
            metavar="ROLE=NAME,...",
            help="Its columns for file, label, patient, part, if unusual.",
        ),
    ] = "",
    patient_from: Annotated[
        str,
        typer.Option(
            metavar="REGEX", help="Finds the patient in a file's path: its first group."
        ),
    ] = "",
    slices: Annotated[
        int, typer.Option(min=1, help="Slices to take from each volume.")
    ] = adding.SLICES,
    in_place: Annotated[
        bool,
        typer.Option("--in-place", help="Copy nothing; write the table PATH.csv only."),
    ] = False,
) -> None:
    """Copy your images to data/raw/NAME and track them with DVC.

    Understands class folders, parts, tables and volumes; writes data/raw/NAME.csv.

    Examples:
      brain-mri add ~/scans --name ward7
      brain-mri add ~/kaggle --yes glioma,meningioma,pituitary --no notumor
      brain-mri add ~/scans --columns label=dx,patient=case
      brain-mri add ~/scans --patient-from '([^/]+)_[0-9]+'
    """
    with clear_errors():
        said = Said(
            tuple(yes or ()),
            tuple(no or ()),
            table,
            asked_columns(columns),
            patient_from,
        )
        if in_place and name:
            raise InputError("--in-place keeps the folder's name: leave out --name")
        if in_place:
            use_in_place(external_folder(path), said)
        else:
            name = adding.check_name(name or adding.default_name(path))
            add_folder(path, name, said, slices)


@app.command()
def external(
    path: Annotated[
        Path | None,
        typer.Argument(
            parser=path_given,
            help="Folder with the class folders; by default that of params.yaml.",
        ),
    ] = None,
) -> None:
    """Test both networks on another collection, which nothing was trained on.

    Writes the folder to external.dataset in params.yaml, then runs dvc repro
    evidence/external/dvc.yaml. Nothing is trained, unless dvc.yaml is out of date.

    Example: brain-mri external ~/other-hospital
    """
    with one_line_if_stopped("run it again to go on"), clear_errors():
        folders = class_folders()
        if path is not None:
            folder = external_folder(path)
            if folder != wording.DRAWN_ELSEWHERE:  # drawn where it is missing
                known = table.beside(ROOT / folder)
                if not (known.exists() and table.read(known)):
                    classes.check_folders(ROOT / folder, folders)
                if table.create(known):
                    typer.echo(
                        f"{known}: written, the table for what you know", err=True
                    )
            pipeline.set_param(ROOT, "external", "dataset", folder.as_posix())
        crossval_run.repro(ROOT, EXTERNAL)
        found = values.read(ROOT / "metrics" / "external_statistics.csv")
        typer.echo(
            f"\n{found['sentence']}\n\n{found['counts']['left_out_pictures']} pictures "
            "that also occur in the training collection were left out. The numbers: "
            "metrics/external_statistics.csv.\nResearch software, not for diagnosis."
        )


@app.command()
def fetch() -> None:
    """Download the public Kaggle set of 253 images and add it as `add` does."""
    with clear_errors():
        if importlib.util.find_spec("kagglehub") is None:
            raise InputError(
                "fetch needs the package kagglehub: pip install -e '.[kaggle]'"
            )
        import kagglehub

        folders = class_folders()
        folder = Path(kagglehub.dataset_download(adding.KAGGLE))
        adding.check_count(folder, folders, adding.KAGGLE_FILES)
        add_folder(folder, "brain-mri", Said(), adding.SLICES)


@app.command()
def freeze(
    repair: Annotated[
        bool,
        typer.Option(
            "--repair-split",
            help="Move images that leak to the part of their copy or patient.",
        ),
    ] = False,
) -> None:
    """Write the present split to the data set's table, so that later runs keep it.

    Images keep their part as data are added. A split that came with the data may leak:
    --repair-split moves the copies of training images out of test.
    """
    with clear_errors():
        path = table.beside(ROOT / config.load(ROOT / config.FILE).dataset)
        parts = freezing.freeze(ROOT / "data", path, repair=repair)
        tables.write_csv(path, parts)
        counts = parts["part"].value_counts()
        counted = ", ".join(f"{part} {counts.get(part, 0)}" for part in names.PARTS)
        typer.echo(
            f"{path}: parts of {counts.drop('', errors='ignore').sum()} images "
            f"({counted}). To keep them:\n"
            f"  dvc repro && git add {path} dvc.lock metrics && "
            "git commit -m 'Freeze the split'"
        )


@app.command()
def convert() -> None:
    """Convert review.csv and split.csv of earlier versions to the data set's table.

    They are read as being about the data set that params.yaml names.
    """
    with clear_errors():
        dataset = ROOT / config.load(ROOT / config.FILE).dataset
        path = table.beside(dataset)
        rows, lost = converting.convert(ROOT, dataset, class_folders())
        tables.write_csv(path, rows)
        if lost:
            typer.echo(
                f"{len(lost)} images of {converting.SPLIT} are not in {dataset}",
                err=True,
            )
        typer.echo(
            f"{path}: {len(rows)} rows. Next:\n"
            f"  git rm --ignore-unmatch {converting.REVIEW} {converting.SPLIT} && "
            f"git add {path}"
        )


def external_folder(path: Path) -> Path:
    """Return a folder as external.dataset names it: relative within the project."""
    # not resolve(), which follows links: a data set may be one
    folder = Path(os.path.abspath(path.expanduser()))
    root = ROOT.absolute()
    return folder.relative_to(root) if folder.is_relative_to(root) else folder


def class_folders() -> dict[str, str]:
    """Return the class label of each folder named in params.yaml."""
    return classes.by_folder(config.load(ROOT / config.FILE).classes)


def number_of_images(params: config.Params) -> int:
    """Count the files of the data set, 0 if it is missing and not drawn."""
    folder = ROOT / params.dataset
    if folder.is_dir():
        return len(listing.list_files(folder))
    return params.phantom.images if wording.is_drawn(Path(params.dataset)) else 0


def add_folder(path: Path, name: str, said: Said, slices: int) -> None:
    """Copy a folder to data/raw/`name`, track it with DVC and print the next steps."""
    target = RAW / name
    folders = class_folders()
    adding.check_new(target)
    layout = understood(path, folders, said)
    needed = adding.size(layout)
    adding.check_room(needed, target)
    tell(
        [
            *layout.told,
            f"copying {len(layout.files)} files, {needed / 1e6:,.0f} MB, to {target}; "
            "DVC's cache may take as much again",
        ]
    )
    copied = adding.copy_dataset(layout, target, slices)
    tell(copied.told)
    tell(f"left out {file}: {reason}" for file, reason in copied.left_out.items())
    files = adding.track(target)
    own = table.beside(target)
    typer.echo(
        f"{files} files in {target}, {len(copied.left_out)} left out; what is known of "
        f"them: {own}. Commit both for experiments in other folders (--temp, "
        f"--queue):\n"
        f"  git add {target}.dvc {own} {RAW}/.gitignore && "
        f"git commit -m 'Add {name}'\n"
        f"Then compare the two networks on them:\n"
        f"  dvc exp run -S dataset={target}\n"
        f"That takes {estimate(files, config.load(ROOT / config.FILE))}."
    )


def use_in_place(folder: Path, said: Said) -> None:
    """Write the table of a folder that stays where it is, and print the next step."""
    layout = understood(folder, class_folders(), said)
    table = adding.write_table(layout)
    tell(layout.told)
    typer.echo(
        f"{table}: what is known of {len(layout.files)} images. Nothing was copied, "
        f"and DVC does not track them.\nCompare the two networks on them:\n"
        f"  dvc exp run -S 'dataset=\"{layout.root.as_posix()}\"'"
    )


def understood(path: Path, folders: dict[str, str], said: Said) -> Layout:
    """Understand a collection; on a terminal, ask which classes count as a tumour."""
    try:
        return understand(path, folders, said)
    except class_names.UnclearError as unclear:
        if not sys.stdin.isatty():
            options = [word for option in unclear.options.items() for word in option]
            command = shlex.join(["brain-mri", *sys.argv[1:], *options])
            example = f"{unclear} Say so, for example: {command}"
            raise InputError(printable(example)) from unclear
        yes = with_a_tumour(unclear)
        no = class_names.others(unclear.names, yes)
        return understand(
            path, folders, replace(said, yes=(*said.yes, yes), no=(*said.no, *no))
        )


def with_a_tumour(unclear: class_names.UnclearError) -> str:
    """Ask on the terminal which of the unclear names count as a tumour."""
    try:
        return typer.prompt(
            f"{printable(str(unclear))}\nThose with a tumour, divided by commas",
            err=True,
        )
    except typer.Abort as stopped:
        raise InputError("stopped; nothing was copied") from stopped


def tell(lines: Iterable[str]) -> None:
    """Print lines to stderr."""
    for line in lines:
        typer.echo(line, err=True)


@contextmanager
def one_line_if_stopped(advice: str) -> Iterator[None]:
    """Turn Ctrl-C into one line on stderr that says how to go on, and status 130."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"\nbrain-mri: stopped; {advice}", err=True)
        raise typer.Exit(130) from None


@contextmanager
def clear_errors(status: int = 1) -> Iterator[None]:
    """Turn an input error into one line on stderr and an exit status.

    A bug in this program prints its traceback and exits with the same status.
    """
    try:
        yield
    except BrokenPipeError:  # as with `| head`; Click exits quietly
        raise
    except Exception as error:
        with suppress(OSError):  # stderr may be closed
            if isinstance(error, InputError | OSError):
                typer.echo(f"brain-mri: {error}", err=True)
            else:
                traceback.print_exc()
        raise typer.Exit(status) from error
