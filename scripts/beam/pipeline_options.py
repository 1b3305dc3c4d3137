"""Splits a command line between a command's own flags and those of Apache Beam."""

import difflib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from utils.command_line import parse_some
from utils.errors import UserError

T = TypeVar("T")
DIRECT = "DirectRunner"
# Runners that need a program, and the option that names it.
PROGRAMS = {
    "FlinkRunner": "flink_job_server_jar",
    "SparkRunner": "spark_job_server_jar",
    "PrismRunner": "prism_location",
}


def parse_with_pipeline(kind: type[T]) -> tuple[T, PipelineOptions]:
    """Parses `sys.argv`: the fields of a dataclass, and whatever Beam has an option for.

    Returns:
        The dataclass, and Beam's options.

    Raises:
        UserError: a flag that neither knows.
    """
    options, rest = parse_some(kind)
    pipeline = PipelineOptions(rest)
    parsers = []
    logging.getLogger("apache_beam.options").setLevel(logging.ERROR)  # we have words of our own
    pipeline.get_all_options(add_extra_args_fn=parsers.append)
    for argument in parsers[0].parse_known_args(rest)[1][:1]:
        flag = argument.partition("=")[0]
        close = difflib.get_close_matches(flag, parsers[0]._option_string_actions, 1)
        hint = f"; did you mean {close[0]}?" if close else " (see --help)"
        raise UserError(f"neither this command nor Apache Beam has a flag {flag}{hint}")
    return options, pipeline


def make_pipeline(options: PipelineOptions) -> beam.Pipeline:
    """A pipeline on the runner that the options name; without one, on this machine.

    What Beam calls DirectRunner looks for a program of Google's in the internet first, and only
    then runs in Python: here nothing is downloaded.

    Raises:
        UserError: no such runner, or one that would download a program.
    """
    runner = options.view_as(StandardOptions).runner or DIRECT
    program, given = PROGRAMS.get(runner), options.get_all_options()
    if program and not given[program]:
        raise UserError(f"{runner} would download its program: get it, and give --{program} FILE")
    try:
        return beam.Pipeline(FnApiRunner() if runner == DIRECT else runner, options)
    except ValueError as error:
        raise UserError(f"--runner {runner}: {error}") from error


@contextmanager
def workers_errors_in_words() -> Iterator[None]:
    """Turns a `UserError` of a worker, which comes inside others, into one of this process."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_is_no_mistake)
    try:
        yield
    except grpc.FutureTimeoutError as error:
        raise UserError("no job service answers at --job_endpoint: start it first") from error
    except Exception as error:
        words = f"UserError: {error}" if isinstance(error, UserError) else str(error)
        found = re.search(r"UserError: (.+?)(?: \[while running .*)?$", words, re.MULTILINE)
        if not found:
            raise
        raise UserError(found[1]) from error


def _is_no_mistake(record: logging.LogRecord) -> bool:
    """Whether Beam's log is about something else than what `UserError` will say in one line."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, UserError) and "UserError: " not in record.getMessage()
