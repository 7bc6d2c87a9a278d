"""Per-image work on a Dask cluster gives what threads give, and fails in one line."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import damaged
import fatal
import pytest
from conftest import ROOT

from brain_mri import phantoms, progress
from brain_mri.dataset import auditing, crops
from brain_mri.errors import InputError
from brain_mri.files import tables
from brain_mri.imaging.decoded import SALT, ImageError

cluster = pytest.importorskip("brain_mri.cluster")
IMAGES = 12
PATIENCE = 60  # seconds, for a busy machine
SIDE = 32  # px of a crop


@contextlib.contextmanager
def dask(folder, *, workers, deaths=3):
    """Start a scheduler and workers, and give its address, its process and theirs."""
    paths = [str(ROOT / "src"), str(ROOT / "tests")]
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(deaths),
    }
    started = []

    def start(name, *options):
        command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *options]
        command += ["--scheduler-file", "at.json", "--no-dashboard"]
        command += ["--host", "127.0.0.1"]
        with (folder / "output.txt").open("a") as output:
            started.append(
                subprocess.Popen(
                    command, cwd=folder, env=env, stdout=output, stderr=output
                )
            )

    try:
        start("scheduler", "--port", "0")
        for _ in range(workers):
            start("worker", "--nthreads", "1", "--no-nanny")
        at = address(folder / "at.json")
        with cluster.Client(at, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=PATIENCE)
        yield at, started[0], started[1:]
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


def address(file):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            return json.loads(file.read_text())["address"]
        time.sleep(0.02)
    raise AssertionError(file.with_name("output.txt").read_text())


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory):
    """A cluster of one core, whose worker was started in another folder."""
    with dask(tmp_path_factory.mktemp("one"), workers=1) as (at, _, (worker,)):
        yield at, worker.pid


@pytest.fixture
def sent(one_worker, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", one_worker[0])
    return one_worker[1]


@pytest.fixture
def dataset(tmp_path):
    """Phantoms and a file that is no image."""
    folder = tmp_path / "scans"
    phantoms.write_phantoms(folder, images=IMAGES, positives=0.5, seed=1)
    (folder / "no" / "broken.png").write_bytes(b"no image")
    return folder


def stages(folder, out):
    """Audit and crop a data set; return the bytes of all that this writes."""
    audited = auditing.audit(folder, {"no": "no", "yes": "yes"}, {})
    tables.write_csv(out / "manifest.csv", audited.manifest)
    tables.write_csv(out / "duplicates.csv", audited.pairs)
    table = crops.crop_all(folder, audited.manifest, out / "cropped", SIDE)
    tables.write_csv(out / "crop.csv", table)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def watch(monkeypatch, folder):
    """Note which worker reads what; one is killed by the image halfway of the crops."""

    def watched(function, items, what):
        victim = items[len(items) // 2] if what == "crop" else None
        call = partial(fatal.noted, str(folder / what), victim, function)
        return progress.map_images(call, items, what)

    monkeypatch.setattr(auditing, "map_images", watched)
    monkeypatch.setattr(crops, "map_images", watched)


def test_a_killed_worker_changes_no_byte(dataset, tmp_path, monkeypatch):
    alone = stages(dataset, tmp_path / "threads")
    assert len(alone) == IMAGES + 3
    with dask(tmp_path, workers=2) as (at, _, workers):
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", at)
        watch(monkeypatch, tmp_path)
        assert stages(dataset, tmp_path / "cluster") == alone
        killed = int((tmp_path / "crop.killed").read_text())
        (dead,) = [worker for worker in workers if worker.pid == killed]
        assert dead.wait(PATIENCE) == -signal.SIGKILL
    read, crop = ((tmp_path / what).read_text().split() for what in ("read", "crop"))
    known = {str(worker.pid) for worker in workers}
    assert {*read, *crop} - {"victim"} == known  # nothing ran here
    assert len(read) == IMAGES + 1
    assert crop.count("victim") == 2  # once in vain
    assert crop.index("victim") > 0  # and not before all others


def test_all_of_a_stage_runs_there(sent, tmp_path, monkeypatch):
    """From a relative path, though the worker was started in another folder."""
    phantoms.write_phantoms(tmp_path / "here", images=10, positives=0.5, seed=1)
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as without:
        without.delenv("DASK_SCHEDULER_ADDRESS")
        phantoms.write_phantoms(Path("alone"), images=10, positives=0.5, seed=1)
    pairs = [(path, tmp_path / "alone" / path.relative_to(tmp_path / "here"))
             for path in (tmp_path / "here").rglob("*.*")]  # fmt: skip
    assert len(pairs) == 10
    assert all(one.read_bytes() == other.read_bytes() for one, other in pairs)
    paths = sorted(path.relative_to(tmp_path) for path, _ in pairs)
    found = progress.map_images(fatal.size, paths, "")
    assert found == [(sent, path.stat().st_size) for path in paths]


def test_a_patient_is_one_whichever_worker_reads(sent, tmp_path):
    """Each process has a salt of its own, so the audit's is sent along."""
    content = damaged.dicom(damaged.texture(), PatientID="P-0017")
    (tmp_path / "a.dcm").write_bytes(content)
    look = partial(auditing._look, tmp_path, SALT)
    facts = [auditing._Facts("a.dcm", "no")]
    (there,) = progress.map_images(look, facts, "")
    assert there.patient == look(*facts).patient != ""


