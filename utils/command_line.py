"""Command lines from frozen dataclasses: every field is a flag, every docstring is its help."""

import dataclasses
import sys
from typing import Any, TypeVar

import tyro

T = TypeVar("T")


def parse(kind: type[T], default: T | None = None, args: list[str] | None = None) -> T:
    """Parses flat flags into a dataclass; `--num_gpus` and `--num-gpus` are the same flag.

    Args:
        kind: a frozen dataclass; nested dataclasses add their fields without a prefix.
        default: the values that flags override (a preset), or None for the fields' defaults.
        args: the command line without the program's name, or None for `sys.argv`.
    """
    return _parse(kind, default, args)


def parse_some(kind: type[T], args: list[str] | None = None) -> tuple[T, list[str]]:
    """Like `parse`; what is none of the dataclass's flags is returned, as it stands."""
    return _parse(kind, None, args, return_unknown_args=True)


def _parse(kind: type, default: Any, args: list[str] | None, **options: Any) -> Any:
    extra = {} if default is None else {"default": default}
    # As a person typed it, not the path of a file that cannot be run by itself.
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec:
        extra["prog"] = f"python -m {spec.name.removesuffix('.__main__')}"
    # Of a choice between dataclasses, the default's class alone has flags: no subcommands.
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.AvoidSubcommands)
    # Underscores in the help, as the flags stand in the README and in error messages.
    return tyro.cli(kind, args=args, config=config, use_underscores=True, **extra, **options)


def flags(value: Any, usual: Any) -> list[str]:
    """The command line that makes `value` of `usual`: what `parse(kind, usual, ...)` undoes.

    Args:
        value: a frozen dataclass, nested ones included, whose field names are all different.
        usual: what its fields are without flags; likewise.
    """
    found = []
    for field in dataclasses.fields(value):
        wanted, given = getattr(value, field.name), getattr(usual, field.name)
        if dataclasses.is_dataclass(wanted):
            found += flags(wanted, given)
        elif wanted != given:
            found += _flag(field.name, wanted)
    return found


def _flag(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no_{name}"]
    # With a `=`, so that a negative number is no flag.
    return [f"--{name}={value}"]
