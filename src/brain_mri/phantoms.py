"""Draw the embedded data set: brain-like phantom slices from a seed, without patients.

The steps of one slice: pose and warp the plane, label its tissues, give each tissue the
grey level of an MRI sequence, add the bright spots of both classes, add a lesion in
class `yes`, then apply bias field, noise, exposure and framing, and encode a file.
Lengths are in half head lengths: x runs from left to right, y from brow to neck.
"""

import io
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates, zoom
from scipy.sparse import csr_array
from scipy.special import expit

from brain_mri.errors import InputError
from brain_mri.files.writing import writing
from brain_mri.progress import map_images

Rng = np.random.Generator
Field = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]

SIDE = 240  # pixels of the square canvas a head is drawn on
EXTENT = 1.2  # the canvas spans [-EXTENT, EXTENT]
FAR = 0.1  # margin around a structure; larger than any shift of its edge
COPIES = 0.06  # rate of near-duplicates; the public sets have far more
REACH = 100  # a near-duplicate repeats one of this many preceding images

AIR, SCALP, BONE, MARROW, CSF, GREY, WHITE, DEEP, VESSEL = range(9)
CORE, RIM, OEDEMA = range(3)
# Grey level of each tissue above, then of a lesion's core, rim and oedema. The order of
# brightness follows the sequence (fluid dark on T1 and FLAIR, bright on T2; an
# enhancing rim bright on T1 with contrast agent); the values are our own choice.
SEQUENCES = {
    "t1": ((0, 0.85, 0.1, 0.5, 0.15, 0.42, 0.6, 0.46, 0.2), (0.15, 0.27, 0.4)),
    "t1c": ((0, 0.85, 0.1, 0.5, 0.14, 0.4, 0.52, 0.43, 0.9), (0.18, 0.95, 0.38)),
    "t2": ((0, 0.6, 0.06, 0.3, 0.9, 0.5, 0.36, 0.42, 0.1), (0.95, 0.75, 0.62)),
    "flair": ((0, 0.6, 0.06, 0.3, 0.12, 0.5, 0.4, 0.44, 0.15), (0.25, 0.85, 0.68)),
}


class Lesion(NamedTuple):
    """A tumour; lengths are in half head lengths."""

    x: float
    y: float
    radius: float
    ragged: float
    hollow: float  # radius of the necrotic core in radii, negative for none
    strength: float  # 1 for full contrast, towards 0 for faint
    oedema: float  # reach of the oedema in radii
    mass: float  # push on the surrounding tissue, in radii


