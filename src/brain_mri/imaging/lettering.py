"""Detect text that is burnt into an image.

The constants were chosen on the 253 images of the public set, where a person had named
the images with text. Results on that set are therefore not out-of-sample.
"""

import cv2
import numpy as np
import numpy.typing as npt

from brain_mri.imaging.resizing import longest_side

Grey = npt.NDArray[np.uint8]

TEXT_SIDE = 512  # px of the longest side
STROKE = 9  # px; a wider stroke is anatomy
STROKE_CONTRAST = 40
LETTER_HEIGHT = (4, 26)  # px
LETTER_AREA = 5  # px of ink
MAX_STRETCH = 0.36  # difference of log heights, for capitals beside small letters
LETTERS = 3  # least number in a row


def has_letters(grey: Grey) -> bool:
    """Tell whether an image, uint8 (height, width), contains letters.

    Letters are three or more bright marks as thin as writing, alike in height, on one
    line and close to each other. Dark letters on a bright background are not found.
    """
    sized = longest_side(grey, TEXT_SIDE)
    thin = cv2.morphologyEx(sized, cv2.MORPH_TOPHAT, np.ones((STROKE, STROKE)))
    ink = (thin > STROKE_CONTRAST).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    return _longest_row(_letters(stats[1:])) >= LETTERS


def _letters(stats: npt.NDArray) -> npt.NDArray[np.int64]:
    """Return the marks of letter size, with columns left, right, bottom, height."""
    left, top, width, height, area = stats.T.astype(np.int64)
    low, high = LETTER_HEIGHT
    fits = (height >= low) & (height <= high) & (width <= 2 * height)
    fits &= area >= LETTER_AREA
    return np.column_stack((left, left + width, top + height, height))[fits]


def _longest_row(marks: npt.NDArray[np.int64]) -> int:
    """Count the marks in the longest row: one baseline, alike in height, small gaps."""
    marks = marks[np.argsort(marks[:, 0], kind="stable")]
    longest = 0
    for foot, height in np.unique(marks[:, 2:], axis=0):
        alike = abs(np.log(marks[:, 3] / height)) <= MAX_STRETCH
        row = marks[alike & (abs(marks[:, 2] - foot) <= 1)]
        gaps = np.flatnonzero(row[1:, 0] - row[:-1, 1] > height)
        bounds = np.concatenate(([0], gaps + 1, [len(row)]))
        longest = max(longest, int(np.diff(bounds).max()))
    return longest
