"""Say which operations take the time of a training step of the scratch network.

    python benchmarks/profile_scratch.py [--precision mixed_bfloat16]

Run in the project after `dvc repro`. TensorFlow's profiler records twenty steps of 32
images on two threads; the table gives the milliseconds of a step by kind of operation.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from brain_mri.files import arrays
from brain_mri.networks import backend, scratch, training

ROOT = Path(__file__).resolve().parents[1]
STEPS, BATCH, THREADS = 20, 32, 2
SHOWN = 14


def step_of(precision: str):
    """Return one training step of the stage train_scratch, warm, as a function."""
    backend.prepare(1, precision, THREADS)
    part = arrays.take(arrays.read(ROOT / "data" / "augmented"), np.arange(BATCH))
    model = scratch.scratch_cnn(part.values.shape[1], 0.5)
    settings = {"lr": 1e-3, "batch_size": BATCH, "weight_decay": 25.0, "seed": 1}
    training.fit(model, part, None, epochs=3, **settings)
    images, labels = part.values, part.y_true[:, None].astype(np.float32)
    return lambda: model.train_on_batch(images, labels)


def operations(folder: Path) -> Counter[str]:
    """Return the seconds of each kind of operation that the profiler recorded."""
    seconds: Counter[str] = Counter()
    for path in folder.rglob("*.xplane.pb"):
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
        for plane in space.planes:
            names = {key: meta.name for key, meta in plane.event_metadata.items()}
            for line in plane.lines:
                for event in line.events:
                    kind = names[event.metadata_id].split(":")[-1]
                    if kind.startswith("_Mkl") or hasattr(tf.raw_ops, kind):
                        seconds[kind] += event.duration_ps / 1e12
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", default="float32")
    step = step_of(parser.parse_args().precision)
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    plain = (time.perf_counter() - start) / STEPS
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(STEPS):
            step()
        tf.profiler.experimental.stop()
        found = operations(Path(folder))
    print(f"one step of {BATCH} images: {1000 * plain:.0f} ms without the profiler")
    print("| operation | ms a step | share |\n| --- | ---: | ---: |")
    total = sum(found.values())
    for name, seconds in found.most_common(SHOWN):
        print(f"| {name} | {1000 * seconds / STEPS:.1f} | {seconds / total:.2f} |")
    print(f"| all | {1000 * total / STEPS:.1f} | 1 |")


if __name__ == "__main__":
    main()
