"""Time this project beside other ways to do the same work, and beside the processor.

Run in the project after `dvc repro` (see benchmarks/README.md):
    make bench

Every case runs in a process of its own, in turn, several times; the table gives medians
and ratios of one run. A peer that is not installed is skipped with the reason. Packages
of peers may lie in another folder, which BENCH_PEERS names.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES = [*yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]]
EPOCHS = 60  # of the VGG arm, as the notebook way has them
THREADS = 2
BATCH = 32
SIDE = 2048  # of the matrices whose product gives the peak
SCRATCH_GFLOP = 1.46  # of one image forward and back, counted by hand
OUT = ROOT / "benchmarks" / "peers.csv"
CHART = ROOT / "docs" / "peers.svg"

sys.path.insert(0, str(ROOT / "src"))
if peers := os.environ.get("BENCH_PEERS"):
    sys.path.append(peers)


def views() -> tuple[np.ndarray, np.ndarray]:
    """Return the augmented training images, (n, size, size), and labels, (n, 1)."""
    from brain_mri.files import arrays

    part = arrays.read(ROOT / "data" / "augmented")
    return np.array(part.values), part.y_true[:, None].astype(np.float32)


def keras_way(build: str) -> tuple[float, int]:
    """One epoch of `fit` in float32 with on-line augmentation, after a warm-up."""
    import keras
    import tensorflow as tf
    from keras import layers

    from brain_mri.networks import scratch, vgg16, vgg16_head

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    keras.utils.set_random_seed(1)
    images, labels = views()
    if build == "vgg":
        model = vgg16_head.vgg16_classifier(images.shape[1], 0.5)
        vgg16.load_convolutions(model, ROOT / "data" / "vgg16_notop.npy")
    else:
        model = scratch.scratch_cnn(images.shape[1], 0.5)
    augment = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.03, fill_mode="constant"),
            layers.RandomZoom(0.1, fill_mode="constant"),
            layers.RandomContrast(0.2),
        ]
    )

    def changed(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        grey = augment(tf.cast(image[..., None], tf.float32), training=True)
        return tf.cast(grey[..., 0], tf.uint8), label

    data = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images))
    data = data.batch(BATCH).map(changed).prefetch(1)
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    model.fit(data.take(2), verbose=0)
    return timed(lambda: model.fit(data, verbose=0)), len(images)


def our_scratch(precision: str = "float32") -> tuple[float, int]:
    """One epoch of the stage train_scratch, after a warm-up."""
    from brain_mri.files import arrays
    from brain_mri.networks import backend, scratch, training

    backend.prepare(1, precision, THREADS)
    part = arrays.read(ROOT / "data" / "augmented")
    model = scratch.scratch_cnn(part.values.shape[1], 0.5)
    settings = {"lr": 1e-3, "batch_size": BATCH, "weight_decay": 25.0, "seed": 1}
    few = arrays.take(part, np.arange(2 * BATCH))
    training.fit(model, few, None, epochs=1, **settings)
    seconds = []
    for epochs in (1, 3):  # the difference is two epochs without tracing
        start = time.perf_counter()
        training.fit(model, part, None, epochs=epochs, **settings)
        seconds.append(time.perf_counter() - start)
    return (seconds[1] - seconds[0]) / 2, len(part.index)


def our_vgg() -> tuple[float, int]:
    """The frozen features of all views, once, then all epochs of the head."""
    from brain_mri.files.arrays import Part
    from brain_mri.networks import inference, standardising, training, vgg16_head

    backbone, part = our_backbone()
    head = vgg16_head.head(vgg16_head.vgg16_classifier(32, 0.5))
    start = time.perf_counter()
    values = inference.predict(backbone, part)
    scale = standardising.measure(values)
    known = standardising.standardise(Part(values, part.index), scale)
    settings = {"lr": 5e-4, "batch_size": BATCH, "weight_decay": 10.0, "seed": 1}
    training.fit(head, known, None, epochs=EPOCHS, **settings)
    return time.perf_counter() - start, len(part.index)


def our_backbone():
    """Return the frozen convolutions, warm, and the views."""
    from brain_mri.files import arrays
    from brain_mri.networks import backend, vgg16

    backend.prepare(0, "float32", THREADS)
    part = arrays.read(ROOT / "data" / "augmented")
    backbone = vgg16.backbone(part.values.shape[1])
    vgg16.load_convolutions(backbone, ROOT / "data" / "vgg16_notop.npy")
    backbone.predict_on_batch(np.array(part.values[:64]))
    return backbone, part


def our_features() -> tuple[float, int]:
    """The frozen features of the first 128 views."""
    backbone, part = our_backbone()
    batches = [np.array(part.values[i : i + 64]) for i in (0, 64)]
    return timed(lambda: [backbone.predict_on_batch(b) for b in batches]), 128


def onnx_features() -> tuple[float, int]:
    """The same by ONNX Runtime, on as many threads."""
    import onnxruntime
    import tensorflow as tf
    import tf2onnx

    backbone, part = our_backbone()
    spec = [tf.TensorSpec((None, *part.values.shape[1:]), tf.uint8, name="images")]
    proto, _ = tf2onnx.convert.from_function(
        tf.function(lambda x: backbone(x), input_signature=spec), spec, opset=18
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    name = session.get_inputs()[0].name
    batches = [np.array(part.values[i : i + 64]) for i in (0, 64)]
    session.run(None, {name: batches[0]})
    return timed(lambda: [session.run(None, {name: b}) for b in batches]), 128


def matrix_product() -> tuple[float, int]:
    """One product of two matrices in TensorFlow, the median of ten."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    a, b = (tf.random.normal((SIDE, SIDE)) for _ in range(2))
    tf.matmul(a, b).numpy()
    return float(
        np.median([timed(lambda: tf.matmul(a, b).numpy()) for _ in range(10)])
    ), 1


