"""Check before slow work that it fits in memory; if not, name a batch size that does.

The check can only raise: no result depends on it.
"""

from pathlib import Path

import psutil

from brain_mri.errors import InputError

# Fitted to the peak memory of 22 trainings and 10 runs of the convolutions on a CPU
# (docs/robustness.md). The estimates lie 9 % below to 1 % above the peaks in float32,
# and 21 % below to 1 % above in mixed_bfloat16. In bytes.
PROCESS = 700 * 2**20  # Python and TensorFlow
PER_WEIGHT = 20  # the weight, its gradient, Adam's two moments, a copy
PER_PIXEL = {"float32": 786, "mixed_bfloat16": 480}  # activations and gradients
FEATURES = 773 * 2**20  # Python, TensorFlow and VGG-16's convolutions
FEATURES_PER_PIXEL = {"float32": 608, "mixed_bfloat16": 460}
PIXELS_AT_ONCE = 2**20  # inference.PREDICTED_AT_ONCE; its import would load Keras

GPUS = ("dev/nvidia0", "dev/dxg", "dev/kfd")  # with one, the batch is in GPU memory
# Of a control group: the files of its limit and use, and the key in memory.stat of the
# cache that the kernel can reclaim.
GROUPS = {
    "v2": ("memory.max", "memory.current", "file"),
    "v1": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache"),
}


def check_training(
    images: int, image_size: int, batch_size: int, precision: str
) -> None:
    """Check that one training step of the scratch network fits in memory.

    Args:
        images: number of training images, the upper limit of a batch.
        image_size: side of an image in pixels.
        batch_size: requested batch size.
        precision: float32 or mixed_bfloat16.

    Raises:
        InputError: it does not fit; the message names a batch size that fits, or asks
            for smaller images.
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
    """Check that one prediction batch of VGG-16's convolutions fits in memory.

    Raises:
        InputError: it does not fit. No smaller batch is offered, because the batch size
            changes the last digits of the features.
    """
    pixels = max(image_size**2, min(images * image_size**2, PIXELS_AT_ONCE))
    free, need = available(), FEATURES + FEATURES_PER_PIXEL[precision] * pixels
    if free is not None and need > free:
        raise InputError(
            f"the convolutions of VGG-16 need about {_gb(need)}, {_gb(free)} are free; "
            "close other programs or use a machine with more memory"
        )


def training_need(image_size: int, batch: int, precision: str) -> int:
    """Estimate the peak memory of training the scratch network, in bytes."""
    side = image_size // 16  # of the feature maps before the first Dense layer
    weights = 398_785 + 256 * side**2 * 128
    pixels = batch * image_size**2
    return PROCESS + PER_WEIGHT * weights + PER_PIXEL[precision] * pixels


def available(root: Path = Path("/")) -> int | None:
    """Return the memory available to this process in bytes, or None if there is a GPU.

    Swap counts as memory; the limits of control groups apply.
    """
    if any((root / gpu).exists() for gpu in GPUS):
        return None
    free = psutil.virtual_memory().available + psutil.swap_memory().free
    return max(0, min([free, *_group_limits(root)]))


def _group_limits(root: Path) -> list[int]:
    """Return the memory left in each control group of this process, in bytes."""
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
