"""Sweeps as docs/sweeps.md describes them."""

import csv
import importlib.util
import io
import json
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml
from conftest import ROOT, run, work_off, workers

from brain_mri import config

SWEEPS = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
LOSS = "metrics/vgg.json:val.log_loss"


def command(start):
    """Return the first command of the document that starts so."""
    found = re.search(rf"^\$ ({start}.*)$", SWEEPS, re.MULTILINE)
    return shlex.split(found[1], comments=True)


@pytest.fixture
def grid(project):
    """The shrunk project with two of the document's experiments, of one network."""
    run(project, "dvc", "queue", "remove", "--all")  # of other tests
    queue = [word.replace("=4,8", "=2") for word in command("dvc exp run --queue")]
    run(project, *queue, "evaluate@vgg")
    try:
        status = work_off(project, 2)
        assert status.count("Success") == 2, status
        yield project
    finally:
        run(project, "dvc", "queue", "remove", "--all", check=False)
        run(project, "dvc", "exp", "remove", "--all-commits", check=False)


@pytest.mark.slow
def test_a_grid_is_ranked_by_validation_and_shows_no_test(grid):
    show = run(grid, *command("dvc exp show"), "--csv").stdout
    rows = [row for row in csv.DictReader(io.StringIO(show)) if row["State"]]
    tried = {(float(row["lr"]), int(row["augment.copies"])) for row in rows}
    assert tried == {(1e-3, 2), (3e-4, 2)}
    losses = [float(row[LOSS]) for row in rows]
    assert losses == sorted(losses)
    assert len(set(losses)) == 2
    for row, loss in zip(rows, losses, strict=True):
        text = run(grid, "git", "show", f"{row['rev']}:metrics/vgg.json").stdout
        assert json.loads(text)["val"]["log_loss"] == loss
    assert not [column for column in rows[0] if "test" in column]
    # nothing of it is left in the working tree, and no process
    assert run(grid, "git", "status", "--porcelain").stdout == ""
    assert workers(grid) == []


def test_every_ranking_in_the_documents_is_by_validation():
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        found += re.findall(r"--sort-by (\S+)", path.read_text(encoding="utf-8"))
    assert len(found) >= 2
    assert all(".json:val." in key for key in found)


class Study:
    """Stand in for Optuna's study: propose the lowest values, note what is told."""

    def __init__(self):
        self.told = []

    def ask(self):
        params = {}
        return SimpleNamespace(
            number=len(self.told),
            params=params,
            suggest_float=lambda name, low, high, log=False: params.update({name: low}),
        )

    def tell(self, trial, value):
        self.told.append(value)

    best_trial, best_value = SimpleNamespace(number=0), 0.4


@pytest.mark.parametrize("network", ["scratch", "vgg"])
def test_optuna_is_told_the_validation_of_the_experiment_that_ran(network, monkeypatch):
    study, commands = Study(), []
    optuna = SimpleNamespace(Trial=object, create_study=lambda **_: study)
    monkeypatch.setitem(sys.modules, "optuna", optuna)
    spec = importlib.util.spec_from_file_location(
        "optuna_sweep", ROOT / "docs" / "optuna_sweep.py"
    )
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def experiment(words):
        commands.append(words)
        return SimpleNamespace(returncode=len(commands) - 1)  # the second one fails

    def metrics(path, rev):
        assert rev == commands[-1][commands[-1].index("-n") + 1]
        return json.loads((ROOT / path).read_text())

    monkeypatch.setattr(subprocess, "run", experiment)
    monkeypatch.setattr(script.dvc.api, "metrics_show", metrics)
    arguments = ["optuna_sweep.py", "--network", network, "--trials", "2"]
    monkeypatch.setattr(sys, "argv", arguments)
    script.main()
    kept = json.loads((ROOT / "metrics" / f"{network}.json").read_text())
    assert study.told == [kept["val"]["log_loss"], None]
    assert len({words[words.index("-n") + 1] for words in commands}) == 2
    known = config.flatten(config.read(ROOT / "params.yaml"))
    changed = [word.split("=")[0] for word in commands[0] if "=" in word]
    assert set(changed) <= {key for key in known if key.startswith(f"{network}.")}
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    stage, _, key = commands[0][-1].partition("@")
    assert key == network
    assert key in graph[stage]["foreach"]
