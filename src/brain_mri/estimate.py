"""Estimate the time and the disk space of a run before it starts."""

from dataclasses import dataclass

from brain_mri.config import Params

SIDE = 128  # px, of the crops of the measurements below
# Seconds on two cores with AVX-512 (docs/performance.md, "What a run costs").
START = 45.0  # imports of TensorFlow, report
PER_IMAGE = 0.1  # audit, crop, evaluation
PER_VIEW = 0.06  # VGG-16's convolutions, for each training image or variant
PER_STEP = 0.013  # the CNN, for each view and epoch
PER_PAIR = 1.5e-6  # the search for copies ranks all images for each
SLOWEST = 3.0  # times as long on two cores with AVX2
FIXED = 75e6  # bytes: VGG-16's weights, both models, the report
COPIES = 2.0  # a file lies in the workspace and in DVC's cache


@dataclass(frozen=True)
class Estimate:
    """Hold the shortest and longest time, in seconds, and the disk space in bytes."""

    shortest: float
    longest: float
    disk: int

    def __str__(self) -> str:
        return (
            f"about {duration(self.shortest)} to {duration(self.longest)} on two "
            f"cores, {self.disk / 1e6:,.0f} MB of disk"
        )


def estimate(images: int, params: Params) -> Estimate:
    """Estimate a run of the whole pipeline.

    Args:
        images: number of images in the data set.
        params: image size, parts, variants and epochs decide.
    """
    parts = params.split
    train = images * (1 - parts.test_size) * (1 - parts.val_size)
    views = train * (1 + params.augment.copies)
    pixels = (params.image_size / SIDE) ** 2
    seconds = (
        START
        + images**2 * PER_PAIR
        + pixels
        * (
            images * PER_IMAGE
            + views * PER_VIEW
            + views * params.scratch.epochs * PER_STEP
        )
    )
    disk = COPIES * (FIXED + params.image_size**2 * (2 * images + views))
    return Estimate(seconds, SLOWEST * seconds, int(disk))


def duration(seconds: float) -> str:
    """Format a time in minutes or hours."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"
