"""Dataclasses from JSON that may be older or damaged: every value is held to its type."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

from utils.errors import UserError

T = TypeVar("T")


def read_fields(kind: type[T], values: Any) -> T:
    """A dataclass of numbers, texts, choices and paths; what is missing keeps its default.

    Raises:
        UserError: no object, a field that it has not, or a value that the field cannot have.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"the run's configuration has {values!r:.60}, expected fields and values")
    check_fields(kind, values)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    paths = {k: Path(v) for k, v in values.items() if v and "Path" in str(fields[k].type)}
    return kind(**{**values, **paths})


def check_fields(kind: type, values: Mapping[str, Any]) -> None:
    """Refuses what the fields of a dataclass cannot have.

    Raises:
        UserError: names the field.
    """
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise UserError(
            f"the run's configuration has {unknown!r:.200}, which this version does not know"
        )
    for name, value in values.items():
        if not _fits(value, fields[name]):
            expected = getattr(fields[name], "__name__", fields[name])
            raise UserError(
                f"the run's configuration has {name} = {str(value)!r:.60}, expected {expected}"
            )


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value of JSON can be that of a field of some type."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_args(kind):
        return any(_fits(value, part) for part in get_args(kind))
    if kind in (None, NoneType):
        return value is None
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, {Path: str, float: int | float}.get(kind, kind))
