"""Damaged files and odd values: an image, a table or one clear line, nothing else."""

import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))  # where this file is its own worker

import damaged

from brain_mri.images import ImageError, decode

GIGABYTE = 2**30


def mutated(content, rng):
    """Flip, overwrite, cut out or insert bytes; half the times near the start."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        reach = min(len(data), 120) if rng.random() < 0.5 else len(data)
        at = int(rng.integers(reach)) if reach else 0
        match rng.integers(5):
            case 0:
                data[at : at + 1] = bytes(
                    [data[at] ^ (1 << rng.integers(8))] if data else []
                )
            case 1:
                data[at : at + 1] = rng.choice([b"\0", b"\xff", b"\x7f", b"\x80"])
            case 2:
                data[at : at + 4] = rng.bytes(4)
            case 3:
                del data[at : at + int(rng.integers(1, 40))]
            case 4:
                data[at:at] = rng.bytes(rng.integers(1, 40))
    return bytes(data)


def allow_a_gigabyte():
    """Let this process take 1 GB more address space than it has."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + GIGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def worker(folder, times, seed):
    """Decode mutated files; print what was neither an image nor a reason."""
    path = Path(folder) / "mutated"
    rng = np.random.default_rng(seed)
    decode_good(path)  # everything is imported
    allow_a_gigabyte()
    found, slowest, decoded = [], 0.0, 0
    for name, content in damaged.good().items():
        for i in range(times):
            path.write_bytes(mutated(content, rng))
            start = time.process_time()
            try:
                decoded += decode(path).grey.dtype == np.uint8
            except ImageError as error:
                words = str(error)
                if not words.isprintable() or str(path) in words or " at 0x" in words:
                    found.append(f"{name} {i}: {words!r}")
            except BaseException as error:
                found.append(f"{name} {i}: {error!r}")
                Path(f"/tmp/dicom-bench/crash-{name}-{i}").write_bytes(
                    path.read_bytes()
                )
            slowest = max(slowest, time.process_time() - start)
    print(json.dumps({"found": found, "slowest": slowest, "decoded": decoded}))


def decode_good(path):
    for content in damaged.good().values():
        path.write_bytes(content)
        decode(path)


if __name__ == "__main__":
    worker(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