def torch_scratch(low: bool) -> tuple[float, int]:
    """One epoch of the same network in PyTorch, channels last, after a warm-up."""
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    images, labels = views()
    blocks, channels = [], 3
    for filters in (32, 64, 128, 256):
        blocks += [nn.Conv2d(channels, filters, 3, padding=1), nn.LeakyReLU(0.3)]
        blocks += [nn.MaxPool2d(2), nn.BatchNorm2d(filters)]
        channels = filters
    size = images.shape[1] // 16
    blocks += [nn.Flatten(), nn.Linear(256 * size * size, 128), nn.LeakyReLU(0.3)]
    blocks += [nn.Dropout(0.5), nn.Linear(128, 64), nn.LeakyReLU(0.3), nn.Linear(64, 1)]
    model = nn.Sequential(*blocks).to(memory_format=torch.channels_last)
    step = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss_of = nn.BCEWithLogitsLoss()

    def epoch(n: int) -> None:
        for start in range(0, n, BATCH):
            x = torch.from_numpy(images[start : start + BATCH]).float()[:, None] / 255
            x = x.expand(-1, 3, -1, -1).to(memory_format=torch.channels_last)
            y = torch.from_numpy(labels[start : start + BATCH])
            with torch.autocast("cpu", torch.bfloat16, enabled=low):
                found = model(x)
            loss = loss_of(found.float(), y)
            step.zero_grad()
            loss.backward()
            step.step()

    epoch(2 * BATCH)
    return timed(lambda: epoch(len(images))), len(images)


def dvc_nothing() -> tuple[float, int]:
    """`dvc repro` with nothing to do."""
    return timed(lambda: command("dvc", "repro")), 1


def dvc_head() -> tuple[float, int]:
    """An experiment that changes the head alone, in a folder of its own."""
    change = f"vgg.dropout={0.3 + time.time() % 0.1:.6f}"  # never in the run cache
    name = ["exp", "run", "--temp", "-n", "bench-head"]
    seconds = timed(lambda: command("dvc", *name, "-S", change))
    command("dvc", "exp", "remove", "bench-head")
    return seconds, 1


def start_of(stage: str) -> tuple[float, int]:
    """Start a stage up to its argument parser; networks load after that."""
    return timed(lambda: command(sys.executable, f"stages/{stage}.py", "--help")), 1


def start_of_networks() -> tuple[float, int]:
    """Load what the stages with a network load first."""
    load = "from brain_mri.networks import backend; backend.prepare(0, threads=2)"
    path = f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})"
    return timed(lambda: command(sys.executable, "-c", f"{path}; {load}")), 1


