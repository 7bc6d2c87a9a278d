"""Join images into pictures and pictures into patients, by pairs of images."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.dataset.duplicates import component_labels
from brain_mri.errors import InputError, printable

MAX_LISTED = 10  # label conflicts in an error message
PICTURE = ("exact", "near", "volume")  # kinds of pairs that are one picture


def chains(keys: Sequence[str]) -> npt.NDArray[np.intp]:
    """Pair each item with the next one of the same key; "" is no key.

    Returns:
        Pairs i < j of indices, shape (m, 2), sorted by j.
    """
    last: dict[str, int] = {}
    pairs = []
    for j, key in enumerate(keys):
        if key:
            if key in last:
                pairs.append((last[key], j))
            last[key] = j
    return np.array(pairs, np.intp).reshape(-1, 2)


def joined_ids(ids: Sequence[str], pairs: npt.NDArray[np.intp]) -> list[str]:
    """Return for each image the lowest id among those connected by pairs (m, 2)."""
    labels = component_labels(len(ids), pairs).tolist()
    lowest: dict[int, str] = {}
    for label, name in zip(labels, ids, strict=True):
        lowest[label] = min(name, lowest.get(label, name))
    return [lowest[label] for label in labels]


def conflicts(manifest: pd.DataFrame) -> dict[str, list[str]]:
    """Return the files of each picture in both classes, by the picture's id.

    One of the two labels is wrong, and only a person can say which. A patient may have
    pictures of both classes.

    Args:
        manifest: columns file, label, picture and accepted.
    """
    accepted = manifest[manifest["accepted"]]
    classes = accepted.groupby("picture")["label"].transform("nunique")
    rows = accepted[classes > 1]
    return {str(name): sorted(files) for name, files in rows.groupby("picture")["file"]}


def check_conflicts(found: Mapping[str, Sequence[str]]) -> None:
    """Check that there are no label conflicts.

    Raises:
        InputError: there are some; the message names the first ten.
    """
    if found:
        named = "; ".join(
            " and ".join(map(printable, files))
            for files in list(found.values())[:MAX_LISTED]
        )
        raise InputError(
            f"{len(found)} scans are labelled both no and yes: {named}. Correct or "
            "remove the files, exclude them in the data set's table, or set "
            "audit.label_conflicts to keep in params.yaml"
        )
