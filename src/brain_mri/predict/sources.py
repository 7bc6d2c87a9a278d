"""Choose which networks answer, of the project or exported; export one."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri.errors import InputError
from brain_mri.evidence import wording
from brain_mri.files import arrays, predictions, tables
from brain_mri.predict import last_run, onnx_model
from brain_mri.predict.images import Likeness, Network, in_batches
from brain_mri.predict.last_run import METRICS, Trained
from brain_mri.predict.onnx_model import FACTS, LIKENESS, MODEL

CARD = Path("reports") / "model-card.md"
# Of metrics/<model>.json, what goes with an exported file.
HEADLINE = ("accuracy", "sensitivity", "specificity", "roc_auc")


@dataclass(frozen=True)
class Asked:
    """Hold the networks that answer, and what they were trained with."""

    networks: Sequence[Network]
    image_size: int
    threshold: float
    vgg_weights: str | None
    calibrated: bool
    likeness: Likeness | None

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the notes of every answer must say."""
        random = self.vgg_weights == "random"
        return ("VGG-16 of random convolutions",) if random else ()

    def warnings(self, threshold: float) -> Iterator[str]:
        """Say what the reader of the answers must know."""
        yield f"Called a tumour ('yes') from a score of {threshold:g}."
        if not self.calibrated:
            yield "A score is no probability: it was not calibrated."
        if self.vgg_weights == "random":
            yield "The convolutions of VGG-16 are random, not pretrained."
        if self.likeness is None:
            yield "No training images here, or too few: likeness is not checked."
        yield "Research software, not for diagnosis."


def from_project(root: Path, model: str, explain: Path | None) -> Asked:
    """Load networks of the last run: champion, scratch, vgg or both.

    Args:
        root: the project's folder.
        model: which to ask.
        explain: where to put explanations; made before the slow part.

    Raises:
        InputError: there was no complete run, or its weights are not here; or nothing
            can be written into `explain`.
    """
    trained = last_run.trained(root)
    if explain:
        _make_folder(explain)
    likeness = last_run.likeness(trained.run)  # refuses sooner than TensorFlow starts
    names = {"both": ["scratch", "vgg"], "champion": [trained.champion]}.get(
        model, [model]
    )
    return Asked(
        [last_run.network(last_run.load(trained, name)) for name in names],
        trained.image_size,
        trained.threshold,
        trained.vgg_weights if "vgg" in names else None,
        trained.calibrated,
        likeness,
    )


def exported(path: Path, model: str, explain: Path | None) -> Asked:
    """Open an exported file by what its description says.

    Args:
        path: the file.
        model: the network asked for; whichever it is where `champion` is.
        explain: where to put explanations.

    Raises:
        InputError: the file or its description is missing or does not fit; or it is of
            another network; or an explanation is asked for, which needs the network's
            inside.
    """
    if explain:
        raise InputError("--explain needs the network's inside: leave out --onnx")
    facts = onnx_model.facts(path)
    if model not in ("champion", facts.name):
        raise InputError(f"--model {model}: {path} holds {facts.name}; leave out one")
    return Asked(
        [onnx_model.open_onnx(path, facts.name, facts.size)],
        facts.size,
        facts.threshold,
        facts.vgg_weights,
        facts.temperature != 1,
        onnx_model.read_likeness(path.parent / LIKENESS),
    )


