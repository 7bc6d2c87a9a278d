"""Read params.yaml and check it against one model of all parameters.

A new parameter needs a line in params.yaml, a field here and, in dvc.yaml, an entry
under `params` of each stage that reads the parameter.
"""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from brain_mri.errors import InputError

FILE = Path("params.yaml")
LOWER_IS_BETTER = ("brier", "log_loss", "fp", "fn")


def _flag(text: object) -> object:
    """Convert only true and false, as in YAML 1.2; "yes" stays a word."""
    return {"true": True, "false": False}.get(str(text).lower(), str(text))


def _mapping(value: object) -> object:
    """Treat an empty section as a section without keys."""
    return value or {}


def _limits(value: object) -> object:
    """Flatten `{vgg: {test: {accuracy: 0.5}}}` to `{vgg.test.accuracy: 0.5}`."""
    limits = flatten(value) if isinstance(value, dict) else value or {}
    for key in limits if isinstance(limits, dict) else ():
        if "." not in key:
            raise ValueError(
                f"expected a classifier, a part and a metric, such as "
                f"scratch.test.accuracy, found {key!r}"
            )
    return limits


def _numbered(numbers: list[int]) -> list[int]:
    """Refuse a list that is not 1, 2, 3... without a gap."""
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError(f"expected 1, 2, 3... without a gap, found {numbers}")
    return numbers


def _distinct(numbers: list[int]) -> list[int]:
    """Refuse a list that names a number twice."""
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"expected each number once, found {numbers}")
    return numbers


def _no_slash(folder: str) -> str:
    """Refuse a slash at the end: the data set's table is <folder>.csv."""
    if folder.endswith("/"):
        raise ValueError(f"expected a folder without a slash at its end, got {folder}")
    return folder


Name = Annotated[str, Field(min_length=1)]
Folder = Annotated[str, Field(min_length=1), AfterValidator(_no_slash)]
Flag = Annotated[bool, BeforeValidator(_flag), Field(strict=True)]
Count = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # NumPy and Keras both accept this range
Rate = Annotated[float, Field(gt=0, le=1)]
Factor = Annotated[float, Field(gt=0, le=100)]
Decay = Annotated[float, Field(ge=0, le=1000)]
Proportion = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Folders = Annotated[list[Name], Field(min_length=1)]
Percent = Annotated[int, Field(ge=1, le=99)]
Numbered = Annotated[list[int], Field(min_length=1), AfterValidator(_numbered)]
Floors = Annotated[dict[str, float], BeforeValidator(_limits)]
Drops = Annotated[dict[str, Annotated[float, Field(ge=0)]], BeforeValidator(_limits)]