def write_phantoms(folder: Path, *, images: int, positives: float, seed: int) -> None:
    """Write a phantom set to `folder/no` and `folder/yes`.

    Args:
        folder: Created if missing; its folders `no` and `yes` must be empty.
        images: Total number of images, at least 10.
        positives: Share of class `yes` in [0.1, 0.9]; `yes` gets images * positives,
            rounded half up (0.48 of 166 is 80).
        seed: Not negative. The same seed gives the same bytes on one machine.

    Raises:
        InputError: A value is out of range, or `no` or `yes` is not empty.
    """
    if images < 10 or not 0.1 <= positives <= 0.9 or seed < 0:
        raise InputError(
            "expected images >= 10, positives in [0.1, 0.9] and seed >= 0, "
            f"got images={images}, positives={positives}, seed={seed}"
        )
    for name in ("no", "yes"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        if any((folder / name).iterdir()):
            raise InputError(f"expected an empty folder, {folder / name} holds files")

    map_images(partial(_write, folder, positives, seed), range(images), "draw")


def _write(folder: Path, positives: float, seed: int, index: int) -> None:
    path, content = phantom_file(index, positives=positives, seed=seed)
    with writing(folder / path) as part:
        part.write_bytes(content)


def phantom_file(index: int, *, positives: float, seed: int) -> tuple[str, bytes]:
    """Draw image `index`; return its path below the folder and the bytes of its file.

    The result depends only on the three arguments, so images can be drawn in any order.
    """
    source = source_index(index, positives=positives, seed=seed)
    label = _is_positive(index, positives)
    pixels = _slice(np.random.default_rng([seed, source]), label)
    rng = np.random.default_rng([seed, index, 2])
    if source != index:
        pixels = _retake(rng, pixels)
    suffix, content = _encode(rng, pixels)
    rank = _positives_before(index, positives)
    number = 1 + (rank if label else index - rank)  # within the class
    return f"{'yes' if label else 'no'}/slice_{number:05d}{suffix}", content


def source_index(index: int, *, positives: float, seed: int) -> int:
    """Return the image that `index` repeats: an earlier one of its class, or itself."""
    rng = np.random.default_rng([seed, index, 1])
    label = _is_positive(index, positives)
    earlier = [
        other
        for other in range(max(0, index - REACH), index)
        if _is_positive(other, positives) == label
    ]
    if rng.random() >= COPIES or not earlier:
        return index
    return source_index(int(rng.choice(earlier)), positives=positives, seed=seed)


def _positives_before(index: int, positives: float) -> int:
    return int(np.floor(index * positives + 0.5))


def _is_positive(index: int, positives: float) -> bool:
    before = _positives_before(index, positives)
    return _positives_before(index + 1, positives) > before


def _slice(rng: Rng, positive: bool) -> Pixels:
    """Draw one slice, including its framing."""
    lesion = _draw_lesion(rng)  # in both classes, so that the same numbers follow
    x, y = _plane(rng)
    if positive:
        x, y = _push(x, y, lesion)
    tissue = _tissues(rng, x, y)
    levels, lesion_levels = _levels(rng)
    image = levels[tissue] * (1 + 0.04 * _noise(rng, 60))
    image = _bright_spots(rng, image, tissue, x, y, levels)
    if positive:
        radius = np.hypot(x - lesion.x, y - lesion.y) / lesion.radius
        image = _grow(rng, image, tissue, radius, lesion, lesion_levels)
    image = gaussian_filter(image, rng.uniform(0.6, 1.1))
    image = _rician(rng, image * _bias(rng))
    return _frame(rng, _expose(rng, image), tissue != AIR)


# ---- geometry


def _noise(rng: Rng, cells: int) -> Field:
    """Smooth noise of about `cells` bumps a side, mean 0, standard deviation 1."""
    spline = _spline(cells)
    field: Field = spline @ (spline @ rng.standard_normal((cells, cells))).T
    return (field - field.mean()) / field.std()


@cache
def _spline(cells: int) -> csr_array:
    """The matrix of cubic B-splines that interpolates `cells` values to SIDE pixels."""
    step = (SIDE / cells, 1)
    return csr_array(
        zoom(np.eye(cells), step, mode="nearest", prefilter=False, grid_mode=True)
    )


def _plane(rng: Rng) -> tuple[Field, Field]:
    """Coordinates of every canvas pixel in a posed and warped head."""
    axis = np.linspace(-EXTENT, EXTENT, SIDE)
    u, v = np.meshgrid(axis, axis)
    turn = np.deg2rad(rng.normal(0, 5))
    x = u * np.cos(turn) + v * np.sin(turn)
    y = v * np.cos(turn) - u * np.sin(turn)
    x, y = x / rng.uniform(0.9, 1.06), y / rng.uniform(0.94, 1.06)
    bend = rng.uniform(0.008, 0.018)
    return x + bend * _noise(rng, 5), y + bend * _noise(rng, 5)


def _push(x: Field, y: Field, lesion: Lesion) -> tuple[Field, Field]:
    """Shift the tissue around a lesion outwards: the mass effect."""
    dx, dy = x - lesion.x, y - lesion.y
    near = np.exp(-(dx**2 + dy**2) / (2 * (1.6 * lesion.radius) ** 2))
    return x - lesion.mass * near * dx, y - lesion.mass * near * dy


def _capsule(x: Field, y: Field, *points: tuple[float, float, float]) -> Field:
    """Distance to a chain of points (x, y, radius), negative inside.

    The radius is interpolated between points. To save time, the distance is infinite
    outside the chain's bounding box plus a margin of FAR.
    """
    px, py, radii = np.transpose(points)
    reach = radii.max() + FAR
    near = (px.min() - reach < x) & (x < px.max() + reach)
    near &= (py.min() - reach < y) & (y < py.max() + reach)
    distance = np.full(x.shape, np.inf)
    x, y, best = x[near], y[near], distance[near]
    for (x0, y0, r0), (x1, y1, r1) in zip(points, points[1:], strict=False):
        length = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length
        along = np.clip(along, 0, 1)
        dx, dy = x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)
        gap = np.sqrt(dx * dx + dy * dy)  # three times as fast as np.hypot
        best = np.minimum(best, gap - r0 - along * (r1 - r0))
    distance[near] = best
    return distance


