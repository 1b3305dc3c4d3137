"""The one exception that a person's mistake raises, and how commands report it."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something a person can mend: the message says what was found, expected, and what to do."""


def run_command(main: Callable[[], None]) -> None:
    """Runs an entry point; a `UserError` becomes one line on stderr and exit status 2."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
