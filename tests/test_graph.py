"""dvc.yaml tells the whole truth about what each stage reads."""

import ast
import re
import sys

import pytest
import yaml
from conftest import ROOT, run

from brain_mri import params, pipeline
from brain_mri.gate import rules
from brain_mri.predict import last_run

STAGES = {stage.name: stage for stage in pipeline.stages(ROOT)}
VALUES = params.load(ROOT / "params.yaml")
# Plumbing that cannot change a byte of any output; stages/_stage.py is the rest of it.
EXEMPT = {"params", "errors", "progress", "memory"}
TENSORFLOW = {"models", "augmentation", "training", "explain"}


def imported(path):
    """Names of the brain_mri modules that a file imports, wherever it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "brain_mri":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= set(re.findall(r"^brain_mri\.(\w+)$", node.module))
        elif isinstance(node, ast.Import):
            names = " ".join(alias.name for alias in node.names)
            found |= set(re.findall(r"brain_mri\.(\w+)", names))
    return found


def closure(path):
    """The same, with what those modules import in turn."""
    todo, seen = imported(path), set()
    while todo:
        name = todo.pop()
        seen.add(name)
        todo |= imported(ROOT / "src" / "brain_mri" / f"{name}.py") - seen
    return seen


@pytest.mark.parametrize("name", STAGES)
def test_deps_are_the_code_that_is_imported(name):
    stage = STAGES[name]
    code = {dep for dep in stage.deps if dep.endswith(".py")}
    modules = closure(ROOT / stage.script) - EXEMPT
    assert code == {stage.script.as_posix()} | {
        f"src/brain_mri/{module}.py" for module in modules
    }


def test_the_report_depends_on_every_template():
    found = (ROOT / "src" / "brain_mri" / "templates").iterdir()
    templates = {path.relative_to(ROOT).as_posix() for path in found}
    assert templates == {d for d in STAGES["report"].deps if "/templates/" in d}


def test_the_report_shows_every_parameter_but_the_gates():
    assert set(STAGES["report"].params) == set(VALUES) - {rules.SECTION}


@pytest.mark.parametrize("name", sorted(set(STAGES) - {"report"}))
def test_params_are_those_that_are_read(name):
    stage = STAGES[name]
    takes = params.annotations(pipeline.load_main(ROOT / stage.script))
    call = re.search(r"run\(main(.*)\)", (ROOT / stage.script).read_text()).group(1)
    sections = re.findall(r'"(\w+)"', call)
    read = {params.find(key, sections, VALUES)[0] for key in takes}
    assert set(stage.params) == read


@pytest.mark.parametrize("name", STAGES)
def test_every_path_of_a_command_is_declared(name):
    stage = STAGES[name]
    entry = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][name]
    entry = entry.get("do", entry)
    outs = [out for kind in ("outs", "metrics", "plots") for out in entry.get(kind, [])]
    declared = [
        *stage.deps,
        *(str(next(iter(o))) if isinstance(o, dict) else o for o in outs),
    ]
    words = stage.cmd.replace('"', "").split()[3:]
    for word in words:
        if (name, word) in (("evaluate", "${key}"), ("report", "params.yaml")):
            continue  # a network's name; a file whose keys are declared as params
        # a folder that several declared files lie in counts
        assert any(d == word or d.startswith(f"{word}/") for d in declared), word


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_takes_the_shells_place(name):
    """Else a shell that stays between (dash, fish) hides from it that DVC is gone."""
    assert STAGES[name].cmd.startswith(f"exec python {STAGES[name].script} ")


def test_no_parameter_stands_in_a_command():
    """DVC hands commands to a shell, which would obey a folder's name."""
    for stage in STAGES.values():
        found = set(re.findall(r"\$\{(\w+)", stage.cmd))
        assert found <= {"key", "item"}, stage.name  # of dvc.yaml itself


def outputs_of(entry):
    kinds = (entry.get(kind, []) for kind in ("outs", "metrics", "plots"))
    return {next(iter(o)) if isinstance(o, dict) else o for kind in kinds for o in kind}


@pytest.mark.parametrize("name", ["train_scratch", "train_vgg"])
def test_training_cannot_see_the_test_part(name):
    entries = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    before_split = {"phantom", "audit", "crop", "split"}
    todo, seen = [name], set()
    while todo:
        current = todo.pop()
        seen.add(current)
        deps = set(entries[current]["deps"])
        assert not any("test" in dep for dep in deps), current
        # whole-set folders would let the test images in by another door
        if current not in before_split:
            assert not deps & {"data/split", "data/cropped", "data/split.csv"}
        makers = {
            maker
            for maker, entry in entries.items()
            if outputs_of(entry.get("do", entry)) & deps
        }
        todo += sorted(makers - seen - before_split)
    assert "augment" in seen


def test_dependencies_never_name_a_folder_of_code():
    for stage in STAGES.values():
        assert not {"src", "stages", "src/brain_mri"} & set(stage.deps)


def test_outputs_keep_the_run_cache():
    """`cache: false` under outs, or `persist`, would switch it off."""
    entries = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for entry in entries.values():
        entry = entry.get("do", entry)
        assert all(isinstance(out, str) for out in entry.get("outs", []))
        for kind in ("metrics", "plots"):
            for out in entry.get(kind, []):
                assert out[next(iter(out))]["cache"] is False
    assert "persist" not in (ROOT / "dvc.yaml").read_text()


def test_tensorflow_loads_only_where_it_may():
    modules = (ROOT / "src" / "brain_mri").glob("*.py")
    loading = {
        path.stem
        for path in modules
        if re.search(r"^\s*(import|from) (keras|tensorflow)", path.read_text(), re.M)
    }
    assert loading == TENSORFLOW


@pytest.mark.parametrize("name", ["baselines", "compare", "report"])
def test_what_needs_no_network_never_loads_tensorflow(name):
    assert not closure(ROOT / STAGES[name].script) & TENSORFLOW


def test_no_stage_loads_tensorflow_before_its_parameters_are_checked():
    code = (
        "import sys\nfrom pathlib import Path\nfrom brain_mri import cli, pipeline\n"
        "pipeline.check_params(Path())\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    assert run(ROOT, sys.executable, "-c", code).stdout.strip() == "[]"


def test_the_committed_parameters_are_good():
    pipeline.check_params(ROOT)


def test_predict_loads_the_weights_that_were_evaluated():
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["evaluate"]
    named = {key: item["convolutions"] for key, item in graph["foreach"].items()}
    found = {key: path.as_posix() for key, path in last_run.CONVOLUTIONS.items()}
    assert found == named


def test_every_stage_says_what_it_does():
    entries = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for entry in entries.values():
        assert entry.get("do", entry)["desc"].endswith(".")


def test_no_registry_host_stands_in_a_lock():
    for path in ROOT.glob("requirements*.txt"):
        assert "//" not in path.read_text()
