"""Check a section of params.yaml against the function that it feeds.

This module knows no key: what a parameter may be stands in the annotations of the
functions that take it. So a new parameter of one stage invalidates no other.
"""

import difflib
import inspect
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import ConfigDict, TypeAdapter, ValidationError

from brain_mri.errors import InputError

FILE = Path("params.yaml")

# What the YAML reader raises besides, of a date in month 13 or 5,000 brackets say.
BROKEN = (ValueError, LookupError, AttributeError, TypeError, RecursionError)

Count = Annotated[int, Ge(1)]
NonNegative = Annotated[int, Ge(0)]
Seed = Annotated[int, Ge(0), Lt(2**32)]  # what NumPy and Keras both accept
Rate = Annotated[float, Gt(0), Le(1)]
Factor = Annotated[float, Gt(0), Le(100)]
Decay = Annotated[float, Ge(0), Le(1000)]
Proportion = Annotated[float, Gt(0), Lt(1)]
Share = Annotated[float, Ge(0), Lt(1)]
WholeShare = Annotated[float, Ge(0), Le(1)]
Folders = Annotated[list[str], MinLen(1)]


BOOLEAN, WHOLE, FLOAT = (f"tag:yaml.org,2002:{n}" for n in ("bool", "int", "float"))

# What a plain word means and how it may begin, as ruamel.yaml has it, with which DVC
# reads: the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#1032-tag-resolution)
# with binary numbers, and `_` among digits.
FORMS = {
    BOOLEAN: (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    FLOAT: (
        r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?"
        r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|[-+]?\.[0-9_]+([eE][-+][0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    WHOLE: (
        r"[-+]?0b[01_]+|[-+]?0o[0-7_]+|[-+]?0x[0-9a-fA-F_]+|[-+]?[0-9_]+",
        "-+0123456789",
    ),
}


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads numbers and booleans as DVC does, not as YAML 1.1.

    1e-4 and 1e-05 are numbers, 010 is ten, 1:30 a word; no, yes, on and off are words,
    so that `no: [no]` is a key and the name of a folder. A key that stands there twice
    is refused, and an alias, as a few nested ones stand for millions of values.
    """

    # without YAML 1.1's
    yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in resolvers if tag not in FORMS]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.current_event
            raise InputError(
                f"line {alias.start_mark.line + 1}: expected the values themselves, "
                f"found *{alias.anchor}"
            )
        return super().compose_node(parent, index)

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, Any]:
        keys = Counter(key.value for key, _ in node.value)
        twice = [key for key, count in keys.items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]} stands there twice")
        return super().construct_mapping(node, deep)


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    digits = str(loader.construct_scalar(node)).replace("_", "")
    return int(digits, 0 if re.match("[-+]?0[box]", digits) else 10)


_Loader.add_constructor(WHOLE, _whole)
for tag, (form, firsts) in FORMS.items():
    _Loader.add_implicit_resolver(tag, re.compile(rf"^({form})$"), list(firsts))


def load(path: Path = FILE) -> dict[str, Any]:
    """Read a parameter file.

    Raises:
        InputError: the file is missing, is not YAML, is not a mapping, or has an alias.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        if isinstance(values, dict):
            flatten(values)  # refuses a key that stands there twice
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except InputError as error:
        raise InputError(f"{path}, {error}") from error
    except (yaml.YAMLError, *BROKEN) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: is not valid YAML ({reason})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected keys with values, got {values!r}")
    return values


def arguments(
    function: Callable[..., Any], sections: Sequence[str], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the keyword-only arguments of a function, checked and converted.

    Each is looked up in the sections and at the top level, and must be in one place.

    Raises:
        InputError: a key is missing, there twice, mistyped or out of range.
    """
    return {
        name: checked(*find(name, sections, values), annotation)
        for name, annotation in annotations(function).items()
    }


def annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the names and annotations of a function's keyword-only parameters."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return {p.name: p.annotation for p in parameters if p.kind is p.KEYWORD_ONLY}


def check(values: Mapping[str, Any], takes: Mapping[str, Any]) -> None:
    """Check a whole parameter file.

    Args:
        values: the file, as `load` reads it.
        takes: for each dotted key that is used, the annotation it must fit.

    Raises:
        InputError: a key is missing, mistyped, out of range, or nothing takes it.
    """
    there = flatten(values)
    for key in there:
        if key not in takes:
            raise InputError(f"{FILE}: nothing takes {key!r}{guess(key, takes)}")
    for key in takes:
        if key not in there:
            raise InputError(f"{FILE}: {key!r} is missing{guess(key, there)}")
    for key, annotation in takes.items():
        checked(key, there[key], annotation)


def find(
    name: str, sections: Sequence[str], values: Mapping[str, Any]
) -> tuple[str, Any]:
    """Return the dotted key that holds a parameter, and its value.

    Raises:
        InputError: it is nowhere, or in two places, of which DVC would track one.
    """
    leaves = flatten(values)
    places = [name, *(f"{section}.{name}" for section in sections)]
    found = [key for key in places if key in leaves]
    if len(found) == 1:
        return found[0], leaves[found[0]]
    if found:
        raise InputError(f"{FILE}: expected one of {' and '.join(found)}, found both")
    raise InputError(
        f"{FILE}: {' or '.join(repr(key) for key in reversed(places))} is missing"
        + guess(places[-1], leaves)
    )


def checked(key: str, value: Any, annotation: Any) -> Any:
    """Return one value, converted to what its annotation says.

    Raises:
        InputError: it does not fit; the line names the key.
    """
    adapter = TypeAdapter(
        annotation, config=ConfigDict(allow_inf_nan=False, coerce_numbers_to_str=False)
    )
    try:
        fitting = adapter.validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].replace("Input", "input", 1)
        raise InputError(f"{FILE}: {key}: {reason}, received {value!r}") from error
    if isinstance(value, bool) and not isinstance(fitting, bool):
        raise InputError(f"{FILE}: {key}: expected a number, received {value!r}")
    return fitting


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return every leaf of a nested mapping under its dotted key.

    Raises:
        ValueError: `{"a": {"b": 1}, "a.b": 2}`, of which one would hide the other.
    """
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{prefix}{name}"
        found = flatten(value, f"{key}.") if isinstance(value, dict) else {key: value}
        if twice := sorted(leaves.keys() & found.keys()):
            raise ValueError(f"{twice[0]} stands there twice")
        leaves |= found
    return leaves


def guess(key: str, known: Iterable[str]) -> str:
    """Return a hint at the known key that looks most like this one, if any does."""
    # compared without the section, which is long and mostly right
    tails = {candidate.split(".")[-1]: candidate for candidate in sorted(known)}
    near = difflib.get_close_matches(key.split(".")[-1], tails, n=1)
    return f"; did you mean {tails[near[0]]!r}?" if near else ""
