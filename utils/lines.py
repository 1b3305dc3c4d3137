"""Lines of files that somebody else wrote, of any length, in bounded memory."""

from collections.abc import Iterator
from typing import BinaryIO

LONGEST = 16 * 2**20  # bytes; a post has some hundred
TOO_LONG = f"line longer than {LONGEST // 2**20} MB"
BOM = b"\xef\xbb\xbf"


def bounded_lines(
    file: BinaryIO, longest: int = LONGEST, begun: bool = False
) -> Iterator[bytes | None]:
    """Yields the lines of a file with their line feeds, and None for each that is too long.

    What is too long is passed over without being held; so is a byte-order mark at the beginning.

    Args:
        file: where it stands; packed files serve too.
        longest: bytes of the longest line.
        begun: whether the file stands behind its beginning, where a mark is a part of a line.
    """
    while line := file.readline(longest + 1):
        if len(line) > longest and not line.endswith(b"\n"):
            pass_over(file, longest)
            yield None
        elif line := line if begun else line.removeprefix(BOM):
            yield line
        begun = True


def pass_over(file: BinaryIO, piece: int = LONGEST) -> None:
    """Reads to the end of a line, a piece at a time."""
    while (rest := file.readline(piece)) and not rest.endswith(b"\n"):
        pass
