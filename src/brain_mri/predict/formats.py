"""Write predictions line by line as they arrive: as a table, CSV or JSON."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from brain_mri.errors import printable
from brain_mri.files.names import CLASSES
from brain_mri.predict.images import Prediction

WIDTH = 12  # characters of a table column


def table(
    predictions: Iterable[Prediction], names: Sequence[str], threshold: float
) -> Iterator[str]:
    """Write one line per file: score and decision of each network, file, remarks."""
    yield "".join(f"{name:<{WIDTH}}" for name in names) + "file"
    for one in predictions:
        cells = [
            f"{one.scores[name]:.4f} {decision(one.scores[name], threshold)}"
            if one.scores
            else "-"
            for name in names
        ]
        remarks = f"no answer: {one.reason}" if one.reason else one.remarks
        line = "".join(f"{cell:<{WIDTH}}" for cell in cells) + printable(one.file)
        yield f"{line}  ({remarks})" if remarks else line


def as_csv(
    predictions: Iterable[Prediction], names: Sequence[str], threshold: float
) -> Iterator[str]:
    """Write CSV: file, scores and decisions, notes, error, picture."""
    columns = [f"{name}_{what}" for name in names for what in ("score", "says")]
    yield _row(["file", *columns, "notes", "error", "picture"])
    for one in predictions:
        said: list[object] = []
        for name in names:
            score = one.scores.get(name)
            said += ["", ""] if score is None else [score, decision(score, threshold)]
        yield _row([one.file, *said, one.remarks, one.reason, one.picture])


def as_json(
    predictions: Iterable[Prediction], names: Sequence[str], threshold: float
) -> Iterator[str]:
    """Write one JSON list, with one object per file on a line of its own."""
    before = "["
    for one in predictions:
        said = {
            name: {"score": score, "says": decision(score, threshold)}
            for name, score in one.scores.items()
        }
        row = {
            "file": one.file,
            **said,
            "notes": list(one.notes),
            "error": one.reason or None,
            "picture": one.picture or None,
        }
        yield before + json.dumps(row)
        before = ","
    yield "]" if before == "," else "[]"


WRITERS: dict[str, Callable[..., Iterator[str]]] = {
    "table": table,
    "csv": as_csv,
    "json": as_json,
}


def decision(score: float, threshold: float) -> str:
    """Return the class label of a score, by the rule of the pipeline."""
    return CLASSES[int(score >= threshold)]


def _row(cells: Sequence[object]) -> str:
    line = io.StringIO()
    # before Python 3.13, csv quotes only the line ends given as lineterminator
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n")