def export(root: Path, model: str, out: Path) -> dict[str, Any]:
    """Write one network of the last run to a new folder, whole or not at all.

    Returns:
        What the comparison with Keras on the test images gave.

    Raises:
        InputError: the folder is there already; the run, its test images or its card
            are not; the scores differ too much from the run's or from Keras'.
    """
    if os.path.lexists(out):  # a link that leads nowhere counts
        raise InputError(f"{out}: exists already; choose another --out or remove it")
    onnx_model.check_installed()
    trained = last_run.trained(root, last="report")
    name = trained.champion if model == "champion" else model
    results = (METRICS / f"{name}{end}" for end in (".json", "_predictions.csv"))
    card, *_ = [trained.run.output(p) for p in (CARD, last_run.TEST, *results)]
    out.parent.mkdir(parents=True, exist_ok=True)
    loaded = last_run.load(trained, name)
    with _half_made(out.parent) as half:
        folder = half / "whole"
        folder.mkdir()
        parity = _write_model(trained, loaded, folder / MODEL)
        facts = _facts(trained, name, parity, onnx_model.digest(folder / MODEL))
        tables.write_json(folder / FACTS, facts)
        shutil.copyfile(card, folder / card.name)
        if known := last_run.likeness(trained.run):
            onnx_model.write_likeness(known, folder / LIKENESS)
        folder.replace(out)
    return parity


@contextmanager
def _half_made(parent: Path) -> Iterator[Path]:
    """Give a folder to work in that is gone afterwards, also after Ctrl-C and SIGTERM.

    Not by an exception: TensorFlow swallows one that comes while it traces a network.
    """
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    with tempfile.TemporaryDirectory(dir=parent, prefix=".exporting-") as folder:

        def end(number: int, _frame: object) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(128 + number)

        for number, handler in before.items():
            if handler != signal.SIG_IGN:  # as nohup and & set it
                signal.signal(number, end)
        try:
            yield Path(folder)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # its mode does not tell all
            pass
    except OSError as error:
        raise InputError(
            f"{folder}: expected a folder for explanations to write in "
            f"({error.strerror})"
        ) from error


def _write_model(trained: Trained, loaded: Any, path: Path) -> dict[str, Any]:
    part = arrays.read(trained.run.output(last_run.TEST))
    keras = in_batches(last_run.network(loaded).score, part.values)
    _check_repeated(trained, loaded.name, part.index["image_id"], keras)
    onnx_model.write_onnx(loaded, path)
    opened = onnx_model.open_onnx(path, loaded.name, trained.image_size)
    difference = float(abs(in_batches(opened.score, part.values) - keras).max())
    if difference > onnx_model.PARITY:
        raise InputError(
            f"the exported scores differ from Keras' by {difference:.1e}, more than "
            f"{onnx_model.PARITY:.0e}: not exported"
        )
    return {
        "images": len(keras),
        "largest_difference": float(f"{difference:.2g}"),
        "allowed": onnx_model.PARITY,
    }


def _check_repeated(trained: Trained, name: str, ids: pd.Series, keras: Any) -> None:
    """Check that a network scores the test images as it did when it was evaluated."""
    path = trained.run.output(METRICS / f"{name}_predictions.csv")
    evaluated = predictions.read(path).set_index("image_id")["y_score"].reindex(ids)
    difference = float(abs(evaluated.to_numpy() - keras).max())
    if not difference <= onnx_model.REPEATED:  # NaN where an image is missing
        raise InputError(
            f"{path}: the scores of {name} on the test images differ by "
            f"{difference:.1e} from these, more than {onnx_model.REPEATED:.0e}; dvc "
            "repro"
        )


def _facts(
    trained: Trained, name: str, parity: dict[str, Any], sha256: str
) -> dict[str, Any]:
    path = trained.run.output(METRICS / f"{name}.json")
    scores = tables.read_json(path)["test"]
    keys = [f"{key}{end}" for key in HEADLINE for end in ("", "_low", "_high")]
    return onnx_model.description(
        name=name,
        title=wording.names(trained.vgg_weights)[name],
        size=trained.image_size,
        threshold=trained.threshold,
        vgg_weights=trained.vgg_weights,
        temperature=last_run.temperature(trained, name),
        test={key: scores[key] for key in ("n_groups", "n_images", *keys)},
        data={"dataset": trained.dataset, "md5": trained.dataset_md5},
        notes=wording.limits(
            # which weights VGG-16 started from says nothing of the other network
            trained.vgg_weights if name == "vgg" else "imagenet",
            wording.is_drawn(Path(trained.dataset)),
        ),
        parity=parity,
        sha256=sha256,
    )
