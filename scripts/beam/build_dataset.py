"""Builds one view of a data root on Apache Beam, where one machine is too small for it.

    python -m scripts.beam.build_dataset --source crawl --input posts.jsonl --out data
    python -m scripts.beam.build_dataset --source crawl --input posts.jsonl --out data \
        --runner PortableRunner --job_endpoint localhost:8099 --environment_type LOOPBACK

Takes the flags of `python -m scripts.build_dataset`, and any option of Beam's (`--runner`,
`--job_endpoint` ...). The view is the same, byte for byte; what it says of how to build it again is
the local command. For the sources crawl, instapic and yfcc, as the others fit one machine. All
workers must see --input and --out: docs/scale.md.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from data_loader.build import Order, begin
from data_loader.build_options import BuildOptions
from data_loader.report import format_report, other_view
from data_loader.root import building
from data_loader.source_flags import PAPERS
from data_loader.sources import SOURCES
from data_loader.view import REPORT, read_json
from scripts.beam.assembly import FINDINGS, assemble, write_findings
from scripts.beam.columns import OF_ALL, Workplace, WriteParts
from scripts.beam.parts import BORDERS, FACTS, KEPT, MakeParts, divide_part, make_plan
from scripts.beam.pipeline_options import (
    make_pipeline,
    parse_with_pipeline,
    workers_errors_in_words,
)
from scripts.beam.reading import POSTS, PROBLEMS, REMARKS, ReadPosts
from scripts.beam.words import ChooseWords
from utils.errors import UserError, run_command
from utils.files import remove

PART_BYTES = 32 * 2**20  # of input, for a part; some 100,000 posts
MOST_PARTS = 1_000_000


@dataclass(frozen=True)
class Options:
    """Builds one view of a data root on Apache Beam; any option of Beam's may follow."""

    build: BuildOptions
    parts: int = 0
    """Pieces that the posts are worked on in, by user; 0 is one for each 32 MB of input. The view
    is the same for any number. A worker holds one piece at a time."""
    work_dir: Path | None = None
    """Where workers leave their pieces, on a disk that all of them see; default .beam-VIEW in the
    data root. Removed at the end."""


def main() -> None:
    """Builds the view that the command line describes."""
    folder, built = build_view(*parse_with_pipeline(Options))
    print(format_report(read_json(folder / REPORT)))
    print(f"\n{folder}: {'built' if built else 'already there, built with the same settings'}")


def build_view(options: Options, pipeline_options: PipelineOptions) -> tuple[Path, bool]:
    """Builds the view that the options describe, unless it is there already.

    Returns:
        The folder of the view, and whether it was built now.

    Raises:
        UserError: as `data_loader.build.build_view`; a source for one machine; another build of
            the same view goes on.
    """
    _check(options)
    order = begin(options.build)
    if order.is_there():
        return order.folder, False
    about_language = order.describe_language()
    with building(order.options.out, order.folder.name), _working_folder(options, order) as folder:
        place = Workplace(folder.absolute(), _absolute(order), _other(order))
        with workers_errors_in_words(), make_pipeline(pipeline_options) as pipeline:
            _build(pipeline, place, options.parts)
        assemble(replace(place, order=order), about_language)
    return order.folder, True


def _check(options: Options) -> None:
    if options.build.source not in PAPERS:
        raise UserError(
            f"--source {options.build.source} fits one machine: use python -m "
            f"scripts.build_dataset (here are {', '.join(PAPERS)})"
        )
    if options.build.jobs:
        raise UserError("--jobs does nothing here: leave it out (the runner starts the workers)")
    if not 0 <= options.parts <= MOST_PARTS:
        raise UserError(f"--parts is {options.parts}, expected 0 to {MOST_PARTS}")


def _build(pipeline: beam.Pipeline, place: Workplace, parts: int) -> None:
    """The whole pipeline: reading, filters, split, vocabulary, contexts, columns."""
    order, one = place.order, beam.pvalue.AsSingleton
    files = SOURCES[order.options.source].files(order.options.input, order.options.task)
    size = sum(file.stat().st_size for file in files)
    parts = parts or min(MOST_PARTS, 1 + size // PART_BYTES)
    read = pipeline | "Read" >> ReadPosts(order.recipe, order.options.input, 1 + size // parts)
    made = read[POSTS] | "Parts" >> MakeParts(order.options, parts)
    start = pipeline | "Once" >> beam.Create([order.options])
    plan = start | "Plan" >> beam.Map(
        lambda options, facts, problems: make_plan(facts, problems, options),
        beam.pvalue.AsList(made[FACTS]),
        one(read[PROBLEMS]),
    )
    divided = made[KEPT] | "Divide" >> beam.Map(divide_part, one(plan))
    words = divided | "Words" >> ChooseWords(order.options)
    _ = made[KEPT] | "Columns" >> WriteParts(place, made[BORDERS], plan, words)
    _ = plan | "Findings" >> beam.Map(
        write_findings, one(words), one(read[PROBLEMS]), one(read[REMARKS]), place.folder
    )


def _absolute(order: Order) -> Order:
    """With paths that mean the same on every worker."""
    options = order.options
    options = replace(options, input=options.input.absolute(), out=options.out.absolute())
    return replace(order, options=options)


def _other(order: Order) -> str | None:
    options = order.options
    return other_view(options.out, options.task, options.view_split, options.context)


@contextmanager
def _working_folder(options: Options, order: Order) -> Iterator[Path]:
    """An empty folder for the parts, which nobody else uses; it is gone afterwards."""
    folder = options.work_dir or order.options.out / f".beam-{order.folder.name}"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)  # its lock goes with it, however this ends
    try:
        _lock(descriptor, folder)
        _empty(folder)
        try:
            yield folder
        finally:
            remove(folder)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"another build works in {folder}: wait for it") from None


def _empty(folder: Path) -> None:
    """Removes what a build that was killed left; what is not a build's own is left alone."""
    ours = ("part-", OF_ALL, FINDINGS)
    for path in list(folder.iterdir()):
        if not path.name.removeprefix(".").startswith(ours):
            raise UserError(f"--work_dir {folder} holds {path.name}: give a folder of its own")
        remove(path)


if __name__ == "__main__":
    run_command(main)