def command(*words: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    subprocess.run(words, cwd=ROOT, env=environment, check=True, capture_output=True)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


CASES: dict[str, Callable[[], tuple[float, int]]] = {
    "vgg: notebook, one epoch": lambda: keras_way("vgg"),
    f"vgg: ours, features and {EPOCHS} epochs": our_vgg,
    "scratch: notebook, one epoch": lambda: keras_way("scratch"),
    "scratch: ours, one epoch": our_scratch,
    "scratch: ours in bfloat16, one epoch": lambda: our_scratch("mixed_bfloat16"),
    "scratch: PyTorch, one epoch": lambda: torch_scratch(False),
    "scratch: PyTorch in bfloat16, one epoch": lambda: torch_scratch(True),
    "features: ours": our_features,
    "features: ONNX Runtime": onnx_features,
    "processor: matrix product": matrix_product,
    "dvc: nothing to do": dvc_nothing,
    "dvc: experiment on the head": dvc_head,
    "start: Keras and TensorFlow": start_of_networks,
}
CASES |= {f"start: {name}": partial(start_of, name) for name in STAGES}
NEEDS = {"PyTorch": "torch", "ONNX": "onnxruntime"}


def skipped(case: str) -> str:
    """Return why a case cannot run here; "" if it can."""
    for word, package in NEEDS.items():
        if word in case and importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
    return ""


def run(case: str) -> dict[str, float]:
    """Run one case in a process of its own."""
    words = [sys.executable, __file__, "--case", case]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{case}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(cases: Sequence[str], repeats: int) -> pd.DataFrame:
    """Run the cases in turn, several times; a row per case and repeat."""
    rows = []
    for repeat in range(1, repeats + 1):
        for case in cases:
            reason = skipped(case)
            found = {"seconds": np.nan, "images": 0} if reason else run(case)
            print(f"{repeat} {case}: {reason or found}", file=sys.stderr, flush=True)
            rows.append({"case": case, "repeat": repeat, "skipped": reason, **found})
    return pd.DataFrame(rows).assign(machine=machine())


def machine() -> str:
    """Describe processor, cores and versions, without a host's name."""
    flags = Path("/proc/cpuinfo")
    text = flags.read_text() if flags.is_file() else ""
    known = [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in text]
    packages = [f"{name} {version(name)}" for name in ("tensorflow", "keras", "dvc")]
    system = f"{platform.machine()}, {os.cpu_count()} cores, {' '.join(known)}"
    return "; ".join([system, f"Python {platform.python_version()}", *packages])


def vgg_gflop(side: int) -> float:
    """Return 10^9 floating-point operations of VGG-16's convolutions on one image."""
    from brain_mri.networks.convolutions import KERNELS

    total = 0.0
    for name, shape in KERNELS.items():
        pooled = side // 2 ** (int(name[5]) - 1)
        total += 2 * np.prod(shape) * pooled**2 / 1e9
    return float(total)


def summary(table: pd.DataFrame, side: int) -> list[str]:
    """Return the ratios that the goals are about, from medians of one run."""
    median = table.groupby("case", sort=False)["seconds"].median()
    images = table.groupby("case", sort=False)["images"].first()
    each = median / images
    peak = 2 * SIDE**3 / 1e9 / median["processor: matrix product"]
    notebook = EPOCHS * median["vgg: notebook, one epoch"]
    ours = median[f"vgg: ours, features and {EPOCHS} epochs"]
    scratch = each["scratch: ours, one epoch"]
    lines = [
        ("VGG arm, notebook / ours", notebook / ours, "45 or more"),
        (
            "scratch arm, notebook / ours",
            each["scratch: notebook, one epoch"] / scratch,
            "2 or more",
        ),
        (
            "scratch arm, share of the matrix-product peak",
            SCRATCH_GFLOP / scratch / peak,
            "",
        ),
        (
            "scratch arm, PyTorch in bfloat16 / ours in bfloat16",
            each["scratch: PyTorch in bfloat16, one epoch"]
            / each["scratch: ours in bfloat16, one epoch"],
            "1 or more",
        ),
        (
            "scratch arm, PyTorch in float32 / ours",
            each["scratch: PyTorch, one epoch"] / scratch,
            "1 or more",
        ),
        (
            "features, ONNX Runtime / ours",
            each["features: ONNX Runtime"] / each["features: ours"],
            "",
        ),
        (
            "features, share of the matrix-product peak",
            vgg_gflop(side) / each["features: ours"] / peak,
            "0.9 or more",
        ),
        ("dvc repro with nothing to do, seconds", median["dvc: nothing to do"], "≤ 3"),
        ("experiment on the head, seconds", median["dvc: experiment on the head"], ""),
    ]
    rows = [f"| {what} | {value:.2f} | {goal} |" for what, value, goal in lines]
    return ["| what | median | goal |", "| --- | ---: | --- |", *rows]


def draw(table: pd.DataFrame) -> None:
    """Draw the milliseconds an image of every case that works on images."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "peers"  # the same bytes each time
    table = table[table["images"] > 1]
    each = 1000 * table["seconds"] / table["images"]
    median = each.groupby(table["case"], sort=False).median()
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    colours = ["#0072b2" if ": ours" in case else "#888888" for case in median.index]
    bars = axes.barh(median.index[::-1], median[::-1], color=colours[::-1])
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_xlabel("ms an image; blue: this project")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(CHART, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="cases to run again")
    arguments = parser.parse_args()
    if arguments.case:
        seconds, images = CASES[arguments.case]()
        print(json.dumps({"seconds": round(seconds, 4), "images": images}))
        return
    cases = [case for case in CASES if arguments.only in case]
    table = measure(cases, arguments.repeats)
    if arguments.only:
        before = pd.read_csv(OUT)
        table = pd.concat([before[before["case"].isin({*CASES} - {*cases})], table])
    table.to_csv(OUT, index=False, lineterminator="\n")
    draw(table)
    print("\n".join(summary(table, views()[0].shape[1])))


if __name__ == "__main__":
    main()
