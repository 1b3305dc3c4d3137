"""The one exception that a person's mistake raises, and how commands report it."""

import errno
import sys
from collections.abc import Callable


class UserError(Exception):
    """Something a person can mend: the message says what was found, expected, and what to do.

    Attributes:
        status: exit status of a command that ends with it.
    """

    status = 2


# What a person can mend: a name, a right, or the room on a disk.
_REFUSALS = {
    errno.ENAMETOOLONG,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
}
LONGEST_SHOWN = 200  # characters of a path


def run_command(main: Callable[[], None]) -> None:
    """Runs an entry point; a `UserError` becomes one line on stderr and exit status 2.

    So does what the file system refuses, wherever it does: a path that cannot be, or no room.
    """
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.status)
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        named = f"{str(error.filename)[:LONGEST_SHOWN]}: " if error.filename is not None else ""
        print(f"error: {named}{error.strerror}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
