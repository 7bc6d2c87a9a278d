import importlib
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from brain_mri import config
from brain_mri.errors import InputError
from brain_mri.files import arrays
from brain_mri.networks import inference, memory, scratch


@pytest.fixture(autouse=True)
def kernel(monkeypatch):
    """Let the kernel say that 5,000 kB of memory and 1,000 kB of swap are free."""
    memories = {"virtual_memory": {"available": 5000 * 1024}}
    memories["swap_memory"] = {"free": 1000 * 1024}
    for name, found in memories.items():
        monkeypatch.setattr(memory.psutil, name, lambda f=found: SimpleNamespace(**f))


def system(root, *, cgroup="0::/\n", files=None):
    """A made-up system: what its kernel would say, as files below `root`."""
    texts = {"proc/self/cgroup": cgroup, **(files or {})}
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def limits(folder, kind, *, most, used, cache):
    limit, current, _ = memory.GROUPS[kind]
    stat = f"anon 1\nfile {cache}\ntotal_cache {cache}\n"
    texts = {limit: most, current: used, "memory.stat": stat}
    return {f"sys/fs/cgroup/{folder}{name}": str(text) for name, text in texts.items()}


def test_without_limits_it_is_what_the_kernel_says(tmp_path):
    assert memory.available(system(tmp_path)) == 6000 * 1024


@pytest.mark.parametrize(
    ("kind", "cgroup", "folder"),
    [
        ("v2", "0::/\n", ""),
        ("v2", "0::/user/job\n", "user/job/"),
        ("v2", "0::/user/job\n", "user/"),  # the limit of the one above
        ("v1", "4:memory:/job\n0::/\n", "memory/job/"),
        ("v1", "4:memory:/docker/abc\n", "memory/"),  # seen from within a container
    ],
)
def test_a_control_group_limits_it(tmp_path, kind, cgroup, folder):
    files = limits(folder, kind, most=3_000_000, used=900_000, cache=400_000)
    root = system(tmp_path, cgroup=cgroup, files=files)
    assert memory.available(root) == 2_500_000


def test_no_limit_is_none(tmp_path):
    files = limits("", "v2", most="max", used=900_000, cache=0)
    assert memory.available(system(tmp_path, files=files)) == 6000 * 1024


@pytest.mark.parametrize("unsure", ["dev/nvidia0", "dev/kfd"])
def test_with_a_gpu_nothing_is_refused(tmp_path, unsure, monkeypatch):
    root = system(tmp_path, files={unsure: ""})
    assert memory.available(root) is None
    monkeypatch.setattr(memory, "available", lambda: None)
    memory.check_training(10**6, 1024, 10**6, "float32")
    memory.check_features(10**6, 1024, "float32")


def test_a_system_without_control_groups_is_what_it_says(tmp_path):
    assert memory.available(tmp_path / "nowhere") == 6000 * 1024


# MiB: image_size, batch, precision, peak resident size of a real training
MEASURED = [
    (32, 256, "float32", 963),
    (64, 128, "float32", 1140),
    (128, 32, "float32", 1166),
    (128, 128, "float32", 2345),
    (256, 32, "float32", 2445),
    (512, 8, "float32", 3191),
    (128, 32, "mixed_bfloat16", 1054),
    (128, 128, "mixed_bfloat16", 1809),
    (256, 32, "mixed_bfloat16", 1828),
]


@pytest.mark.parametrize(("size", "batch", "precision", "peak"), MEASURED)
def test_the_estimate_fits_what_was_measured(size, batch, precision, peak):
    """And is rarely above it: who has just enough memory is not refused."""
    estimate = memory.training_need(size, batch, precision) / 2**20
    assert 0.9 * peak < estimate < 1.01 * peak


@pytest.mark.parametrize("size", [32, 100, 128])
def test_the_weights_are_those_of_the_network(size):

    need = memory.training_need(size, 0, "float32") - memory.PROCESS
    assert need == memory.PER_WEIGHT * scratch.scratch_cnn(size, 0).count_params()


def test_the_batch_that_is_named_fits_and_the_next_does_not(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2 * 10**9)
    with pytest.raises(InputError) as error:
        memory.check_training(1000, 128, 512, "float32")
    told = str(error.value)
    assert told.startswith("params.yaml: batch_size: training on 512 images of 128")
    fitting = int(told.split("batch_size=")[1].split()[0])
    memory.check_training(1000, 128, fitting, "float32")
    with pytest.raises(InputError):
        memory.check_training(1000, 128, fitting + 1, "float32")
    # no batch is larger than the images there are
    memory.check_training(fitting, 128, 512, "float32")


def test_where_no_batch_fits_smaller_images_are_named(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10**9)
    with pytest.raises(InputError, match="a smaller -S image_size fits"):
        memory.check_training(99, 1024, 32, "float32")


def test_the_convolutions_take_what_training_takes_at_once():

    assert memory.PIXELS_AT_ONCE == inference.PREDICTED_AT_ONCE


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        (
            "train_scratch",
            "batch_size: training on 2 images of 32 pixels",
        ),
        ("vgg_features", "convolutions of VGG-16 need about"),
    ],
)
def test_a_stage_refuses_before_it_begins(stage, told, tmp_path, monkeypatch):
    index = pd.DataFrame({"image_id": ["a", "b"], "patient": ["a", "b"]})
    images = np.zeros((2, 32, 32), np.uint8)
    arrays.write(tmp_path / "part", index.assign(y_true=[0, 1]), [images])
    monkeypatch.setattr(memory, "available", lambda: 5 * 10**8)
    params = config.load(ROOT / "params.yaml")
    part, out = tmp_path / "part", tmp_path / "out"
    paths = [part, part, out, out]
    paths = [*paths, out] if stage == "train_scratch" else [out, *paths]
    with pytest.raises(InputError, match=told):
        importlib.import_module(stage).main(*paths, params=params)
    assert not out.exists()


def test_here_it_is_known_or_unsure_and_never_nonsense():
    free = memory.available()
    assert free is None or 0 <= free < 2**50
