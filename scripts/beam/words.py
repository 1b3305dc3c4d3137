"""The vocabulary: the most frequent words of the training posts, counted over all workers."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam

from data_loader.build_options import BuildOptions
from data_loader.filters import Post
from data_loader.targets import count_words, coverage
from data_loader.vocabulary import SPECIAL_WORDS, Vocabulary


class Words(NamedTuple):
    """The vocabulary's words, and what report.json says of them."""

    words: list[str]
    coverage: dict


class ChooseWords(beam.PTransform):
    """From (part, subset to posts) to one `Words`.

    Args:
        options: the flags, complete.
    """

    def __init__(self, options: BuildOptions):
        super().__init__()
        self._options = options

    def expand(self, parts: beam.PCollection) -> beam.PCollection:
        """Builds the transform."""
        counts = parts | "Count in part" >> beam.FlatMap(_counts) | beam.CombinePerKey(sum)
        # With room for special words in posts, which are in no vocabulary twice.
        most = self._options.vocab_size + len(SPECIAL_WORDS)
        frequent = counts | "Frequent" >> beam.combiners.Top.Smallest(most, key=_rank)
        distinct = counts | "Distinct" >> beam.combiners.Count.Globally()
        total = counts | beam.Values() | "Total" >> beam.CombineGlobally(sum)
        return frequent | "Choose" >> beam.Map(
            _choose,
            self._options,
            beam.pvalue.AsSingleton(distinct),
            beam.pvalue.AsSingleton(total),
        )


def _counts(element: tuple[int, dict[str, list[Post]]]) -> Iterator[tuple[str, int]]:
    _, split = element
    yield from count_words(split).items()


def _rank(element: tuple[str, int]) -> tuple[int, str]:
    """The order of a vocabulary."""
    word, count = element
    return -count, word


def _choose(
    frequent: list[tuple[str, int]], options: BuildOptions, distinct: int, total: int
) -> Words:
    counter = Counter(dict(frequent))
    vocabulary = Vocabulary.build(counter, options.vocab_size, options.min_count)
    return Words(vocabulary.words, coverage(counter, vocabulary, distinct, total))
