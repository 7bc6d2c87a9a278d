"""Select the networks to score with: those of the last run or an exported one."""

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
    """Hold the networks to score with and their settings."""

    networks: Sequence[Network]
    image_size: int
    threshold: float
    vgg_weights: str | None
    calibrated: bool
    likeness: Likeness | None

    @property
    def caveats(self) -> tuple[str, ...]:
        """Notes for every scored image."""
        random = self.vgg_weights == "random"
        return ("VGG-16 of random convolutions",) if random else ()

    def warnings(self, threshold: float) -> Iterator[str]:
        """Yield the warnings to print before the scores."""
        yield f"A score of at least {threshold:g} is called a tumour ('yes')."
        if not self.calibrated:
            yield "Scores are not probabilities: they were not calibrated."
        if self.vgg_weights == "random":
            yield "The convolutions of VGG-16 are random, not pretrained."
        if self.likeness is None:
            yield (
                "No description of the training images here, or of too few: unusual "
                "images are not noted."
            )
        yield "Research software, not for diagnosis."


def from_project(root: Path, model: str, explain: Path | None) -> Asked:
    """Load networks of the last run: champion, scratch, vgg or both.

    Args:
        root: the project's folder.
        model: which to load.
        explain: folder for explanations; created before any slow work.

    Raises:
        InputError: there is no complete run, its weights are missing, or `explain`
            cannot be written to.
    """
    trained = last_run.trained(root)
    if explain:
        _make_folder(explain)
    likeness = last_run.likeness(trained.run)  # raises before TensorFlow loads
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
    """Open an exported file with the settings in its description.

    Args:
        path: the file.
        model: the network requested; `champion` accepts the one in the file.
        explain: folder for explanations; must be None.

    Raises:
        InputError: the file or its description is missing or does not fit; the file
            holds another network; or explanations, which need the Keras model, are
            requested.
    """
    if explain:
        raise InputError("--explain needs the Keras model: leave out --onnx")
    facts = onnx_model.facts(path)
    if model not in ("champion", facts.name):
        raise InputError(f"--model {model}: {path} holds {facts.name}; omit --model")
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
        with tempfile.TemporaryFile(dir=folder):  # permission bits may mislead
            pass
    except OSError as error:
        raise InputError(
            f"{folder}: expected a writable folder for explanations ({error.strerror})"
        ) from error
