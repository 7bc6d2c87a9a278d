"""Crop every image of a data set, and flag the crops that a person should look at."""

import re
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import pandas as pd

from brain_mri.errors import InputError, printable
from brain_mri.files.names import CLASSES
from brain_mri.files.png import write_png
from brain_mri.imaging import lettering, oddities, outliers
from brain_mri.imaging.cropping import corrected, crop_to_square, head_box
from brain_mri.imaging.decoded import ImageError
from brain_mri.imaging.decoding import decode
from brain_mri.progress import map_images

STEM_LETTERS = 40


def crop_name(file: str, image_id: str) -> str:
    """Return the file name of a crop: the shortened plain stem and the image id.

    The id distinguishes `Y92.jpg` from `Y92.png`.
    """
    stem = re.sub(r"[^A-Za-z0-9 _.-]", "_", PurePosixPath(file).stem)
    return f"{stem[:STEM_LETTERS]}-{image_id}.png"


def crop_all(
    source: Path, manifest: pd.DataFrame, out: Path, image_size: int
) -> pd.DataFrame:
    """Crop every accepted image of the manifest from `source` to `out`/{no,yes}.

    A box given in the manifest replaces the detected box.

    Returns a row per crop, in the manifest's order: image_id, label, file (of the
    crop, below `out`), x0, y0, x1, y1, kept (the share of the image's area), enlarged
    (whether a side of the box is shorter than the crop's), agreement,
    outlier_distance (see `outliers.distances`), flags (joined by `;`): those of
    `head_box`, and
        letters: the image contains writing.
        false colours: most of the image is strongly coloured.
        bright background: the image is a negative, or lies on a bright page.
        unlike the others: the outlier distance lies above the fence of all crops.

    Raises:
        InputError: An accepted file can no longer be read; the message names it.
    """
    for label in CLASSES:
        (out / label).mkdir(parents=True, exist_ok=True)
    accepted = manifest[manifest["accepted"]]
    columns = ["image_id", "label", "file", "box"]
    keys = list(accepted[columns].itertuples(index=False, name=None))
    rows = map_images(partial(_crop, source, out, image_size), keys, "crop")
    return _compared(pd.DataFrame(rows), accepted["patient"].to_numpy())


def _crop(
    source: Path, out: Path, image_size: int, key: tuple[str, str, str, str]
) -> dict[str, object]:
    """Write one crop; return its row, with its features as outlier distance."""
    image_id, label, file, corners = key
    try:
        decoded = decode(source / file)
    except ImageError as error:
        raise InputError(
            f"{source / printable(file)}: accepted by the audit, but now {error}; "
            "run the audit again"
        ) from None
    grey = decoded.grey
    box = corrected(head_box(grey), corners)
    name = f"{label}/{crop_name(file, image_id)}"
    crop = crop_to_square(grey, box, image_size)
    write_png(out / name, crop)
    flags = {
        "letters": lettering.has_letters(grey),
        "false colours": decoded.coloured,
        "bright background": oddities.has_bright_background(grey),
    }
    return {
        "image_id": image_id,
        "label": label,
        "file": name,
        **{edge: getattr(box, edge) for edge in ("x0", "y0", "x1", "y1")},
        "kept": round(box.area / grey.size, 4),
        "enlarged": box.shorter < image_size,
        "agreement": box.agreement,
        "outlier_distance": outliers.features(crop, box.aspect),
        "flags": box.flags + tuple(flag for flag, is_set in flags.items() if is_set),
    }


def summary(crops: pd.DataFrame) -> dict[str, object]:
    """Count the crops, those flagged and, by class, those that had to be enlarged.

    If the shares enlarged differ between the classes, blur reveals the class.
    """
    enlarged = crops.groupby("label")["enlarged"]
    return {
        "images": len(crops),
        "flagged": int((crops["flags"] != "").sum()),
        "enlarged": {label: int(n) for label, n in enlarged.sum().items()},
        "enlarged_share": {label: round(x, 4) for label, x in enlarged.mean().items()},
    }


def common_flags(crops: pd.DataFrame) -> list[str]:
    """Say which flags at least half of a class has, with the counts of each class.

    A network can use whatever one class has and the other lacks.
    """
    flags = crops["flags"].str.get_dummies(";")
    counts, sizes = flags.groupby(crops["label"]).sum(), crops.groupby("label").size()
    told = []
    for flag in counts:
        if (2 * counts[flag] >= sizes).any():
            of = ", ".join(
                f"{counts[flag][c]} of {sizes[c]} “{c}”" for c in sizes.index
            )
            told.append(f"{flag} ({of})")
    return told


def unlike_the_others(crops: pd.DataFrame) -> pd.DataFrame:
    """Return the rows flagged as outliers, largest distance first."""
    far = crops[crops["flags"].str.contains("unlike the others")]
    return far.sort_values("outlier_distance", ascending=False)


def _compared(table: pd.DataFrame, patients: npt.NDArray) -> pd.DataFrame:
    """Replace the features of each crop by its outlier distance, and flag outliers."""
    distance = outliers.distances(
        np.stack(table["outlier_distance"].tolist()), patients
    )
    odd = np.where(distance > outliers.fence(distance), "unlike the others", "")
    flags = [
        ";".join(filter(None, (*mine, far)))
        for mine, far in zip(table["flags"], odd.tolist(), strict=True)
    ]
    return table.assign(outlier_distance=distance, flags=flags)
