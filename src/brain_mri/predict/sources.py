"""Choose which networks answer: those of the last run, or an exported one."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from brain_mri.errors import InputError
from brain_mri.predict import last_run, onnx_model
from brain_mri.predict.images import Likeness, Network
from brain_mri.predict.onnx_model import LIKENESS


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
