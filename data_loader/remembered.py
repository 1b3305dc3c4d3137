"""What a function said of a word, so that the words people use all the time are looked at once."""

from collections.abc import Callable
from typing import Any

MOST = 1 << 18  # words; natural language repeats itself, and far fewer make up nearly all of it
LONGEST = 64  # characters; sentences of scripts without blanks hardly ever come twice


class Remembered(dict):
    """`Remembered(function)[word]` is `function(word)`, found in a dictionary the second time.

    Begins anew when it is full: cheaper than to keep count of what was used last, and the frequent
    words are back at once.

    >>> Remembered(str.upper)["sea"]
    'SEA'
    """

    def __init__(self, function: Callable[[str], Any]):
        super().__init__()
        self._function = function

    def __missing__(self, word: str) -> Any:
        result = self._function(word)
        if len(word) <= LONGEST:
            if len(self) >= MOST:
                self.clear()
            self[word] = result
        return result
