"""What the name of an image file tells: its stem, its sequence and its subject."""

import re
from pathlib import PurePosixPath

SUFFIXES = {".bmp", ".dcm", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm"}
SUFFIXES |= {".tif", ".tiff", ".webp"}
VOLUMES = {".nii", ".nii.gz", ".mgz", ".mha", ".nrrd"}

# The sequences of one examination, as BraTS, BIDS and scanners name them.
SEQUENCE = re.compile(
    r"[-_](?:t1|t1w|t1n|t1c|t1ce|t1gd|t2|t2w|t2f|t2s|flair|pd|pdw|dwi|adc|swi)$",
    re.IGNORECASE,
)
SUBJECT = re.compile(r"(?:^|/)(sub-[A-Za-z0-9]+)")  # of BIDS


def suffix(name: str) -> str:
    """Return the suffix in small letters; `.nii.gz` is one suffix."""
    lower = name.lower()
    return ".nii.gz" if lower.endswith(".nii.gz") else PurePosixPath(lower).suffix


def stem(name: str) -> str:
    """Return the name of a file without its suffix."""
    return name[: len(name) - len(suffix(name))]


def named_like_image(name: str) -> bool:
    """Return whether the suffix is that of an image or of a volume."""
    return suffix(name) in SUFFIXES | VOLUMES


def may_be_image(name: str) -> bool:
    """Return whether the suffix is an image's, or none, as DICOM files often have."""
    return named_like_image(name) or not any(map(str.isalpha, suffix(name)))


def without_sequence(name: str) -> str:
    """Return a stem without its last part if that names a sequence, such as `_t1`."""
    return SEQUENCE.sub("", name)


def subject(file: str) -> str:
    """Return the BIDS subject in a path, such as `sub-01`; "" without one."""
    match = SUBJECT.search(file)
    return match[1] if match else ""
