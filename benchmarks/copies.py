"""Measure which altered copies the audit joins, and whether it joins different heads.

    python benchmarks/copies.py --out copies.csv
    python benchmarks/copies.py --folder /path/to/images --out copies.csv
    python benchmarks/copies.py --cost 300 1000 3000

The first two take 40 pictures, alter each in every way below, and look for the copy
among 300 phantoms, or all images of the folder. `before` is the method of earlier
versions: a perceptual hash alone proposes, SIFT of the picture as it is confirms.
`--cost` searches sets of phantoms with their own copies for time, memory and errors.
"""

import argparse
import io
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image
from threadpoolctl import threadpool_limits

from brain_mri.collection.listing import list_files
from brain_mri.dataset.candidates import fingerprint, propose
from brain_mri.dataset.descriptions import COARSE, FINE, Features, describe
from brain_mri.dataset.duplicates import (
    MIN_FINE,
    component_labels,
    confirm,
    duplicate_pairs,
    match,
)
from brain_mri.imaging.decoding import decode
from brain_mri.imaging.resizing import longest_side
from brain_mri.phantoms import phantom_file, source_index
from brain_mri.progress import map_threads

POSITIVES = 0.48  # share of phantoms with a tumour, as in params.yaml
ALTERED = 40  # pictures that get altered copies
MAX_HAMMING = 10  # bits, of earlier versions

Grey = npt.NDArray[np.uint8]
Change = Callable[[Grey], Grey]


def turned(degrees: float) -> Change:
    """Turn about the middle; the size stays, so corners are cut off."""

    def change(grey: Grey) -> Grey:
        height, width = grey.shape
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
        return cv2.warpAffine(grey, turn, (width, height))

    return change


def cropped(share: float) -> Change:
    def change(grey: Grey) -> Grey:
        rows, columns = (round(share * length) for length in grey.shape)
        return grey[rows : len(grey) - rows, columns : grey.shape[1] - columns]

    return change


def shifted(share: float) -> Change:
    """Shift right and down; what leaves the frame is lost, the rest is black."""

    def change(grey: Grey) -> Grey:
        rows, columns = (round(share * length) for length in grey.shape)
        new = np.zeros_like(grey)
        new[rows:, columns:] = grey[: len(grey) - rows, : grey.shape[1] - columns]
        return new

    return change


def resized(across: float, down: float) -> Change:
    def change(grey: Grey) -> Grey:
        height, width = grey.shape
        size = (max(1, round(across * width)), max(1, round(down * height)))
        return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))

    return change


def gamma(exponent: float) -> Change:
    return lambda grey: np.rint(255 * (grey / 255.0) ** exponent).astype(np.uint8)


def jpeg(quality: int) -> Change:
    def change(grey: Grey) -> Grey:
        buffer = io.BytesIO()
        Image.fromarray(grey).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer))

    return change


def blurred(sigma: float) -> Change:
    return lambda grey: np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma))


def noisy(deviation: float) -> Change:
    def change(grey: Grey) -> Grey:
        rng = np.random.default_rng(grey.size)
        noise = rng.normal(0, deviation, grey.shape)
        return np.clip(np.rint(grey + noise), 0, 255).astype(np.uint8)

    return change


