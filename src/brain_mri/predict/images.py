"""Score any images with trained networks, preprocessed as in the pipeline.

Decoding, head box, crop and resize are the pipeline's own functions, so the same image
gets the same score. Images are processed in batches to bound memory.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors
from tqdm import tqdm

from brain_mri.collection import junk
from brain_mri.dataset.crops import crop_name
from brain_mri.files import predictions
from brain_mri.files.image_ids import DIGITS
from brain_mri.imaging import lettering, oddities, outliers
from brain_mri.imaging.cropping import crop_to_square, head_box
from brain_mri.imaging.decoded import ImageError
from brain_mri.imaging.decoding import decode
from brain_mri.networks.memory import PIXELS_AT_ONCE
from brain_mri.presentation import pictures

AT_ONCE = 64  # images decoded before they are scored
NEARLY_BLANK = 8.0  # standard deviation of a crop's grey levels; heads have over 30
SIDE = 256  # px of each tile of an explanation

Grey = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """Hold a trained network as functions, with its name.

    score: maps crops, uint8 (n, size, size), to scores in [0, 1], shape (n,).
    heat: maps the same crops to heat maps, uint8, shape (n, height, width), each on its
        own scale; None if the network has no heat maps.
    """

    name: str
    score: Callable[[Grey], Scores]
    heat: Callable[[Grey], Grey] | None = None


@dataclass(frozen=True)
class Likeness:
    """Hold features of the training images, to detect images unlike them.

    described: `outliers.features` of one image per patient, shape (n, d).
    limit: upper fence of the training images' own distances.
    """

    described: npt.NDArray[np.float32]
    limit: float

    @cached_property
    def search(self) -> NearestNeighbors:
        """Return the features, prepared for `outliers.distances_to`."""
        return outliers.search_in(self.described)


@dataclass(frozen=True)
class Prediction:
    """Hold the result of one file: scores by network, or the reason for having none.

    picture: file name of the explanation, if one was requested.
    """

    file: str
    scores: dict[str, float]
    notes: tuple[str, ...] = ()
    reason: str = ""
    picture: str = ""

    @property
    def remarks(self) -> str:
        """Join the notes to one line."""
        return "; ".join(self.notes)


@dataclass
class Tally:
    """Count the files that could not be read while predictions pass through."""

    unread: int = 0

    def count(self, found: Iterable[Prediction]) -> Iterator[Prediction]:
        """Yield the predictions unchanged."""
        for one in found:
            self.unread += bool(one.reason)
            yield one


@dataclass(frozen=True)
class _Prepared:
    """Hold one preprocessed image and its notes."""

    file: str
    name: str  # file name of its explanation
    crop: Grey
    aspect: float
    framed: Grey | None
    notes: tuple[str, ...]


def find(
    paths: Iterable[Path], aside: Path | None = None
) -> tuple[list[Path], dict[Path, str]]:
    """List the files to score: each given file, and all files below given folders.

    Files below a folder are sorted. Entries that cannot be read are listed too, so that
    each gets a reason: missing files, folders without permission, and links to folders
    below a given folder, which are not followed.

    Args:
        paths: files and folders.
        aside: a folder that is left out if it lies below one of `paths`.

    Returns:
        The files, and the reason for each file below a folder that belongs to no
        collection, such as those that systems leave behind.
    """
    files: list[Path] = []
    ignored: dict[Path, str] = {}
    for path in paths:
        if not os.path.isdir(path):
            files.append(path)
            continue
        names = [f.relative_to(path).as_posix() for f in _below(path, aside)]
        found = junk.ignored(path, names)
        ignored |= {path / name: reason for name, reason in found.items()}
        files += sorted(path / name for name in names if name not in found)
    return files, ignored


def _below(folder: Path, aside: Path | None) -> Iterator[Path]:
    closed: list[Path] = []
    for parent, folders, names in os.walk(
        folder, onerror=lambda error: closed.append(Path(error.filename))
    ):
        below = [Path(parent, name) for name in folders]
        below = [path for path in below if not _same(path, aside)]
        folders[:] = [path.name for path in below]
        yield from (path for path in below if path.is_symlink())
        yield from (Path(parent, name) for name in names)
    yield from closed


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and path.resolve() == other.resolve()


def predict(
    files: Sequence[Path],
    networks: Sequence[Network],
    size: int,
    likeness: Likeness | None = None,
    explanations: Path | None = None,
    caveats: tuple[str, ...] = (),
) -> Iterator[Prediction]:
    """Score files in order, batch by batch; a bad file does not stop the others.

    Args:
        files: images; any other file gets a reason instead of scores.
        networks: those to score with.
        size: side of their input, px.
        likeness: features of the training images; None skips the comparison with them.
        explanations: a folder for one picture per image: the image with its crop box,
            the crop, and Grad-CAM of each network that has it.
        caveats: notes added to every scored image.
    """
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(files), desc="predict", leave=False, disable=None) as bar,
    ):
        for start in range(0, len(files), AT_ONCE):
            chunk = files[start : start + AT_ONCE]
            batch = [
                *pool.map(lambda file: _prepare(file, size, bool(explanations)), chunk)
            ]
            good = [one for one in batch if isinstance(one, _Prepared)]
            scored = (
                replace(one, notes=one.notes + caveats)
                for one in _score(good, networks, likeness, explanations)
            )
            bar.clear()  # otherwise the next rows begin on the line of the bar
            for one in batch:
                yield next(scored) if isinstance(one, _Prepared) else one
            bar.update(len(batch))


def _prepare(file: Path, size: int, framed: bool) -> _Prepared | Prediction:
    shown = os.fsencode(file).decode("utf-8", "backslashreplace")
    try:
        decoded = decode(file)
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except (ImageError, OSError) as error:
        return Prediction(shown, {}, reason=_why_not_entered(file) or str(error))
    grey = decoded.grey
    box = head_box(grey)
    crop = crop_to_square(grey, box, size)
    notes = {
        "no head found": "frame kept" in box.flags,
        "nearly blank": crop.std() < NEARLY_BLANK,
        f"head under {size} px": box.shorter < size,
        "letters in the image": lettering.has_letters(grey),
        "false colours": decoded.coloured,
        "bright background": oddities.has_bright_background(grey),
    }
    return _Prepared(
        shown,
        crop_name(shown, digest[:DIGITS]),
        crop,
        box.aspect,
        pictures.framed(grey, box, SIDE) if framed else None,
        tuple(note for note, is_so in notes.items() if is_so),
    )


def _why_not_entered(path: Path) -> str:
    if not os.path.isdir(path):
        return ""
    linked = os.path.islink(path)
    return (
        "a link to a folder, not followed" if linked else "a folder that cannot be read"
    )


def in_batches(ask: Callable[[Grey], npt.NDArray], crops: Grey) -> npt.NDArray:
    """Apply `ask` to crops in batches of as many pixels as in evaluation.

    Args:
        ask: maps crops to one row each.
        crops: uint8 (n, size, size), n >= 1; may be memory-mapped.
    """
    size = max(1, PIXELS_AT_ONCE // crops[0].size)
    starts = range(0, len(crops), size)
    return np.concatenate([ask(np.asarray(crops[i : i + size])) for i in starts])


def _score(
    good: Sequence[_Prepared],
    networks: Sequence[Network],
    likeness: Likeness | None,
    explanations: Path | None,
) -> list[Prediction]:
    if not good:
        return []
    crops = np.stack([one.crop for one in good])
    scores = {network.name: in_batches(network.score, crops) for network in networks}
    if explanations:
        _explain(good, crops, networks, explanations)
    return [
        Prediction(
            one.file,
            {name: predictions.rounded(values[i]) for name, values in scores.items()},
            (("unlike the training images",) if far else ()) + one.notes,
            picture=one.name if explanations else "",
        )
        for i, (one, far) in enumerate(zip(good, _far(good, likeness), strict=True))
    ]


def _far(good: Sequence[_Prepared], likeness: Likeness | None) -> list[bool]:
    if likeness is None:
        return [False] * len(good)
    described = np.stack([outliers.features(one.crop, one.aspect) for one in good])
    return list(outliers.distances_to(likeness.search, described) > likeness.limit)


def _explain(
    good: Sequence[_Prepared],
    crops: Grey,
    networks: Sequence[Network],
    folder: Path,
) -> None:
    heats = [in_batches(network.heat, crops) for network in networks if network.heat]
    for i, one in enumerate(good):
        tiles = [] if one.framed is None else [one.framed]
        tiles.append(pictures.tile(crops[i], SIDE))
        tiles += [pictures.heated(crops[i], heat[i], SIDE) for heat in heats]
        (folder / one.name).write_bytes(pictures.png(tiles, SIDE))
