"""Each dvc.yaml tells the whole truth about what its stages read."""

import ast
import re
import sys

import pytest
import yaml
from conftest import ROOT, run

from brain_mri import config
from brain_mri.predict import last_run


def stages_of(path):
    stages = yaml.safe_load(path.read_text())["stages"]
    return {name: entry.get("do", entry) for name, entry in stages.items()}


MAIN = stages_of(ROOT / "dvc.yaml")
OPTIONAL = {path: stages_of(path) for path in sorted(ROOT.glob("evidence/**/dvc.yaml"))}
ENTRIES = MAIN | {name: e for found in OPTIONAL.values() for name, e in found.items()}
SRC = ROOT / "src"
# They cannot change a byte of any output; stages/_stage.py and _faults.py are the rest.
EXEMPT = {"cluster", "config", "errors", "progress", "networks.memory"}
# Words of a command: a network's name, the numbers of a training.
NO_PATH = r"\$\{key\}|\d+|\$\{item\.(repeat|fold|share|seed)\}"
BEFORE_SPLIT = {"phantom", "audit", "crop", "split"}


def path_of(module):
    """The file of a module of brain_mri; None for an empty one or no module."""
    path = SRC / "brain_mri" / f"{module.replace('.', '/')}.py"
    return path if path.is_file() and path.stat().st_size else None


def imported(path):
    """The modules of brain_mri that a file imports, wherever it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] == "brain_mri":
                prefix = ".".join(parts[1:])
                names = [f"{prefix}.{a.name}".lstrip(".") for a in node.names]
                around = [f"{n.rpartition('.')[0]}.__init__" for n in (prefix, *names)]
                tried = (prefix, *names, *around)
                found |= {name for name in tried if name and path_of(name)}
        elif isinstance(node, ast.Import):
            assert not any(a.name.startswith("brain_mri") for a in node.names), path
    return found


def closure(path):
    """The same, with what those modules import in turn."""
    todo, seen = imported(path), set()
    while todo:
        name = todo.pop()
        seen.add(name)
        todo |= imported(path_of(name)) - seen
    return seen


def script(name):
    return ROOT / ENTRIES[name]["cmd"].split()[2]


def outputs_of(entry):
    kinds = (entry.get(kind, []) for kind in ("outs", "metrics", "plots"))
    return {next(iter(o)) if isinstance(o, dict) else o for kind in kinds for o in kind}


@pytest.mark.parametrize("name", ENTRIES)
def test_deps_cover_the_code_that_is_imported_and_no_other(name):
    code = {dep for dep in ENTRIES[name]["deps"] if dep.startswith(("src/", "stages/"))}
    own = script(name).relative_to(ROOT).as_posix()
    assert own in code
    files = {
        path_of(module).relative_to(ROOT).as_posix()
        for module in closure(script(name)) - EXEMPT
    }
    for dep in code - {own}:
        covered = {f for f in files if f == dep or f.startswith(f"{dep}/")}
        assert covered, f"{dep} is imported by nothing in {name}"
        files -= covered
    assert not files


@pytest.mark.parametrize("name", ["train_scratch", "vgg_features"])
def test_expensive_stages_depend_on_files_of_code_alone(name):
    """A package would make them run for a change that cannot change their bytes."""
    code = [dep for dep in ENTRIES[name]["deps"] if dep.startswith("src/")]
    assert all(dep.endswith(".py") for dep in code)
    for module in ("imaging", "dataset", "evidence", "report"):
        assert not any(f"/{module}/" in dep for dep in code)


def read_params(path):
    """The dotted parameters that a stage reads: attributes of its `params`."""
    nodes = ast.walk(ast.parse(path.read_text()))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    within = {id(node.value) for node in attributes}  # params.vgg in params.vgg.dropout
    found = set()
    for node in attributes:
        chain, inner = [], node
        while isinstance(inner, ast.Attribute):
            chain.insert(0, inner.attr)
            inner = inner.value
        is_params = isinstance(inner, ast.Name) and inner.id == "params"
        if is_params and id(node) not in within:
            found.add(".".join(chain))
    return found


@pytest.mark.parametrize("name", ENTRIES)
def test_params_are_those_that_are_read(name):
    declared, read = set(ENTRIES[name].get("params", [])), read_params(script(name))
    if "model_dump" in read:  # a page lists all that rules its numbers
        unlisted = {"check"} | ({"crossval", "external"} if name in MAIN else set())
        assert declared == set(config.Params.model_fields) - unlisted
        return
    for key in declared:
        covered = {r for r in read if r == key or r.startswith(f"{key}.")}
        handed_on = {r for r in read if key.startswith(f"{r}.")}  # a whole section
        assert covered or handed_on, f"{name} reads nothing of {key}"
        read -= covered
    assert not {r for r in read if not any(k.startswith(f"{r}.") for k in declared)}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_path_of_a_command_is_declared(name):
    entry = ENTRIES[name]
    declared = {*entry["deps"], *outputs_of(entry)}
    for word in entry["cmd"].split()[3:]:
        if re.fullmatch(NO_PATH, word):
            continue
        # a folder that several declared files lie in counts
        assert any(d == word or d.startswith(f"{word}/") for d in declared), word


@pytest.mark.parametrize("name", ENTRIES)
def test_a_stage_takes_the_shells_place(name):
    """Else a shell that stays between (dash, fish) hides from it that DVC is gone."""
    assert re.match(r"exec python stages/\w+\.py ", ENTRIES[name]["cmd"])
    assert name not in MAIN or script(name).stem == name


def test_no_parameter_stands_in_a_command():
    """DVC hands commands to a shell, which would obey a folder's name."""
    for name, entry in ENTRIES.items():
        found = set(re.findall(r"\$\{(\w+)", entry["cmd"]))
        assert found <= {"key", "item"}, name  # of dvc.yaml itself


