"""baselines: score what needs no network on the same parts as the networks."""

from pathlib import Path

from _stage import run

from brain_mri.config import Params
from brain_mri.evidence import baselines
from brain_mri.files import arrays, tables
from brain_mri.files.names import LEAKED


def main(
    manifest: Path,
    train: Path,
    val: Path,
    test: Path,
    leaked: Path,
    out: Path,
    *,
    params: Params,
) -> None:
    folders = {"train": train, "val": val, "test": test, LEAKED: leaked}
    parts = {part: arrays.read(folder) for part, folder in folders.items()}
    parts = {part: images for part, images in parts.items() if len(images.index)}
    table = baselines.predict(parts, tables.read_csv(manifest), seed=params.seed)
    tables.write_csv(out, table)


if __name__ == "__main__":
    run(main)
