"""Draw phantoms as another hospital might take them, to try what the networks do there.

The generator of the embedded data set is frozen, so its pictures of another seed are
changed afterwards: contrast, noise, resolution, field of view and frame. They show that
`brain-mri external` works, and say nothing about patients.
"""

import io
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image

from brain_mri.files.names import CLASSES
from brain_mri.files.png import write_png
from brain_mri.imaging.resizing import longest_side
from brain_mri.phantoms import phantom_file
from brain_mri.progress import map_images

IMAGES = 60
POSITIVES = 0.5
SEED = 1_000_003  # of the generator; the embedded data set has phantom.generator_seed
SIDE = 256  # px of the square frame

Grey = npt.NDArray[np.uint8]


def write_elsewhere(folder: Path) -> None:
    """Write 60 phantoms, half of them with a tumour, to `folder/no` and `folder/yes`.

    Raises:
        InputError: a file cannot be written.
    """
    for label in CLASSES:
        (folder / label).mkdir(parents=True, exist_ok=True)
    map_images(partial(_write, folder), range(IMAGES), "draw")


def _write(folder: Path, index: int) -> None:
    name, content = phantom_file(index, positives=POSITIVES, seed=SEED)
    with Image.open(io.BytesIO(content)) as drawn:
        grey = np.asarray(drawn.convert("L"))
    path = PurePosixPath(name).with_suffix(".png")
    write_png(folder / path, elsewhere(grey, np.random.default_rng([SEED, index])))


def elsewhere(grey: Grey, rng: np.random.Generator) -> Grey:
    """Change a phantom, uint8 (height, width), to (256, 256) as if taken elsewhere.

    The head fills 55 to 80 % of a black frame, has fewer pixels, a contrast of a gamma
    of 0.5 to 0.8 (brighter and flatter), and the noise of a magnitude image of 1 to 3 %
    (Gudbjartsson & Patz 1995, MRM 34:910).
    """
    head = longest_side(grey, round(SIDE * rng.uniform(0.55, 0.8)))
    frame = np.zeros((SIDE, SIDE))
    top, left = (
        round((SIDE - length) * rng.uniform(0.3, 0.7)) for length in head.shape
    )
    flatter = (head / 255) ** rng.uniform(0.5, 0.8)
    frame[top : top + head.shape[0], left : left + head.shape[1]] = 0.9 * flatter
    real, imaginary = rng.normal(0, rng.uniform(0.01, 0.03), (2, SIDE, SIDE))
    noisy = np.hypot(frame + real, imaginary)
    return np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)