# ---- anatomy


def _tissues(rng: Rng, x: Field, y: Field) -> Labels:
    """Label every pixel with its tissue, from the outside in."""
    level = rng.choice(3, p=[0.4, 0.35, 0.25])  # of nuclei, of ventricles, above both
    depth = _depth(rng, x, y)
    skull = rng.uniform(0.03, 0.06)
    scalp = rng.uniform(0.025, 0.06) * np.exp(0.2 * _noise(rng, 4))
    brain = depth - scalp - skull - rng.uniform(0.008, 0.03)
    x, y = x + 0.008 * _noise(rng, 16), y + 0.008 * _noise(rng, 16)
    tissue = np.full(x.shape, AIR)
    tissue[depth > 0] = SCALP
    tissue[depth > scalp] = BONE
    tissue[np.abs(depth - scalp - skull / 2) < 0.2 * skull] = MARROW
    tissue[depth > scalp + skull] = CSF
    folded = (brain > 0) & ~_sulci(rng, x, y, brain, level)
    tissue[folded] = WHITE
    ribbon = rng.uniform(0.03, 0.045) + 0.006 * _noise(rng, 20)
    to_csf = distance_transform_edt(folded) * 2 * EXTENT / SIDE
    tissue[folded & (to_csf < ribbon)] = GREY
    if level == 0:
        tissue[folded & _nuclei(rng, x, y)] = DEEP
    if level < 2:
        tissue[_ventricles(rng, x, y, level) & (brain > 0.1)] = CSF
    tissue[_vessels(rng, x, y, brain) & (depth > scalp + skull)] = VESSEL
    return tissue


def _depth(rng: Rng, x: Field, y: Field) -> Field:
    """Depth under the skin of an egg-shaped head, wider at the back."""
    width = rng.uniform(0.72, 0.86)
    egg = width * (1 + rng.uniform(0.0, 0.14) * y)
    power = rng.uniform(2.0, 2.4)  # above 2 is a superellipse, boxier
    radius = (np.abs(x / egg) ** power + np.abs(y) ** power) ** (1 / power)
    return (1 - radius) * 0.9


def _sulci(rng: Rng, x: Field, y: Field, brain: Field, level: int) -> Mask:
    """Mark the sulci: zero lines of noise near the surface, midline, Sylvian fissure.

    The zero lines of noise n resemble sulci; |n| / |grad n| is the distance to a line.
    """
    folds = _radial(rng, x, y) + rng.uniform(0.2, 0.5) * _noise(rng, 26)
    slope = np.hypot(*np.gradient(folds, 2 * EXTENT / SIDE))
    reach = rng.uniform(0.16, 0.28) * (1 + 0.3 * np.tanh(_noise(rng, 14)))
    width = rng.uniform(0.007, 0.018) * np.clip(1.2 - brain / reach, 0, None)
    furrows = (np.abs(folds) / (slope + 1e-6) < width) & (brain < reach)
    split = np.abs(x + 0.008 * _noise(rng, 12)) < rng.uniform(0.006, 0.016)
    if level < 2:
        split &= (y < rng.uniform(-0.45, -0.35)) | (y > rng.uniform(0.42, 0.55))
    if level == 0:
        bend, w = rng.uniform(-0.05, 0.05), rng.uniform(0.008, 0.025)
        chain = (0.62, -0.2 + bend, w), (0.43, -0.12 + bend, w), (0.42, 0.1 + bend, w)
        split |= _capsule(np.abs(x), y, *chain) < 0
    return furrows | split


def _radial(rng: Rng, x: Field, y: Field) -> Field:
    """Noise stretched along the radius, so that sulci run inwards."""
    x, y = x + 0.03 * _noise(rng, 12), y + 0.03 * _noise(rng, 12)
    angle = (np.arctan2(y, x) / (2 * np.pi)) % 1
    spokes = int(rng.integers(44, 64))
    grid = rng.standard_normal((spokes, 8))
    at = np.stack([angle * spokes, np.clip(np.hypot(x, y), 0, 1) * 7])
    field: Field = map_coordinates(grid, at, order=2, mode="grid-wrap")
    return field


