"""What stops a run in the middle: a kill, Ctrl-C, a full disk, a closed folder."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import SHRUNK, commit, copy_project, edited_params, run, shrink

from brain_mri import errors, phantoms, pipeline
from brain_mri.errors import InputError
from brain_mri.files import arrays, png, tables
from brain_mri.report import figures

fcntl = pytest.importorskip("fcntl")
INDEX = pd.DataFrame(
    {
        "image_id": ["a", "b"],
        "picture": ["a", "b"],
        "patient": ["a", "b"],
        "y_true": [0, 1],
    }
)
PATIENCE = 60  # seconds, for a busy machine
FEW = SHRUNK["phantom"]["images"]
MANY = 5000  # minutes of drawing: the stage is at work whenever the blow comes


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """A shrunk project in which nothing has run yet."""
    folder = copy_project(tmp_path_factory.mktemp("untouched") / "clone")
    shrink(folder)
    commit(folder, "shrink")
    return folder


def recorded(folder):
    """What dvc.lock says of the first three stages."""
    stages = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    return {name: stages[name] for name in ("phantom", "audit", "crop")}


@pytest.fixture(scope="module")
def undisturbed(untouched, tmp_path_factory):
    """What the first three stages leave in dvc.lock when nothing disturbs them."""
    folder = tmp_path_factory.mktemp("undisturbed") / "clone"
    shutil.copytree(untouched, folder)
    run(folder, "dvc", "repro", "crop")
    return recorded(folder)


@pytest.fixture
def folder(untouched, tmp_path):
    return shutil.copytree(untouched, tmp_path / "clone")


def draw(folder, count):
    """Let the phantom stage draw so many images."""
    with edited_params(folder) as values:
        values["phantom"]["images"] = count


def start(folder, *command, **more):
    """Start a command as the leader of its own process group."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # a shell's background jobs, and what they start, are deaf to Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_until(true):
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def at_work(folder, stage):
    """Wait until a stage is at work; return its process and the file that it locks."""
    found = []

    def there():
        locks = (folder / ".dvc" / "tmp").glob(f"stage-{stage}-*.lock")
        found[:] = [lock for lock in locks if lock.read_text().strip()]
        return found

    wait_until(there)
    return int(found[0].read_text()), found[0]


def is_free(lock):
    """Whether no living process holds the lock."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@contextlib.contextmanager
def small_disk(size):
    """Let no file grow beyond `size` bytes, as on a disk that fills up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def closed(tmp_path):
    """A folder into which nothing may be written, by root either."""
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # nobody: root may write anywhere
    yield folder
    if root:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("stage", "victim"), [("phantom", "stage"), ("audit", "dvc"), ("crop", "group")]
)
def test_after_a_kill_repro_gives_the_same_bytes(folder, undisturbed, stage, victim):
    if stage == "phantom":
        draw(folder, MANY)
    dvc = start(folder, "dvc", "repro")  # it cannot end before the kill
    process, lock = at_work(folder, stage)
    if victim == "group":
        os.killpg(dvc.pid, signal.SIGKILL)
    else:
        os.kill(process if victim == "stage" else dvc.pid, signal.SIGKILL)
    dvc.communicate()
    assert dvc.returncode != 0
    wait_until(lambda: is_free(lock))
    draw(folder, FEW)
    run(folder, "dvc", "repro", "crop")
    assert recorded(folder) == undisturbed


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
def test_a_stage_does_not_outlive_dvc(folder, shell):
    """DVC starts it through $SHELL, or /bin/sh where none is set, as in most CI."""
    if not (found := shutil.which(shell)):
        pytest.skip(f"no {shell} on this system")
    draw(folder, MANY)
    dvc = start(folder, "dvc", "repro", "phantom", SHELL=found)
    _, lock = at_work(folder, "phantom")
    assert not is_free(lock)
    dvc.kill()
    wait_until(lambda: is_free(lock))  # its own work would take longer than patience
    told, _ = dvc.communicate()
    assert told.count("phantom: DVC has ended, so this stage ends too") == 1
    assert len(list((folder / "data" / "phantom").rglob("*.*"))) < MANY


def test_a_stage_notices_that_dvc_went_during_its_imports(folder):
    """As early as a test can be sure that the stage has begun."""
    draw(folder, MANY)
    command = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    stage = ("python", "-X", "importtime", "stages/phantom.py", "data/phantom")
    dvc = start(folder, "python", "-c", command, *stage, DVC_STAGE="phantom")
    for line in dvc.stdout:  # a line an import, when it is done
        if line.endswith(" _faults\n"):
            break
    dvc.kill()
    told, _ = dvc.communicate()  # until the stage has closed its end
    assert "phantom: DVC has ended, so this stage ends too" in told
    assert "brain_mri.config" in told  # imported since


def test_a_second_run_waits_and_clears_up_after_the_first(folder):
    run(folder, "dvc", "repro", "phantom")
    (folder / ".dvc" / "tmp").mkdir(exist_ok=True)
    (lock,) = (folder / ".dvc" / "tmp").glob("stage-phantom-*.lock")
    shutil.rmtree(folder / "data" / "phantom")
    command = ("python", "stages/phantom.py", "data/phantom")
    with lock.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        second = start(folder, *command, DVC_STAGE="phantom")
        told = second.stdout.readline()
        assert "another run of this stage, process" in told
        assert "waiting" in told
        leftover = folder / "data" / "phantom" / "no" / "half.png"
        leftover.parent.mkdir(parents=True)
        leftover.write_text("half")
    second.communicate()
    assert second.returncode == 0
    assert not leftover.exists()
    assert len(list((folder / "data" / "phantom").rglob("*.*"))) == FEW