class Section(BaseModel):
    """Base of all sections; refuses unknown keys, NaN and infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Classes(Section):
    """Folders of the data set, by class."""

    no: Folders
    yes: Folders


class Phantom(Section):
    """The embedded data set."""

    images: Annotated[int, Field(ge=10, le=100_000)]
    positives: Annotated[float, Field(ge=0.1, le=0.9)]
    generator_seed: Seed


class Audit(Section):
    """Limits of the audit."""

    max_rejected: Annotated[float, Field(ge=0, le=1)]
    label_conflicts: Literal["stop", "keep"]


class Split(Section):
    """Sizes of the test and validation parts."""

    test_size: Proportion
    val_size: Proportion


class Augment(Section):
    """Augmentation of the training images."""

    copies: NonNegative
    rotation: Share
    zoom: Share
    widening: Share
    contrast: Share
    brightness: Share


class Recipe(Section):
    """Training recipe of one network."""

    epochs: Count
    lr_scale: Factor
    weight_decay: Decay
    dropout: Share


class Vgg(Recipe):
    """Training recipe of VGG-16's head, and the source of the convolutions' weights."""

    weights: Literal["imagenet", "random"]


class Evaluate(Section):
    """Decision threshold, calibration, and what the verdict compares."""

    threshold: Proportion
    calibrate: Flag
    verdict_metric: Literal["accuracy", "balanced_accuracy"]


class Crossval(Section):
    """Runs of the cross-validation."""

    repeats: Numbered
    folds: Annotated[Numbered, Field(min_length=2)]
    shares: Annotated[list[Percent], AfterValidator(_distinct)]
    seeds: Annotated[list[Count], AfterValidator(_distinct)]
    threads: NonNegative
    rope: Share


class External(Section):
    """The collection that nothing was trained on."""

    dataset: Folder


class Check(Section):
    """Rules of `brain-mri check`; limits by `<classifier>.<part>.<metric>`."""

    max_patients_shared: NonNegative = 0
    require_imagenet: Flag = False
    floors: Floors = {}
    drops: Drops = {}


class Params(Section):
    """All parameters, in the order of params.yaml."""

    dataset: Folder
    model: Literal["scratch", "vgg"]
    seed: Seed
    image_size: Annotated[int, Field(ge=32, le=1024)]
    lr: Rate
    batch_size: Count
    class_weight: Literal["none", "balanced"]
    precision: Literal["float32", "mixed_bfloat16"]
    threads: NonNegative
    classes: Classes
    phantom: Phantom
    audit: Audit
    split: Split
    augment: Augment
    scratch: Recipe
    vgg: Vgg
    evaluate: Evaluate
    crossval: Crossval
    external: External
    check: Annotated[Check, BeforeValidator(_mapping)]


class _Loader(yaml.BaseLoader):
    """Read every scalar as text, which the pydantic model converts.

    1e-4 is then a number and `no` a word, as in DVC, which reads YAML 1.2. Aliases are
    refused because a few nested ones expand to millions of values. Duplicate keys are
    refused because PyYAML would keep only the last.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.current_event
            raise ValueError(
                f"line {alias.start_mark.line + 1}: expected the values themselves, "
                f"found the alias *{alias.anchor}"
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = Counter(key.value for key, _ in node.value)
        if twice := [key for key, count in keys.items() if count > 1]:
            raise ValueError(f"{twice[0]} is given twice")
        return super().construct_mapping(node, deep)


def load(path: Path = FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        InputError: the file is missing or not valid YAML; a key is missing or unknown;
            a value has the wrong type or is out of range.
    """
    values = read(path)
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        # unknown keys first: most are misspelt known keys
        problems = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise InputError(f"{path.name}: {_told(problems[0], values)}") from error


def read(path: Path = FILE) -> dict[str, Any]:
    """Read a parameter file as keys and unchecked text values.

    Raises:
        InputError: the file is missing, is not YAML, is not a mapping, or has an alias
            or a duplicate key.
    """
    if not path.exists():
        raise InputError(f"{path}: not found; run this in the project's folder")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    # PyYAML raises these too: for brackets 5,000 deep, for bytes that are not UTF-8
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is not valid YAML ({reason})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected keys with values, got {values!r}")
    return values


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return every leaf of a nested mapping under its dotted key.

    Raises:
        ValueError: two leaves have the same key, as in `{"a": {"b": 1}, "a.b": 2}`.
    """
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        found = flatten(value, f"{key}.") if isinstance(value, dict) else {key: value}
        if twice := sorted(leaves.keys() & found.keys()):
            raise ValueError(f"{twice[0]} is given twice")
        leaves |= found
    return leaves


def lower_is_better(key: str) -> bool:
    """Return whether the key's metric is better when lower.

    Its floor is then a ceiling, and its drop a rise.
    """
    return key.split(".")[-1] in LOWER_IS_BETTER


def _told(problem: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    key, value = ".".join(map(str, problem["loc"])), problem["input"]
    match problem["type"]:
        case "missing":
            return f"{key!r} is missing{_guess(key, flatten(values))}"
        case "extra_forbidden":
            return f"unknown key {key!r}{_guess(key, _keys(Params))}"
        case "model_type" | "dict_type":
            return f"{key}: expected keys with values, received {value}"
        case "value_error":
            return f"{key}: {problem['ctx']['error']}"
    reason = re.sub(r"^(Input|String|List|Dictionary)", "input", problem["msg"])
    return f"{key}: {reason}, received {value}"


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """List the dotted keys of a model, sections and leaves."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        keys.append(f"{prefix}{name}")
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            keys += _keys(section, f"{prefix}{name}.")
    return keys


def _guess(key: str, known: Iterable[str]) -> str:
    """Return a hint at the most similar known key; "" if none is similar."""
    # compare without the section, which is long and usually right
    section, _, tail = key.rpartition(".")
    ranked = sorted(known, key=lambda k: (k.rpartition(".")[0] == section, k))
    tails = {candidate.rpartition(".")[2]: candidate for candidate in ranked}
    near = difflib.get_close_matches(tail, tails, n=1)
    return f"; did you mean {tails[near[0]]!r}?" if near else ""