@pytest.mark.parametrize("kind", [InputError, ImageError])
def test_an_error_has_its_type_and_message(sent, monkeypatch, tmp_path, kind):
    monkeypatch.chdir(tmp_path)
    call = partial(fatal.refuse, kind, Path("scans"))
    with pytest.raises(InputError) as error:
        progress.map_images(call, range(5), "")
    assert type(error.value) is kind
    assert str(error.value) == f"{Path('scans', 'x.png')}: expected more"


def test_a_worker_with_other_code_reads_nothing(sent, monkeypatch):
    monkeypatch.setattr(cluster, "CODE", "other")
    with pytest.raises(InputError, match="runs other code than this project") as error:
        progress.map_images(abs, [1], "")
    assert "\n" not in str(error.value)


def test_a_worker_that_sees_other_folders_reads_nothing(sent, monkeypatch, tmp_path):
    monkeypatch.setattr(cluster, "_stamp", lambda folder: 1)
    with pytest.raises(InputError, match="does not see the same") as error:
        progress.map_images(partial(fatal.refuse, OSError, tmp_path), [1], "")
    assert str(tmp_path) in str(error.value)


def test_work_that_kills_the_last_worker_is_given_up(tmp_path, monkeypatch):
    """Rather than waiting for a worker that never comes."""
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with dask(tmp_path, workers=1, deaths=0) as (at, *_):
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", at)
        with pytest.raises(InputError, match=r"^Dask gave up: .*\(often memory\)"):
            progress.map_images(partial(fatal.kill, 0), range(4), "")
        with pytest.raises(InputError, match="had no worker within 1 s"):
            progress.map_images(abs, [1], "")


def test_a_scheduler_that_ends_is_named(tmp_path, monkeypatch):
    with dask(tmp_path, workers=1) as (at, scheduler, _):
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", at)
        with pytest.raises(InputError, match=r"scheduler tcp://\S+ has ended"):
            progress.map_images(partial(fatal.kill, scheduler.pid), range(4), "")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{}", "nowhere", "web://a:1"])
def test_no_scheduler_is_one_line(monkeypatch, address, capfd):
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # nobody listens
        at = address.format(free.getsockname()[1])
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", at)
        with pytest.raises(InputError, match="no Dask scheduler answered") as error:
            progress.map_images(abs, [1], "")
    assert str(error.value).startswith(f"DASK_SCHEDULER_ADDRESS={at}: ")
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == ""