def _ventricles(rng: Rng, x: Field, y: Field, level: int) -> Mask:
    """Mark the lateral ventricles (horns or bodies) and the third ventricle."""
    size = rng.uniform(0.6, 1.5)
    lift = rng.normal(0, 0.03)
    inside = np.zeros(x.shape, bool)
    for side in (-1, 1):
        wide = size * rng.uniform(0.75, 1.25)  # nobody's are symmetric
        across = side * x + rng.normal(0, 0.01)
        if level == 0:
            front = (0.15, -0.36, 0.02), (0.11, -0.25, 0.045), (0.035, -0.1, 0.015)
            back = (0.2, 0.25, 0.02), (0.27, 0.37, 0.045), (0.22, 0.55, 0.012)
        else:
            front = (0.15, -0.38, 0.02), (0.1, -0.24, 0.05), (0.075, -0.05, 0.04)
            back = (0.075, -0.05, 0.04), (0.11, 0.18, 0.05), (0.2, 0.42, 0.015)
        for chain in (front, back):
            thick = tuple((px, py + lift, wide * pr) for px, py, pr in chain)
            inside |= _capsule(across, y, *thick) < 0
    if level == 0:
        third = (0.0, -0.06 + lift, 0.008 * size), (0.0, 0.12 + lift, 0.018 * size)
        inside |= _capsule(x, y, *third) < 0
    return inside


def _nuclei(rng: Rng, x: Field, y: Field) -> Mask:
    """Mark caudate head, lentiform nucleus and thalamus on both sides."""
    grow, lift = rng.uniform(0.85, 1.2), rng.normal(0, 0.02)
    inside = np.zeros(x.shape, bool)
    for part in (
        ((0.17, -0.27, 0.05), (0.16, -0.17, 0.04)),
        ((0.25, -0.16, 0.03), (0.28, -0.03, 0.07), (0.27, 0.1, 0.02)),
        ((0.08, 0.03, 0.04), (0.13, 0.14, 0.085)),
    ):
        chain = tuple((px, py + lift, grow * pr) for px, py, pr in part)
        inside |= _capsule(np.abs(x), y, *chain) < 0.008 * _noise(rng, 16)
    return inside


def _vessels(rng: Rng, x: Field, y: Field, brain: Field) -> Mask:
    """Mark the sagittal sinus at the back and a few vessels anywhere."""
    sinus = _capsule(x, y, (0, 0.82, 0.01), (0, 0.9, rng.uniform(0.02, 0.045))) < 0
    inside = sinus & (brain < 0.04)
    for _ in range(rng.integers(0, 9)):
        px, py = rng.uniform(-0.55, 0.55), rng.uniform(-0.75, 0.75)
        tip = (px + rng.normal(0, 0.05), py + rng.normal(0, 0.05), 0.004)
        inside |= _capsule(x, y, (px, py, rng.uniform(0.006, 0.016)), tip) < 0
    return inside & (brain > -0.05)


# ---- contrast


def _levels(rng: Rng) -> tuple[Field, Field]:
    """Grey levels of tissues and lesion in a randomly drawn sequence, with jitter."""
    name = str(rng.choice(list(SEQUENCES), p=[0.15, 0.35, 0.15, 0.35]))
    tissue, lesion = SEQUENCES[name]
    levels = np.array(tissue) * rng.normal(1, 0.07, len(tissue))
    levels[SCALP] *= rng.uniform(0.5, 1.15)  # partial fat suppression
    return levels, np.array(lesion) * rng.normal(1, 0.12, len(lesion))


def _bright_spots(
    rng: Rng, image: Field, tissue: Labels, x: Field, y: Field, levels: Field
) -> Field:
    """Add white-matter spots of the ageing brain, which occur in both classes."""
    shift = rng.choice([-0.5, 0.8]) * abs(levels[GREY] - levels[WHITE])
    for _ in range(rng.poisson(1.5)):
        px, py = rng.uniform(-0.4, 0.4), rng.uniform(-0.5, 0.5)
        size = rng.uniform(0.012, 0.045)
        spot = np.exp(-(((x - px) / size) ** 2 + ((y - py) / size) ** 2))
        image = image + np.where(tissue == WHITE, rng.uniform(1, 3) * shift * spot, 0)
    return image


def _draw_lesion(rng: Rng) -> Lesion:
    """Draw a lesion in either hemisphere: solid or ring, faint or strong."""
    angle, out = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.85)
    return Lesion(
        x=0.55 * out * np.cos(angle),
        y=0.7 * out * np.sin(angle),
        radius=rng.uniform(0.12, 0.28),
        ragged=rng.uniform(0.08, 0.25),
        hollow=rng.choice([-1.0, rng.uniform(0.4, 0.8)]),
        strength=rng.choice(
            [rng.uniform(0.3, 0.6), rng.uniform(0.8, 1)], p=[0.15, 0.85]
        ),
        oedema=rng.uniform(1.0, 2.2),
        mass=rng.uniform(0.1, 0.5),
    )


