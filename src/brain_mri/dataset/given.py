"""Honour the parts that people gave images, and find what leaks between them.

A given part is never changed here. An image that shows a picture or a patient of an
earlier part (train before val before test) leaks, and no part takes it.
"""

from collections.abc import Mapping

import pandas as pd

from brain_mri.files.names import LEAKED, PARTS


def of_patients(images: pd.DataFrame) -> dict[str, str]:
    """Return the earliest part given to an image of each patient.

    Args:
        images: columns patient and given (a part, or "" where none was given).
    """
    found = images[images["given"] != ""]
    rank = found["given"].map(PARTS.index).groupby(found["patient"]).min()
    return {str(patient): PARTS[first] for patient, first in rank.items()}


def lacks_val(given: Mapping[str, str]) -> bool:
    """Return whether validation has to be taken from the given training patients.

    This is so if train is given and val is not, as in a folder of Training/ and
    Testing/.
    """
    return "train" in given.values() and "val" not in given.values()


def without_leaks(images: pd.DataFrame) -> pd.DataFrame:
    """Return images with the part `LEAKED` for those that leak.

    Pictures and patients are named anew, after their lowest image id without leaks.

    Args:
        images: columns image_id, picture, patient, given, and part, that of the
            patient.
    """
    order = {part: rank for rank, part in enumerate(PARTS)}
    leaks = images["given"].map(order) > images["part"].map(order)
    rest = images[~leaks]
    names = {
        unit: rest.groupby(unit)["image_id"].transform("min").reindex(images.index)
        for unit in ("picture", "patient")
    }
    named = {unit: name.fillna(images[unit]) for unit, name in names.items()}
    return images.assign(part=images["part"].mask(leaks, LEAKED), **named)


def members(images: pd.DataFrame, part: str) -> pd.DataFrame:
    """Return the images of a part; of `LEAKED` those given for test, which are scored.

    Args:
        images: columns given and part.
    """
    mine = images[images["part"] == part]
    return mine[mine["given"] == "test"] if part == LEAKED else mine


def summary(images: pd.DataFrame) -> dict[str, int]:
    """Count the images with a given part, those of test, and those that leak.

    Args:
        images: columns given and part (`LEAKED` for those that leak).
    """
    leaked = images["part"] == LEAKED
    return {
        "images": int((images["given"] != "").sum()),
        "test": int((images["given"] == "test").sum()),
        "leaked_test": int((leaked & (images["given"] == "test")).sum()),
        "leaked_val": int((leaked & (images["given"] == "val")).sum()),
    }
