"""Words and their ids: four special words, then the most frequent words of the training posts."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from utils.errors import UserError

PAD, GO, EOS, UNK = 0, 1, 2, 3
SPECIAL_WORDS = ("_PAD", "_GO", "_EOS", "_UNK")


class Vocabulary:
    """A fixed list of words; a word's id is its place in the list.

    Args:
        words: all words, `SPECIAL_WORDS` first. A `ValueError` names a word that comes twice, is
            empty or holds a blank, since files have one word per line.
    """

    def __init__(self, words: Sequence[str]):
        self.words = list(words)
        if tuple(self.words[: len(SPECIAL_WORDS)]) != SPECIAL_WORDS:
            raise ValueError(f"a vocabulary begins with {' '.join(SPECIAL_WORDS)}")
        # The special words are not in the table: "_PAD" in a post is an unknown word like others.
        first = len(SPECIAL_WORDS)
        self._ids = {word: first + i for i, word in enumerate(self.words[first:])}
        self._check_words()

    def _check_words(self) -> None:
        seen = set(SPECIAL_WORDS)
        for word in self.words[len(SPECIAL_WORDS) :]:
            if word.split() != [word]:
                raise ValueError(f"a word is not empty and holds no blank: {word!r}")
            if word in seen:
                raise ValueError(f"the word {word!r} comes twice")
            seen.add(word)

    @classmethod
    def build(
        cls, counter: Mapping[str, int], size: int | None, min_count: int = 1
    ) -> "Vocabulary":
        """Takes the most frequent words; equal counts go by the alphabet (code points).

        This is the released order: Python 2 sorted bytes, and UTF-8 sorts as its code points do.

        Args:
            counter: word -> occurrences in the training posts.
            size: number of words to keep, the four special words included; at least 5, or None to
                keep all.
            min_count: rarer words are left out.
        """
        if size is not None and size <= len(SPECIAL_WORDS):
            raise UserError(
                f"--vocab_size {size} leaves no room for words: the {len(SPECIAL_WORDS)} special "
                f"words are counted, so it must be at least {len(SPECIAL_WORDS) + 1}"
            )
        ranked = sorted(counter, key=lambda word: (-counter[word], word))
        ordinary = [w for w in ranked if w not in SPECIAL_WORDS and counter[w] >= min_count]
        return cls([*SPECIAL_WORDS, *ordinary][:size])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Ids of words; words outside the vocabulary, special names among them, become `UNK`."""
        return [self._ids.get(token, UNK) for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Words up to the first `EOS`, without `PAD` and `GO`; an unknown word is `_UNK`."""
        words = []
        for id_ in ids:
            if id_ == EOS:
                break
            if id_ not in (PAD, GO):
                words.append(self.words[id_])
        return words

    def save(self, path: str | Path) -> None:
        """Writes one word per line, UTF-8: the layout of the released `<size>.vocab`."""
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{word}\n" for word in self.words)

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Reads what `save` or the original scripts wrote; `UserError` if it is no such file."""
        try:
            with open(path, encoding="utf-8") as file:
                return cls(file.read().removesuffix("\n").split("\n"))
        except FileNotFoundError:
            raise UserError(f"no vocabulary at {path}; scripts.build_dataset writes one") from None
        except ValueError as error:  # also UnicodeDecodeError
            raise UserError(f"{path} is not a vocabulary file: {error}") from error
