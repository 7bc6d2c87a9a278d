"""Kill every stage at three moments; check that `dvc repro` gives the same dvc.lock.

Works on a shrunk copy of the project in a temporary folder; takes about 12 minutes.
Prints a table; the exit status is 1 if the result of any stage differs. To test only
some stages: python benchmarks/torture.py split crop
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import yaml
from conftest import commit, copy_project, run, shrink

# Share of the stage's time, and which processes are killed then.
MOMENTS = {0.1: "the stage", 0.5: "DVC alone", 0.9: "all of them"}
ALONE = ("--single-item", "--force", "--no-run-cache")


def prepare(folder: Path) -> str:
    """Run the shrunk project once, undisturbed; return its dvc.lock."""
    folder.mkdir()
    copy_project(folder)
    shrink(folder)
    commit(folder, "shrink")
    run(folder, "dvc", "repro")
    commit(folder, "results")
    return (folder / "dvc.lock").read_text()


def forget(folder: Path, stage: str) -> None:
    """Remove a stage from dvc.lock, so that DVC forgets its result."""
    path = folder / "dvc.lock"
    lock = yaml.safe_load(path.read_text())
    lock["stages"].pop(stage, None)
    path.write_text(yaml.safe_dump(lock))


def start(folder: Path, stage: str) -> subprocess.Popen:
    """Start one stage under DVC, in a process group of its own."""
    for lock in (folder / ".dvc" / "tmp").glob("stage-*.lock"):
        lock.unlink()  # so that the next one belongs to this stage
    # a late kill may have hit DVC while it wrote this file
    (folder / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with log_of(folder).open("w") as log:
        return subprocess.Popen(
            ["dvc", "repro", *ALONE, stage],
            cwd=folder,
            env=os.environ | {"PATH": path},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def log_of(folder: Path) -> Path:
    """Return the log file of the killed DVC and its stage, beside the project."""
    return folder.with_name("killed.log")


def process_of(folder: Path, dvc: subprocess.Popen) -> int:
    """Wait until the stage runs and return its process id."""
    while dvc.poll() is None:
        for lock in (folder / ".dvc" / "tmp").glob("stage-*.lock"):
            if number := lock.read_text().strip():
                return int(number)
        time.sleep(0.01)
    said = log_of(folder).read_text()
    raise RuntimeError(f"DVC ended before its stage began: {said}")


def duration(folder: Path, stage: str) -> float:
    """Measure the run time of an undisturbed stage in seconds."""
    dvc = start(folder, stage)
    process = process_of(folder, dvc)
    begun = time.monotonic()
    while Path(f"/proc/{process}").exists():
        time.sleep(0.01)
    dvc.wait()
    return time.monotonic() - begun


def kill(folder: Path, stage: str, seconds: float, victim: str) -> bool:
    """Kill a stage, DVC or both, `seconds` after the stage began.

    Returns:
        Whether the stage was still running then.
    """
    dvc = start(folder, stage)
    process = process_of(folder, dvc)
    time.sleep(seconds)
    alive = Path(f"/proc/{process}").exists()
    with contextlib.suppress(ProcessLookupError):
        if victim == "all of them":
            os.killpg(dvc.pid, signal.SIGKILL)
        else:
            os.kill(process if victim == "the stage" else dvc.pid, signal.SIGKILL)
    dvc.wait()  # but not for the stage: `dvc repro` must handle a stage still running
    return alive


def outcome(folder: Path, stage: str, seconds: float, victim: str, lock: str) -> str:
    """Kill a stage, reproduce it, and tell whether dvc.lock and Git are unchanged."""
    for _ in range(10):  # a stage may be faster than measured
        run(folder, "git", "checkout", "--quiet", ".")
        forget(folder, stage)
        if kill(folder, stage, seconds, victim):
            break
        seconds *= 0.8
    else:
        return "ALWAYS ENDED BEFORE"
    result = run(folder, "dvc", "repro", "--no-run-cache", check=False)
    if result.returncode:
        return f"FAILED: {result.stderr.strip().splitlines()[-1]}"
    if f"Running stage '{stage}'" not in result.stdout:
        return "NOT RUN AGAIN"
    same = yaml.safe_load((folder / "dvc.lock").read_text()) == yaml.safe_load(lock)
    (folder / "dvc.lock").write_text(lock)  # undo the order: DVC puts the stage last
    changed = run(folder, "git", "status", "--porcelain").stdout.split()
    return "same" if same and not changed else f"DIFFERENT: {' '.join(changed)}"


def main() -> None:
    """Print the table row by row, one row per stage."""
    heads = [f"{share:.0%}: {victim} killed" for share, victim in MOMENTS.items()]
    print("| stage | seconds |", " | ".join(heads), "|")
    print("| --- | ---: |", " | ".join("---" for _ in heads), "|")
    bad = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "brain mri"
        lock = prepare(folder)
        listed = run(folder, "dvc", "stage", "list", "--name-only").stdout
        for stage in sys.argv[1:] or listed.split():
            length = duration(folder, stage)
            found = [
                outcome(folder, stage, share * length, victim, lock)
                for share, victim in MOMENTS.items()
            ]
            bad |= any(not answer.startswith("same") for answer in found)
            print(f"| {stage} | {length:.1f} |", " | ".join(found), "|", flush=True)
    sys.exit(bad)


if __name__ == "__main__":
    main()
