"""Fills a table of the paper: trains and evaluates every method, beside the reported numbers.

    python -m scripts.reproduce --table 3 --data_dir data --out reproduced --seeds 3
    python -m scripts.reproduce --smoke --out smoke
    python -m scripts.reproduce --system instagram-korean --smoke --out smoke-korean
    python -m scripts.reproduce --system hashtag-story --smoke --out smoke-story --text tales.txt

Builds the views, extracts the features and trains the runs that are missing, one process each
(logs beside the run folders), and writes OUT/table<N>.txt, .md, .csv, .tex and .png (of the related
systems table-text, table-hashtags, table-stories). Interrupted at any time, the same command goes
on where it was; what is done is not done again. With --only or --splits, the other cells show what
is done already.
"""

import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from scripts.reproduction import beaten, dataset_table, order, prepare, smoke, smoke_sizes
from scripts.reproduction.done import Data, is_done, is_there
from scripts.reproduction.example import tell_stories
from scripts.reproduction.notes import notes_of
from scripts.reproduction.options import Options, check_flags, parse_options, threads
from scripts.reproduction.plan import Job, make_job, runs_of
from scripts.reproduction.priors import measure_priors
from scripts.reproduction.results import Results, collect, write_results
from scripts.reproduction.runner import Execute, Processes, run_jobs
from scripts.reproduction.tables import Table, read_reported
from utils.errors import run_command
from utils.files import write_text
from utils.run_folder import locked_folder


def main() -> None:
    """Plan, preparation, runs, tables."""
    options = parse_options()
    options.check()
    processes = Processes(threads(options.parallel))
    with nullcontext() if options.dry_run else locked_folder(options.out, "--out"):
        failed = reproduce(options, processes, preparing=Processes())
    print_done(failed, options)


def reproduce(
    options: Options, processes: Processes, preparing: Execute | None = None
) -> dict[str, str]:
    """Does what is left to do, and writes the tables.

    Args:
        options: the command line, checked.
        processes: runs commands (`runner.Execute`), and stops them.
        preparing: runs those before the first run, one at a time on all cores.

    Returns:
        Why runs failed, by name.

    Raises:
        UserError: the preparation failed, or runs of other settings are in the way.
    """
    size = smoke_sizes.size_of(options)
    options = smoke.with_world(options, size) if size else options
    tables = options.tables()
    every = plan(tables, options, size)
    jobs = [job for job in every if options.chooses(job.run.preset, job.run.split, job.run.context)]
    prepare_data(options, jobs, size, preparing or processes)
    data = Data(options.root)
    left = [job for job in jobs if not is_done(job, data)]
    if options.dry_run:
        print_commands(made for job in left for made in job.commands)
        return {}
    if jobs:
        print(f"{len(jobs)} runs, {len(jobs) - len(left)} of them done already", flush=True)
    failed = run_jobs(left, processes, options.parallel, print_line, stop=processes.stop)
    others = [job for job in every if job not in jobs and is_there(job, data)]
    results = collect([*jobs, *others], failed) | measure_priors(
        tables, options.root, options.stories, options.weights
    )
    report(tables, results, options, size)
    failed |= tell_stories([*jobs, *others], failed, options, preparing or processes)
    return failed | (check_scores(tables, results, options) if size else {})


def plan(tables: Sequence[Table], options: Options, size: smoke.Size | None) -> list[Job]:
    """All runs of all tables with their commands: done or not, chosen or not."""
    check_flags([row.preset for table in tables for row in table.rows], options.train_args)

    def seeds(preset: str) -> int:
        return options.seeds or (size.seeds_of(preset) if size else 1)

    runs = [run for table in tables for run in runs_of(table, seeds)]
    sizes = [size.sizes_of(run.preset, run.task) if size else None for run in runs]
    return [make_job(run, options, one) for run, one in zip(runs, sizes, strict=True)]


def prepare_data(
    options: Options, jobs: Sequence[Job], size: smoke.Size | None, execute: Execute
) -> None:
    """Builds views and extracts features that are missing; with --dry_run, says how."""
    runs = [job.run for job in jobs]
    views = prepare.views_of(runs) if runs else dataset_table.views_of_tasks(options.root)
    layers = prepare.layers_of(runs)
    stages = (
        lambda: smoke.made_up_commands(options, size, runs) if size else [],
        lambda: prepare.build_commands(options.root, views, options),
        lambda: prepare.corpus_commands(runs, options),
        lambda: prepare.extract_commands(options.root, layers, options),
    )
    for stage in stages:
        stage()  # what cannot work is said before anything takes its time
    if size and not options.dry_run:
        smoke.record_size(options.out, size)
    for stage in stages:
        if options.dry_run:
            print_commands(stage())
        else:
            prepare.run_commands(stage(), execute, options.out / "prepare.log")


def report(
    tables: Sequence[Table], results: Results, options: Options, size: smoke.Size | None
) -> None:
    """Writes and prints the tables."""
    options.out.mkdir(parents=True, exist_ok=True)
    if options.table == 1:
        numbers = read_reported()["table_1"]
        print(dataset_table.write_dataset_table(options.out, options.root, numbers))
    for table in tables:
        notes = notes_of(table, results, options, size)
        numbers = options.of.numbers(table)
        print(f"\n{write_results(options.out, table, results, numbers, notes)}")


def check_scores(tables: Sequence[Table], results: Results, options: Options) -> dict[str, str]:
    """Prints whether the toy world's rules show in the tables; returns what failed, by name."""
    if options.tiny:
        return {}
    if options.of.counts_posts:
        text, held = order.check_order(tables, results, options.out / "world")
        name, failure = "the order of rows", "is not that of the planted rules"
    else:
        text, held = beaten.check_priors(tables, results)
        name, failure = "the priors", "are not beaten by all that was trained"
    path = options.out / "order.txt"
    write_text(path, f"{text}\n")
    print(text)
    return {} if held else {name: f"{failure}: {path}"}


def print_done(failed: dict[str, str], options: Options) -> None:
    """Says where the tables are, and what failed: exit status 1."""
    if not options.dry_run:
        print(f"\nwritten: {options.out}/table*.txt, .md, .csv, .tex, .png")
    for name, why in failed.items():
        print(f"failed: {name}: {why}", file=sys.stderr)
    if failed:
        sys.exit(1)


def print_commands(commands) -> None:
    """One line per command, as a person would type it."""
    for made in commands:
        print(shlex.join(["python", *made[1:]]))


def print_line(text: str) -> None:
    """At once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    run_command(main)