def _grow(
    rng: Rng, image: Field, tissue: Labels, radius: Field, lesion: Lesion, levels: Field
) -> Field:
    """Blend a lesion into the image: oedema along white matter, then rim, then core.

    `radius` is the distance to the lesion's centre in radii, `levels` its grey levels.
    """
    radius = radius + lesion.ragged * (_noise(rng, 16) + 0.5 * _noise(rng, 40))
    inside = np.isin(tissue, (CSF, GREY, WHITE, DEEP, VESSEL)).astype(float)
    white = gaussian_filter((tissue == WHITE).astype(float), 1.5)
    soft = rng.choice([0.03, 0.1])
    for part, edge, where, width in (
        (OEDEMA, lesion.oedema, white, 0.15),
        (RIM, 1.0, inside, soft),
        (CORE, lesion.hollow, inside, soft),
    ):
        cover = lesion.strength * where * expit((edge - radius) / width)
        image = image + cover * (levels[part] - image)
    return image


# ---- scanner


def _bias(rng: Rng) -> Field:
    """Smooth multiplicative shading by the receive coil."""
    return np.exp(rng.uniform(0.02, 0.12) * _noise(rng, 3))


def _rician(rng: Rng, image: Field) -> Field:
    """Add the noise of a magnitude image (Gudbjartsson & Patz 1995, MRM 34:910)."""
    sigma = rng.uniform(0.005, 0.035)
    real, imaginary = rng.normal(0, sigma, (2, SIDE, SIDE))
    return np.hypot(image + real, imaginary)


def _expose(rng: Rng, image: Field) -> Pixels:
    """Map to 8 bits with a random window and gamma."""
    window = np.clip(image / rng.uniform(0.75, 1.1), 0, 1) ** rng.uniform(0.8, 1.25)
    black = rng.uniform(0, 0.05)
    return np.rint(255 * (black + (1 - black) * window)).astype(np.uint8)


def _frame(rng: Rng, image: Pixels, head: Mask) -> Pixels:
    """Crop with a random margin on each side, resize, and rarely add a plain frame."""
    rows, columns = np.flatnonzero(head.any(1)), np.flatnonzero(head.any(0))
    edges = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    margins = rng.exponential(14, 4).astype(int) * np.array([-1, -1, 1, 1])
    box = np.clip(edges + margins, 0, SIDE)
    framed = _resize(Image.fromarray(image).crop(tuple(box)), rng.uniform(0.55, 1.5))
    if rng.random() < 0.04:
        grey = int(rng.choice([128, 255]))
        framed = np.pad(framed, rng.integers(4, 25, (2, 2)), constant_values=grey)
    return framed


def _resize(image: Image.Image, scale: float) -> Pixels:
    size = max(64, round(image.width * scale)), max(64, round(image.height * scale))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def _retake(rng: Rng, image: Pixels) -> Pixels:
    """Crop and resize a slice slightly, like near-duplicates on the web."""
    height, width = image.shape
    left, top, right, bottom = rng.uniform(0, 0.025, 4)
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    cropped = Image.fromarray(image).crop(tuple(round(edge) for edge in box))
    return _resize(cropped, rng.uniform(0.7, 1.4))


def _encode(rng: Rng, image: Pixels) -> tuple[str, bytes]:
    """Encode like images on the web: mostly grey or RGB JPEG, with some exceptions.

    These are RGBA and palette PNG, upper-case suffixes, and PNG files named .jpg.
    """
    mode = str(rng.choice(["L", "RGB", "RGBA", "P"], p=[0.3, 0.6, 0.06, 0.04]))
    picture = Image.fromarray(image).convert(mode)
    buffer = io.BytesIO()
    if mode in ("RGBA", "P"):
        picture.save(buffer, "PNG")
        return str(rng.choice([".png", ".jpg"], p=[0.7, 0.3])), buffer.getvalue()
    picture.save(buffer, "JPEG", quality=int(rng.integers(75, 96)))
    suffix = str(rng.choice([".jpg", ".JPG", ".jpeg"], p=[0.75, 0.2, 0.05]))
    return suffix, buffer.getvalue()
