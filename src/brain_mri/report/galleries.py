"""Choose the pictures of the report and write their captions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from brain_mri.files.arrays import Part
from brain_mri.files.names import CLASSES, LEAKED
from brain_mri.files.png import read_png
from brain_mri.imaging.cropping import Box
from brain_mri.imaging.decoding import decode
from brain_mri.presentation import pictures

CROPS = 24
VARIED = 6  # training images shown with their variants
VARIANTS = 4  # variants shown per training image
COPIES = 8  # patients or pictures of several images
MEMBERS = 4  # images shown of each
ERRORS = 90  # limit on test images with an error; above it, a seeded sample
RIGHT = 30  # limit on test images without an error, likewise
# Most serious flag first: doubts about the head, then about the box, then the rest.
FLAGS = (
    "unlike the others",
    "frame kept",
    "thresholds disagree",
    "letters",
    "false colours",
    "bright background",
    "frame peeled",
    "box corrected",
)
OUTCOMES = {
    (False, False): "Both wrong",
    (True, False): "Only the CNN from scratch right",
    (False, True): "Only VGG-16 right",
    (True, True): "Both right",
}


@dataclass(frozen=True)
class Card:
    """Hold a picture, its text alternative and its caption."""

    picture: str  # a data URI
    alt: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Gallery:
    """Hold a title, the cards shown and the total number of cards available."""

    title: str
    cards: list[Card]
    total: int


def crops(
    table: pd.DataFrame, files: Mapping[str, str], dataset: Path, cropped: Path
) -> Gallery:
    """Show images before and after the crop, most serious flags and outliers first.

    Args:
        table: data/crop.csv.
        files: image id to file name in the data set.
        dataset: the folder of the whole images.
        cropped: the folder of the crops.
    """
    rank = table["flags"].map(_gravity)
    ordered = table.assign(rank=rank).sort_values(
        ["rank", "outlier_distance", "image_id"], ascending=[True, False, True]
    )
    cards = [
        _crop_card(row, files[row.image_id], dataset, cropped)
        for row in ordered.head(CROPS).itertuples()
    ]
    return Gallery("Crops", cards, len(table))


def copies(split: pd.DataFrame, table: pd.DataFrame, cropped: Path) -> Gallery:
    """Show the patients and pictures of most images, each in its one part."""
    split = split[split["part"] != LEAKED]
    sizes = split.groupby("patient")["image_id"].size()
    several = sizes[sizes > 1].sort_values(ascending=False, kind="stable").index
    file_of = dict(zip(table["image_id"], table["file"], strict=True))
    cards = []
    for patient in several[:COPIES]:
        members = split[split["patient"] == patient]
        shown = [file_of[image_id] for image_id in members["image_id"]][:MEMBERS]
        tiles = [pictures.tile(read_png(cropped / file)) for file in shown]
        part, n = members["part"].iloc[0], members["picture"].nunique()
        line = f"{len(members)} images, all in {part}"
        line += (
            ": copies of one picture" if n == 1 else f": {n} pictures of one patient"
        )
        alt = f"{len(shown)} crops that belong together: {', '.join(shown)}"
        cards.append(Card(pictures.strip(tiles), alt, (line,)))
    return Gallery("Copies and patients", cards, len(several))


def augmentation(augmented: Part) -> Gallery:
    """Show training images beside their augmented variants."""
    index = augmented.index.reset_index()
    originals = index[index["variant"] == 0]
    cards = []
    for row in originals.head(VARIED).itertuples():
        mine = index[index["image_id"] == row.image_id].sort_values("variant")
        mine = mine.head(1 + VARIANTS)
        tiles = [pictures.tile(augmented.values[i]) for i in mine["index"]]
        alt = f"Training image {row.image_id} and {len(tiles) - 1} variants of it"
        label = f"{CLASSES[row.y_true]}: original, then variants"
        cards.append(Card(pictures.strip(tiles), alt, (label,)))
    return Gallery("Augmentation", cards, len(originals))


def test_images(
    test: Part,
    heat: Mapping[str, Part],
    predictions: Mapping[str, pd.DataFrame],
    files: Mapping[str, str],
    seed: int,
) -> list[Gallery]:
    """Show test images with both predictions and Grad-CAM, errors first.

    Each gallery begins with the most confident errors, since these may be wrong labels.
    Copies of one scan are side by side.

    Args:
        test: the images of the test part.
        heat: for scratch and vgg, the heat maps of the same images.
        predictions: for scratch and vgg, columns image_id, picture, patient, y_true,
            y_pred and y_score.
        files: image id to file name.
        seed: of the sample, drawn if there are too many images to show.
    """
    both = predictions["scratch"].merge(
        predictions["vgg"],
        on=["image_id", "picture", "patient", "y_true"],
        suffixes=("", "_vgg"),
    )
    right = both["y_pred"] == both["y_true"], both["y_pred_vgg"] == both["y_true"]
    outcome = pd.Series(list(zip(*right, strict=True)), index=both.index)
    shown = _chosen(both["image_id"], outcome != (True, True), seed)
    both = both.loc[_surest_error_first(both).index]
    row_of = {image_id: i for i, image_id in enumerate(test.index["image_id"])}
    galleries = []
    for key, title in OUTCOMES.items():
        mine = both[outcome[both.index] == key]
        cards = [
            _test_card(row, row_of[row.image_id], test, heat, files)
            for row in mine[mine["image_id"].isin(shown)].itertuples()
        ]
        galleries.append(Gallery(title, cards, len(mine)))
    return galleries


def surest_errors(
    name: str, images: Part, heat: Part, files: Mapping[str, str], total: int
) -> Gallery:
    """Show the surest errors of one network on another collection, with Grad-CAM.

    Args:
        name: display name of the network.
        images: the images of the collection.
        heat: heat maps of some images, the surest error first; columns image_id,
            y_true, y_score and wrong. What is not wrong is not shown.
        files: image id to file name.
        total: number of pictures that the network got wrong.
    """
    place = {image_id: i for i, image_id in enumerate(images.index["image_id"])}
    cards = []
    for row in heat.index[heat.index["wrong"]].itertuples():
        image, file = images.values[place[row.image_id]], files[row.image_id]
        tiles = [pictures.tile(image), pictures.heated(image, heat.values[row.Index])]
        said = f"score {row.y_score:.3f}, WRONG"
        lines = f"truth: {CLASSES[row.y_true]}", said, file
        alt = f"{file}: the image, then Grad-CAM of {name}"
        cards.append(Card(pictures.strip(tiles), alt, lines))
    return Gallery(name, cards, total)


def _gravity(flags: str) -> int:
    mine = flags.split(";")
    return next((i for i, flag in enumerate(FLAGS) if flag in mine), len(FLAGS))


def _crop_card(row: Any, file: str, dataset: Path, cropped: Path) -> Card:
    whole = decode(dataset / file).grey
    box = Box(row.x0, row.y0, row.x1, row.y1)
    crop = read_png(cropped / row.file)
    flags = row.flags.replace(";", ", ") or "no flag"
    alt = f"{file}: the whole image with the box of the head, then the crop"
    strip = pictures.strip([pictures.framed(whole, box), pictures.tile(crop)])
    return Card(strip, alt, (file, flags))


def _surest_error_first(both: pd.DataFrame) -> pd.DataFrame:
    misses = (both[f"y_score{end}"] - both["y_true"] for end in ("", "_vgg"))
    wrong = (both[f"y_pred{end}"] != both["y_true"] for end in ("", "_vgg"))
    sure = pd.concat(
        [m.abs().where(w, 0) for m, w in zip(misses, wrong, strict=True)], axis=1
    )
    table = both.assign(sure=sure.max(axis=1))
    table["picture_sure"] = table.groupby("picture")["sure"].transform("max")
    keys = ["picture_sure", "picture", "sure", "image_id"]
    return table.sort_values(keys, ascending=[False, True, False, True])


def _chosen(image_ids: pd.Series, erred: pd.Series, seed: int) -> set[str]:
    rng = np.random.default_rng(seed)
    chosen: set[str] = set()
    for pool, most in ((image_ids[erred], ERRORS), (image_ids[~erred], RIGHT)):
        ids = sorted(pool)
        chosen |= set(ids if len(ids) <= most else rng.choice(ids, most, replace=False))
    return chosen


def _test_card(
    row: Any,
    place: int,
    test: Part,
    heat: Mapping[str, Part],
    files: Mapping[str, str],
) -> Card:
    image = test.values[place]
    tiles = [pictures.tile(image)] + [
        pictures.heated(image, heat[model].values[place])
        for model in ("scratch", "vgg")
    ]
    said = [
        f"{name} {CLASSES[y_pred]} ({y_score:.3f}, "
        f"{'right' if y_pred == row.y_true else 'WRONG'})"
        for name, y_pred, y_score in (
            ("CNN", row.y_pred, row.y_score),
            ("VGG-16", row.y_pred_vgg, row.y_score_vgg),
        )
    ]
    file = files[row.image_id]
    alt = f"{file}: the test image, then Grad-CAM of the CNN and of VGG-16"
    lines = [f"truth: {CLASSES[row.y_true]}", *said, file]
    if row.image_id != row.picture:
        lines.append(f"a copy of {files[row.picture]}; the mean of their scores counts")
    return Card(pictures.strip(tiles), alt, tuple(lines))
