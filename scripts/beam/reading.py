"""From the input to posts that are cut into words, in pieces that any worker can read."""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam

from data_loader.posts import EXAMPLES, Problems
from data_loader.prepare import Preparer, Recipe
from data_loader.sources import SOURCES, crawl

POSTS, PROBLEMS, REMARKS = "posts", "problems", "remarks"


class Place(NamedTuple):
    """Where something stood in the input: piece of work, and number in it."""

    piece: int
    number: int


class ReadPosts(beam.PTransform):
    """Reads, judges and cuts all posts of an input.

    Gives three collections: `posts` of (Place, the fields of `data_loader.filters.Post`);
    `problems` and `remarks`, one `Problems` in each, as `data_loader.prepare.prepare` has them.

    Args:
        recipe: what to do with them.
        path: the input, on a disk that all workers see.
        range_bytes: how much of a crawl is read at a time.
    """

    def __init__(self, recipe: Recipe, path: Path, range_bytes: int):
        super().__init__()
        self._recipe, self._path, self._range_bytes = recipe, path, range_bytes

    def expand(self, begin):
        """Builds the transform."""
        pieces = self._pieces(begin)
        prepared = pieces | "Prepare" >> beam.ParDo(Prepare(self._recipe)).with_outputs(
            PROBLEMS, REMARKS, main=POSTS
        )
        merged = {
            name: prepared[name] | f"Merge {name}" >> beam.CombineGlobally(MergeProblems())
            for name in (PROBLEMS, REMARKS)
        }
        return {POSTS: prepared[POSTS], **merged}

    def _pieces(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        """Pieces of work as (number in the input, piece)."""
        ranges = self._ranges()
        if ranges is None:
            read = begin | "Input" >> beam.Create([self._path]) | "Read" >> beam.FlatMap(self._read)
            return read | "Spread" >> beam.Reshuffle()
        ranges = begin | "Ranges" >> beam.Create(ranges) | "Spread" >> beam.Reshuffle()
        counts = ranges | "Count lines" >> beam.Map(lambda one: (one, crawl.count_lines(*one)))
        firsts = counts | "List" >> beam.combiners.ToList() | "First lines" >> beam.Map(_sums)
        return ranges | "Read" >> beam.FlatMap(_read_range, beam.pvalue.AsSingleton(firsts))

    def _ranges(self) -> list[crawl.Range] | None:
        if self._recipe.source != "crawl":
            return None
        (file,) = crawl.files(self._path, self._recipe.task)
        return crawl.cut(file, self._range_bytes)

    def _read(self, path: Path) -> Iterator[tuple[int, NamedTuple]]:
        """All of an input that only one reader can read."""
        pieces = SOURCES[self._recipe.source].chunks(path, self._recipe.task)
        return enumerate(pieces)


def _sums(counts: Iterable[tuple[crawl.Range, int]]) -> dict[crawl.Range, int]:
    """How many lines stand before each range."""
    counts = sorted(counts)
    before = accumulate((lines for _, lines in counts), initial=0)
    return dict(zip((one for one, _ in counts), before, strict=False))


def _read_range(
    one: crawl.Range, firsts: dict[crawl.Range, int]
) -> Iterator[tuple[int, crawl.Chunk]]:
    for chunk in crawl.read_range(*one, first=firsts[one]):
        yield chunk.first, chunk


class Prepare(beam.DoFn):
    """Does `data_loader.prepare.Preparer`'s work on pieces; a worker has one, with its words."""

    def __init__(self, recipe: Recipe):
        self._recipe = recipe
        self._preparer = None

    def setup(self) -> None:
        """Loads the dictionary."""
        self._preparer = Preparer(self._recipe)

    def process(self, element: tuple[int, NamedTuple]) -> Iterator:
        """Gives posts, and what there is to say of the piece."""
        number, chunk = element
        posts, problems, remarks = self._preparer(chunk)
        for i, post in enumerate(posts):
            yield Place(number, i), tuple(post)
        yield beam.pvalue.TaggedOutput(PROBLEMS, (number, problems))
        yield beam.pvalue.TaggedOutput(REMARKS, (number, remarks))


class MergeProblems(beam.CombineFn):
    """Merges the `Problems` of pieces as `Problems.merge` does in the order of the input.

    Pieces come in any order here. An accumulator holds, for each kind, how often it was met and the
    first few places.
    """

    def create_accumulator(self) -> dict[str, tuple[int, list[tuple[Place, str]]]]:
        """Nothing so far."""
        return {}

    def add_input(self, found: dict, element: tuple[int, Problems]) -> dict:
        """Adds a piece."""
        number, problems = element
        new = {}
        for rank, (kind, count) in enumerate(problems.counts.items()):
            # The rank of a kind in its piece decides between kinds that are equally frequent.
            places = [(Place(number, rank), place) for place in problems.examples[kind]]
            new[kind] = count, places
        return self.merge_accumulators([found, new])

    def merge_accumulators(self, parts: Iterable[dict]) -> dict:
        """Adds up counts, and keeps the first places."""
        merged = {}
        for part in parts:
            for kind, (count, places) in part.items():
                before, known = merged.get(kind, (0, []))
                # Stable, so that places of one piece keep their order.
                first = sorted([*known, *places], key=lambda entry: entry[0])[:EXAMPLES]
                merged[kind] = before + count, first
        return merged

    def extract_output(self, found: dict) -> Problems:
        """The whole account; kinds in the order in which they were first met."""
        problems = Problems()
        for kind in sorted(found, key=lambda kind: found[kind][1][0][0]):
            count, places = found[kind]
            problems.counts[kind] = count
            problems.examples[kind] = [place for _, place in places]
        return problems