@pytest.mark.parametrize("name", ["train_scratch", "train_vgg"])
def test_training_cannot_see_the_test_part(name):
    todo, seen = [name], set()
    while todo:
        current = todo.pop()
        seen.add(current)
        deps = {d for d in ENTRIES[current]["deps"] if not d.startswith("src/")}
        assert not any("test" in dep or "leaked" in dep for dep in deps), current
        # whole-set folders would let the test images in by another door
        if current not in BEFORE_SPLIT:
            assert not deps & {"data/split", "data/cropped", "data/split.csv"}
        makers = {m for m, entry in ENTRIES.items() if outputs_of(entry) & deps}
        todo += sorted(makers - seen - BEFORE_SPLIT)
    assert "augment" in seen


def test_outputs_keep_the_run_cache():
    """`cache: false` under outs, or `persist`, would switch it off."""
    for entry in ENTRIES.values():
        assert all(isinstance(out, str) for out in entry.get("outs", []))
        for kind in ("metrics", "plots"):
            for out in entry.get(kind, []):
                assert out[next(iter(out))]["cache"] is False
    assert not any("persist" in entry for entry in ENTRIES.values())


def test_no_stage_of_the_root_reads_what_an_optional_pipeline_makes():
    made = {out for found in OPTIONAL.values() for e in found.values()
            for out in outputs_of(e)}  # fmt: skip
    assert len(ENTRIES) == len(MAIN) + sum(map(len, OPTIONAL.values()))
    assert made
    for name, entry in MAIN.items():
        read = {d for d in entry["deps"] if not d.startswith(("src/", "stages/"))}
        assert not read & made, name


def test_stages_of_optional_pipelines_run_in_the_projects_folder():
    for path, stages in OPTIONAL.items():
        for name, entry in stages.items():
            assert (path.parent / entry["wdir"]).resolve() == ROOT, name


@pytest.mark.parametrize("name", ["report", "evidence_page"])
def test_a_page_names_the_metrics_that_it_reads(name):
    metrics = {dep for dep in ENTRIES[name]["deps"] if dep.startswith("metrics")}
    assert "metrics" not in metrics
    code = "".join(p.read_text() for p in (SRC / "brain_mri" / "report").glob("*.py"))
    for dep in metrics:
        stem = re.sub(r"^(scratch|vgg)", "", dep.removeprefix("metrics/"))
        assert stem in code, f"{name} does not read {dep}"


def test_imports_go_one_way():
    """The contracts of import-linter stand in pyproject.toml."""
    done = run(ROOT, "lint-imports", check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name", ["augment", "baselines", "compare", "report", "evidence_page"]
)
def test_what_needs_no_network_never_loads_tensorflow(name):
    assert not {m for m in closure(script(name)) if m.startswith("networks.")}


def test_parameters_are_checked_before_tensorflow_loads():
    """No stage's imports at the top load TensorFlow; its `main` may."""
    code = f"import sys\nsys.path[:0] = {[str(SRC), str(ROOT / 'stages')]}\n"
    for path in sorted({script(name) for name in ENTRIES}):
        top = ast.parse(path.read_text()).body
        imports = [n for n in top if isinstance(n, ast.Import | ast.ImportFrom)]
        code += "\n".join(ast.unparse(node) for node in imports) + "\n"
        code += f"if 'keras' in sys.modules: sys.exit({path.name!r})\n"
        code += f"if 'tensorflow' in sys.modules: sys.exit({path.name!r})\n"
    assert run(ROOT, sys.executable, "-c", code, check=False).stderr == ""


def test_the_committed_parameters_are_good():
    config.load(ROOT / "params.yaml")


def test_predict_loads_the_weights_that_were_evaluated():
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["evaluate"]
    named = {key: item["convolutions"] for key, item in graph["foreach"].items()}
    found = {key: path.as_posix() for key, path in last_run.CONVOLUTIONS.items()}
    assert found == named


def test_every_stage_says_what_it_does():
    assert all(entry["desc"].endswith(".") for entry in ENTRIES.values())


def test_no_registry_host_stands_in_a_lock():
    found = list((ROOT / "requirements").glob("*.txt"))
    assert found
    assert not any("//" in path.read_text() for path in found)
