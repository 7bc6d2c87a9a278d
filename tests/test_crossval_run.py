"""evidence/dvc.yaml, shrunk: folds side by side, killed half way, gone on with."""

import os
import shutil
import signal
import subprocess
import sys
import time

import baseline_folds
import numpy as np
import pandas as pd
import psutil
import pytest
import yaml
from conftest import ROOT, commit, edited_params, offline, run
from typer.testing import CliRunner

from brain_mri import cli, config, crossval_run, dvc_lock
from brain_mri.dataset.folds import Run
from brain_mri.errors import InputError
from brain_mri.files import arrays, tables, values
from brain_mri.gate import checks, recompute

PATIENCE = 300  # seconds, for a busy machine
SMALL = {"repeats": [1, 2], "folds": [1, 2], "shares": [], "seeds": []}
PARAMS = config.load(ROOT / "params.yaml")
TRAININGS = {f"scratch_fold@{repeat}-{fold}" for repeat in (1, 2) for fold in (1, 2)}


def wait_until(true):
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def recorded(folder):
    """The trainings that evidence/dvc.lock knows."""
    path = folder / "evidence" / "dvc.lock"
    found = yaml.safe_load(path.read_text()) if path.exists() else None
    return TRAININGS & set((found or {}).get("stages", {}))  # DVC may be writing it


