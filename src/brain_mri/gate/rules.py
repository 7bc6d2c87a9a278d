"""What `brain-mri check` demands: the section `check` of params.yaml.

No stage takes it, so that a stricter rule makes no result stale.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import Ge

from brain_mri import params
from brain_mri.errors import InputError
from brain_mri.params import NonNegative

SECTION = "check"
LOWER_IS_BETTER = ("brier", "log_loss", "fp", "fn")

Floor = float
Drop = Annotated[float, Ge(0)]
LIMITS = {"floors": Floor, "drops": Drop}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Hold what is demanded, limits by `<file of metrics/>.<key in it>`."""

    floors: dict[str, Floor] = field(default_factory=dict)
    drops: dict[str, Drop] = field(default_factory=dict)
    max_groups_shared: NonNegative = 0
    require_imagenet: bool = False


def read(values: Mapping[str, Any]) -> Rules:
    """Check the section and return it; what it leaves out is as `Rules` has it.

    Args:
        values: the whole parameter file, as `params.load` reads it.

    Raises:
        InputError: the section is not there, which may be a slip of the pen, or a key
            of it is unknown, mistyped or out of range.
    """
    if SECTION not in values:
        raise InputError(
            f"{params.FILE}: {SECTION!r} is missing{params.guess(SECTION, values)}; "
            f"`{SECTION}: {{}}` demands nothing of the metrics"
        )
    takes = params.annotations(Rules)
    given: dict[str, Any] = {}
    for name, value in _keys(SECTION, values[SECTION]).items():
        key = f"{SECTION}.{name}"
        if name not in takes:
            near = params.guess(key, (f"{SECTION}.{known}" for known in takes))
            raise InputError(f"{params.FILE}: nothing takes '{key}'{near}")
        if name in LIMITS:
            given[name] = _limits(key, value, LIMITS[name])
        else:
            given[name] = params.checked(key, value, takes[name])
    return Rules(**given)


def lower_is_better(key: str) -> bool:
    """Say of a dotted key whether its floor is a ceiling, and its drop a rise."""
    return key.split(".")[-1] in LOWER_IS_BETTER


def _limits(section: str, value: Any, annotation: Any) -> dict[str, float]:
    limits = params.flatten(_keys(section, value))
    for key in limits:
        if "." not in key:
            raise InputError(
                f"{params.FILE}: {section}.{key}: expected a file of metrics/ and a "
                f"key in it, as {section}.scratch.test.accuracy"
            )
    return {
        key: params.checked(f"{section}.{key}", limit, annotation)
        for key, limit in limits.items()
    }


def _keys(key: str, value: Any) -> dict[str, Any]:
    """Return what a section holds; one that is empty holds nothing."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(
            f"{params.FILE}: {key}: expected keys with values, received {value!r}"
        )
    return value
