"""Choose which networks answer, of the project or exported; export one."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brain_mri import arrays, exporting, networks, tables, wording
from brain_mri.errors import InputError
from brain_mri.exporting import FACTS, LIKENESS, MODEL
from brain_mri.predicting import Likeness, Network

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
    likeness: Likeness | None

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the notes of every answer must say."""
        return ("VGG-16 not pretrained",) if self.vgg_weights == "random" else ()

    def warnings(self, threshold: float) -> Iterator[str]:
        """Say what the reader of the answers must know."""
        yield f"Called a tumour ('yes') from a probability of {threshold:g}."
        if self.vgg_weights == "random":
            yield "The convolutions of VGG-16 are random, not pretrained."
        if self.likeness is None:
            yield "No training images here: likeness to them is not checked."
        yield "Research software, not for diagnosis."


def from_project(root: Path, model: str) -> Asked:
    """Load networks of the last run: champion, scratch, vgg or both.

    Raises:
        InputError: there was no complete run, or its weights are not here.
    """
    run = networks.trained(root)
    names = {"both": ["scratch", "vgg"], "champion": [run.champion]}.get(model, [model])
    return Asked(
        [networks.network(networks.load(root, name, run.image_size)) for name in names],
        run.image_size,
        run.threshold,
        run.vgg_weights if "vgg" in names else None,
        networks.likeness(root),
    )


def exported(path: Path, explain: Path | None) -> Asked:
    """Open an exported file by what its description says.

    Raises:
        InputError: the file or its description is missing or does not fit; or an
            explanation is asked for, which needs the network's inside.
    """
    if explain:
        raise InputError("--explain needs the network's inside: leave out --onnx")
    facts = exporting.facts(path)
    size = int(facts["input"]["shape"][1])
    return Asked(
        [exporting.open_onnx(path, facts["name"], size)],
        size,
        float(facts["threshold"]),
        facts["vgg_weights"],
        exporting.read_likeness(path.parent / LIKENESS),
    )


def export(root: Path, model: str, out: Path) -> dict[str, Any]:
    """Write one network of the last run to a new folder, whole or not at all.

    Returns:
        What the comparison with Keras on the test images gave.

    Raises:
        InputError: the folder is there already; the run or its test images are not;
            the scores differ too much.
    """
    if out.exists():
        raise InputError(f"{out}: exists already; choose another --out or remove it")
    run = networks.trained(root)
    name = run.champion if model == "champion" else model
    loaded = networks.load(root, name, run.image_size)
    crops = _test_crops(root)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".exporting-") as scratch:
        folder = Path(scratch) / "whole"
        folder.mkdir()
        parity = _write_model(loaded, crops, folder / MODEL)
        facts = _facts(root, run, name, parity, exporting.digest(folder / MODEL))
        tables.write_json(folder / FACTS, facts)
        card = root / CARD
        (folder / card.name).write_text(_read(card), encoding="utf-8")
        if known := networks.likeness(root):
            exporting.write_likeness(known, folder / LIKENESS)
        folder.replace(out)
    return parity


def _write_model(loaded: Any, crops: Any, path: Path) -> dict[str, Any]:
    from brain_mri import models

    core, offset = models.behind_offset(loaded)
    exporting.write_onnx(core, offset, path)
    keras = networks.network(loaded)
    opened = exporting.open_onnx(path, loaded.name, crops.shape[1])
    difference = exporting.largest_difference(keras, opened, crops)
    if difference > exporting.PARITY:
        raise InputError(
            f"the exported scores differ from Keras' by {difference:.1e}, more than "
            f"{exporting.PARITY:.0e}: not exported"
        )
    return {
        "images": len(crops),
        "largest_difference": float(f"{difference:.2g}"),
        "allowed": exporting.PARITY,
    }


def _facts(
    root: Path, run: networks.Trained, name: str, parity: dict[str, Any], sha256: str
) -> dict[str, Any]:
    scores = tables.read_json(root / "metrics" / f"{name}.json")["test"]
    keys = [f"{key}{end}" for key in HEADLINE for end in ("", "_low", "_high")]
    return exporting.description(
        name=name,
        title=wording.names(run.vgg_weights)[name],
        size=run.image_size,
        threshold=run.threshold,
        vgg_weights=run.vgg_weights,
        test={key: scores[key] for key in ("n_groups", "n_images", *keys)},
        data={"dataset": run.dataset, "md5": run.dataset_md5},
        notes=wording.limits(
            # which weights VGG-16 started from says nothing of the other network
            run.vgg_weights if name == "vgg" else "imagenet",
            run.dataset == wording.DRAWN,
        ),
        parity=parity,
        sha256=sha256,
    )


def _test_crops(root: Path) -> Any:
    folder = root / networks.DATA / "split" / "test"
    if not (folder / "values.npy").is_file():
        raise InputError(
            f"{folder}: expected the test images, to check the export on; dvc repro"
        )
    return arrays.read(folder).values


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; dvc repro makes it") from error
