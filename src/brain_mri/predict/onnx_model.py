"""Write a trained network as one ONNX file that takes grey crops, and describe it."""

import contextlib
import hashlib
import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ValidationError

from brain_mri.errors import InputError
from brain_mri.files.names import CLASSES
from brain_mri.imaging import outliers
from brain_mri.predict.images import Likeness, Network

MODEL, FACTS, LIKENESS = "model.onnx", "model.json", "training-images.npz"
PARITY = 1e-5  # largest difference allowed from Keras' scores
# Largest difference allowed between Keras' scores and those in metrics/. Rounding on
# another processor changes scores by 1e-6; another network changes them by more.
REPEATED = 1e-4
INPUT, OUTPUT = "image", "score"
FEATURES = 1 + outliers.DIRECTIONS * (outliers.EDGE_SIDE // outliers.CELL) ** 2
EXTRA = "pip install -e '.[onnx]'"


def check_installed() -> None:
    """Check that the packages of the extra `onnx` are installed, before any slow work.

    Raises:
        InputError: a package is missing.
    """
    for package in ("onnx", "onnxruntime", "tf2onnx"):
        if importlib.util.find_spec(package) is None:
            raise InputError(f"export needs the package {package}: {EXTRA}")


def write_onnx(model: Any, path: Path) -> None:
    """Write a network as ONNX, from uint8 grey crops to scores, for any batch size.

    Args:
        model: a Keras model, from (n, size, size) uint8 to (n, 1) float32.
        path: the file to write.
    """
    import onnx

    size = model.input_shape[1]
    model.predict_on_batch(np.zeros((1, size, size), np.uint8))  # or Keras won't export
    with contextlib.redirect_stdout(io.StringIO()):
        model.export(path, format="onnx", verbose=False)
    exported = onnx.load(path)
    _name_ends(exported.graph, size)
    onnx.checker.check_model(exported, full_check=True)
    onnx.save(exported, path)


def _name_ends(graph: Any, size: int) -> None:
    """Rename input and output and set their shapes: n images, n scores."""
    from onnx import TensorProto, helper, numpy_helper

    [end] = [output.name for output in graph.output]
    graph.initializer.append(numpy_helper.from_array(np.array([-1]), "last_axis"))
    graph.node.append(helper.make_node("Squeeze", [end, "last_axis"], [OUTPUT]))
    image = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", size, size])
    score = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n"])
    for field, value in ((graph.input, image), (graph.output, score)):
        del field[:]
        field.append(value)


def open_onnx(path: Path, name: str, size: int) -> Network:
    """Open an exported file for scoring; it offers no heat maps.

    Raises:
        InputError: onnxruntime is not installed, or the file is not one of our exports.
    """
    try:
        import onnxruntime
    except ImportError:
        raise InputError(f"--onnx needs onnxruntime: {EXTRA}") from None
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), providers=["CPUExecutionProvider"]
        )
    # onnxruntime's exceptions have no narrower base in common
    except Exception as error:
        raise InputError(f"{path}: expected an ONNX model ({_plain(error)})") from error
    ends = [*session.get_inputs(), *session.get_outputs()]
    found = [(one.name, one.type, one.shape[1:]) for one in ends]
    expected = [(INPUT, "tensor(uint8)", [size, size]), (OUTPUT, "tensor(float)", [])]
    if found != expected:
        raise InputError(
            f"{path}: expected input and output {expected}, as {FACTS} says, found "
            f"{found}; export again"
        )

    def score(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        [found] = session.run([OUTPUT], {INPUT: crops})
        return np.asarray(found, np.float32)

    return Network(name, score)


class _Input(BaseModel):
    shape: tuple[Literal["n"], Annotated[int, Ge(1)], Annotated[int, Ge(1)]]


class Facts(BaseModel, strict=True, allow_inf_nan=False):
    """Hold the entries of an export's description that prediction uses."""

    name: Literal["scratch", "vgg"]
    sha256: str
    input: _Input
    threshold: Annotated[float, Ge(0), Le(1)]
    vgg_weights: Literal["imagenet", "random"] | None
    temperature: Annotated[float, Gt(0)]

    @property
    def size(self) -> int:
        """Side of the input, px."""
        return self.input.shape[1]


def facts(path: Path) -> Facts:
    """Read the description beside an exported file.

    Raises:
        InputError: the description is missing, malformed or of another file.
    """
    described = path.parent / FACTS
    try:
        found = Facts.model_validate_json(described.read_bytes())
    except OSError as error:
        raise InputError(f"{described}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        [first, *_] = error.errors()
        key = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{described}: expected a description by `brain-mri export` ({key}: "
            f"{first['msg']}); export again"
        ) from None
    if digest(path) != found.sha256:
        raise InputError(
            f"{path}: is not the file that {FACTS} beside it describes; export again"
        )
    return found


def digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def description(
    *,
    name: str,
    title: str,
    size: int,
    threshold: float,
    vgg_weights: str,
    temperature: float,
    test: Mapping[str, Any],
    data: Mapping[str, str],
    notes: Sequence[str],
    parity: Mapping[str, Any],
    sha256: str,
) -> dict[str, Any]:
    """Return the content of model.json, for users who have only the exported files."""
    return {
        "name": name,
        "title": title,
        "use": "Research software, not for diagnosis.",
        "sha256": sha256,
        "input": {
            "name": INPUT,
            "dtype": "uint8",
            "shape": ["n", size, size],
            "meaning": "grey levels 0-255 of the head, cropped by "
            "brain_mri.imaging.cropping.crop_to_square to "
            f"{size} x {size} px; all further preprocessing is inside the model",
        },
        "output": {
            "name": OUTPUT,
            "dtype": "float32",
            "shape": ["n"],
            "meaning": f"score of '{CLASSES[1]}', a tumour, from 0 to 1; "
            + (
                "not a probability, since it was not calibrated"
                if temperature == 1
                else "its logit is divided by the temperature fitted on validation"
            ),
        },
        "classes": list(CLASSES),
        "threshold": threshold,
        "vgg_weights": vgg_weights if name == "vgg" else None,
        "temperature": temperature,
        "test": dict(test),
        "data": dict(data),
        "notes": list(notes),
        "parity_with_keras": dict(parity),
        "licence": {
            "code": "MIT",
            "weights": "convolutions: CC BY 4.0 (VGG-16, Simonyan & Zisserman, "
            "Visual Geometry Group, Oxford), head: MIT"
            if name == "vgg" and vgg_weights == "imagenet"
            else "MIT; the training images have their own terms",
        },
    }


def write_likeness(likeness: Likeness, path: Path) -> None:
    """Write features of the training images, which flag unusual images later."""
    np.savez_compressed(
        path, described=likeness.described.astype(np.float16), limit=likeness.limit
    )


def read_likeness(path: Path) -> Likeness | None:
    """Read the file of `write_likeness`; None if it is missing.

    Raises:
        InputError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            described, limit = stored["described"], stored["limit"]
        _check_likeness(described, limit)
    except Exception as error:  # a damaged archive may make NumPy raise anything
        raise InputError(
            f"{path}: expected features by `brain-mri export` ({_plain(error)}); "
            "remove it or export again"
        ) from error
    return Likeness(described.astype(np.float32), float(limit))


def _check_likeness(described: npt.NDArray, limit: npt.NDArray) -> None:
    many = len(described) > outliers.NEIGHBOURS
    if described.shape[1:] != (FEATURES,) or limit.shape or not many:
        raise ValueError(f"{FEATURES} numbers per patient, found {described.shape}")
    for values, dtype in ((described, np.float16), (limit, np.float64)):
        if values.dtype != dtype or not np.isfinite(values).all():
            raise ValueError("a number is not finite or has the wrong type")


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