def processes(folder):
    """Every process at work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != "zombie" and process.cwd() == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def start(folder):
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        ["brain-mri", "crossval"],
        cwd=folder,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def trained(output):
    """The trainings that a run says it has done."""
    lines = [line for line in output.splitlines() if " done, " in line]
    return {line.split()[1] for line in lines}


@pytest.fixture(scope="module")
def crossed(project, tmp_path_factory):
    """A shrunk project whose cross-validation was killed and then finished.

    Returns:
        Its folder, the trainings done before the kill, and what the last run said.
    """
    folder = tmp_path_factory.mktemp("crossed") / "brain mri"
    shutil.copytree(project, folder, symlinks=True)
    with edited_params(folder) as params:
        params["crossval"] |= SMALL
    (folder / "evidence" / "dvc.lock").unlink()  # of the committed results
    commit(folder, "fewer folds")
    killed = start(folder)
    try:
        wait_until(lambda: recorded(folder))
    finally:
        killed.kill()
        killed.communicate()
    wait_until(lambda: not processes(folder))
    before = recorded(folder)
    block = offline(folder.parent / "offline")
    last = run(folder, "brain-mri", "crossval", **block)
    commit(folder, "crossed")
    return folder, before, last.stdout


def test_after_a_kill_only_missing_folds_run(crossed):
    folder, before, last = crossed
    assert 0 < len(before) < len(TRAININGS)
    assert trained(last) == TRAININGS - before
    status = run(folder, "dvc", "status", crossval_run.PIPELINE).stdout
    assert "up to date" in status


def test_no_fold_tries_the_network(crossed):
    off = crossed[0].parent / "offline"
    assert (off / "sitecustomize.py").exists()
    assert not (off / "tried.txt").exists()


def test_a_fold_alone_gives_the_bytes_of_folds_side_by_side(crossed):
    folder, before, _ = crossed
    name = min(TRAININGS - before)
    target = f"{crossval_run.PIPELINE}:{name}"
    run(folder, "dvc", "repro", "-s", "-f", "--no-run-cache", target)
    assert run(folder, "git", "status", "--porcelain").stdout == ""


def test_each_image_is_held_out_once_a_repeat(crossed):
    folder = crossed[0]
    table = tables.read_csv(folder / "metrics" / "crossval_predictions.csv")
    manifest = tables.read_csv(folder / "data" / "manifest.csv")
    runs = table.groupby(["classifier", "repeat"])
    assert len(runs) == 7 * 2
    for _, rows in runs:
        assert sorted(rows["image_id"]) == sorted(manifest["image_id"])
    folds = table.groupby(["repeat", "patient"])["fold"].nunique()
    assert folds.max() == 1  # the same folds for every classifier


def test_the_root_does_not_notice(crossed):
    folder = crossed[0]
    assert "Running" not in run(folder, "dvc", "repro").stdout
    assert "up to date" in run(folder, "dvc", "status", "dvc.yaml").stdout


def test_the_gate_computes_the_results_again(crossed, tmp_path):
    left_out = shutil.ignore_patterns(".dvc", ".git", "data")
    folder = shutil.copytree(crossed[0], tmp_path / "copy", ignore=left_out)
    assert recompute.of_crossval(folder) == []
    path = folder / "metrics" / "crossval.json"
    found = tables.read_json(path)
    values.write(path, found | {"vgg_accuracy": found["vgg_accuracy"] + 0.01})
    (line,) = recompute.of_crossval(folder)
    assert "vgg_accuracy" in line
    lock = folder / "dvc.lock"
    images = dvc_lock.stages(folder)["crop"].outs["data/cropped"]
    lock.write_text(lock.read_text().replace(images, f"0{images[1:]}"))
    assert recompute.of_crossval(folder) == []  # of other images


def test_the_gate_takes_floors_of_the_cross_validation(crossed):
    folder = crossed[0]
    with edited_params(folder) as params:
        params["check"] = {"floors": {"crossval": {"n_pictures": 10, "folds": 3}}}
    try:
        told = run(folder, "brain-mri", "check", check=False).stdout
    finally:
        run(folder, "git", "checkout", "-q", "params.yaml")
    table = [line for line in told.splitlines() if line.startswith("|")]
    rows = {line.split("|")[1].strip(): line for line in table}
    assert "below its floor" in rows["crossval.folds"]  # there are two
    del rows["crossval.folds"]
    assert {"evidence/dvc.lock", "crossval.n_pictures"} < set(rows)
    assert not [line for line in rows.values() if "FAIL" in line]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lr": 0.5}, "lr was 0.001"),
        ({"scratch": {"epochs": 99}}, "scratch.epochs was 1"),  # of the folds alone
        ({"crossval": {"folds": [1, 2, 3]}}, "expected the record of a complete run"),
    ],
)
def test_the_gate_wants_folds_of_these_parameters(crossed, change, told):
    folder = crossed[0]
    params = config.load(folder / "params.yaml")
    assert checks.current(folder, params, "crossval").cause == ""
    values = {
        name: getattr(params, name).model_copy(update=value)
        if isinstance(value, dict)
        else value
        for name, value in change.items()
    }
    row = checks.current(folder, params.model_copy(update=values), "crossval")
    assert told in row.cause
    assert row.cause.endswith("; make crossval")


def test_an_unfinished_cross_validation_is_no_fault_of_the_gate(crossed, tmp_path):
    (tmp_path / "evidence").mkdir()
    shutil.copy(crossed[0] / "dvc.lock", tmp_path)
    record = yaml.safe_load((crossed[0] / "evidence" / "dvc.lock").read_text())
    del record["stages"]["crossval"]
    (tmp_path / "evidence" / "dvc.lock").write_text(yaml.safe_dump(record))
    assert recompute.of_crossval(tmp_path) == []
    params = config.load(crossed[0] / "params.yaml")
    assert checks.current(tmp_path, params, "crossval").cause


def test_show_tells_both_verdicts_and_none_of_other_images(crossed, tmp_path):
    left_out = shutil.ignore_patterns(".dvc", ".git", "data")
    folder = shutil.copytree(crossed[0], tmp_path / "copy", ignore=left_out)
    metrics = folder / "metrics"
    sentences = [
        values.read(metrics / f"{name}.csv")["sentence"]
        for name in ("comparison", "crossval_statistics")
    ]
    shown = run(folder, "brain-mri", "show").stdout
    assert f"{sentences[0]}\nCross-validation: {sentences[1]}" in shown
    path = metrics / "crossval_predictions.csv"
    table = tables.read_csv(path)
    tables.write_csv(path, table[table["image_id"] != table["image_id"].iloc[0]])
    told = "Cross-validation: not run on these images yet; brain-mri crossval"
    assert told in run(folder, "brain-mri", "show").stdout


def test_a_shorter_list_leaves_fewer_stages_and_none_to_run(crossed):
    """As `dvc exp run -S 'crossval.repeats=[1]'` writes it."""
    folder = crossed[0]
    with edited_params(folder) as params:
        params["crossval"]["repeats"] = [1]
    try:
        listed = run(folder, "dvc", "stage", "list", crossval_run.PIPELINE).stdout
        assert "scratch_fold@1-2" in listed
        assert "scratch_fold@2-1" not in listed
        dry = run(folder, "dvc", "repro", "--dry", crossval_run.PIPELINE).stdout
        assert "Running stage 'evidence/dvc.yaml:crossval'" in dry
        assert "Running stage 'evidence/dvc.yaml:scratch" not in dry
    finally:
        run(folder, "git", "checkout", "-q", "params.yaml")


def test_baselines_learn_from_shares_where_a_curve_needs_them(tmp_path, monkeypatch):
    monkeypatch.setattr("brain_mri.evidence.baselines.TREES", 2)
    rng = np.random.default_rng(0)
    ids = [f"{i:012x}" for i in range(24)]
    index = pd.DataFrame({"image_id": ids, "picture": ids, "patient": ids})
    index = index.assign(y_true=np.arange(24) % 2, variant=0)
    images = rng.integers(0, 255, (24, 32, 32)).astype(np.uint8)
    arrays.write(tmp_path / "views", index, [images])
    facts = {"accepted": True, "width": 9, "height": 9, "bytes": 9}
    facts |= {"mode": "L", "format": "PNG"}
    tables.write_csv(tmp_path / "manifest.csv", index[["image_id"]].assign(**facts))
    plan = PARAMS.crossval.model_copy(update=SMALL | {"shares": [50], "seeds": [1]})
    params = PARAMS.model_copy(update={"crossval": plan})
    out = tmp_path / "out.csv"
    baseline_folds.main(
        tmp_path / "manifest.csv", tmp_path / "views", out, params=params
    )
    table = tables.read_csv(tmp_path / "out.csv")
    assert set(table["seed"]) == {0}
    assert table.groupby("share")["classifier"].nunique().to_dict() == {50: 1, 100: 5}
    assert set(table[table["share"] == 50]["repeat"]) == {1}
    assert len(table) == 24 * (5 * 2 + 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_stopped_is_one_line(monkeypatch, number):
    def stopped(*_):
        os.kill(os.getpid(), number)
        time.sleep(PATIENCE)

    monkeypatch.setattr(crossval_run, "repro", stopped)
    monkeypatch.setattr(cli, "ROOT", ROOT)
    before = signal.getsignal(signal.SIGTERM)
    told = CliRunner().invoke(cli.app, ["crossval"])
    assert told.exit_code == 130
    [line] = told.stderr.split("\n")[1:-1]
    assert line.startswith("brain-mri: stopped; folds that are done are kept")
    assert signal.getsignal(signal.SIGTERM) == before


def starter(tmp_path, codes):
    """Start small programs by name, and count how many run at once."""
    counts = []

    def start(name):
        process = subprocess.Popen(
            [sys.executable, "-c", codes[name]],
            cwd=tmp_path,
            start_new_session=True,
        )
        counts.append(sum(p.status() != "zombie" for p in processes(tmp_path)))
        return process

    return start, counts


def test_no_more_run_at_once_than_allowed(tmp_path):
    start, counts = starter(tmp_path, dict.fromkeys("abcde", "pass"))
    ended = []
    crossval_run.side_by_side("abcde", start, 2, lambda *one: ended.append(one))
    assert sorted(ended) == [(name, 0) for name in "abcde"]
    assert max(counts) <= 2


def test_after_a_failure_none_starts_and_the_others_end(tmp_path):
    waits = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)"
    start, counts = starter(tmp_path, {"a": "raise SystemExit(3)", "b": waits})
    ended = []

    def note(name, status):
        ended.append((name, status))
        (tmp_path / "go").touch()

    crossval_run.side_by_side("abcd", start, 2, note)
    assert ended == [("a", 3), ("b", 0)]
    assert len(counts) == 2


def test_a_stop_ends_every_process(tmp_path):
    start, _ = starter(
        tmp_path, {"a": "pass"} | dict.fromkeys("bc", "import time; time.sleep(600)")
    )

    def stop(name, status):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crossval_run.side_by_side("abc", start, 3, stop)
    assert not processes(tmp_path)


def test_a_failed_fold_is_named_with_its_error(tmp_path, monkeypatch, capsys):
    stages = {f"{crossval_run.PIPELINE}:scratch_fold@1-{f}": Run(1, f) for f in (1, 2)}

    def start(root, stage):
        log = root / crossval_run.LOGS / f"{stage.partition(':')[2]}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(
            "Running stage\nscratch_fold: training diverged\n"
            "ERROR: failed to reproduce 'x': exited with 1\n"
        )
        code = f"raise SystemExit({int(stage.endswith('2'))})"
        return subprocess.Popen([sys.executable, "-c", code])

    monkeypatch.setattr(crossval_run, "start_fold", start)
    with pytest.raises(
        InputError, match=r"scratch_fold@1-2 failed: scratch_fold: training diverged"
    ):
        crossval_run.train(tmp_path, stages, workers=1)
    assert "scratch_fold@1-1 done, 1 of 2, about" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cores", "threads", "free", "expected"),
    [(8, 1, None, 8), (8, 3, None, 2), (8, 0, None, 1), (2, 4, None, 1),
     (8, 1, 3_000_000_000, 2), (8, 1, 0, 1)],
)  # fmt: skip
def test_cores_and_memory_limit_the_folds_at_once(
    monkeypatch, cores, threads, free, expected
):
    wanted = PARAMS.crossval.model_copy(update={"threads": threads})
    monkeypatch.setattr("brain_mri.progress.cores", lambda: cores)
    monkeypatch.setattr("brain_mri.networks.memory.available", lambda: free)
    params = PARAMS.model_copy(update={"crossval": wanted})
    assert crossval_run.at_once(params) == expected


def test_stages_are_those_of_dvc_yaml():
    named = crossval_run.stages(PARAMS)
    listed = run(ROOT, "dvc", "stage", "list", "--name-only", crossval_run.PIPELINE)
    there = {n for n in listed.stdout.split() if ":scratch_" in n}
    assert set(named) == there
