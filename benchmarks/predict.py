"""Measure the start-up time, speed and memory of `brain-mri predict`.

Run in the project after `dvc repro` and `brain-mri export` (see benchmarks/README.md):
    python benchmarks/predict.py exported/model.onnx

The champion is run with Keras and with ONNX. The images are those of data/phantom,
linked under new names as often as needed: their content does not change time or memory.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path("data/phantom")


def links(folder: Path, count: int) -> Path:
    """Fill a folder with `count` hard links to the images of SOURCE."""
    files = sorted(path for path in SOURCE.rglob("*") if path.is_file())
    folder.mkdir()
    for i in range(count):
        os.link(files[i % len(files)], folder / f"{i:05}{files[i % len(files)].suffix}")
    return folder


def measured(images: Path, *options: str) -> tuple[float, float]:
    """Run `brain-mri predict` once; return its seconds and its peak memory in MB."""
    command = [Path(sys.executable).parent / "brain-mri", "predict", images, *options]
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{command}: status {process.returncode}")
    return seconds, usage.ru_maxrss / (1024 if sys.platform == "linux" else 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("onnx", help="an exported model of the champion")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 1000, 10_000])
    arguments = parser.parse_args()
    ways = {"Keras": (), "ONNX": ("--onnx", arguments.onnx)}
    print("| images | by | seconds | images per second after the first | peak MB |")
    print("| ---: | --- | ---: | ---: | ---: |")
    first: dict[str, float] = {}
    # beside the data, because hard links need the same file system
    with tempfile.TemporaryDirectory(dir=SOURCE.parent) as scratch:
        for count in arguments.counts:
            folder = links(Path(scratch) / str(count), count)
            for name, options in ways.items():
                seconds, peak = measured(folder, *options)
                start = first.setdefault(name, seconds)
                rate = f"{(count - 1) / (seconds - start):.0f}" if count > 1 else ""
                print(f"| {count} | {name} | {seconds:.1f} | {rate} | {peak:.0f} |")


if __name__ == "__main__":
    main()
