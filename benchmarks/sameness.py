"""Check that repeated trainings of the scratch network give the same weights.

    python benchmarks/sameness.py [--runs N] [--epochs E] [--threads T]

Reads data/augmented and data/split/val of a finished run. Each training is a new
process; every second one runs beside two busy processes. Prints the number of different
weights files, and the seconds per training without and with that load. Exit status 1 if
the weights differ.
"""

import argparse
import hashlib
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
BUSY = 2  # processes


def spin() -> None:
    import numpy as np

    square = np.ones((512, 512))
    while True:
        square @ square


@contextmanager
def load(wanted: bool) -> Iterator[None]:
    """Run two busy processes within the context, if wanted."""
    busy = [multiprocessing.Process(target=spin, daemon=True) for _ in range(BUSY)]
    for process in busy if wanted else []:
        process.start()
    try:
        yield
    finally:
        for process in busy if wanted else []:
            process.kill()


def train(epochs: int, threads: int) -> tuple[str, float]:
    """Run the training stage in a new process; return the weights' hash and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        values["threads"] = threads
        values["scratch"]["epochs"] = epochs
        values["lr"] = float(values["lr"])
        Path(folder, "params.yaml").write_text(yaml.safe_dump(values))
        start = time.monotonic()
        subprocess.run(
            [
                *(sys.executable, ROOT / "stages" / "train_scratch.py"),
                *(ROOT / "data" / "augmented", ROOT / "data" / "split" / "val"),
                *("trained", "history.csv", "scores.csv"),
            ],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - start
        [weights] = Path(folder, "trained").iterdir()
        return hashlib.sha256(weights.read_bytes()).hexdigest(), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    hashes: Counter[str] = Counter()
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for run in tqdm(range(given.runs), "trainings", disable=None):
        loaded = run % 2 == 1
        with load(loaded):
            digest, took = train(given.epochs, given.threads)
        hashes[digest] += 1
        seconds[loaded].append(took)
    print(f"{given.runs} trainings of {given.epochs} epochs, {given.threads} threads")
    print(f"different files of weights: {len(hashes)} {sorted(hashes.values())}")
    for loaded, took in seconds.items():
        if took:
            name = "beside two busy processes" if loaded else "alone"
            print(f"seconds {name}: {min(took):.0f} to {max(took):.0f}")
    sys.exit(0 if len(hashes) == 1 else 1)


if __name__ == "__main__":
    main()
