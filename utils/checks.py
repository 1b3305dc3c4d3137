"""Refusing numbers that cannot work, in the words of the flag that brought them."""

import math

from utils.errors import UserError


def check_range(name: str, value: float | None, low: float, high: float = math.inf) -> None:
    """Refuses a number outside of `low` to `high`; None, a flag that was not given, passes.

    Raises:
        UserError: names the flag.
    """
    if value is not None and not low <= value <= high:
        limit = f"at most {high}" if value > high else f"at least {low}"
        raise UserError(f"--{name} is {value}; expected {limit}")


def check_positive(name: str, value: float | None) -> None:
    """Refuses what is no positive finite number; None passes.

    Raises:
        UserError: names the flag.
    """
    if value is not None and not 0 < value < math.inf:
        raise UserError(f"--{name} is {value}; expected a positive number")
