"""Say before slow work whether the memory will do, and which batch would fit.

A check that can only refuse: no result depends on it.
"""

from pathlib import Path

import psutil

from brain_mri.errors import InputError

# Fitted to the peaks of 22 trainings and 10 runs of the convolutions on a processor,
# docs/robustness.md: 0 to 9 % under them in float32, 21 % under to 1 % over otherwise.
PROCESS = 700 * 2**20  # Python and TensorFlow
PER_WEIGHT = 20  # the weight, its gradient, Adam's two moments, a copy
PER_PIXEL = {"float32": 786, "mixed_bfloat16": 480}  # activations and gradients
FEATURES = 773 * 2**20  # the same with VGG-16's convolutions
FEATURES_PER_PIXEL = {"float32": 608, "mixed_bfloat16": 460}
PIXELS_AT_ONCE = 2**20  # of inference.PREDICTED_AT_ONCE

GPUS = ("dev/nvidia0", "dev/dxg", "dev/kfd")  # the batch then lies in their memory
# A control group's limit, use, and the part of it that the kernel would give back.
GROUPS = {
    "v2": ("memory.max", "memory.current", "file"),
    "v1": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache"),
}


def check_training(
    images: int, image_size: int, batch_size: int, precision: str
) -> None:
    """Check that a step of training the scratch network fits.

    Args:
        images: how many there are; a batch has no more.
        image_size: pixels a side.
        batch_size: as asked for.
        precision: float32 or mixed_bfloat16.

    Raises:
        InputError: it does not; the line names a batch size that does.
    """
    batch = min(images, batch_size)
    free, need = available(), training_need(image_size, batch, precision)
    if free is None or need <= free:
        return
    each = PER_PIXEL[precision] * image_size**2
    fitting = (free - training_need(image_size, 0, precision)) // each
    way_out = f"-S batch_size={fitting}" if fitting > 0 else "a smaller -S image_size"
    raise InputError(
        f"params.yaml: batch_size: training on {batch} images of {image_size} pixels "
        f"at a time needs about {_gb(need)}, {_gb(free)} are free; {way_out} fits"
    )


def check_features(images: int, image_size: int, precision: str) -> None:
    """Check that VGG-16's convolutions fit, on as many images as they take at once.

    Raises:
        InputError: they do not. Their batch is fixed, for it changes the last digits.
    """
    pixels = max(image_size**2, min(images * image_size**2, PIXELS_AT_ONCE))
    free, need = available(), FEATURES + FEATURES_PER_PIXEL[precision] * pixels
    if free is not None and need > free:
        raise InputError(
            f"the convolutions of VGG-16 need about {_gb(need)}, {_gb(free)} are free; "
            "end other programs or take a machine with more memory"
        )


def training_need(image_size: int, batch: int, precision: str) -> int:
    """Estimate the peak of a training of the scratch network, in bytes."""
    side = image_size // 16  # of the maps that the first Dense layer takes
    weights = 398_785 + 256 * side**2 * 128
    pixels = batch * image_size**2
    return PROCESS + PER_WEIGHT * weights + PER_PIXEL[precision] * pixels


def available(root: Path = Path("/")) -> int | None:
    """Return the bytes that a process can still get, or None where there is a GPU.

    Swap counts as memory.
    """
    if any((root / gpu).exists() for gpu in GPUS):
        return None
    free = psutil.virtual_memory().available + psutil.swap_memory().free
    return max(0, min([free, *_group_limits(root)]))


def _group_limits(root: Path) -> list[int]:
    """Return what every control group above this process leaves it, in bytes."""
    limits: list[int] = []
    cgroup = root / "proc" / "self" / "cgroup"
    if not cgroup.exists():  # not Linux
        return limits
    for line in cgroup.read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" or controllers == "memory":
            kind = "v2" if number == "0" else "v1"
            own = Path(controllers, path.lstrip("/"))
            for folder in (own, *own.parents):
                limits += _limit(root / "sys" / "fs" / "cgroup" / folder, *GROUPS[kind])
    return limits


def _limit(folder: Path, limit: str, used: str, cache: str) -> list[int]:
    try:
        most, now = (int((folder / name).read_text()) for name in (limit, used))
        stat = (folder / "memory.stat").read_text().splitlines()
        back = dict(line.split() for line in stat)[cache]
        return [most - now + int(back)]
    except (OSError, ValueError, KeyError):  # no such group, or no limit ("max")
        return []


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
