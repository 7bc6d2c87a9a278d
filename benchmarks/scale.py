"""Run every stage on 300, 3,000 and 30,000 phantoms: time and memory an image.

    python benchmarks/scale.py FOLDER

Each size has a clone of the last commit in FOLDER, without variants and with one epoch.
A stage that ran is a row of benchmarks/scale.csv; a stopped run goes on after it. The
processor time is what a busy machine hardly changes, so the slopes are made of it.
Linux only.
"""

import argparse
import os
import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import pandas as pd
import psutil
import yaml
from conftest import edited_params

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "scale.csv"
CHART = ROOT / "docs" / "scale.svg"
SIZES = (300, 3000, 30000)
CHANGES = {
    "augment": {"copies": 0},
    "scratch": {"epochs": 1},
    "vgg": {"epochs": 1},
}
PREDICT, NOTHING = "predict, one image", "dvc repro with nothing to do"
SHOWN = 8  # stages in the chart
EVERY = 0.2  # seconds between two looks at the memory
MB = 2**20


@dataclass
class Watch:
    """Look at this process's children while they run.

    own: most memory of all together that is no page of a file, MB.
    """

    own: float = 0.0
    done: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self.done.wait(EVERY):
            own = 0.0
            for process in psutil.Process().children(recursive=True):
                try:
                    memory = process.memory_info()
                except psutil.Error:  # it ended meanwhile
                    continue
                own += (memory.rss - memory.shared) / MB
            self.own = max(self.own, own)


def prepare(folder: Path, images: int) -> None:
    """Clone the last commit and write the parameters of this size."""
    if folder.exists():
        return
    command(ROOT, "git", "clone", "--quiet", str(ROOT), str(folder))
    with edited_params(folder) as params:
        for section, values in (CHANGES | {"phantom": {"images": images}}).items():
            params[section] |= values


def command(folder: Path, *words: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(words, cwd=folder, env=os.environ | {"PATH": path}, check=True)


def measure(folder: Path, *words: str) -> dict[str, float]:
    """Run a command; return its seconds, processor seconds and most memory."""
    watch, before = Watch(), used()
    looking = threading.Thread(target=watch.look)
    start = time.perf_counter()
    looking.start()
    try:
        command(folder, *words)
    finally:
        watch.done.set()
        looking.join()
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(used() - before, 1),
        "own_mb": round(watch.own),
    }


def used() -> float:
    """Return the processor seconds of all children that ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(folder: Path, images: int) -> None:
    """Run what the table lacks of one size, and add a row after each stage."""
    prepare(folder, images)
    for stage in (*stages(folder), NOTHING, PREDICT):
        table = read()
        if ((table["images"] == images) & (table["stage"] == stage)).any():
            continue
        print(f"{images} images: {stage}", file=sys.stderr, flush=True)
        if stage == PREDICT:
            one = min((folder / "data" / "phantom" / "yes").iterdir())
            found = measure(folder, "brain-mri", "predict", str(one))
        elif stage == NOTHING:
            found = measure(folder, "dvc", "repro", "--quiet")
        else:
            alone = ("--single-item", "--force", "--no-run-cache")
            found = measure(folder, "dvc", "repro", "--quiet", *alone, stage)
        row = pd.DataFrame([{"images": images, "stage": stage, **found}])
        pd.concat([table, row]).to_csv(OUT, index=False, lineterminator="\n")


def stages(folder: Path) -> list[str]:
    """Return the stages of dvc.yaml, in the order of the file and of a run."""
    listed = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    entries = [
        [f"{name}@{key}" for key in stage["foreach"]] if "foreach" in stage else [name]
        for name, stage in listed.items()
    ]
    return [name for entry in entries for name in entry]


def read() -> pd.DataFrame:
    return pd.read_csv(OUT) if OUT.exists() else pd.DataFrame(columns=COLUMNS)


COLUMNS = ["images", "stage", "seconds", "processor_seconds", "own_mb"]


def summary(table: pd.DataFrame) -> list[str]:
    """Return milliseconds of processor an image between two sizes, and the memory."""
    processor = table.pivot(index="stage", columns="images", values="processor_seconds")
    memory = table.pivot(index="stage", columns="images", values="own_mb")
    sizes = sorted(processor.columns)
    steps = list(zip(sizes, sizes[1:], strict=False))
    lines = []
    for stage in table["stage"].unique():
        slopes = [
            1000 * (processor[b][stage] - processor[a][stage]) / (b - a)
            for a, b in steps
        ]
        cells = [f"{processor[n][stage]:.1f}" for n in sizes]
        cells += [f"{slope:.2f}" for slope in slopes]
        cells += [f"{memory[n][stage]:.0f}" for n in sizes]
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    heads = [f"s, {n:,}" for n in sizes]
    heads += [f"ms an image, {a:,} to {b:,}" for a, b in steps]
    heads += [f"MB, {n:,}" for n in sizes]
    rule = "| --- |" + " ---: |" * len(heads)
    return [f"| stage | {' | '.join(heads)} |", rule, *lines]


def draw(table: pd.DataFrame) -> None:
    """Draw the processor seconds of the slowest stages against the number of images."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "scale"  # the same bytes each time
    seconds = table.pivot(index="images", columns="stage", values="processor_seconds")
    shown = seconds.loc[seconds.index.max()].nlargest(SHOWN).index
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for stage in shown:
        axes.loglog(seconds.index, seconds[stage], marker="o", label=stage)
    axes.set_xticks(seconds.index, [f"{n:,}" for n in seconds.index])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("images")
    axes.set_ylabel("seconds of processor time")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", frameon=False)
    figure.savefig(CHART, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for images in arguments.sizes:
        run(arguments.folder.resolve() / str(images), images)
    draw(read())
    print("\n".join(summary(read())))


if __name__ == "__main__":
    main()
