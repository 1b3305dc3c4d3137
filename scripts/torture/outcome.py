"""What a torture came to: how often a fault was made, and how often it was survived."""

from collections.abc import Callable
from typing import NamedTuple


class Outcome(NamedTuple):
    """One row of the table.

    Attributes:
        part: which part of the torture.
        fault: what was done to the program.
        tried: how many times; 0 where it could not be done here, and `note` says why.
        survived: how many times what had to hold did hold.
        note: of a failure, what was found; of a skipped fault, why.
    """

    part: str
    fault: str
    tried: int
    survived: int
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether something did not hold."""
        return self.survived < self.tried


class TortureError(Exception):
    """Something that had to hold did not; the message says what was found."""


class NotHereError(Exception):
    """This machine does not allow the fault; the message says why."""


def attempt(part: str, fault: str, act: Callable[[], int | None]) -> Outcome:
    """Makes a fault that is made once, or as often as `act` returns."""
    try:
        times = act() or 1
    except NotHereError as error:
        return Outcome(part, fault, 0, 0, f"not done: {error}")
    except TortureError as error:
        return Outcome(part, fault, 1, 0, str(error))
    except Exception as error:  # hours of other parts shall not be lost with this one
        return Outcome(part, fault, 1, 0, f"{type(error).__name__}: {error}")
    return Outcome(part, fault, times, times)


def demand(holds: bool, otherwise: str) -> None:
    """Raises `TortureError` with these words where something does not hold."""
    if not holds:
        raise TortureError(otherwise)
