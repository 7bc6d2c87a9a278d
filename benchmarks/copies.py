"""Measure which altered copies the audit joins, and whether it joins different heads.

    python benchmarks/copies.py --out copies.csv
    python benchmarks/copies.py /path/to/images --out copies.csv

Phantoms of seeds 4 and 5 are drawn, or every sixth image of a folder is taken. Each
gets one altered copy of every kind below.
"""

import io
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

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
