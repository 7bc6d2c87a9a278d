"""Export one network of the last run: all files or none."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from brain_mri.errors import InputError
from brain_mri.evidence import observations, scoring
from brain_mri.files import arrays, tables
from brain_mri.predict import last_run, onnx_model
from brain_mri.predict.images import in_batches
from brain_mri.predict.last_run import METRICS, Trained
from brain_mri.predict.onnx_model import FACTS, LIKENESS, MODEL
from brain_mri.presentation import wording

CARD = Path("reports") / "model-card.md"
# The test scores that go with an exported file.
HEADLINE = ("accuracy", "sensitivity", "specificity", "roc_auc")


def export(root: Path, model: str, out: Path) -> dict[str, Any]:
    """Write one network of the last run to a new folder: all files or none.

    Returns:
        The comparison with Keras: number of test images, largest difference of their
        scores, and the difference allowed.

    Raises:
        InputError: the folder exists; the run, its test images or its card are
            missing; the scores differ too much from those of the run or of Keras.
    """
    if os.path.lexists(out):  # true for a broken link too
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
    """Yield a temporary folder, removed at the end and on Ctrl-C and SIGTERM.

    The signal handler exits instead of raising, because TensorFlow swallows exceptions
    while it traces a network.
    """
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    with tempfile.TemporaryDirectory(dir=parent, prefix=".exporting-") as folder:

        def end(number: int, _frame: object) -> None:
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(128 + number)

        for number, handler in before.items():
            if handler != signal.SIG_IGN:  # ignored under nohup or &
                signal.signal(number, end)
        try:
            yield Path(folder)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


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
    """Check that a network repeats the test scores of its evaluation."""
    path = trained.run.output(METRICS / f"{name}_predictions.csv")
    evaluated = observations.read(path).set_index("image_id")["y_score"].reindex(ids)
    difference = float(abs(evaluated.to_numpy() - keras).max())
    if not difference <= onnx_model.REPEATED:  # NaN where an image is missing
        raise InputError(
            f"{path}: the scores of {name} on the test images differ by "
            f"{difference:.1e} from those stored here, more than "
            f"{onnx_model.REPEATED:.0e}; run dvc repro"
        )


def _facts(
    trained: Trained, name: str, parity: dict[str, Any], sha256: str
) -> dict[str, Any]:
    table = tables.read_csv(trained.run.output(METRICS / "statistics.csv"))
    scores = scoring.from_statistics(table)[name]
    keys = [f"{key}{end}" for key in HEADLINE for end in ("", "_low", "_high")]
    return onnx_model.description(
        name=name,
        title=wording.names(trained.vgg_weights)[name],
        size=trained.image_size,
        threshold=trained.threshold,
        vgg_weights=trained.vgg_weights,
        temperature=last_run.temperature(trained, name),
        test={key: scores[key] for key in ("n_pictures", *keys)},
        data={"dataset": trained.dataset, "md5": trained.dataset_md5},
        notes=wording.limits(
            # random weights of VGG-16 do not limit the other network
            trained.vgg_weights if name == "vgg" else "imagenet",
            wording.is_drawn(Path(trained.dataset)),
        ),
        parity=parity,
        sha256=sha256,
    )