def test_outputs_are_found_as_dvc_names_their_stage():
    root = Path(__file__).resolve().parents[1]
    found = pipeline.outputs(root, "evaluate@vgg")
    assert root / "metrics" / "vgg.json" in found
    assert root / "data" / "explain" / "vgg" in found
    assert pipeline.outputs(root, "dvc.yaml:crop") == pipeline.outputs(root, "crop")
    views = pipeline.outputs(root, "evidence/dvc.yaml:views")
    assert views == [root / "data" / "evidence" / "views"]
    assert pipeline.outputs(root, "") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_stopped_is_one_line_and_git_is_untouched(folder, number):
    draw(folder, MANY)
    commit(folder, "many")
    dvc = start(folder, "dvc", "repro", "crop")
    process, _ = at_work(folder, "phantom")
    if number == signal.SIGINT:
        os.killpg(dvc.pid, number)  # as a terminal does
    else:
        os.kill(process, number)
    told, _ = dvc.communicate()
    assert dvc.returncode != 0
    lines = [line for line in told.splitlines() if "stopped by" in line]
    assert len(lines) == 1
    assert f"phantom: stopped by {number.name} before its end" in lines[0]
    assert "Traceback" not in told
    assert run(folder, "git", "status", "--porcelain").stdout == ""


def test_a_ctrl_c_during_the_imports_is_one_line_too(folder):
    """Sent as early as the handler can be there, long before TensorFlow is."""
    command = ("python", "-X", "importtime", "stages/augment.py", "a", "b")
    stage = start(folder, *command)
    for line in stage.stdout:  # a line an import, when it is done
        if line.endswith(" _faults\n"):
            break
    stage.send_signal(signal.SIGINT)
    told = stage.communicate()[0]
    assert stage.returncode == 1
    assert "augment: stopped by SIGINT" in told
    assert "Traceback" not in told


def test_a_stage_on_a_full_disk_is_one_line_and_git_is_untouched(folder):
    # the stage alone: DVC's own database would meet the limit first
    limited = "ulimit -f 4; exec python stages/phantom.py data/phantom"
    stage = start(folder, "bash", "-c", limited)
    told, _ = stage.communicate()
    assert stage.returncode == 1
    (line,) = told.splitlines()[-1:]
    assert "phantom: data/phantom/" in line
    assert "cannot be written" in line
    assert "free space" in line
    assert "Traceback" not in told
    assert run(folder, "git", "status", "--porcelain").stdout == ""


def write_figure(path):
    figure = figures.plt.figure()
    figure.gca().plot(range(99))
    figures.save(figure, path)


WRITERS = {
    "t.csv": lambda path: tables.write_csv(path, pd.DataFrame({"n": range(9999)})),
    "s.json": lambda path: tables.write_json(path, {"n": [*range(9999)]}),
    "values.npy": lambda path: arrays.write(path.parent, INDEX, [np.zeros((2, 9999))]),
    "c.png": lambda path: png.write_png(
        path, np.random.default_rng(0).integers(0, 255, (99, 99), dtype=np.uint8)
    ),
    "f.png": write_figure,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_one_line_and_leaves_no_half_file(tmp_path, name):
    with small_disk(4096), pytest.raises(InputError) as error:
        WRITERS[name](tmp_path / name)
    told = str(error.value)
    assert name in told
    assert "free space on that disk" in told
    assert "\n" not in told
    assert {path.name for path in tmp_path.iterdir()} <= {"index.csv"}
    WRITERS[name](tmp_path / name)
    assert (tmp_path / name).stat().st_size > 4096


@pytest.mark.parametrize("name", WRITERS)
def test_a_closed_folder_is_one_line(closed, name):
    with pytest.raises(InputError, match="make it and its folder") as error:
        WRITERS[name](closed / "new" / name)
    assert str(closed) in str(error.value)


def test_a_full_device_is_named_and_left_there():
    """The kernel's own full disk: it opens, and every write fails."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    for write in (
        lambda: tables.write_json(full, {"n": 1}),
        lambda: tables.write_csv(full, pd.DataFrame({"n": [1]})),
    ):
        with pytest.raises(InputError, match=r"/dev/full: .*No space left on device"):
            write()
    assert full.is_char_device()


def test_phantoms_on_a_full_disk_are_one_line(tmp_path):
    with small_disk(4096), pytest.raises(InputError, match="free space on that disk"):
        phantoms.write_phantoms(tmp_path, images=10, positives=0.5, seed=1)


def test_weights_on_a_full_disk_are_one_line(tmp_path, capfd):
    from brain_mri.networks import saved_weights, scratch

    network = scratch.scratch_cnn(32, 0)
    with small_disk(100_000), pytest.raises(InputError, match="free space") as error:
        saved_weights.save(network, tmp_path / "s.npy")
    assert "s.npy" in str(error.value)
    assert "Traceback" not in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []
    saved_weights.save(network, tmp_path / "s.npy")
    saved_weights.load(network, tmp_path / "s.npy")


def test_a_fault_in_making_a_chunk_is_not_blamed_on_the_array(tmp_path):
    def chunks():
        yield np.zeros((1, 4))
        raise FileNotFoundError(2, "No such file or directory", "cropped/no/a.png")

    with pytest.raises(FileNotFoundError, match=r"cropped/no/a\.png"):
        arrays.write(tmp_path, INDEX, chunks())


def test_what_is_no_fault_of_the_disk_gets_no_advice():
    assert errors.remedy(ValueError("x")) == ""
    assert errors.remedy(OSError(2, "No such file or directory")) == ""
