"""Run evidence/dvc.yaml: the CNN's folds side by side, each a stage of its own.

DVC runs the stages of one command one after the other, so each fold gets a command of
its own. A stop loses only the folds that are at work; DVC knows the others. Several
machines may share the folds: docs/machines.md.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tqdm import tqdm

from brain_mri import pipeline, progress
from brain_mri.config import Params
from brain_mri.dataset import folds
from brain_mri.errors import InputError
from brain_mri.estimate import duration
from brain_mri.networks import memory

PIPELINE = "evidence/dvc.yaml"
LOGS = Path(".dvc", "tmp", "crossval")  # the output of each fold


def run(root: Path, params: Params) -> None:
    """Bring every stage of evidence/dvc.yaml up to date, and what they need.

    Raises:
        InputError: a stage failed; the message names the first one and its error.
        KeyboardInterrupt: Ctrl-C or SIGTERM; all processes have ended.
    """
    with _sigterm_as_ctrl_c():
        repro(root, f"{PIPELINE}:views", f"{PIPELINE}:features")
        train_missing(root, params)
        repro(root, PIPELINE)


def run_some(root: Path, params: Params, some: slice) -> None:
    """Train the CNN in some of the runs, as one machine of several; gather nothing.

    Whatever DVC's remote or a shared cache has is taken from there, not made again.

    Args:
        root: the project's folder.
        params: its parameters.
        some: which runs, of those that `stages` returns.

    Raises:
        InputError, KeyboardInterrupt: as `run`.
    """
    with _sigterm_as_ctrl_c():
        repro(root, "--pull", f"{PIPELINE}:views")
        train_missing(root, params, some)


def train_missing(root: Path, params: Params, some: slice = slice(None)) -> None:
    """Train the CNN in those of some runs that DVC does not know."""
    runs = stages(params)
    if todo := pipeline.unfinished(root, list(runs)[some]):
        train(root, {name: runs[name] for name in todo}, at_once(params))


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def stages(params: Params) -> dict[str, folds.Run]:
    """Return the run of each stage that trains a CNN, by DVC's name of the stage."""
    wanted = params.crossval
    named = {f"scratch_fold@{r.repeat}-{r.fold}": r for r in folds.ordinary(wanted)}
    named |= {f"scratch_share@{r.share}-{r.fold}": r for r in folds.shares(wanted)}
    named |= {f"scratch_seed@{r.seed}": r for r in folds.seeds(wanted)}
    return {f"{PIPELINE}:{name}": one for name, one in named.items()}


def at_once(params: Params) -> int:
    """Return how many folds the cores and the memory allow at once, 1 or more."""
    cores = progress.cores()
    allowed = cores // (params.crossval.threads or cores)
    if (free := memory.available()) is not None:
        need = memory.training_need(
            params.image_size, params.batch_size, params.precision
        )
        allowed = min(allowed, free // need)
    return max(1, allowed)


def train(root: Path, runs: Mapping[str, folds.Run], workers: int) -> None:
    """Train the CNN in some runs and print a line for each that ends."""
    whole, began = sum(one.share for one in runs.values()), time.monotonic()
    done: list[str] = []
    failed: list[str] = []
    print(f"crossval: {len(runs)} trainings of the CNN, {workers} at once", flush=True)
    with tqdm(total=len(runs), leave=False, disable=None) as bar:

        def ended(stage: str, status: int) -> None:
            name = stage.rpartition(":")[2]
            if status:
                failed.append(f"{name} failed: {_error(_log(root, stage))}")
                line = f"{name} failed"
            else:
                done.append(stage)
                made = sum(runs[stage].share for stage in done)
                left = (time.monotonic() - began) / made * (whole - made)
                line = f"{name} done, {len(done)} of {len(runs)}"
                line += f", about {duration(left)} left" if left else ""
            tqdm.write(f"crossval: {line}")
            sys.stdout.flush()
            bar.update()

        side_by_side(list(runs), lambda stage: start_fold(root, stage), workers, ended)
    if failed:
        raise InputError(f"{failed[0]}. The others are kept; mend it and run it again")


def side_by_side(
    names: Sequence[str],
    start: Callable[[str], subprocess.Popen],
    workers: int,
    ended: Callable[[str, int], None],
) -> None:
    """Run processes, some at once; after a failure start no more.

    Args:
        names: of the processes, in the order of their start.
        start: starts a process by name, as the leader of a process group.
        workers: how many may run at once.
        ended: called with the name and exit status of each process that ended.
    """
    waiting, running = list(names), dict[str, subprocess.Popen]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                name = waiting.pop(0)
                running[name] = start(name)
            for name in [n for n, p in running.items() if p.poll() is not None]:
                status = running.pop(name).returncode
                if status:
                    waiting.clear()
                ended(name, status)
            time.sleep(0.1)
    finally:
        _stop(*running.values())


def start_fold(root: Path, stage: str) -> subprocess.Popen:
    """Start `dvc repro` of one fold alone, its output in a file."""
    log = _log(root, stage)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as output:
        return _dvc(root, ["repro", "--single-item", stage], output)


def repro(root: Path, *targets: str) -> None:
    """Run `dvc repro` and wait for it, its output on the terminal.

    Raises:
        InputError: it failed.
    """
    process = _dvc(root, ["repro", *targets], None)
    try:
        status = process.wait()
    finally:
        _stop(process)
    if status:
        raise InputError(f"dvc repro {' '.join(targets)} failed, see above")


def _dvc(root: Path, command: list[str], output: IO[str] | None) -> subprocess.Popen:
    programs = str(Path(sys.executable).parent)  # the stages' `python`
    path = os.pathsep.join([programs, os.environ.get("PATH", "")])
    return subprocess.Popen(
        # waits while another DVC command writes down what it did
        [sys.executable, "-m", "dvc", "--wait-for-lock", *command],
        cwd=root,
        env=os.environ | {"PATH": path, "BRAIN_MRI_RUNNER": str(os.getpid())},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,  # Ctrl-C reaches this program alone
    )


def _stop(*processes: subprocess.Popen) -> None:
    """End the processes that still run, and those that they started."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        os.killpg(process.pid, signal.SIGTERM)
    for process in running:
        process.wait()


def _log(root: Path, stage: str) -> Path:
    return root / LOGS / f"{stage.rpartition(':')[2]}.txt"


def _error(log: Path) -> str:
    """Return the last line of a failed stage's own output."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    own = [line for line in lines if line.strip() and not line.startswith("ERROR: fai")]
    return f"{own[-1] if own else 'without a word'} (all its output: {log})"