def arrow(grey: Grey) -> Grey:
    side = max(grey.shape)
    ends = [(round(x * side), round(y * side)) for x, y in ((0.2, 0.25), (0.45, 0.5))]
    return cv2.arrowedLine(grey.copy(), *ends, 255, max(1, side // 80), tipLength=0.3)


def text(grey: Grey) -> Grey:
    side = max(grey.shape)
    at = (round(0.04 * side), round(0.12 * side))
    font = cv2.FONT_HERSHEY_SIMPLEX
    return cv2.putText(
        grey.copy(), "R 12.03.07", at, font, side / 350, 255, max(1, side // 200)
    )


def mirror(grey: Grey) -> Grey:
    return np.ascontiguousarray(grey[:, ::-1])


def negative(grey: Grey) -> Grey:
    return 255 - grey


def both(first: Change, second: Change) -> Change:
    return lambda grey: second(first(grey))


KINDS: dict[str, Change] = {
    "mirrored": mirror,
    "upside down": lambda grey: np.ascontiguousarray(grey[::-1]),
    "turned 90°": lambda grey: np.ascontiguousarray(np.rot90(grey)),
    "turned 180°": lambda grey: np.ascontiguousarray(np.rot90(grey, 2)),
    "turned 270°": lambda grey: np.ascontiguousarray(np.rot90(grey, 3)),
    "turned 5°": turned(5),
    "turned 10°": turned(10),
    "turned 15°": turned(15),
    "cropped 3 % a side": cropped(0.03),
    "cropped 5 % a side": cropped(0.05),
    "cropped 8 % a side": cropped(0.08),
    "cropped 12 % a side": cropped(0.12),
    "shifted 5 %": shifted(0.05),
    "shifted 10 %": shifted(0.1),
    "half size": resized(0.5, 0.5),
    "quarter size": resized(0.25, 0.25),
    "stretched 10 %": resized(1.1, 1),
    "equalised": lambda grey: np.asarray(cv2.equalizeHist(grey)),
    "gamma 0.6": gamma(0.6),
    "gamma 1.6": gamma(1.6),
    "JPEG quality 10": jpeg(10),
    "blurred 2 px": blurred(2),
    "noise of 12 grey levels": noisy(12),
    "arrow drawn in": arrow,
    "text drawn in": text,
    "negative": negative,
    "mirrored, cropped 8 %": both(mirror, cropped(0.08)),
    "turned 10°, JPEG quality 10": both(turned(10), jpeg(10)),
    "negative, mirrored": both(negative, mirror),
    "half size, shifted 5 %": both(resized(0.5, 0.5), shifted(0.05)),
    "gamma 1.6, turned 5°": both(gamma(1.6), turned(5)),
    "blurred 2 px, mirrored": both(blurred(2), mirror),
}


class Pictures:
    """Hold pictures' hashes and features in memory; like `Descriptions`."""

    def __init__(self, pictures: Sequence[Grey]) -> None:
        found = map_threads(look, pictures, "describe")
        hashes, self._fine, self._coarse, self._small = map(
            list, zip(*found, strict=True)
        )
        self.hashes = np.stack(hashes)

    def __add__(self, other: "Pictures") -> "Pictures":
        both = Pictures.__new__(Pictures)
        both.hashes = np.concatenate([self.hashes, other.hashes])
        both._fine = self._fine + other._fine
        both._coarse = self._coarse + other._coarse
        both._small = self._small + other._small
        return both

    @property
    def count(self) -> int:
        return len(self._fine)

    def fine(self, i: int) -> Features:
        return self._fine[i]

    def coarse(self, i: int) -> Features:
        return self._coarse[i]

    def picture(self, i: int) -> Grey:
        return self._small[i]


def look(grey: Grey) -> tuple[npt.NDArray[np.uint64], Features, Features, Grey]:
    """Describe a picture as the audit does."""
    small = longest_side(grey, COARSE.side)
    return fingerprint(grey), describe(grey, FINE), describe(grey, COARSE), small


def phantom(index: int, seed: int) -> Grey:
    content = phantom_file(index, positives=POSITIVES, seed=seed)[1]
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB").convert("L"))


def heads(seed: int, count: int) -> list[Grey]:
    """Draw different heads: phantoms that repeat no other."""
    indices = range(2 * count)
    own = [i for i in indices if source_index(i, positives=POSITIVES, seed=seed) == i]
    return map_threads(lambda i: phantom(i, seed), own[:count], "draw")


def before(pool: Pictures, copies: Pictures, places: Sequence[int]) -> tuple[int, int]:
    """Count the copies that earlier versions proposed and joined."""
    proposed = joined = 0
    for copy, place in enumerate(places):
        bits = np.bitwise_count(pool.hashes[place] ^ copies.hashes[copy])
        if (bits <= MAX_HAMMING).any():
            proposed += 1
            count, _ = match(pool.fine(place), copies.fine(copy))
            joined += count >= MIN_FINE
    return proposed, joined


def now(
    pool: Pictures, copies: Pictures, places: Sequence[int]
) -> tuple[int, int, set[tuple[int, int]]]:
    """Count the copies proposed and joined; list the pairs of other pictures joined."""
    everything = pool + copies
    candidates = propose(everything.hashes, everything)
    # pairs within the pool are the same for every kind
    candidates = candidates[candidates[:, 1] >= pool.count]
    yes = confirm(candidates, everything)
    own = {(place, pool.count + copy) for copy, place in enumerate(places)}
    pairs = {(i, j) for i, j in candidates[yes, :2].tolist()}
    seen = {(i, j) for i, j in candidates[:, :2].tolist()}
    to_pool = {(i, places[j - pool.count]) for i, j in pairs - own if i < pool.count}
    return len(own & seen), len(own & pairs), to_pool


def table(pictures: Sequence[Grey], places: Sequence[int]) -> pd.DataFrame:
    """Measure every kind; `places` are those of the pictures to alter."""
    pool = Pictures(pictures)
    rows, others = [], set()
    for kind, change in KINDS.items():
        altered = map_threads(lambda i, c=change: c(pictures[i]), places, "alter")
        copies = Pictures(altered)
        was_proposed, was_joined = before(pool, copies, places)
        proposed, joined, other = now(pool, copies, places)
        others |= other
        rows.append((kind, len(places), was_proposed, was_joined, proposed, joined))
        print(*rows[-1], sep=" | ", flush=True)
    print("copies joined to another picture than their own:", sorted(others) or "none")
    names = ("before_proposed", "before_joined", "proposed", "joined")
    return pd.DataFrame(rows, columns=["kind", "copies", *names])


def cost(count: int, seed: int) -> None:
    """Search a set of phantoms with the generator's own copies; print one line."""
    pictures = map_threads(lambda i: phantom(i, seed), range(count), "draw")
    hashes = np.stack(map_threads(fingerprint, pictures, "hash"))
    start = time.perf_counter()
    names = [str(i) for i in range(count)]
    pairs = duplicate_pairs(names, hashes, lambda i: pictures[i])
    seconds = time.perf_counter() - start
    truth = np.array(
        [source_index(i, positives=POSITIVES, seed=seed) for i in range(count)]
    )
    false = int((truth[pairs[:, 0]] != truth[pairs[:, 1]]).sum())
    found = component_labels(count, pairs)
    missed = int((found != found[truth]).sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} phantoms: {seconds:.0f} s, {len(pairs)} pairs, {false} false, "
        f"{missed} of {int((truth != np.arange(count)).sum())} retakes missed, "
        f"peak {peak:.0f} MB with {sum(p.nbytes for p in pictures) / 1e6:.0f} MB pixels"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="images to use in place of phantoms"
    )
    parser.add_argument("--offset", type=int, default=3, help="first of every sixth")
    parser.add_argument("--seeds", type=int, nargs="+", default=[4, 5])
    parser.add_argument("--out", type=Path, help="write the table as CSV")
    parser.add_argument("--cost", type=int, nargs="+", help="sizes of phantom sets")
    arguments = parser.parse_args()
    if arguments.cost:
        for count in arguments.cost:
            cost(count, arguments.seeds[0])
        return
    if arguments.folder:
        files = list_files(arguments.folder)
        pictures = [decode(arguments.folder / file).grey for file in files]
        places = [*range(arguments.offset, len(files), 6)][:ALTERED]
    else:
        each = 300 // len(arguments.seeds)
        pictures = [head for seed in arguments.seeds for head in heads(seed, each)]
        places = np.linspace(0, len(pictures) - 1, ALTERED).astype(int).tolist()
    with threadpool_limits(1, user_api="blas"):  # as in the audit
        found = table(pictures, places)
    if arguments.out:
        found.to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()
